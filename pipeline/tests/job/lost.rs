//! Partitions lost without a revocation: the commit fails first, while messages fetched before
//! still arrive.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use seismic_queue::memory::Memory;
use seismic_queue::{
    Batch, Event, FencingToken, Offset, Partition, Queue as _, Result, Source, Topic,
};

use crate::faulty::{Fate, FaultyStore};
use crate::sourced::Sourced;
use crate::stage::Stage;

/// Messages given at once.
const PIECE: usize = 20;
/// Polls between the loss and the word of it.
const UNHEARD: u32 = 3;

/// A source that loses its partitions when `is_lost` is set, and gets them back.
struct LosingSource {
    inner: Box<dyn Source>,
    is_lost: Arc<AtomicBool>,
    partitions: Vec<Partition>,
    unheard: u32,
    is_told: bool,
    /// What was fetched and not given yet, and how much of it was.
    rest: Option<(Batch, usize)>,
}

impl LosingSource {
    /// A few messages at a time, so that there are always more to come.
    fn piece(&mut self, batch: Batch, from: usize) -> Event {
        let to = batch.len().min(from + PIECE);
        let mut piece = Batch::default();
        piece.reset(batch.partition(), batch.message(from).offset);
        (from..to).for_each(|i| piece.push(batch.message(i)));
        self.rest = (to < batch.len()).then_some((batch, to));
        Event::Batch(piece)
    }
}

impl Source for LosingSource {
    fn poll(&mut self, wait: Duration, spare: &mut Vec<Batch>) -> Result<Event> {
        if self.is_lost.load(Ordering::SeqCst) {
            if self.unheard == 0 && !self.is_told {
                self.is_told = true;
                self.inner.release(&self.partitions)?;
                return Ok(Event::Lost(self.partitions.clone()));
            }
            if self.is_told {
                (self.is_told, self.unheard) = (false, UNHEARD);
                self.is_lost.store(false, Ordering::SeqCst);
                return Ok(Event::Assigned(self.partitions.clone()));
            }
            self.unheard -= 1;
        }
        if let Some((batch, from)) = self.rest.take() {
            return Ok(self.piece(batch, from));
        }
        match self.inner.poll(wait, spare)? {
            Event::Assigned(partitions) => {
                self.partitions.clone_from(&partitions);
                Ok(Event::Assigned(partitions))
            }
            Event::Batch(batch) => Ok(self.piece(batch, 0)),
            event => Ok(event),
        }
    }

    fn start(&mut self, at: &[(Partition, Offset)]) -> Result<()> {
        self.rest = None;
        self.inner.start(at)
    }

    fn release(&mut self, partitions: &[Partition]) -> Result<()> {
        self.inner.release(partitions)
    }

    fn pause(&mut self, partitions: &[Partition]) -> Result<()> {
        self.inner.pause(partitions)
    }

    fn resume(&mut self, at: &[(Partition, Offset)]) -> Result<()> {
        // Fetched again from there.
        let is_resumed = |rest: &Batch| at.iter().any(|(it, _)| *it == rest.partition());
        self.rest.take_if(|(rest, _)| is_resumed(rest));
        self.inner.resume(at)
    }

    fn ends(&mut self, partitions: &[Partition]) -> Vec<Result<Offset>> {
        self.inner.ends(partitions)
    }

    fn in_flight(&mut self) -> Result<Duration> {
        self.inner.in_flight()
    }

    fn fencing_token(&self) -> FencingToken {
        self.inner.fencing_token()
    }

    fn is_lost(&mut self) -> bool {
        self.is_lost.load(Ordering::SeqCst)
    }
}

#[test]
fn a_loss_that_a_commit_hears_of_first_changes_nothing_at_any_commit() {
    let calm = Stage::new();
    calm.run().unwrap();
    // The first one is that of the start, before there are slots.
    for hit in 2..=9 {
        let is_lost = Arc::new(AtomicBool::new(false));
        let (mut commits, loss) = (0, Arc::clone(&is_lost));
        let store = FaultyStore::new(move |_| {
            commits += 1;
            if commits != hit {
                return Fate::Made;
            }
            loss.store(true, Ordering::SeqCst);
            Fate::LostUnheard
        });
        let mut stage = Stage::with_store(Box::new(store));
        stage.slots = 1;
        let open = move |queue: &Memory, topic: &Topic, partitions: &[Partition]| {
            let (inner, is_lost) = (queue.source(topic, partitions)?, Arc::clone(&is_lost));
            let (partitions, rest) = (Vec::new(), None);
            let source =
                LosingSource { inner, is_lost, partitions, unheard: UNHEARD, is_told: false, rest };
            Ok(Box::new(source) as Box<dyn Source>)
        };
        let queue = Sourced::new(&stage.queue, open);
        stage.run_on(&queue, &Arc::new(AtomicBool::new(false))).unwrap();
        // What a slot without partitions leaves undone is for the next run.
        stage.run().unwrap();
        assert!(stage.verify().is_fine(), "lost at commit {hit}");
        assert!(stage.rows() == calm.rows(), "lost at commit {hit}");
    }
}
