//! The source of a slot with a fixed assignment, on top of any reader.

use std::time::Duration;

use crate::{Batch, Event, FencingToken, Offset, Partition, Reader, Result, Source};

/// A reader to which partitions are assigned, and from which they are taken away.
pub trait AssignableReader: Reader {
    /// Whether the partitions can be read at all: until they can, a source does not say that they
    /// are assigned.
    fn check_reachable(&mut self, partitions: &[Partition]) -> Result<()>;

    /// Reads these partitions from these offsets on; others stay where they are.
    fn start(&mut self, at: &[(Partition, Offset)]) -> Result<()>;

    /// Reads these no more.
    fn stop(&mut self, partitions: &[Partition]);

    /// As [`Source::pause`]. Who fetches nothing ahead stops.
    fn pause(&mut self, partitions: &[Partition]) -> Result<()> {
        self.stop(partitions);
        Ok(())
    }

    /// As [`Source::resume`].
    fn resume(&mut self, at: &[(Partition, Offset)]) -> Result<()> {
        self.start(at)
    }

    /// As [`Source::ends`].
    fn ends(&mut self, partitions: &[Partition]) -> Vec<Result<Offset>>;

    /// As [`Source::in_flight`].
    fn in_flight(&mut self) -> Result<Duration>;
}

/// A source whose partitions never move.
pub struct AssignedSource<R> {
    reader: R,
    /// Partitions not yet announced as assigned.
    unannounced: Option<Vec<Partition>>,
}

impl<R: AssignableReader> AssignedSource<R> {
    /// Over a reader that has no partitions yet.
    pub fn new(reader: R, partitions: &[Partition]) -> Self {
        AssignedSource { reader, unannounced: Some(partitions.to_vec()) }
    }
}

impl<R: AssignableReader> Source for AssignedSource<R> {
    fn poll(&mut self, wait: Duration, spare: &mut Vec<Batch>) -> Result<Event> {
        let Some(partitions) = &self.unannounced else {
            return self.reader.read(wait, spare);
        };
        self.reader.check_reachable(partitions)?;
        Ok(Event::Assigned(self.unannounced.take().unwrap_or_default()))
    }

    fn start(&mut self, at: &[(Partition, Offset)]) -> Result<()> {
        self.reader.start(at)
    }

    fn release(&mut self, partitions: &[Partition]) -> Result<()> {
        self.reader.stop(partitions);
        Ok(())
    }

    fn pause(&mut self, partitions: &[Partition]) -> Result<()> {
        self.reader.pause(partitions)
    }

    fn resume(&mut self, at: &[(Partition, Offset)]) -> Result<()> {
        self.reader.resume(at)
    }

    fn ends(&mut self, partitions: &[Partition]) -> Vec<Result<Offset>> {
        self.reader.ends(partitions)
    }

    fn in_flight(&mut self) -> Result<Duration> {
        self.reader.in_flight()
    }

    fn fencing_token(&self) -> FencingToken {
        FencingToken::Sole
    }

    /// One owner has them until the process ends.
    fn is_lost(&mut self) -> bool {
        false
    }
}
