//! Partitions lost without a revocation: the commit fails first, while messages fetched before
//! still arrive.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use seismic_queue::memory::Memory;
use seismic_queue::{
    AppendTimes, Batch, Diagnose, Event, FencingToken, Finding, HeldBack, Hold, ImportLog,
    KnownProducers, Member, Need, Offset, OpenTransaction, Partition, Policy, Producer, Queue,
    Reader, Result, Retained, Retention, Source, Span, Topic,
};

use crate::faulty::{Fate, FaultyStore};
use crate::stage::Stage;

/// Messages given at once.
const PIECE: usize = 20;
/// Polls between the loss and the word of it.
const UNHEARD: u32 = 3;

/// A queue whose sources lose their partitions when `is_lost` is set, and get them back.
struct Losing {
    inner: Memory,
    is_lost: Arc<AtomicBool>,
}

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

impl Queue for Losing {
    fn name(&self) -> String {
        self.inner.name()
    }

    fn topics(&self) -> Result<Vec<Topic>> {
        self.inner.topics()
    }

    fn topic(&self, name: &str) -> Result<Topic> {
        self.inner.topic(name)
    }

    fn create(&self, name: &str, partitions: u32) -> Result<Topic> {
        self.inner.create(name, partitions)
    }

    fn spans(&self, topic: &Topic) -> Result<Vec<Span>> {
        self.inner.spans(topic)
    }

    fn offset_at(&self, topic: &Topic, partition: Partition, time_ms: i64) -> Result<Offset> {
        self.inner.offset_at(topic, partition, time_ms)
    }

    fn producer(&self, topic: &Topic, id: &str) -> Result<Box<dyn Producer>> {
        self.inner.producer(topic, id)
    }

    fn reader(&self, topic: &Topic, at: &[(Partition, Offset)]) -> Result<Box<dyn Reader>> {
        self.inner.reader(topic, at)
    }

    fn source(&self, topic: &Topic, partitions: &[Partition]) -> Result<Box<dyn Source>> {
        Ok(Box::new(LosingSource {
            inner: self.inner.source(topic, partitions)?,
            is_lost: Arc::clone(&self.is_lost),
            partitions: Vec::new(),
            unheard: UNHEARD,
            is_told: false,
            rest: None,
        }))
    }

    fn member(&self, topic: &Topic, member: &Member) -> Result<Box<dyn Source>> {
        self.inner.member(topic, member)
    }

    fn known_producers(&self, topic: &Topic) -> Result<Option<KnownProducers>> {
        self.inner.known_producers(topic)
    }

    fn import_log(&self, topic: &Topic) -> Result<Option<Box<dyn ImportLog>>> {
        self.inner.import_log(topic)
    }
}

impl Retention for Losing {
    fn hold(&self, topic: &Topic, holder: &str, at: &[(Partition, Offset)]) -> Result<()> {
        self.inner.hold(topic, holder, at)
    }

    fn holds(&self, topic: &Topic) -> Result<Vec<Hold>> {
        self.inner.holds(topic)
    }

    fn policy(&self, topic: &Topic) -> Result<Policy> {
        self.inner.policy(topic)
    }

    fn set_policy(&self, topic: &Topic, policy: Policy) -> Result<()> {
        self.inner.set_policy(topic, policy)
    }

    fn held(&self, topic: &Topic) -> Result<Vec<HeldBack>> {
        self.inner.held(topic)
    }

    fn retain(&self, topic: &Topic, past_holds: bool) -> Result<Vec<Retained>> {
        self.inner.retain(topic, past_holds)
    }

    fn trim(&self, topic: &Topic, below: &[(Partition, Offset)]) -> Result<()> {
        self.inner.trim(topic, below)
    }
}

impl Diagnose for Losing {
    fn check_place(&self) -> Result<()> {
        self.inner.check_place()
    }

    fn check_topic(&self, topic: &Topic) -> Result<()> {
        self.inner.check_topic(topic)
    }

    fn append_times(&self, topic: &Topic) -> Result<AppendTimes> {
        self.inner.append_times(topic)
    }

    fn examine(&self, topic: Option<&Topic>) -> Result<Vec<Finding>> {
        self.inner.examine(topic)
    }

    fn examine_rights(&self, needs: &[Need]) -> Result<Vec<Finding>> {
        self.inner.examine_rights(needs)
    }

    fn open_transactions(&self, topic: &Topic) -> Result<Vec<OpenTransaction>> {
        self.inner.open_transactions(topic)
    }

    fn look_at(&self, transactions: &mut [OpenTransaction]) {
        self.inner.look_at(transactions);
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
        let queue = Losing { inner: stage.queue.clone(), is_lost };
        stage.run_on(&queue, &Arc::new(AtomicBool::new(false))).unwrap();
        // What a slot without partitions leaves undone is for the next run.
        stage.run().unwrap();
        assert!(stage.verify().is_fine(), "lost at commit {hit}");
        assert!(stage.rows() == calm.rows(), "lost at commit {hit}");
    }
}
