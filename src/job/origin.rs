//! Decisions for one start of a job: the checkpoint that it starts from, and losses that it
//! accepts. A job file cannot contain them, since they would be repeated at every start; only a fork,
//! which a group without progress alone can be, stands in its table `[fork]`.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context as _;
use seismic_pipeline::{CheckpointRef, Error, JobContext, fork, is_fork_of, rewind};
use seismic_queue::{JobStore, Topic, patiently, patiently_by};

use super::location::Location;
use super::stop::StopToken;
use crate::backends::Url;
use crate::error::Usage;

/// What is decided for one start.
#[derive(clap::Args, Clone, Debug, Default, PartialEq)]
pub struct Once {
    /// Start from a checkpoint: of another job, with --of-group or --of-store, or of this job, with
    /// --rewind
    #[arg(long, value_name = "N|NAME", conflicts_with = "from")]
    pub from_checkpoint: Option<CheckpointRef>,
    /// Group that made the checkpoint; this job's group must be a new one
    #[arg(long, value_name = "NAME", requires = "from_checkpoint")]
    pub of_group: Option<String>,
    /// Store that holds the checkpoint [default: that of --of-group, next to the queue file]
    #[arg(long, alias = "of-home", value_name = "URL", requires = "from_checkpoint")]
    pub of_store: Option<Url>,
    /// Go back to a checkpoint of this job: results after it are deleted and computed again
    #[arg(long, requires = "from_checkpoint", conflicts_with_all = ["of_group", "of_store"])]
    pub rewind: bool,
    /// Continue where messages were deleted before they were read; the loss is recorded in the
    /// journal
    #[arg(long)]
    pub accept_loss: bool,
    /// Take over partitions that were added to the input in Kafka after the job was drained: sensor
    /// state is redistributed over all partitions
    #[arg(long, conflicts_with_all = ["from", "from_checkpoint"])]
    pub accept_partitions: bool,
    /// File that is made once the job has begun at its checkpoint. Whoever names one may repeat the
    /// start, since no one may have seen its end: what is done already is not done again then.
    #[arg(skip)]
    pub begun: Option<PathBuf>,
    /// Whether the checkpoint is of a job file, which is there at every start: it counts for the first
    /// one only, as long as the group has no progress.
    #[arg(skip)]
    pub only_first: bool,
}

/// A checkpoint to start from.
pub struct Origin<'a> {
    checkpoint: &'a CheckpointRef,
    /// `None`: the job's own.
    parent: Option<Arc<dyn JobStore>>,
    may_be_done: bool,
}

impl Once {
    /// Whether it says where the job starts.
    #[must_use]
    pub fn sets_position(&self) -> bool {
        self.from_checkpoint.is_some() || self.accept_partitions
    }

    /// Opens the store that holds the checkpoint, before anything is made; `None` without a
    /// checkpoint.
    ///
    /// # Errors
    /// When it is not said whose checkpoint is meant, or there is no such store or checkpoint.
    pub fn open(
        &self,
        location: &Location,
        stop: &AtomicBool,
    ) -> anyhow::Result<Option<Origin<'_>>> {
        let Some(checkpoint) = &self.from_checkpoint else {
            return Ok(None);
        };
        // Another worker may be first.
        let may_be_done = self.begun.is_some() || self.only_first;
        if self.rewind {
            return Ok(Some(Origin { checkpoint, parent: None, may_be_done }));
        }
        let url = match (&self.of_store, &self.of_group) {
            (Some(url), _) => url.0.clone(),
            (None, Some(group)) => {
                Topic::check_name(group)?;
                location.queue.default_store(group)
            }
            (None, None) => {
                let what = "--from-checkpoint needs --of-group NAME (or --of-store URL), to start as \
                            a fork of that job, or --rewind, to take this job back to it";
                return Err(Usage(what.to_owned()).into());
            }
        };
        let parent: Arc<dyn JobStore> = patiently(stop, || url.open_store())?.into();
        checkpoint.in_all(&patiently(stop, || parent.view())?)?;
        Ok(Some(Origin { checkpoint, parent: Some(parent), may_be_done }))
    }

    /// Whether an earlier try of this start has begun.
    #[must_use]
    pub fn was_begun(&self) -> bool {
        self.begun.as_ref().is_some_and(|path| path.exists())
    }

    /// Makes the file that says that the job has begun, on the disk.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn note_begun(&self) -> anyhow::Result<()> {
        let Some(path) = &self.begun else { return Ok(()) };
        let sync = |path: &std::path::Path| File::open(path)?.sync_all();
        let made = File::create(path).and_then(|file| file.sync_all());
        let synced = made.and_then(|()| path.parent().map_or(Ok(()), sync));
        synced.with_context(|| format!("noting in {} that the job has begun", path.display()))
    }
}

impl Origin<'_> {
    /// Store of the other job that made the checkpoint; `None` when it is this job's own.
    #[must_use]
    pub fn parent(&self) -> Option<&dyn JobStore> {
        self.parent.as_deref()
    }

    /// The same, for whoever goes on reading it.
    #[must_use]
    pub fn shared_parent(&self) -> Option<Arc<dyn JobStore>> {
        self.parent.clone()
    }

    /// Sets the job, which is leased and does not run yet, to the checkpoint.
    ///
    /// # Errors
    /// As [`fork`] and [`rewind`].
    pub fn apply(&self, job: JobContext<'_>, stop: &StopToken) -> anyhow::Result<()> {
        let set = || match &self.parent {
            Some(parent)
                if self.may_be_done && is_fork_of(job.store, &**parent, self.checkpoint)? =>
            {
                Ok(())
            }
            Some(parent) => fork(job, &**parent, self.checkpoint, stop.flag()),
            None => rewind(job, self.checkpoint),
        };
        // All of it is one commit, at the end: what failed before that has changed nothing.
        Ok(patiently_by(Error::kind, stop.flag(), set)?)
    }
}
