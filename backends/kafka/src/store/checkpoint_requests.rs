//! Requests for named checkpoints: requested, answered and named.

use super::KafkaStore;
use super::checkpoint_names::CheckpointNames as Names;
use super::checkpoint_record::KeptCheckpoint;
use seismic_queue::{CheckpointNames, CheckpointRequest, Error, JobStore, Partition, Result};

impl KafkaStore {
    /// What the newest manifest of each partition lists.
    pub(super) fn kept(&self) -> Result<Vec<Vec<KeptCheckpoint>>> {
        let (_, context) = self.context()?;
        context.kept(&*self.offsets()?)
    }

    /// What is asked for. What all have answered is whole from here on.
    pub(super) fn open_requests(
        &self,
        names: &Names,
        parts: &[Vec<KeptCheckpoint>],
    ) -> Result<Vec<CheckpointRequest>> {
        let (open, whole) = names.requests(parts);
        self.names.complete(&whole)?;
        Ok(open)
    }
}

impl CheckpointNames for KafkaStore {
    fn request_checkpoint(&self, name: &str) -> Result<()> {
        self.context()?;
        self.names.request(name)
    }

    /// Costs little while nothing is asked for, and a look at every partition while something is.
    fn checkpoint_requests(&self) -> Result<Vec<CheckpointRequest>> {
        let names = self.names.now()?;
        match names.is_any_requested() {
            true => self.open_requests(&names, &self.kept()?),
            false => Ok(Vec::new()),
        }
    }

    fn withdraw_request(&self, name: &str) -> Result<Option<CheckpointRequest>> {
        let asked = self.checkpoint_requests()?.into_iter().find(|asked| asked.name == name);
        asked.iter().try_for_each(|asked| self.names.end(&asked.id))?;
        Ok(asked)
    }

    fn name_newest_checkpoint(&self, name: &str) -> Result<()> {
        self.names.check_new(name)?;
        let mut numbers = Vec::new();
        for (partition, kept) in (0..).map(Partition).zip(self.kept()?) {
            let nothing = || Error::NothingToName { at: self.name(), partition };
            numbers.push(kept.last().map(KeptCheckpoint::number).ok_or_else(nothing)?);
        }
        let id = self.names.name(name, &numbers)?;
        // Those that were deleted before the name was there may be trimmed.
        let is_there = |(kept, number): (&Vec<KeptCheckpoint>, &u64)| {
            kept.iter().any(|kept| kept.number() == *number)
        };
        if self.kept()?.iter().zip(&numbers).all(is_there) {
            return Ok(());
        }
        self.names.end(&id)?;
        Err(Error::Busy { at: self.name(), doing: "naming the newest checkpoints" })
    }

    fn delete_checkpoint_name(&self, name: &str) -> Result<()> {
        self.context()?;
        self.names.delete(name)
    }
}
