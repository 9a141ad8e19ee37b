//! A file as the body of a response: read piece by piece, as fast as it is taken.

use std::fs::File;
use std::io::{self, Read as _};
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::http::{ApiError, FileContent, limits};

/// The file, and what is read of it.
struct FileBody {
    left: u64,
    state: State,
}

enum State {
    Open(File),
    Reading(JoinHandle<io::Result<(File, Vec<u8>)>>),
    Over,
}

/// The response with a file.
///
/// # Errors
/// When it cannot be opened.
pub async fn response(content: FileContent) -> Result<Response, ApiError> {
    let opened = spawn_blocking(move || {
        let file = File::open(content.path)?;
        let bytes = file.metadata()?.len();
        io::Result::Ok((file, bytes))
    });
    let failed = |why: String| ApiError::new("failed", format!("the file cannot be read: {why}"));
    let opened = opened.await.map_err(|_| failed("the server ends".to_owned()))?;
    let (file, left) = opened.map_err(|error| failed(error.to_string()))?;
    let mut response = Response::new(Body::new(FileBody { left, state: State::Open(file) }));
    let headers = response.headers_mut();
    let media_type = HeaderValue::from_static("application/octet-stream");
    headers.insert(header::CONTENT_TYPE, media_type);
    // A browser saves it, and shows nothing of it as a page.
    let saved = HeaderValue::from_static("attachment");
    headers.insert(header::CONTENT_DISPOSITION, saved);
    Ok(response)
}

impl HttpBody for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        loop {
            match std::mem::replace(&mut self.state, State::Over) {
                State::Over => return Poll::Ready(None),
                State::Open(_) if self.left == 0 => return Poll::Ready(None),
                State::Open(mut file) => {
                    let size = self.left.min(limits::FILE_PIECE as u64) as usize;
                    self.state = State::Reading(spawn_blocking(move || {
                        let mut piece = vec![0; size];
                        file.read_exact(&mut piece)?;
                        Ok((file, piece))
                    }));
                }
                State::Reading(mut task) => match Pin::new(&mut task).poll(context) {
                    Poll::Pending => {
                        self.state = State::Reading(task);
                        return Poll::Pending;
                    }
                    Poll::Ready(read) => {
                        let (file, piece) = read.map_err(io::Error::other)??;
                        self.left -= piece.len() as u64;
                        self.state = State::Open(file);
                        return Poll::Ready(Some(Ok(Frame::data(Bytes::from(piece)))));
                    }
                },
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
