//! What a slot reads: one source for each input of the job.
//!
//! Partitions are assigned, revoked and fenced by the first input. The sources of further inputs
//! follow it: they read the same partitions from the positions of the tasks.

use std::time::Duration;

use seismic_queue::{Batch, Event, FencingToken, Offset, Partition, Result, Source};

/// Opens the source of a further input, by its place, for partitions.
pub type OpenFurther<'a> =
    &'a (dyn Fn(usize, &[Partition]) -> crate::Result<Box<dyn Source>> + Sync);

/// The sources of one slot.
pub struct Sources {
    first: Box<dyn Source>,
    further: Vec<Further>,
    /// The input that is asked next.
    turn: usize,
}

/// The source of a further input.
#[derive(Default)]
struct Further {
    source: Option<Box<dyn Source>>,
    /// What it was opened for.
    partitions: Vec<Partition>,
}

impl Sources {
    /// Of a job with that many inputs, the first of which has its source.
    #[must_use]
    pub fn new(first: Box<dyn Source>, inputs: usize) -> Self {
        let further = (1..inputs).map(|_| Further::default()).collect();
        Sources { first, further, turn: 0 }
    }

    /// Waits up to `wait` for something of any input, and says of which.
    pub fn poll(&mut self, wait: Duration, spare: &mut Vec<Batch>) -> Result<(usize, Event)> {
        if self.further.is_empty() {
            return Ok((0, self.first.poll(wait, spare)?));
        }
        let inputs = 1 + self.further.len();
        // All are asked without waiting before one is waited for, so that a silent input does not
        // hold up another.
        for asked in 0..=inputs {
            let input = self.turn;
            self.turn = (self.turn + 1) % inputs;
            let wait = if asked == inputs { wait } else { Duration::ZERO };
            match self.poll_one(input, wait, spare)? {
                Event::Nothing => {}
                event => return Ok((input, event)),
            }
        }
        Ok((0, Event::Nothing))
    }

    fn poll_one(&mut self, input: usize, wait: Duration, spare: &mut Vec<Batch>) -> Result<Event> {
        if input == 0 {
            return self.first.poll(wait, spare);
        }
        match &mut self.further[input - 1].source {
            // It is told what it has before it says so.
            Some(source) => match source.poll(wait, spare)? {
                Event::Assigned(_) => Ok(Event::Nothing),
                event => Ok(event),
            },
            None => Ok(Event::Nothing),
        }
    }

    /// Starts the first input where its tasks stand.
    pub fn start(&mut self, at: &[(Partition, Offset)]) -> Result<()> {
        self.first.start(at)
    }

    /// Starts a further input: `at` has all partitions of the slot, `fresh` those that are to be
    /// started.
    pub fn start_further(
        &mut self,
        input: usize,
        at: &[(Partition, Offset)],
        fresh: &[Partition],
        open: OpenFurther<'_>,
    ) -> crate::Result<()> {
        let further = &mut self.further[input - 1];
        let is_open = |it: &&(Partition, Offset)| further.partitions.contains(&it.0);
        let has_all = further.source.is_some() && at.iter().filter(is_open).count() == at.len();
        if !has_all {
            further.partitions = at.iter().map(|(partition, _)| *partition).collect();
            further.source = Some(open(input, &further.partitions)?);
        }
        let is_due = |it: &&(Partition, Offset)| !has_all || fresh.contains(&it.0);
        let at: Vec<_> = at.iter().filter(is_due).copied().collect();
        match &mut further.source {
            Some(source) => Ok(source.start(&at)?),
            None => Ok(()),
        }
    }

    /// Fetches nothing of these partitions, of any input.
    pub fn pause(&mut self, partitions: &[Partition]) -> Result<()> {
        let further = self.further.iter_mut().filter_map(|further| further.source.as_mut());
        further.chain([&mut self.first]).try_for_each(|source| source.pause(partitions))
    }

    /// Fetches nothing of these partitions, of one input.
    pub fn pause_input(&mut self, input: usize, partitions: &[Partition]) -> Result<()> {
        match input {
            0 => self.first.pause(partitions),
            _ => match &mut self.further[input - 1].source {
                Some(source) => source.pause(partitions),
                None => Ok(()),
            },
        }
    }

    /// Fetches these of an input again, from where the tasks stand.
    pub fn resume(&mut self, input: usize, at: &[(Partition, Offset)]) -> Result<()> {
        match input {
            0 => self.first.resume(at),
            _ => match &mut self.further[input - 1].source {
                Some(source) => source.resume(at),
                None => Ok(()),
            },
        }
    }

    /// The partitions were committed and go to others.
    pub fn release(&mut self, partitions: &[Partition]) -> Result<()> {
        self.stop_further(partitions)?;
        self.first.release(partitions)
    }

    /// The partitions are gone; of the first input, its source knows it.
    pub fn stop_further(&mut self, partitions: &[Partition]) -> Result<()> {
        let mut sources = self.further.iter_mut().filter_map(|further| further.source.as_mut());
        sources.try_for_each(|source| source.release(partitions))
    }

    /// As [`Source::ends`], of an input.
    pub fn ends(&mut self, input: usize, partitions: &[Partition]) -> Vec<Result<Offset>> {
        match input {
            0 => self.first.ends(partitions),
            _ => match &mut self.further[input - 1].source {
                Some(source) => source.ends(partitions),
                None => partitions.iter().map(|_| Ok(Offset(0))).collect(),
            },
        }
    }

    /// As [`Source::in_flight`]: the longest of all inputs.
    pub fn in_flight(&mut self) -> Result<Duration> {
        let mut longest = self.first.in_flight()?;
        for source in self.further.iter_mut().filter_map(|further| further.source.as_mut()) {
            longest = longest.max(source.in_flight()?);
        }
        Ok(longest)
    }

    /// As [`Source::fencing_token`].
    pub fn fencing_token(&self) -> FencingToken {
        self.first.fencing_token()
    }

    /// As [`Source::is_lost`].
    pub fn is_lost(&mut self) -> bool {
        self.first.is_lost()
    }
}
