//! Requests for named checkpoints: requested, answered and named.

use std::sync::PoisonError;

use super::KafkaStore;
use super::checkpoint_names::CheckpointNames as Names;
use super::checkpoint_names::settled::SettledCheckpoints;
use super::checkpoint_record::KeptCheckpoint;
use super::job_context::JobContext;
use seismic_queue::{CheckpointNames, CheckpointRequest, Error, JobStore, Partition, Result};

impl KafkaStore {
    /// What the newest manifest of each partition lists.
    pub(super) fn kept(&self) -> Result<Vec<Vec<KeptCheckpoint>>> {
        let (_, context) = self.context()?;
        context.kept(&*self.offsets()?)
    }

    /// Looks at checkpoints as far as they are settled, without waiting for commits under way.
    fn settled<T>(
        &self,
        look: impl FnOnce(&mut SettledCheckpoints, &JobContext) -> Result<T>,
    ) -> Result<T> {
        let (id, context) = self.context()?;
        let mut settled = self.settled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(settled) = settled.as_mut().filter(|it| it.is_of(&id, &context)) {
            return look(settled, &context);
        }
        let new = SettledCheckpoints::new(&self.cluster, id, &context)?;
        look(settled.insert(new), &context)
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
        if !self.names.now()?.is_any_requested() {
            self.settled(SettledCheckpoints::pass_over)?;
        }
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

    /// What is written down of names: no look at any partition, which each of many workers would take
    /// while all of them wait for its end.
    fn requests_to_answer(&self) -> Result<Vec<CheckpointRequest>> {
        Ok(self.names.now()?.requested())
    }

    fn is_requested(&self, name: &str) -> Result<bool> {
        let names = self.names.now()?;
        if !names.is_requested(name) {
            return Ok(false);
        }
        let seen = self.settled(|settled, context| settled.look(context, &names.requested()))?;
        let open = self.open_requests(&names, &seen)?;
        Ok(open.iter().any(|request| request.name == name))
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
