//! A file that a request brings: written piece by piece, with bounds of size, time and number.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{Method, header};
use hyper::body::{Body as _, Bytes};
use tokio::sync::Semaphore;

use crate::http::{ApiError, Route, Upload, UploadFile, Uploaded, limits};

/// Files that come at the moment, and where.
#[derive(Clone, Debug)]
pub struct Uploads {
    places: Arc<Semaphore>,
    /// Beginnings of paths of routes that take files.
    paths: Arc<Vec<&'static str>>,
}

impl Uploads {
    /// None yet, to these routes.
    pub fn of(routes: &[Arc<Route>]) -> Uploads {
        let takes_files = routes.iter().filter(|route| route.upload.is_some());
        let paths = takes_files.map(|route| route.path.split('{').next().unwrap_or(route.path));
        let places = Arc::new(Semaphore::new(limits::UPLOADS));
        Uploads { places, paths: Arc::new(paths.collect()) }
    }

    /// How long a request may take until it is answered.
    pub fn time_for(&self, method: &Method, path: &str) -> Duration {
        match method == Method::PUT && self.paths.iter().any(|begin| path.starts_with(begin)) {
            true => limits::UPLOAD_TIME,
            false => limits::ANSWER_TIME,
        }
    }
}

/// Writes the body of a request into a file.
///
/// # Errors
/// When it is too long, does not come whole, or cannot be written. Nothing is left of it then.
pub async fn file(
    upload: &Upload,
    request: Request,
    uploads: &Uploads,
) -> Result<Uploaded, ApiError> {
    let told = request.headers().get(header::CONTENT_LENGTH);
    let told = told.and_then(|it| it.to_str().ok()?.parse::<u64>().ok());
    if told.is_some_and(|bytes| bytes > upload.most_bytes) {
        return Err(too_large(upload));
    }
    let Ok(_place) = uploads.places.try_acquire() else {
        let why = format!("{} files are coming already: send this one later", limits::UPLOADS);
        return Err(ApiError::new("too_many_requests", why));
    };
    let folder = upload.folder.clone();
    let mut file = written(move || UploadFile::create(&folder)).await?;
    let mut body = request.into_body();
    let (mut bytes, mut piece) = (0, Vec::new());
    while let Some(data) = next(&mut body).await? {
        bytes += data.len() as u64;
        if bytes > upload.most_bytes {
            return Err(too_large(upload));
        }
        piece.extend_from_slice(&data);
        if piece.len() >= limits::FILE_PIECE {
            let full = std::mem::take(&mut piece);
            file = written(move || file.write(&full).map(|()| file)).await?;
        }
    }
    written(move || {
        file.write(&piece)?;
        file.finish()
    })
    .await
}

/// What has come next of a body; `None` at its end.
async fn next(body: &mut Body) -> Result<Option<Bytes>, ApiError> {
    loop {
        match poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await {
            None => return Ok(None),
            Some(Err(_)) => {
                return Err(ApiError::bad_request("the file has not come whole: send it again"));
            }
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

/// Has a blocking thread write.
async fn written<T: Send + 'static>(
    write: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, ApiError> {
    let failed = |why: String| ApiError::new("failed", format!("the file cannot be kept: {why}"));
    match tokio::task::spawn_blocking(write).await {
        Ok(done) => done.map_err(|error| failed(error.to_string())),
        // A panic was printed where it happened, or the server ends.
        Err(_) => Err(failed("the server ends".to_owned())),
    }
}

fn too_large(upload: &Upload) -> ApiError {
    let most = upload.most_bytes;
    ApiError::new(
        "too_large",
        format!("a resource has {most} bytes ({} MiB) at most, and this file has more", most >> 20),
    )
}
