//! A slot's committer on a thread of its own, so that commits do not stop the reading.
//!
//! One commit is under way at a time. What can be retried is retried here, with bounded backoff,
//! for as long as the job runs; a person sees one warning, not one per try.
#![allow(clippy::disallowed_methods, reason = "shell: threads and waiting are its job")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use seismic_queue::{
    Claim, Commit, CommitError, Committer, Error as QueueError, Partition, Recovered,
};

use crate::{Error, Result, limits};

enum Request {
    Load(Claim, Vec<Partition>),
    Commit(Claim, Commit),
}

enum Answer {
    Loaded(std::result::Result<Vec<Recovered>, QueueError>),
    Committed(Commit, std::result::Result<(), CommitError>),
}

/// The way from a slot to its committer.
pub(crate) struct Lane {
    requests: Option<SyncSender<Request>>,
    answers: Receiver<Answer>,
    thread: Option<JoinHandle<()>>,
    is_busy: bool,
}

/// A commit that came back, with its outcome.
pub(crate) type Committed = (Commit, std::result::Result<(), CommitError>);

impl Lane {
    /// Starts the thread. After `stop`, retries end within [`limits::STOP_PATIENCE`].
    pub fn start(mut committer: Box<dyn Committer>, stop: Arc<AtomicBool>) -> Lane {
        let (requests, inbox) = sync_channel(1);
        let (outbox, answers) = sync_channel(1);
        let thread = thread::spawn(move || {
            for request in inbox {
                let answer = match request {
                    Request::Load(claim, partitions) => {
                        Answer::Loaded(committer.load(&claim, &partitions))
                    }
                    Request::Commit(claim, commit) => {
                        let outcome = persist(&mut *committer, &claim, &commit, &stop);
                        Answer::Committed(commit, outcome)
                    }
                };
                if outbox.send(answer).is_err() {
                    return;
                }
            }
        });
        Lane { requests: Some(requests), answers, thread: Some(thread), is_busy: false }
    }

    /// Loads what is known of the partitions; waits for the answer.
    pub fn load(&mut self, claim: Claim, partitions: Vec<Partition>) -> Result<Vec<Recovered>> {
        assert!(!self.is_busy, "a commit is settled before anything is loaded");
        self.send(Request::Load(claim, partitions))?;
        match self.answers.recv() {
            Ok(Answer::Loaded(loaded)) => Ok(loaded?),
            Ok(Answer::Committed(..)) => unreachable!("no commit was under way"),
            Err(_) => Err(Error::CommitterGone),
        }
    }

    /// Hands a commit over; [`Lane::settled`] gives it back.
    pub fn commit(&mut self, claim: Claim, commit: Commit) -> Result<()> {
        assert!(!self.is_busy, "one commit at a time");
        self.send(Request::Commit(claim, commit))?;
        self.is_busy = true;
        Ok(())
    }

    /// Whether a commit is under way.
    pub fn is_busy(&self) -> bool {
        self.is_busy
    }

    /// The commit that was under way, once it is done; waits up to `wait` for it.
    pub fn settled(&mut self, wait: Duration) -> Result<Option<Committed>> {
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

    fn send(&self, request: Request) -> Result<()> {
        let requests = self.requests.as_ref().expect("the channel is open until drop");
        requests.send(request).map_err(|_| Error::CommitterGone)
    }
}

impl Drop for Lane {
    /// Waits for the thread, so that a home is let go of when its slots are.
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            // A panic was printed where it happened, and the slot saw the closed channel.
            let _ = thread.join();
        }
    }
}

fn persist(
    committer: &mut dyn Committer,
    claim: &Claim,
    commit: &Commit,
    stop: &AtomicBool,
) -> std::result::Result<(), CommitError> {
    let mut wait = Duration::from_millis(20);
    let mut is_warned = false;
    let mut stopped: Option<Instant> = None;
    loop {
        let error = match committer.commit(claim, commit) {
            Err(CommitError::Retry(error)) => error,
            outcome => {
                if is_warned && outcome.is_ok() {
                    tracing::warn!("commits go on");
                }
                return outcome;
            }
        };
        if !is_warned {
            tracing::warn!("{error}; nothing is lost, the commit is tried again");
            is_warned = true;
        }
        if stop.load(Ordering::Relaxed) {
            let since = *stopped.get_or_insert_with(Instant::now);
            if since.elapsed() > limits::STOP_PATIENCE {
                return Err(CommitError::Retry(error));
            }
            wait = wait.min(Duration::from_millis(100));
        }
        thread::sleep(wait);
        wait = (wait * 2).min(limits::BACKOFF_MAX);
    }
}
