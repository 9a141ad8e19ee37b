//! What the second step of a job needs from the first: how old records may be that are still on
//! their way through the first step.
//!
//! A sensor is idle when nothing of it was *appended to the input* for a while. The log of the
//! second step does not show that: a record may still be in the first step. So the age of such
//! records is treated like that of an append that is not visible yet:
//!
//! ```text
//!   input   ───────────── E ──►      T: the input is found to end at E
//!   internal ────────────────►       later, the first step has committed up to E: everything that
//!                                    was appended until T shows, and what does not is younger
//! ```
//!
//! Where a store answers at once, the slot itself asks. Where workers share the job, a separate
//! thread asks ([`FirstStep::watch`]), since the answer may have to wait for a transaction.
#![allow(clippy::disallowed_methods, reason = "shell: it asks and measures")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use seismic_queue::{
    JobStore, Offset, Partition, PartitionView, Queue, SharedLease, Source, Topic,
};

use crate::runner::job::JobContext;
use crate::{Result, limits};

/// The first step of a job, as the second one sees it.
pub struct FirstStep<'a> {
    store: &'a dyn JobStore,
    /// Where workers share the job.
    worker: Option<&'a dyn SharedLease>,
    partitions: Vec<Partition>,
    questions: Mutex<Questions>,
    /// The newest moment before which everything has come through.
    reached: Mutex<Option<Instant>>,
}

struct Questions {
    /// Where the input's ends are asked for; it is never read.
    source: Box<dyn Source>,
    /// When ends were asked for that are not reached yet, and the ends.
    open: Option<(Instant, Vec<Offset>)>,
    asked: Option<Instant>,
}

impl<'a> FirstStep<'a> {
    /// The first step that reads `input` and commits to `store`; `worker` is its lease where
    /// workers share it.
    ///
    /// # Errors
    /// When the input cannot be opened.
    pub fn new(
        queue: &dyn Queue,
        input: &Topic,
        store: &'a dyn JobStore,
        worker: Option<&'a dyn SharedLease>,
    ) -> seismic_queue::Result<Self> {
        let partitions: Vec<_> = input.all().collect();
        let source = queue.source(input, &partitions)?;
        let questions = Mutex::new(Questions { source, open: None, asked: None });
        Ok(FirstStep { store, worker, partitions, questions, reached: Mutex::new(None) })
    }

    /// Asks until it is over, where slots do not. It is over soon after it is said so: no question
    /// is asked again and again here, and a store that does not answer is asked the next time.
    pub fn watch(&self, is_over: &AtomicBool) {
        while self.worker.is_some() && !is_over.load(Ordering::Relaxed) {
            if let Err(error) = self.ask(&mut locked(&self.questions)) {
                tracing::debug!("asking how far the first step is: {error}");
            }
            thread::park_timeout(limits::FIRST_STEP_ASKED_EVERY);
        }
    }

    /// Age of the oldest message of the input that may not have come through.
    ///
    /// # Errors
    /// When the input or the store cannot be asked.
    pub(crate) fn in_flight(&self) -> Result<Duration> {
        if self.worker.is_none() {
            let (mut questions, now) = (locked(&self.questions), Instant::now());
            let is_due = |asked| now - asked >= limits::FIRST_STEP_ASKED_EVERY;
            if questions.asked.is_none_or(is_due) {
                questions.asked = Some(now);
                self.ask(&mut questions)?;
            }
        }
        // Before it was ever seen to catch up, nothing is known.
        Ok(locked(&self.reached).map_or(Duration::MAX, |reached| reached.elapsed()))
    }

    fn ask(&self, questions: &mut Questions) -> Result<()> {
        if questions.open.is_some() {
            self.compare(questions)?;
        }
        if questions.open.is_none() {
            let asked = Instant::now();
            let in_flight = questions.source.in_flight()?;
            let ends = questions.source.ends(&self.partitions).into_iter();
            let ends = ends.collect::<seismic_queue::Result<_>>()?;
            questions.open = Some((asked.checked_sub(in_flight).unwrap_or(asked), ends));
            self.compare(questions)?;
        }
        Ok(())
    }

    /// Whether the ends that were asked for are reached by now.
    fn compare(&self, questions: &mut Questions) -> Result<()> {
        let committed = self.committed()?;
        let is_reached = |(_, ends): &mut (Instant, Vec<Offset>)| {
            committed.iter().zip(ends).all(|(committed, end)| *committed >= *end)
        };
        if let Some((at, _)) = questions.open.take_if(is_reached) {
            *locked(&self.reached) = Some(at);
        }
        Ok(())
    }

    /// Committed position of each partition of the input.
    fn committed(&self) -> Result<Vec<Offset>> {
        if let Some(worker) = self.worker {
            let positions = worker.positions_now()?.into_iter();
            return Ok(positions.map(Option::unwrap_or_default).collect());
        }
        let view = self.store.view()?;
        let next = |part: &PartitionView| part.progress.as_ref().map(|it| it.next);
        Ok(view.partitions.iter().map(|part| next(part).unwrap_or_default()).collect())
    }

    /// Lets go what the second step can need no more of the internal topic, where no one else does:
    /// all before its oldest checkpoint.
    ///
    /// # Errors
    /// When a store or the topic cannot be asked.
    pub(crate) fn let_go(&self, second: JobContext<'_>) -> Result<()> {
        let (view, input) = (second.store.view()?, second.job.input());
        let oldest = |part: &PartitionView| part.checkpoints.first()?.manifest.positions().next();
        let parts = input.all().zip(&view.partitions);
        let below: Vec<_> = parts.filter_map(|(it, part)| Some((it, oldest(part)?))).collect();
        Ok(self.store.topics().trim(input, &below)?)
    }
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
