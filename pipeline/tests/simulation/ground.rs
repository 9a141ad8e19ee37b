//! Shared by all parts of a world: the clocks, the trace, and the truth about what happened,
//! separate from all state of the product.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use seismic_pipeline::simulation::Clock;
use seismic_queue::{Block, JournalEntry, Message, Offset, Partition, PartitionCommit};

use crate::idle::Asked;

/// Where the wall clock begins, ms since 1970 UTC.
pub const EPOCH_MS: i64 = 1_600_000_000_000;

/// Place of the errors that the simulation makes itself.
pub const HERE: &str = "the simulation";

/// Shared by everything in a world. Locked for single statements only.
pub struct Ground {
    now_ms: AtomicU64,
    /// The queue's and the store's clock, ms since 1970 UTC.
    pub wall: Arc<AtomicI64>,
    trace: Mutex<Trace>,
    truth: Mutex<Truth>,
}

/// What happened, in order.
struct Trace {
    hasher: DefaultHasher,
    /// Only when someone wants to read it.
    lines: Option<Vec<String>>,
}

/// What is true whatever the product says.
pub struct Truth {
    pub partitions: Vec<Known>,
    /// Records in all messages that were appended.
    pub published: u64,
    /// What must never happen, and did.
    pub broken: Vec<String>,
    /// What was reached, to see that histories are worth something.
    pub sights: BTreeSet<&'static str>,
}

/// The truth about a partition.
#[derive(Default)]
pub struct Known {
    /// Every message ever appended.
    pub log: Vec<Sent>,
    /// Every journal entry ever committed.
    pub journal: Vec<JournalEntry>,
    /// The committed position.
    pub committed: Option<Offset>,
    /// What a source delivered up to, and the questions for the log's end.
    pub asked: Asked,
}

/// A message, with bytes of its own.
pub struct Sent {
    pub offset: Offset,
    pub append_ms: i64,
    pub key: Vec<u8>,
    pub value: Vec<u8>,
    /// When it was really appended.
    pub at: Duration,
}

impl Sent {
    pub fn message(&self) -> Message<'_> {
        let Sent { offset, append_ms, key, value, .. } = self;
        Message { offset: *offset, append_ms: *append_ms, key, value }
    }
}

impl Ground {
    pub fn new(partitions: u32, told: bool) -> Arc<Self> {
        let trace = Trace { hasher: DefaultHasher::new(), lines: told.then(Vec::new) };
        let partitions = (0..partitions).map(|_| Known::default()).collect();
        let truth = Truth { partitions, published: 0, broken: Vec::new(), sights: BTreeSet::new() };
        Arc::new(Ground {
            now_ms: AtomicU64::new(0),
            wall: Arc::new(AtomicI64::new(EPOCH_MS)),
            trace: Mutex::new(trace),
            truth: Mutex::new(truth),
        })
    }

    /// Both clocks continue.
    pub fn wait(&self, time: Duration) {
        let ms = time.as_millis() as u64;
        self.now_ms.fetch_add(ms, Ordering::Relaxed);
        self.wall.fetch_add(ms as i64, Ordering::Relaxed);
    }

    /// What the wall clock says, ms since 1970 UTC.
    pub fn wall_ms(&self) -> i64 {
        self.wall.load(Ordering::Relaxed)
    }

    /// The wall clock is set.
    pub fn set_wall(&self, by_ms: i64) {
        self.wall.fetch_add(by_ms, Ordering::Relaxed);
    }

    pub fn truth(&self) -> MutexGuard<'_, Truth> {
        self.truth.lock().unwrap()
    }

    /// The truth about one partition.
    pub fn known<T>(&self, partition: Partition, look: impl FnOnce(&mut Known) -> T) -> T {
        look(&mut self.truth().partitions[partition.0 as usize])
    }

    pub fn broke(&self, what: impl Into<String>) {
        self.truth().broken.push(what.into());
    }

    /// Something was reached.
    pub fn saw(&self, sight: &'static str) {
        self.truth().sights.insert(sight);
    }

    /// Something happened.
    pub fn note(&self, what: &'static str, values: &[u64]) {
        let mut trace = self.trace.lock().unwrap();
        (what, values, self.now().as_millis() as u64).hash(&mut trace.hasher);
        if let Some(lines) = &mut trace.lines {
            let values: Vec<_> = values.iter().map(u64::to_string).collect();
            lines.push(format!(
                "{:>7} ms      {what} {}",
                self.now().as_millis(),
                values.join(" ")
            ));
        }
    }

    /// An action begins; said only to people.
    pub fn say(&self, what: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.trace.lock().unwrap().lines {
            lines.push(format!("{:>7} ms  {}", self.now().as_millis(), what()));
        }
    }

    /// A commit became durable.
    pub fn committed(&self, commit: &PartitionCommit) {
        let none = Block::default();
        let output = |place: usize| commit.outputs.get(place).unwrap_or(&none);
        let (rows, dead) = (output(0), output(1));
        let further = commit.outputs.iter().skip(2).map(|block| block.bytes());
        let further: Vec<_> = further.collect();
        self.note(
            "committed: partition, number, next, rows, dead, journal, chunks, sealed, hash",
            &[
                commit.partition.0.into(),
                commit.number,
                commit.next.0,
                rows.count().into(),
                dead.count().into(),
                commit.journal.len() as u64,
                commit.chunks.len() as u64,
                commit.manifest.is_some().into(),
                hash(&(rows.bytes(), dead.bytes(), further, &commit.note)),
            ],
        );
        // Seen here and not at the end, which a job that makes more and more may never reach.
        let published = self.truth().published;
        let output = rows.count().max(dead.count());
        assert!(u64::from(output) <= published, "{output} out of {published} records");
        self.known(commit.partition, |known| {
            known.journal.extend(commit.journal.iter().cloned());
            known.committed = Some(commit.next);
        });
    }

    /// Hash of everything noted, and the lines if they were wanted.
    pub fn told(&self) -> (u64, Vec<String>) {
        let trace = self.trace.lock().unwrap();
        (trace.hasher.finish(), trace.lines.clone().unwrap_or_default())
    }
}

impl Clock for Ground {
    fn now(&self) -> Duration {
        Duration::from_millis(self.now_ms.load(Ordering::Relaxed))
    }

    fn sleep(&self, time: Duration) {
        self.wait(time);
    }
}

/// The same in every run.
pub fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
