//! Connections: their number, their timeouts, and their encryption.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};

use super::answers::Answers;
use super::tls::Tls;
use crate::http::{ApiError, limits};

/// What a server needs to accept connections.
pub struct Listening {
    pub answers: Arc<Answers>,
    pub connections: usize,
    pub tls: Option<Arc<Tls>>,
    pub stopped: watch::Receiver<bool>,
}

/// Accepts connections until it is stopped, and lets those end that are under way.
pub async fn accept(listener: TcpListener, listening: Listening) {
    let Listening { answers, connections, tls, mut stopped } = listening;
    let router = answers.router(&stopped);
    let places = Arc::new(Semaphore::new(connections));
    let refusals = Arc::new(Semaphore::new(limits::REFUSALS));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.changed() => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Too many open files, for instance: it passes when others close theirs.
                tracing::warn!("a connection could not be accepted: {error}");
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
            let (router, stopped, tls) = (router.clone(), stopped.clone(), tls.clone());
            tokio::spawn(async move {
                let _ = stream.set_nodelay(true);
                match tls {
                    None => converse(stream, router, stopped).await,
                    // Whoever does not agree on a key in time, or speaks plainly, is gone.
                    Some(tls) => {
                        let agreed = timeout(limits::TLS_TIME, tls.acceptor().accept(stream)).await;
                        if let Ok(Ok(stream)) = agreed {
                            converse(stream, router, stopped).await;
                        }
                    }
                }
                drop(place);
            });
        } else if tls.is_some() {
            // It would take a key to say why.
            drop(stream);
        } else if let Ok(place) = Arc::clone(&refusals).try_acquire_owned() {
            tokio::spawn(async move {
                let _ = timeout(limits::STOP_PATIENCE, refuse(stream)).await;
                drop(place);
            });
        }
    }
    let all = u32::try_from(connections).unwrap_or(u32::MAX);
    let _ = timeout(limits::STOP_PATIENCE, places.acquire_many(all)).await;
}

/// Answers on one connection until either side ends it, or its time is over.
async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    mut stopped: watch::Receiver<bool>,
) {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits::HEAD_TIME)
        .max_buf_size(limits::HEAD_BYTES);
    let service = TowerToHyperService::new(router);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        // An error is the other side's: it is gone, or does not speak HTTP.
        _ = connection.as_mut() => return,
        _ = stopped.changed() => {}
        () = sleep(limits::CONNECTION_LIFE) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = timeout(limits::STOP_PATIENCE, connection).await;
}

/// Says that there are too many connections, and closes.
async fn refuse(mut stream: TcpStream) {
    let error = ApiError::new(
        "too_many_requests",
        "there are as many connections as are answered: close some, or raise connections in [http]",
    );
    let body = error.json().to_string();
    let text = format!(
        "HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\nretry-after: 1\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.write_all(text.as_bytes()).await;
    let _ = stream.shutdown().await;
}
