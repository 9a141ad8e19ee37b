//! The source of a slot whose partitions never move, over any reader that is told what to follow.

use std::time::Duration;

use crate::{Batch, Event, FencingToken, Offset, Partition, Reader, Result, Source};

/// A reader whose partitions are started and stopped.
pub trait Follow: Reader {
    /// Whether the partitions can be read at all: until they can, a source does not say that they
    /// are assigned.
    fn reach(&mut self, _: &[Partition]) -> Result<()> {
        Ok(())
    }

    /// Reads these partitions from these offsets on; others stay where they are.
    fn start(&mut self, at: &[(Partition, Offset)]) -> Result<()>;

    /// Reads these no more.
    fn stop(&mut self, partitions: &[Partition]);

    /// Next offset to be written.
    fn end(&mut self, partition: Partition) -> Result<Offset>;

    /// As [`Source::ends`].
    fn ends(&mut self, partitions: &[Partition]) -> Vec<Result<Offset>> {
        partitions.iter().map(|&partition| self.end(partition)).collect()
    }

    /// As [`Source::in_flight`].
    fn in_flight(&mut self) -> Result<Duration> {
        Ok(Duration::ZERO)
    }
}

/// A source whose partitions never move.
pub struct SoleSource<F> {
    follower: F,
    /// Partitions not yet announced as assigned.
    unsaid: Option<Vec<Partition>>,
}

impl<F: Follow> SoleSource<F> {
    /// Over a follower that follows nothing yet.
    pub fn new(follower: F, partitions: &[Partition]) -> Self {
        SoleSource { follower, unsaid: Some(partitions.to_vec()) }
    }
}

impl<F: Follow> Source for SoleSource<F> {
    fn poll(&mut self, wait: Duration, spare: &mut Vec<Batch>) -> Result<Event> {
        let Some(partitions) = &self.unsaid else {
            return self.follower.read(wait, spare);
        };
        self.follower.reach(partitions)?;
        Ok(Event::Assigned(self.unsaid.take().unwrap_or_default()))
    }

    fn start(&mut self, at: &[(Partition, Offset)]) -> Result<()> {
        self.follower.start(at)
    }

    fn release(&mut self, partitions: &[Partition]) -> Result<()> {
        self.follower.stop(partitions);
        Ok(())
    }

    fn end(&mut self, partition: Partition) -> Result<Offset> {
        self.follower.end(partition)
    }

    fn ends(&mut self, partitions: &[Partition]) -> Vec<Result<Offset>> {
        self.follower.ends(partitions)
    }

    fn in_flight(&mut self) -> Result<Duration> {
        self.follower.in_flight()
    }

    fn fencing_token(&self) -> FencingToken {
        FencingToken::Sole
    }
}
