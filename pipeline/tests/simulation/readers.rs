//! Readers of results: a reader that runs throughout, and a sink with its runner.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use seismic_queue::memory::MemoryStore;
use seismic_queue::{Batch, Event, JobStore, Message, Offset, Partition, Reader, Span};
use seismic_sinks::{Error, Rows, Sink, SinkRunner};

use crate::action::SinkEnd;
use crate::source::{Fault, error};

/// A message's key and value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// Messages as they were read, from the first offset on.
pub type Messages = BTreeMap<Partition, Vec<Pair>>;

/// Reads one topic of the store from its beginning, for as long as the world exists.
pub struct Throughout {
    reader: Box<dyn Reader>,
    pub seen: Messages,
}

impl Throughout {
    pub fn new(store: &MemoryStore, topic: &str) -> Self {
        let topic = store.topics().topic(topic).unwrap();
        let at: Vec<_> = topic.all().map(|partition| (partition, Offset(0))).collect();
        let seen = topic.all().map(|partition| (partition, Vec::new())).collect();
        Throughout { reader: store.topics().reader(&topic, &at).unwrap(), seen }
    }

    /// Reads all there is.
    pub fn read(&mut self) {
        loop {
            match self.reader.read(Duration::ZERO, &mut Vec::new()).unwrap() {
                Event::Batch(batch) => take(&batch, &mut self.seen),
                Event::CaughtUp(..) => {}
                _ => return,
            }
        }
    }
}

fn take(batch: &Batch, into: &mut Messages) {
    add(batch.partition(), batch.messages(), into);
}

fn add<'a>(partition: Partition, messages: impl Iterator<Item = Message<'a>>, into: &mut Messages) {
    let seen = into.get_mut(&partition).expect("all partitions are there");
    for message in messages {
        assert_eq!(message.offset.0, seen.len() as u64, "rows have dense offsets");
        seen.push((message.key.to_vec(), message.value.to_vec()));
    }
}

/// What a topic of the store holds now, read by someone new: first offsets, and messages from
/// there.
pub fn held(store: &MemoryStore, topic: &str) -> BTreeMap<Partition, (Offset, Vec<Pair>)> {
    let topics = store.topics();
    let topic = topics.topic(topic).unwrap();
    let mut held = BTreeMap::new();
    for (partition, span) in topic.all().zip(topics.spans(&topic).unwrap()) {
        let mut reader = topics.reader(&topic, &[(partition, span.first)]).unwrap();
        let mut messages = Vec::new();
        while let Event::Batch(batch) = reader.read(Duration::ZERO, &mut Vec::new()).unwrap() {
            messages.extend(batch.messages().map(|m| (m.key.to_vec(), m.value.to_vec())));
        }
        held.insert(partition, (span.first, messages));
    }
    held
}

/// A sink that outlives its runners, as a place outside does.
#[derive(Default)]
struct Outside {
    rows: Messages,
    /// How many of them are durable, by partition.
    synced: BTreeMap<Partition, usize>,
    is_stuck: bool,
}

/// The sink that a runner holds.
struct Visitor(Arc<Mutex<Outside>>);

impl Sink for Visitor {
    fn name(&self) -> &str {
        "the simulation's sink"
    }

    fn recover(&mut self, spans: &[Span]) -> seismic_sinks::Result<Vec<Offset>> {
        let place = &mut *self.0.lock().unwrap();
        let positions = (0..spans.len() as u32).map(|partition| {
            let rows = place.rows.entry(Partition(partition)).or_default().len();
            // What is counted in must not be lost later.
            place.synced.insert(Partition(partition), rows);
            Offset(rows as u64)
        });
        Ok(positions.collect())
    }

    fn write(&mut self, rows: &Rows<'_>) -> seismic_sinks::Result<()> {
        let place = &mut *self.0.lock().unwrap();
        if std::mem::take(&mut place.is_stuck) {
            return Err(Error::Queue(error(Fault::Busy, "writing")));
        }
        add(rows.partition(), rows.messages(), &mut place.rows);
        Ok(())
    }

    fn sync(&mut self) -> seismic_sinks::Result<()> {
        let place = &mut *self.0.lock().unwrap();
        place.synced = place.rows.iter().map(|(at, rows)| (*at, rows.len())).collect();
        Ok(())
    }
}

/// A sink and its runner, which dies and comes back.
pub struct Show<'a> {
    store: &'a MemoryStore,
    place: Arc<Mutex<Outside>>,
    runner: SinkRunner,
}

impl<'a> Show<'a> {
    /// Begins with the first row, and says so, so that retention waits.
    pub fn new(store: &'a MemoryStore) -> Self {
        let place = Arc::default();
        let mut show = Show { store, runner: runner(store, &place), place };
        show.turns(1, SinkEnd::Synced);
        show
    }

    /// Some turns of the runner and their end. Nothing stays unsynced behind them, because runners
    /// sync by a clock that is not the simulation's.
    pub fn turns(&mut self, turns: u8, end: SinkEnd) {
        self.place().is_stuck = end == SinkEnd::Stuck;
        for _ in 0..turns {
            match self.runner.turn(Duration::ZERO) {
                Ok(_) => {}
                Err(error) => assert_eq!(error.kind(), seismic_queue::Kind::Retry, "{error}"),
            }
        }
        self.place().is_stuck = false;
        match end {
            SinkEnd::Synced | SinkEnd::Stuck => self.runner.sync().unwrap(),
            SinkEnd::Kept => self.runner = runner(self.store, &self.place),
            SinkEnd::Lost => {
                {
                    let place = &mut *self.place();
                    for (partition, rows) in &mut place.rows {
                        rows.truncate(place.synced.get(partition).copied().unwrap_or(0));
                    }
                }
                self.runner = runner(self.store, &self.place);
            }
        }
    }

    /// Everything the sink shows when it has caught up.
    pub fn all(&mut self, rows: &str) -> Messages {
        let topics = self.store.topics();
        let ends = topics.spans(&topics.topic(rows).unwrap()).unwrap();
        for _ in 0..1_000 {
            if self.runner.caught_up_to(&ends) {
                break;
            }
            self.turns(4, SinkEnd::Synced);
        }
        assert!(self.runner.caught_up_to(&ends), "the sink never catches up");
        self.place().rows.clone()
    }

    fn place(&self) -> std::sync::MutexGuard<'_, Outside> {
        self.place.lock().unwrap()
    }
}

fn runner(store: &MemoryStore, place: &Arc<Mutex<Outside>>) -> SinkRunner {
    let visitor = Box::new(Visitor(Arc::clone(place)));
    SinkRunner::new(Arc::new(store.clone()), visitor).unwrap()
}
