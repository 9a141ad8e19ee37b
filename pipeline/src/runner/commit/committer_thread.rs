//! The commit channel that jobs use: a committer on its own thread, so that commits do not block
//! reading.
//!
//! One commit is under way at a time. Transient errors are retried here by the common policy
//! ([`RetryPolicy`]).
#![allow(clippy::disallowed_methods, reason = "shell: threads and waiting are its job")]
#![allow(clippy::result_large_err, reason = "one commit, not one record, costs the copy")]

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use seismic_queue::{
    Commit, CommitError, Committer, Error as QueueError, FencingToken, Kind, Partition, Recovered,
    RetryPolicy,
};

use crate::runner::commit::channel::{CommitChannel, Committed};
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
            if let Some(committed) = self.poll_outcome(limits::OUTCOME_WAIT)? {
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
        let policy = retry_policy();
        let thread = thread::spawn(move || {
            for request in inbox {
                let answer = match request {
                    Request::Load(token, partitions) => {
                        let load = || committer.load(&token, &partitions);
                        Answer::Loaded(policy.run(&stop, QueueError::kind, load))
                    }
                    Request::Commit(token, commit) => {
                        let make = || committer.commit(&token, &commit);
                        let outcome = policy.run(&stop, kind_of, make);
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

/// A store that can be retried is retried for as long as the job runs, and for a last commit a
/// while after its stop.
fn retry_policy() -> RetryPolicy {
    RetryPolicy { what: "the store", after_stop: limits::STOP_PATIENCE, ..RetryPolicy::default() }
}

/// What the outcome of a commit means for a try.
fn kind_of(error: &CommitError) -> Kind {
    match error {
        CommitError::Retry(_) => Kind::Retry,
        _ => Kind::Fatal,
    }
}
