//! Where a job begins that takes up a checkpoint: as a fork of another job, or at an earlier point
//! of its own.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use seismic_pipeline::{CheckpointRef, JobContext, fork, rewind};
use seismic_queue::{JobStore, Topic, Url};

use crate::cli::exit::Usage;
use crate::cli::target::Target;

/// Options that name a checkpoint.
#[derive(clap::Args)]
pub struct Origin {
    /// Begin with a checkpoint: of another job, which needs --of-group or --of-store, or with
    /// --rewind of this one
    #[arg(long, value_name = "N|NAME", conflicts_with = "from")]
    from_checkpoint: Option<CheckpointRef>,
    /// The group whose checkpoint it is; this group must be a new one
    #[arg(long, value_name = "NAME", requires = "from_checkpoint")]
    of_group: Option<String>,
    /// The store whose checkpoint it is; by default that of the group, next to the queue file
    #[arg(long, alias = "of-home", value_name = "URL", requires = "from_checkpoint")]
    of_store: Option<Url>,
    /// Go back to a checkpoint of this job: what came after it is taken back and made again
    #[arg(long, requires = "from_checkpoint", conflicts_with_all = ["of_group", "of_store"])]
    rewind: bool,
}

/// A checkpoint to begin with.
pub struct Opened<'a> {
    which: &'a CheckpointRef,
    /// `None`: the job's own.
    parent: Option<Box<dyn JobStore>>,
}

impl Origin {
    /// Opens the store whose checkpoint it is, before anything is made; `None` without a checkpoint.
    ///
    /// # Errors
    /// When it is not said whose checkpoint is meant, or there is no such store or checkpoint.
    pub fn open(&self, target: &Target) -> anyhow::Result<Option<Opened<'_>>> {
        let Some(which) = &self.from_checkpoint else {
            return Ok(None);
        };
        if self.rewind {
            return Ok(Some(Opened { which, parent: None }));
        }
        let url = match (&self.of_store, &self.of_group) {
            (Some(url), _) => url.clone(),
            (None, Some(group)) => {
                Topic::check_name(group)?;
                target.queue.default_store(group)
            }
            (None, None) => {
                let what = "--from-checkpoint needs --of-group NAME (or --of-store URL), to begin as \
                            a fork of that job, or --rewind, to take this job back to it";
                return Err(Usage(what.to_owned()).into());
            }
        };
        let parent = seismic_queue::open_store(&url)?;
        which.in_all(&parent.view()?)?;
        Ok(Some(Opened { which, parent: Some(parent) }))
    }
}

impl Opened<'_> {
    /// Sets the job, which is owned and does not run yet, to the checkpoint.
    ///
    /// # Errors
    /// As [`fork`] and [`rewind`].
    pub fn set(&self, job: JobContext<'_>, stop: &Arc<AtomicBool>) -> anyhow::Result<()> {
        match &self.parent {
            Some(parent) => fork(job, &**parent, self.which, stop)?,
            None => rewind(job, self.which)?,
        }
        Ok(())
    }
}
