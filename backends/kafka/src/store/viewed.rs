//! Checkpoints and journals that the last view has read. It is valid for a partition as long as the
//! group has committed nothing there and the records of the job and of its checkpoint names are
//! unchanged.

use std::ops::Range;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use super::KafkaStore;
use super::checkpoint_log::CheckpointLog;
use super::job_topic::JobTopic;
use super::last_view::LastView;
use super::offset_metadata::OffsetMetadata;
use crate::limits;
use seismic_queue::{Checkpoint, JournalEntry, Partition, Result, Span};

impl KafkaStore {
    fn log_of<'a>(&'a self, last: &'a LastView, partition: Partition) -> CheckpointLog<'a> {
        let (cluster, group) = (&self.cluster, &*self.group);
        CheckpointLog { cluster, topic: &last.checkpoints, group, partition }
    }

    /// Keeps what a view has seen.
    pub(super) fn see(&self, view: LastView) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(view));
    }

    /// The last view, where it still counts for a partition.
    fn last_view(&self, partition: Partition) -> Result<Option<Arc<LastView>>> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(last) = last.filter(|last| last.written_down.is_some()) else { return Ok(None) };
        let place = partition.0 as usize;
        let Some(Some(number)) = last.numbers.get(place).copied() else { return Ok(None) };
        let mut newest = last.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let known = newest.take().filter(|(at, _)| at.elapsed() < limits::NEWEST_COMMITS_AGE);
        let known = match known {
            Some(known) => known,
            None => match self.newest_commits(&last)? {
                Some(numbers) => (Instant::now(), numbers),
                None => return Ok(None),
            },
        };
        let is_valid = known.1[place] == Some(number);
        *newest = Some(known);
        drop(newest);
        Ok(is_valid.then_some(last))
    }

    /// Numbers of the newest commits of all partitions; `None` where the job was written down again
    /// since the view.
    fn newest_commits(&self, last: &LastView) -> Result<Option<Vec<Option<u64>>>> {
        let end = JobTopic::new(&self.cluster).end_of_log_patiently()?;
        let Some(job) = self.known_job().filter(|_| last.written_down == Some(end)) else {
            return Ok(None);
        };
        let all: Vec<Partition> = job.input().all().take(last.numbers.len()).collect();
        let committed = self.offsets()?.committed(job.input(), &all)?.into_iter();
        let number = |(_, text): (_, String)| OffsetMetadata::decode(&text).map(|it| it.number);
        let mut numbers: Vec<_> = committed.map(|it| it.and_then(number)).collect();
        numbers.resize(last.numbers.len(), None);
        Ok(Some(numbers))
    }

    /// A checkpoint that the last view has seen; `None` where that has to be looked at again.
    pub(super) fn viewed_checkpoint(
        &self,
        partition: Partition,
        number: u64,
    ) -> Result<Option<Checkpoint>> {
        let Some(last) = self.last_view(partition)? else { return Ok(None) };
        let place = partition.0 as usize;
        let Some(kept) = last.kept[place].iter().find(|kept| kept.number() == number) else {
            return Ok(None);
        };
        // What is wrong with it is for who looks again to say.
        Ok(self.log_of(&last, partition).checkpoint_within(kept, last.logs[place].end).ok())
    }

    /// Entries of the journal that the last view has seen; `None` where that has to be looked at
    /// again.
    pub(super) fn viewed_journal(
        &self,
        partition: Partition,
        range: &Range<u64>,
    ) -> Result<Option<Vec<JournalEntry>>> {
        let Some(last) = self.last_view(partition)? else { return Ok(None) };
        let Span { first, end } = last.logs[partition.0 as usize];
        let Ok(read) = self.log_of(&last, partition).read(first, end) else { return Ok(None) };
        let mut journal = read.journal;
        journal.retain(|entry| range.contains(&entry.sequence));
        Ok(Some(journal))
    }
}
