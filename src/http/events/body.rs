//! The body of a streaming response: events until the reader disconnects or the server ends.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame};
use tokio::sync::mpsc::{self, Receiver};
use tokio::sync::watch;

use super::Subscription;

/// Events as they come, one at a time.
pub struct EventBody(Receiver<Bytes>);

impl EventBody {
    /// Those of a subscription, until the server is stopped: nobody who follows holds up its end. To be
    /// called within the server's runtime.
    pub fn following(subscription: Subscription, mut stopped: watch::Receiver<bool>) -> EventBody {
        let Subscription { mut newest, most, caller } = subscription;
        // One on its way, one that waits.
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(async move {
            let mut sent = 0;
            while most == 0 || sent < most {
                let changed = tokio::select! {
                    changed = newest.changed() => changed,
                    _ = stopped.wait_for(|is| *is) => return,
                    () = sender.closed() => return,
                };
                let event = newest.borrow_and_update().clone();
                // Whoever has lost their token follows no longer.
                if changed.is_err() || !caller.is_still_let_in() {
                    return;
                }
                let event = event.text_for(&caller);
                if sender.send(event).await.is_err() {
                    return;
                }
                sent += 1;
            }
        });
        EventBody(receiver)
    }
}

impl Body for EventBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|event| event.map(|event| Ok(Frame::data(event))))
    }
}
