//! A handle on the supervisor's loop for other threads.

use std::sync::mpsc::{Sender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::event::Event;
use super::supervisor::Supervisor;
use crate::http::ApiError;

/// How long an answer is waited for: the loop is never busy so long, unless its disk hangs.
const PATIENCE: Duration = Duration::from_secs(10);

/// A way to the supervisor.
pub struct Handle(Mutex<Sender<Event<Supervisor>>>);

impl Handle {
    /// A handle on the receiver of these events.
    #[must_use]
    pub fn new(events: Sender<Event<Supervisor>>) -> Handle {
        Handle(Mutex::new(events))
    }

    /// Has the supervisor do something between two other things; its result.
    ///
    /// # Errors
    /// When the server is about to end, or its loop hangs.
    pub fn ask<T: Send + 'static>(
        &self,
        task: impl FnOnce(&mut Supervisor) -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let (answer, answered) = sync_channel(1);
        let task = Box::new(move |server: &mut Supervisor| {
            let _ = answer.send(task(server));
        });
        let ends = || ApiError::new("unavailable", "the server is about to end, or its disk hangs");
        let events = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        events.send(Event::Task(task)).map_err(|_| ends())?;
        drop(events);
        answered.recv_timeout(PATIENCE).map_err(|_| ends())
    }
}
