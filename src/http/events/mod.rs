//! Events for pages: the numbers of all jobs, once a second, as server-sent events.
//!
//! The text is produced once for all who see all jobs, by a thread that exists while there are some. A
//! slow reader gets the newest event and misses those in between: nothing is queued.

mod body;
mod event;
mod feed;

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use tokio::sync::watch;

use self::event::Event;
use super::security::Caller;
pub use feed::Feed;

/// Media type of the stream.
pub const MEDIA_TYPE: &str = "text/event-stream";

/// Events for one reader.
#[derive(Clone, Debug)]
pub struct Subscription {
    newest: watch::Receiver<Arc<Event>>,
    /// Events after which the stream ends; 0: it does not.
    most: u64,
    /// Who reads.
    caller: Caller,
}

impl PartialEq for Subscription {
    fn eq(&self, other: &Self) -> bool {
        self.newest.same_channel(&other.newest) && self.most == other.most
    }
}

/// The answer that continues while someone reads it, until the server is stopped.
pub fn response(subscription: Subscription, stopped: watch::Receiver<bool>) -> Response {
    let body = body::EventBody::following(subscription, stopped);
    let mut response = Response::new(Body::new(body));
    let media_type = HeaderValue::from_static(MEDIA_TYPE);
    response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    response
}
