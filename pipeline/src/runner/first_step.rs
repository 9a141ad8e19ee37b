//! What the second step of a job asks of the first: how long ago the input had nothing that has not
//! come through.
//!
//! A sensor is idle when nothing of it was *appended to the input* for a while. The log of the second
//! step does not say that: what was appended may still be on its way. So the age of what is on its
//! way counts as if it were an append that does not show yet:
//!
//! ```text
//!   input   ───────────── E ──►      T: the input is found to end at E
//!   internal ────────────────►       later, the first step has committed up to E: everything that
//!                                    was appended until T shows, and what does not is younger
//! ```
#![allow(clippy::disallowed_methods, reason = "shell: it asks and measures")]

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use seismic_queue::{JobStore, Offset, Partition, Queue, Source, Topic};

use crate::{Result, limits};

/// The first step of a job, as the second one sees it.
pub struct FirstStep<'a> {
    store: &'a dyn JobStore,
    partitions: Vec<Partition>,
    state: Mutex<State>,
}

struct State {
    /// Where the input's ends are asked for; it is never read.
    source: Box<dyn Source>,
    /// When ends were asked for that are not reached yet, and the ends.
    open: Option<(Instant, Vec<Offset>)>,
    /// The newest moment before which everything has come through.
    reached: Option<Instant>,
    asked: Option<Instant>,
}

impl<'a> FirstStep<'a> {
    /// The first step that reads `input` and commits to `store`.
    ///
    /// # Errors
    /// When the input cannot be opened.
    pub fn new(
        queue: &dyn Queue,
        input: &Topic,
        store: &'a dyn JobStore,
    ) -> seismic_queue::Result<Self> {
        let partitions: Vec<_> = input.all().collect();
        let source = queue.source(input, &partitions)?;
        let state = State { source, open: None, reached: None, asked: None };
        Ok(FirstStep { store, partitions, state: Mutex::new(state) })
    }

    /// Age of the oldest message of the input that may not have come through.
    ///
    /// # Errors
    /// When the input or the store cannot be asked.
    pub(crate) fn in_flight(&self) -> Result<Duration> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if state.asked.is_none_or(|asked| now - asked >= limits::FIRST_STEP_ASKED_EVERY) {
            state.asked = Some(now);
            self.ask(&mut state)?;
        }
        // Before it was ever seen to catch up, nothing is known.
        Ok(state.reached.map_or(Duration::MAX, |reached| reached.elapsed()))
    }

    fn ask(&self, state: &mut State) -> Result<()> {
        let reached = |state: &mut State, committed: &[Offset]| {
            let is_reached = |(_, ends): &mut (Instant, Vec<Offset>)| {
                committed.iter().zip(ends).all(|(committed, end)| *committed >= *end)
            };
            if let Some((at, _)) = state.open.take_if(is_reached) {
                state.reached = Some(at);
            }
        };
        if state.open.is_some() {
            reached(state, &self.committed()?);
        }
        if state.open.is_none() {
            let asked = Instant::now();
            let in_flight = state.source.in_flight()?;
            let ends = state.source.ends(&self.partitions).into_iter();
            let ends = ends.collect::<seismic_queue::Result<_>>()?;
            state.open = Some((asked.checked_sub(in_flight).unwrap_or(asked), ends));
            reached(state, &self.committed()?);
        }
        Ok(())
    }

    /// Committed position of each partition of the input.
    fn committed(&self) -> Result<Vec<Offset>> {
        let view = self.store.view()?;
        let next = |part: &seismic_queue::PartitionView| part.progress.as_ref().map(|it| it.next);
        Ok(view.partitions.iter().map(|part| next(part).unwrap_or_default()).collect())
    }
}
