//! The way from a slot to its committer, and the one that jobs use: the committer on a thread of
//! its own, so that commits do not stop the reading.
//!
//! One commit is under way at a time. What can be retried is retried here, with bounded backoff,
//! for as long as the job runs; a person sees one warning, not one per try.
#![allow(clippy::disallowed_methods, reason = "shell: threads and waiting are its job")]
#![allow(clippy::result_large_err, reason = "one commit, not one record, costs the copy")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use seismic_queue::{
    Commit, CommitError, Committer, Error as QueueError, FencingToken, Kind, Partition, Recovered,
};

use crate::runner::commit_channel::{CommitChannel, Committed};
use crate::{Error, Result, limits};

enum Request {
    Load(FencingToken, Vec<Partition>),
    Commit(FencingToken, Commit),
}

enum Answer {
    Loaded(std::result::Result<Vec<Recovered>, QueueError>),
    Committed(Commit, std::result::Result<(), CommitError>),
}

impl CommitterThread {
    /// The outcome of the commit that is under way.
    pub fn wait(&mut self) -> Result<Committed> {
        assert!(self.is_busy, "a commit was handed over");
        loop {
            if let Some(committed) = self.poll_outcome(limits::BACKOFF_MAX)? {
                return Ok(committed);
            }
        }
    }
}

/// A committer on a thread of its own.
pub(crate) struct CommitterThread {
    requests: Option<SyncSender<Request>>,
    answers: Receiver<Answer>,
    thread: Option<JoinHandle<()>>,
    is_busy: bool,
}

impl CommitterThread {
    /// Starts the thread. After `stop`, retries end within [`limits::STOP_PATIENCE`].
    pub fn start(mut committer: Box<dyn Committer>, stop: Arc<AtomicBool>) -> CommitterThread {
        let (requests, inbox) = sync_channel(1);
        let (outbox, answers) = sync_channel(1);
        let thread = thread::spawn(move || {
            for request in inbox {
                let answer = match request {
                    Request::Load(token, partitions) => {
                        let load = || committer.load(&token, &partitions);
                        Answer::Loaded(persist(&stop, load, |error| error.kind() == Kind::Retry))
                    }
                    Request::Commit(token, commit) => {
                        let make = || committer.commit(&token, &commit);
                        let outcome =
                            persist(&stop, make, |error| matches!(error, CommitError::Retry(_)));
                        Answer::Committed(commit, outcome)
                    }
                };
                if outbox.send(answer).is_err() {
                    return;
                }
            }
        });
        CommitterThread { requests: Some(requests), answers, thread: Some(thread), is_busy: false }
    }

    fn send(&self, request: Request) -> Result<()> {
        let requests = self.requests.as_ref().expect("the channel is open until drop");
        requests.send(request).map_err(|_| Error::CommitterGone)
    }
}

impl CommitChannel for CommitterThread {
    fn load(&mut self, token: FencingToken, partitions: Vec<Partition>) -> Result<Vec<Recovered>> {
        assert!(!self.is_busy, "a commit is poll_outcome before anything is loaded");
        self.send(Request::Load(token, partitions))?;
        match self.answers.recv() {
            Ok(Answer::Loaded(loaded)) => Ok(loaded?),
            Ok(Answer::Committed(..)) => unreachable!("no commit was under way"),
            Err(_) => Err(Error::CommitterGone),
        }
    }

    fn commit(&mut self, token: FencingToken, commit: Commit) -> Result<()> {
        assert!(!self.is_busy, "one commit at a time");
        self.send(Request::Commit(token, commit))?;
        self.is_busy = true;
        Ok(())
    }

    fn is_busy(&self) -> bool {
        self.is_busy
    }

    fn poll_outcome(&mut self, wait: Duration) -> Result<Option<Committed>> {
        if !self.is_busy {
            return Ok(None);
        }
        match self.answers.recv_timeout(wait) {
            Ok(Answer::Committed(commit, outcome)) => {
                self.is_busy = false;
                Ok(Some((commit, outcome)))
            }
            Ok(Answer::Loaded(_)) => unreachable!("nothing was loaded"),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(Error::CommitterGone),
        }
    }
}

impl Drop for CommitterThread {
    /// Waits for the thread, so that a store is released when its slots have ended.
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            // A panic was printed where it happened, and the slot saw the closed channel.
            let _ = thread.join();
        }
    }
}

/// Tries until it works, fails for good, or a stop was asked for long enough ago.
fn persist<T, E: std::error::Error>(
    stop: &AtomicBool,
    mut act: impl FnMut() -> std::result::Result<T, E>,
    may_pass: impl Fn(&E) -> bool,
) -> std::result::Result<T, E> {
    let mut wait = Duration::from_millis(20);
    let mut is_warned = false;
    let mut stopped: Option<Instant> = None;
    loop {
        let error = match act() {
            Err(error) if may_pass(&error) => error,
            outcome => {
                if is_warned && outcome.is_ok() {
                    tracing::warn!("the store works again");
                }
                return outcome;
            }
        };
        if !is_warned {
            let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            tracing::warn!("{error}{cause}; nothing is lost, retrying");
            is_warned = true;
        }
        if stop.load(Ordering::Relaxed) {
            let since = *stopped.get_or_insert_with(Instant::now);
            if since.elapsed() > limits::STOP_PATIENCE {
                return Err(error);
            }
            thread::sleep(AFTER_STOP);
        } else {
            seismic_queue::sleep(wait, stop);
            wait = (wait * 2).min(limits::BACKOFF_MAX);
        }
    }
}

/// Between two tries once a stop was asked for.
const AFTER_STOP: Duration = Duration::from_millis(50);
