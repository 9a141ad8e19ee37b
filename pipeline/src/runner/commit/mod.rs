//! One commit over partitions that no slot owns yet: the start of a job, a fork, a rescale.

pub(crate) mod channel;
pub(crate) mod committer_thread;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use seismic_queue::{Commit, FencingToken};

use crate::runner::commit::channel::CommitChannel;
use crate::runner::commit::committer_thread::CommitterThread;
use crate::runner::job::JobContext;
use crate::{Error, Result};

/// Makes one commit over partitions that no slot has yet.
pub(crate) fn commit_all(
    job: JobContext<'_>,
    commit: Commit,
    stop: &Arc<AtomicBool>,
) -> Result<()> {
    if commit.partitions.is_empty() {
        return Ok(());
    }
    let mut committer = CommitterThread::start(job.lease.committer()?, Arc::clone(stop));
    committer.commit(FencingToken::Sole, commit)?;
    let (_, outcome) = committer.wait()?;
    outcome.map_err(Error::from)
}
