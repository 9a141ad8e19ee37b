//! The metrics of a run: one function per observation, and one value to read them all.
//!
//! Slots report once per batch, commit, snapshot or request, never per record. Memory is bounded: a
//! few counters, and a few numbers for each output and partition of the job. Sinks have their own
//! metrics.
#![allow(clippy::disallowed_methods, reason = "shell: when something happened is observed here")]

mod histogram;
mod observed;
mod snapshot;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use seismic_queue::{Offset, Partition, PartitionCommit};

use self::histogram::Histogram;
pub use self::histogram::HistogramSnapshot;
use self::observed::Observed;
pub use self::snapshot::{MetricsSnapshot, PartitionMetrics, TimedTotal};
use crate::engine::operator::Operator;
use crate::runner::notices::notice::Notice;
use crate::runner::partition_task::snapshotter::SnapshotCost;

/// Metrics of one run. Counts begin with the run.
#[derive(Debug)]
pub struct Metrics {
    records_read: AtomicU64,
    messages_replayed: AtomicU64,
    waited_us: AtomicU64,
    commits: Timed,
    commit_times: Histogram,
    event_latencies: Histogram,
    /// The newest, ms; [`NO_LATENCY`]: none.
    event_latency_ms: AtomicI64,
    snapshots: Timed,
    rebuilds: AtomicU64,
    moves: AtomicU64,
    longest_move_us: AtomicU64,
    started: AtomicBool,
    /// Messages committed to each output.
    outputs: Mutex<Vec<u64>>,
    partitions: Mutex<BTreeMap<Partition, Observed>>,
    listener: Listener,
    /// Runs whose slots have not ended well.
    open_runs: Arc<AtomicUsize>,
    /// Whether something that was read was thrown away since the last commit.
    has_thrown_away: Arc<AtomicBool>,
    /// Whether a part of the job has failed, which is why the rest of it ends.
    has_failed: Arc<AtomicBool>,
}

/// There was no row yet.
const NO_LATENCY: i64 = i64::MIN;

impl Default for Metrics {
    fn default() -> Self {
        Metrics {
            records_read: AtomicU64::default(),
            messages_replayed: AtomicU64::default(),
            waited_us: AtomicU64::default(),
            commits: Timed::default(),
            commit_times: Histogram::of_commits(),
            event_latencies: Histogram::of_events(),
            event_latency_ms: AtomicI64::new(NO_LATENCY),
            snapshots: Timed::default(),
            rebuilds: AtomicU64::default(),
            moves: AtomicU64::default(),
            longest_move_us: AtomicU64::default(),
            started: AtomicBool::default(),
            outputs: Mutex::default(),
            partitions: Mutex::default(),
            listener: Listener::default(),
            open_runs: Arc::default(),
            has_thrown_away: Arc::default(),
            has_failed: Arc::default(),
        }
    }
}

/// What is called with each notice.
type OnNotice = Box<dyn Fn(&Notice) + Send + Sync>;

/// Who hears of notices.
#[derive(Default)]
struct Listener(OnceLock<OnNotice>);

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}

/// Acts with their sizes and how long they took.
#[derive(Debug, Default)]
struct Timed {
    count: AtomicU64,
    bytes: AtomicU64,
    us: AtomicU64,
}

impl Metrics {
    /// Those of a step whose end these ones wait for, too.
    #[must_use]
    pub fn beside(&self) -> Metrics {
        Metrics {
            open_runs: Arc::clone(&self.open_runs),
            has_thrown_away: Arc::clone(&self.has_thrown_away),
            has_failed: Arc::clone(&self.has_failed),
            ..Metrics::default()
        }
    }

    /// Whether every run that was begun has committed all that it read, and reads no more.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.open_runs.load(Ordering::Acquire) == 0 && !self.has_thrown_away.load(Ordering::Acquire)
    }

    /// A sink or a step of the job has failed.
    pub fn fail(&self) {
        self.has_failed.store(true, Ordering::Release);
    }

    /// Whether one has.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Acquire)
    }

    /// What was read and not committed is gone from here; it is read again, here or elsewhere.
    pub(crate) fn thrown_away(&self) {
        self.has_thrown_away.store(true, Ordering::Release);
    }

    pub(crate) fn begin_run(&self) {
        self.open_runs.fetch_add(1, Ordering::AcqRel);
    }

    /// The slots of a run have ended well.
    pub(crate) fn settle_run(&self) {
        self.open_runs.fetch_sub(1, Ordering::AcqRel);
    }

    /// All of it. The numbers are read one after the other, so a commit may show in one of them and
    /// not yet in another.
    #[must_use]
    pub fn snapshot(&self) -> MetricsSnapshot {
        let partitions = lock(&self.partitions);
        MetricsSnapshot {
            records_read: self.records(),
            messages_replayed: self.messages_replayed(),
            waited_us: self.waited_us.load(Ordering::Relaxed),
            outputs: lock(&self.outputs).clone(),
            commits: self.commits.total(),
            commit_times: self.commit_times.snapshot(),
            event_latencies: self.event_latencies.snapshot(),
            event_latency_ms: Some(self.event_latency_ms.load(Ordering::Relaxed))
                .filter(|ms| *ms != NO_LATENCY),
            snapshots: self.snapshots.total(),
            rebuilds: self.rebuilds.load(Ordering::Relaxed),
            moves: self.moves.load(Ordering::Relaxed),
            longest_move: Duration::from_micros(self.longest_move_us.load(Ordering::Relaxed)),
            partitions: partitions.iter().map(|(&it, seen)| seen.at(it)).collect(),
        }
    }

    /// What the store keeps beside the committed position of each partition that this run has or
    /// had, as it knew it last: the counts of the job among other things.
    #[must_use]
    pub fn notes(&self) -> Vec<(Partition, Vec<u8>)> {
        let partitions = lock(&self.partitions);
        let known = partitions.iter().filter(|(_, seen)| !seen.note.is_empty());
        known.map(|(&partition, seen)| (partition, seen.note.clone())).collect()
    }

    /// Calls `listener` with every notice of the run from now on, instead of logging it. Only the
    /// first listener counts.
    pub fn on_notice(&self, listener: impl Fn(&Notice) + Send + Sync + 'static) {
        let _ = self.listener.0.set(Box::new(listener));
    }

    /// Something that a person should know.
    pub(crate) fn notice(&self, notice: &Notice) {
        match self.listener.0.get() {
            Some(listener) => listener(notice),
            None => tracing::warn!("{notice}"),
        }
    }

    /// Records read, without those replayed.
    pub fn records(&self) -> u64 {
        self.records_read.load(Ordering::Relaxed)
    }

    /// Messages replayed.
    pub fn messages_replayed(&self) -> u64 {
        self.messages_replayed.load(Ordering::Relaxed)
    }

    /// Commits made.
    pub fn commits(&self) -> u64 {
        self.commits.count.load(Ordering::Relaxed)
    }

    /// Whether a slot of this run has the partition, or had it at the end of the run.
    pub fn has(&self, partition: Partition) -> bool {
        lock(&self.partitions).get(&partition).is_some_and(|seen| seen.slots > 0)
    }

    /// A slot got partitions.
    pub(crate) fn assigned(&self, partitions: &[Partition]) {
        let mut all = lock(&self.partitions);
        partitions.iter().for_each(|&partition| all.entry(partition).or_default().slots += 1);
    }

    /// A slot continues a partition from what the store has of it.
    pub(crate) fn resumed(&self, partition: Partition, position: Offset, note: &[u8]) {
        lock(&self.partitions).entry(partition).or_default().resumed(position, note, now_ms());
    }

    /// A slot gave up partitions, or lost them.
    pub(crate) fn removed(&self, partitions: &[Partition]) {
        let mut all = lock(&self.partitions);
        for partition in partitions {
            all.entry(*partition).and_modify(|seen| seen.slots = seen.slots.saturating_sub(1));
        }
    }

    /// Counts the records of an applied batch. `before` and `after` are the partition's records
    /// read, over all runs, around it. Records that are read again because they were not committed
    /// count once. Returns how many were new.
    pub(crate) fn read(&self, partition: Partition, before: u64, after: u64) -> u64 {
        let mut all = lock(&self.partitions);
        let seen = all.entry(partition).or_default();
        let records = after.saturating_sub(before.max(seen.counted));
        seen.counted = seen.counted.max(after);
        self.records_read.fetch_add(records, Ordering::Relaxed);
        records
    }

    /// Messages up to one that was appended at `append_ms` were applied.
    pub(crate) fn applied(&self, partition: Partition, append_ms: i64) {
        lock(&self.partitions).entry(partition).or_default().append_ms = Some(append_ms);
    }

    /// A batch was replayed.
    pub(crate) fn replayed(&self, messages: u64) {
        self.messages_replayed.fetch_add(messages, Ordering::Relaxed);
    }

    /// A slot had nothing to read for that long.
    pub(crate) fn waited(&self, time: Duration) {
        self.waited_us.fetch_add(time.as_micros() as u64, Ordering::Relaxed);
    }

    /// A commit is durable.
    pub(crate) fn committed(&self, partitions: &[PartitionCommit], time: Duration) {
        self.has_thrown_away.store(false, Ordering::Release);
        let mut bytes = 0;
        let now_ms = now_ms();
        let mut outputs = lock(&self.outputs);
        for commit in partitions {
            let mut all = lock(&self.partitions);
            all.entry(commit.partition).or_default().committed(commit, now_ms);
            let keyed = commit.keyed.iter().map(|keyed| (keyed.output, &keyed.rows));
            for (output, block) in commit.outputs.iter().enumerate().chain(keyed) {
                let known = outputs.len().max(output + 1);
                outputs.resize(known, 0);
                outputs[output] += u64::from(block.count());
                bytes += block.bytes().len() as u64;
            }
            bytes += commit.chunks.iter().map(|chunk| chunk.bytes.len() as u64).sum::<u64>();
        }
        self.commits.add(bytes, time);
        self.commit_times.observe(time.as_micros() as u64);
    }

    /// A row was committed whose newest event was at `event_ms`.
    pub(crate) fn row_committed(&self, event_ms: i64) {
        let latency_ms = now_ms().saturating_sub(event_ms);
        self.event_latency_ms.store(latency_ms, Ordering::Relaxed);
        // The clock of a sensor may be ahead of this machine's.
        self.event_latencies.observe((latency_ms.max(0) as u64).saturating_mul(1_000));
    }

    /// A partition was committed up to `position`; `operator` may be ahead of that.
    pub(crate) fn progressed(&self, position: Offset, operator: &dyn Operator) {
        let mut all = lock(&self.partitions);
        let seen = all.entry(operator.partition()).or_default();
        seen.position = Some(position);
        (seen.sensors, seen.open_windows) = (operator.keys(), operator.open());
    }

    /// The log of a partition was asked for its end.
    pub(crate) fn end_seen(&self, partition: Partition, end: Offset) {
        let mut all = lock(&self.partitions);
        let seen = all.entry(partition).or_default();
        (seen.end, seen.end_seen_ms) = (Some(end), Some(now_ms()));
    }

    /// A snapshot was taken.
    pub(crate) fn snapshot_taken(&self, taken: SnapshotCost) {
        self.snapshots.add(taken.bytes, taken.time);
    }

    /// A slot loads its partitions again after a commit of unknown outcome.
    pub(crate) fn rebuilt(&self) {
        self.rebuilds.fetch_add(1, Ordering::Relaxed);
    }

    /// Partitions came from other slots of this process; for so long nothing was read of them.
    pub(crate) fn moved(&self, partitions: usize, pause: Duration) {
        self.moves.fetch_add(partitions as u64, Ordering::Relaxed);
        self.longest_move_us.fetch_max(pause.as_micros() as u64, Ordering::Relaxed);
    }

    /// From now on, progress found in the store is this run's own.
    pub(crate) fn set_started(&self) {
        self.started.store(true, Ordering::Relaxed);
    }

    pub(crate) fn has_started(&self) -> bool {
        self.started.load(Ordering::Relaxed)
    }
}

impl Timed {
    fn add(&self, bytes: u64, time: Duration) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.us.fetch_add(time.as_micros() as u64, Ordering::Relaxed);
    }

    fn total(&self) -> TimedTotal {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        TimedTotal { count: read(&self.count), bytes: read(&self.bytes), us: read(&self.us) }
    }
}

/// ms since 1970 UTC.
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use seismic_queue::{Block, Topic};

    use super::*;
    use crate::Rules;
    use crate::engine::operator::OperatorKind as _;

    #[test]
    fn a_commit_counts_the_messages_of_each_output_and_its_bytes() {
        let metrics = Metrics::default();
        let mut commit = PartitionCommit::new(Partition(0));
        commit.outputs = vec![Block::default(); 2];
        commit.outputs[0].push(b"S", b"row").unwrap();
        commit.outputs[1].push(b"S", b"letter").unwrap();
        commit.outputs[1].push(b"S", b"letter").unwrap();
        metrics.committed(&[commit], Duration::from_millis(3));
        let snapshot = metrics.snapshot();
        assert_eq!((snapshot.rows(), snapshot.dead_letters()), (1, 2));
        assert_eq!((snapshot.commits.count, snapshot.commits.us), (1, 3_000));
        assert!(snapshot.commits.bytes >= 15, "{}", snapshot.commits.bytes);
    }

    #[test]
    fn what_is_read_again_after_a_rebuild_is_counted_once() {
        let metrics = Metrics::default();
        let read = |before, after| metrics.read(Partition(0), before, after);
        assert_eq!((read(100, 110), read(110, 130)), (10, 20));
        // Only the first five of these were committed.
        assert_eq!((read(105, 125), read(125, 140)), (0, 10));
        // Another worker has read some meanwhile.
        assert_eq!(read(200, 201), 1);
        assert_eq!(metrics.read(Partition(1), 0, 2), 2);
        assert_eq!(metrics.records(), 43);
    }

    #[test]
    fn lag_is_that_of_the_partitions_that_the_run_has() {
        let metrics = Metrics::default();
        let kind = Rules::default();
        let topic = Topic { name: "t".to_owned(), id: "1".to_owned(), partitions: 3 };
        let inputs = [topic];
        let operator = |it| kind.start(&inputs, Partition(it), &[Offset(0)]);
        metrics.assigned(&[Partition(0), Partition(1)]);
        for it in 0..2 {
            metrics.progressed(Offset(4), &*operator(it));
            metrics.end_seen(Partition(it), Offset(10));
        }
        assert_eq!(metrics.snapshot().lag(), 12);
        metrics.removed(&[Partition(1)]);
        assert_eq!(metrics.snapshot().lag(), 6);
        assert!(metrics.has(Partition(0)) && !metrics.has(Partition(1)));
        // What was counted of it stays known.
        metrics.resumed(Partition(1), Offset(4), b"note");
        assert_eq!(metrics.notes(), [(Partition(1), b"note".to_vec())]);
    }
}
