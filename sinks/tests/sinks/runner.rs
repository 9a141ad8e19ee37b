//! The loop between a store in memory and a sink.

use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use seismic_proto::Message as _;
use seismic_queue::memory::MemoryStore;
use seismic_queue::{
    Block, Commit, Committer, Error as QueueError, FencingToken, Job, JobStore, Kind, Lease,
    Offset, Partition, PartitionCommit, Policy, Span, Topic,
};
use seismic_sinks::conformance::{SinkTarget, row};
use seismic_sinks::console::Console;
use seismic_sinks::{
    Context, Error, Result, Rows, Sink, SinkHold, SinkRunner, SinkSpec, SinkStop, SkippedRows,
};

use crate::csv_place::CsvPlace;

/// Longest that anything here may take.
const DEADLINE: Duration = Duration::from_secs(20);
const WAIT: Duration = Duration::from_millis(5);

/// A job with two partitions that commits rows.
struct Worker {
    store: MemoryStore,
    _lease: Box<dyn Lease>,
    committer: Box<dyn Committer>,
    /// Rows committed, by partition.
    rows: [u64; 2],
    commits: [u64; 2],
}

impl Worker {
    fn new() -> Self {
        let store = MemoryStore::new();
        let input = Topic { name: "in".to_owned(), id: "1".to_owned(), partitions: 2 };
        let job = Job::plain("g", input, ["results", "dead"]);
        let lease = store.acquire(&job).unwrap();
        let mut committer = lease.committer().unwrap();
        committer.load(&FencingToken::Sole, &[Partition(0), Partition(1)]).unwrap();
        Worker { store, _lease: lease, committer, rows: [0; 2], commits: [0; 2] }
    }

    /// Commits `count` rows of a partition at once.
    fn commit(&mut self, partition: u32, count: u64) {
        let place = partition as usize;
        self.commits[place] += 1;
        let mut commit = PartitionCommit::new(Partition(partition));
        commit.number = self.commits[place];
        commit.next = Offset(self.commits[place]);
        commit.outputs.push(Block::default());
        for i in self.rows[place]..self.rows[place] + count {
            commit.outputs[0].push(b"k", &row(partition, i).encode_to_vec()).unwrap();
        }
        self.rows[place] += count;
        self.committer.commit(&FencingToken::Sole, &Commit { partitions: vec![commit] }).unwrap();
    }

    fn store(&self) -> Arc<dyn JobStore> {
        Arc::new(self.store.clone())
    }

    fn spans(&self) -> Vec<Span> {
        self.store
            .view()
            .unwrap()
            .partitions
            .iter()
            .map(|partition| partition.outputs[0].span)
            .collect()
    }

    /// What the store knows of a sink's position, in order of partitions.
    fn noted(&self) -> Vec<u64> {
        self.store.view().unwrap().sinks.iter().map(|position| position.next.0).collect()
    }

    /// Deletes all rows that retention may; with `past_holds` also those that a sink needs.
    fn let_go(&self, past_holds: bool) {
        let topics = self.store.topics();
        let topic = topics.topic("results").unwrap();
        topics.set_policy(&topic, Policy { max_age_ms: None, max_bytes: Some(0) }).unwrap();
        topics.retain(&topic, past_holds).unwrap();
    }

    fn id(&self) -> String {
        self.store.view().unwrap().id
    }

    fn runner(&self, place: &CsvPlace) -> Result<SinkRunner> {
        SinkRunner::new(self.store(), place.open(&self.id())?)
    }

    fn assert_shown(&self, place: &CsvPlace) {
        let shown = place.rows();
        for (partition, &count) in (0..).zip(&self.rows) {
            let of_partition = shown.iter().filter(|row| row.input_partition == partition as i32);
            let written: Vec<_> = (0..count).map(|i| row(partition, i)).collect();
            assert_eq!(of_partition.cloned().collect::<Vec<_>>(), written);
        }
        assert_eq!(shown.len() as u64, self.rows.iter().sum::<u64>());
    }
}

/// Runs it to the end of what is committed.
fn drain(runner: &mut SinkRunner, worker: &Worker) {
    let stop = SinkStop::new();
    stop.after(worker.spans());
    runner.run(&stop).unwrap();
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < DEADLINE, "{what} never came");
        thread::yield_now();
    }
    assert!(begun.elapsed() < DEADLINE, "{what} came late");
}

#[test]
fn a_row_that_a_person_has_it_skip_meanwhile_stays_skipped_when_it_passes_over_another() {
    let (mut worker, folder) = (Worker::new(), tempfile::tempdir().unwrap());
    // The target does not take the third row.
    worker.commit(0, 4);
    let at = folder.path().join("windows.lp");
    let spec = format!("influx:{},on_data_error=dead-letter", at.display());
    let (spec, store): (SinkSpec, _) = (spec.parse().unwrap(), worker.store());
    let context = Context { store: Some(Arc::clone(&store)), ..Context::of(&*store).unwrap() };
    let mut runner = SinkRunner::open(&spec, &context, &store).unwrap();
    let name = runner.name().to_owned();
    let skipped = || SkippedRows::of(&*store, &name).unwrap();
    skipped().add(&*store, &name, (Partition(0), Offset(3)), "by a person").unwrap();
    drain(&mut runner, &worker);
    let places: Vec<_> = skipped().iter().map(|(_, offset, _)| offset).collect();
    assert_eq!(places, [Offset(2), Offset(3)]);
    assert_eq!(std::fs::read_to_string(&at).unwrap().lines().count(), 2);
}

#[test]
fn committed_rows_reach_the_sink_once_over_restarts_with_and_without_a_sync() {
    let (mut worker, place) = (Worker::new(), CsvPlace::new(500));
    for round in 0..6 {
        worker.commit(0, 3);
        worker.commit(1, 2);
        let mut runner = worker.runner(&place).unwrap();
        if round % 2 == 0 {
            drain(&mut runner, &worker);
            assert!(runner.caught_up_to(&worker.spans()));
        } else {
            // Written perhaps, synced perhaps not: dropped as by a crash.
            runner.turn(WAIT).unwrap();
        }
    }
    drain(&mut worker.runner(&place).unwrap(), &worker);
    worker.assert_shown(&place);
}

#[test]
fn rows_are_synced_and_noted_soon_though_no_more_come() {
    let (mut worker, place) = (Worker::new(), CsvPlace::new(1 << 20));
    let store = worker.store.clone();
    let mut runner =
        SinkRunner::new(Arc::new(store.clone()), place.open(&worker.id()).unwrap()).unwrap();
    runner.turn(WAIT).unwrap();
    assert_eq!(worker.noted(), [0, 0], "retention waits from the first moment on");
    worker.commit(0, 3);
    until("a sync", || {
        runner.turn(DEADLINE).unwrap();
        runner.caught_up_to(&worker.spans())
    });
    assert_eq!(runner.position(), [Offset(3), Offset(0)]);
    assert_eq!(worker.noted(), [3, 0]);
}

#[test]
fn the_console_begins_with_what_comes_after_it_and_holds_nothing() {
    let mut worker = Worker::new();
    worker.commit(0, 2);
    let console = Console::new(std::io::sink());
    let mut runner = SinkRunner::new(worker.store(), Box::new(console)).unwrap();
    assert_eq!(runner.position(), [Offset(2), Offset(0)]);
    drain(&mut runner, &worker);
    assert!(worker.noted().is_empty());
}

#[test]
fn retention_waits_for_a_new_sink_before_its_first_turn() {
    let (mut worker, place) = (Worker::new(), CsvPlace::new(1 << 20));
    worker.commit(0, 3);
    worker.commit(1, 2);
    let mut runner = worker.runner(&place).unwrap();
    worker.let_go(false);
    assert!(worker.spans().iter().all(|span| span.first == Offset(0)), "rows it has yet to write");
    drain(&mut runner, &worker);
    worker.assert_shown(&place);
    worker.let_go(false);
    assert!(worker.spans().iter().all(|span| span.first == span.end), "rows that it has");
}

#[test]
fn a_sink_below_the_first_row_refuses_to_skip() {
    let (mut worker, place) = (Worker::new(), CsvPlace::new(1 << 20));
    worker.commit(0, 3);
    drain(&mut worker.runner(&place).unwrap(), &worker);
    worker.commit(0, 3);
    worker.commit(0, 3);
    worker.let_go(true);
    assert!(worker.spans()[0].first > Offset(3), "rows are gone");
    let error = worker.runner(&place).err().expect("a hole");
    assert_eq!(error.kind(), Kind::Data);
    assert!(matches!(error, Error::Queue(QueueError::OffsetGone { .. })), "{error}");
}

#[test]
fn a_sink_beyond_the_last_row_refuses_to_guess() {
    let mut worker = Worker::new();
    worker.commit(0, 1);
    let beyond = Scripted { start: Some(vec![Offset(2), Offset(0)]), ..Scripted::default() };
    let error =
        SinkRunner::new(worker.store(), Box::new(beyond)).err().expect("rows of the future");
    assert!(matches!(error, Error::Ahead(_)), "{error}");
}

/// A sink that fails or waits as ordered.
#[derive(Default)]
struct Scripted {
    start: Option<Vec<Offset>>,
    /// Errors of the next writes, last first.
    errors: Vec<Error>,
    /// Each write waits for a word from here.
    gate: Option<mpsc::Receiver<()>>,
    /// Offsets written, and how many of them were synced.
    seen: Arc<Mutex<Vec<(u32, u64)>>>,
    synced: Arc<Mutex<usize>>,
    always_full: bool,
}

fn full() -> Error {
    Error::Full { at: "there".into(), doing: "writing" }
}

impl Sink for Scripted {
    fn name(&self) -> &str {
        "scripted"
    }

    fn recover(&mut self, rows: &[Span]) -> Result<Vec<Offset>> {
        Ok(self.start.clone().unwrap_or_else(|| rows.iter().map(|span| span.first).collect()))
    }

    fn write(&mut self, rows: &Rows<'_>) -> Result<()> {
        if let Some(gate) = &self.gate {
            gate.recv().unwrap();
        }
        if self.always_full {
            return Err(full());
        }
        if let Some(error) = self.errors.pop() {
            return Err(error);
        }
        let partition = rows.partition().0;
        let offsets = rows.messages().map(|message| (partition, message.offset.0));
        self.seen.lock().unwrap().extend(offsets);
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        *self.synced.lock().unwrap() = self.seen.lock().unwrap().len();
        Ok(())
    }
}

#[test]
fn what_may_pass_is_tried_again_and_nothing_comes_twice() {
    let mut worker = Worker::new();
    worker.commit(0, 2);
    let sink = Scripted { errors: vec![full(), full(), full()], ..Scripted::default() };
    let seen = Arc::clone(&sink.seen);
    drain(&mut SinkRunner::new(worker.store(), Box::new(sink)).unwrap(), &worker);
    assert_eq!(*seen.lock().unwrap(), [(0, 0), (0, 1)]);
}

#[test]
fn what_does_not_pass_ends_the_runner_and_nothing_is_noted() {
    let mut worker = Worker::new();
    worker.commit(0, 2);
    let sink = Scripted { errors: vec![Error::Closed { at: "it" }], ..Scripted::default() };
    let mut runner = SinkRunner::new(worker.store(), Box::new(sink)).unwrap();
    let error = runner.run(&SinkStop::new()).unwrap_err();
    assert!(matches!(error, Error::Closed { .. }));
    assert!(worker.noted().iter().all(|&next| next == 0));
}

#[test]
fn a_stop_ends_a_runner_that_is_stuck() {
    let mut worker = Worker::new();
    worker.commit(0, 2);
    let sink = Scripted { always_full: true, ..Scripted::default() };
    let mut runner = SinkRunner::new(worker.store(), Box::new(sink)).unwrap();
    let stop = SinkStop::new();
    stop.after(worker.spans());
    let begun = Instant::now();
    thread::scope(|scope| {
        let running = scope.spawn(|| runner.run(&stop));
        stop.stop();
        running.join().unwrap().unwrap();
    });
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_sink_that_is_held_writes_nothing_until_it_is_let_go_or_is_to_end() {
    for is_let_go in [true, false] {
        let mut worker = Worker::new();
        let sink = Scripted::default();
        let seen = Arc::clone(&sink.seen);
        let mut runner = SinkRunner::new(worker.store(), Box::new(sink)).unwrap();
        let hold = SinkHold::default();
        hold.set(true);
        let stop = SinkStop::held_by(hold.clone());
        thread::scope(|scope| {
            worker.commit(0, 7);
            let running = scope.spawn(|| runner.run(&stop));
            // One that wrote would have done so by now; one that is slow proves less and fails
            // nothing.
            thread::sleep(Duration::from_millis(100));
            assert_eq!(seen.lock().unwrap().len(), 0);
            if is_let_go {
                hold.set(false);
                until("the rows", || seen.lock().unwrap().len() == 7);
            }
            stop.after(worker.spans());
            running.join().unwrap().unwrap();
        });
        assert_eq!(seen.lock().unwrap().len(), 7);
        assert_eq!(worker.noted()[0], 7);
    }
}

#[test]
fn what_a_sink_has_written_is_synced_when_it_is_held() {
    let mut worker = Worker::new();
    let sink = Scripted::default();
    let (seen, synced) = (Arc::clone(&sink.seen), Arc::clone(&sink.synced));
    let runner = SinkRunner::new(worker.store(), Box::new(sink)).unwrap();
    let mut runner = runner.flush(usize::MAX, Duration::from_secs(3_600));
    let hold = SinkHold::default();
    let stop = SinkStop::held_by(hold.clone());
    thread::scope(|scope| {
        worker.commit(0, 3);
        let running = scope.spawn(|| runner.run(&stop));
        until("the rows", || seen.lock().unwrap().len() == 3);
        assert_eq!(*synced.lock().unwrap(), 0);
        hold.set(true);
        until("their sync", || *synced.lock().unwrap() == 3);
        stop.stop();
        running.join().unwrap().unwrap();
    });
}

#[test]
fn a_drain_ends_only_when_every_row_before_the_end_is_synced() {
    let mut worker = Worker::new();
    worker.commit(0, 2);
    worker.commit(1, 5);
    let sink = Scripted::default();
    let synced = Arc::clone(&sink.synced);
    drain(&mut SinkRunner::new(worker.store(), Box::new(sink)).unwrap(), &worker);
    assert_eq!(*synced.lock().unwrap(), 7);
    assert_eq!(worker.noted(), [2, 5]);
}

#[test]
fn a_stuck_sink_does_not_hold_up_the_job_and_catches_up_later() {
    let mut worker = Worker::new();
    let store = worker.store.clone();
    let (open, gate) = mpsc::channel();
    let sink = Scripted { gate: Some(gate), ..Scripted::default() };
    let seen = Arc::clone(&sink.seen);
    let stop = SinkStop::new();
    thread::scope(|scope| {
        let running = scope
            .spawn(|| SinkRunner::new(Arc::new(store.clone()), Box::new(sink)).unwrap().run(&stop));
        for _ in 0..200 {
            worker.commit(0, 5);
        }
        assert!(seen.lock().unwrap().is_empty(), "the job was done before the sink took a row");
        stop.after(worker.spans());
        // One word more than any number of batches, then no more waiting.
        for _ in 0..1_000 {
            open.send(()).ok();
        }
        running.join().unwrap().unwrap();
    });
    let expected: Vec<_> = (0..1_000).map(|i| (0, i)).collect();
    assert_eq!(*seen.lock().unwrap(), expected);
}

/// Committed rows of one partition reach a sink in writes of at most that many rows.
#[test]
fn a_batch_size_cuts_what_was_read_and_is_a_reason_to_sync() {
    let mut worker = Worker::new();
    worker.commit(0, 7);
    let sink = Scripted::default();
    let (seen, synced) = (Arc::clone(&sink.seen), Arc::clone(&sink.synced));
    let runner = SinkRunner::new(worker.store(), Box::new(sink)).unwrap();
    let mut runner = runner.flush(3, Duration::from_secs(3_600));
    let mut after = Vec::new();
    while after.len() < 3 {
        if runner.turn(WAIT).unwrap() > 0 {
            after.push((seen.lock().unwrap().len(), *synced.lock().unwrap()));
        }
    }
    assert_eq!(after, [(3, 3), (6, 6), (7, 6)]);
    assert_eq!(runner.position()[0], Offset(6));
    drain(&mut runner, &worker);
    assert_eq!((worker.noted()[0], *synced.lock().unwrap()), (7, 7));
}

#[test]
fn a_failure_in_the_middle_of_a_batch_repeats_none_of_it() {
    let mut worker = Worker::new();
    worker.commit(0, 5);
    let sink = Scripted { errors: vec![full(), full()], ..Scripted::default() };
    let seen = Arc::clone(&sink.seen);
    let runner = SinkRunner::new(worker.store(), Box::new(sink)).unwrap();
    drain(&mut runner.flush(2, Duration::from_secs(3_600)), &worker);
    let expected: Vec<_> = (0..5).map(|i| (0, i)).collect();
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[test]
fn a_sink_reports_what_it_did_and_what_went_wrong() {
    let mut worker = Worker::new();
    worker.commit(0, 2);
    worker.commit(1, 3);
    let sink = Scripted { errors: vec![full()], ..Scripted::default() };
    let mut runner = SinkRunner::new(worker.store(), Box::new(sink)).unwrap();
    let metrics = runner.metrics();
    drain(&mut runner, &worker);
    let snapshot = metrics.snapshot();
    assert_eq!((snapshot.rows, snapshot.retries), (5, 1));
    assert!(snapshot.flushes >= 1);
    assert_eq!(snapshot.position, [Offset(2), Offset(3)]);
    assert!(snapshot.last_error.unwrap().contains("no space left"));
}

#[test]
fn a_console_shows_only_the_partitions_of_its_worker() {
    struct Memory(Scripted);
    impl Sink for Memory {
        fn name(&self) -> &str {
            "memory"
        }
        fn recover(&mut self, rows: &[Span]) -> Result<Vec<Offset>> {
            self.0.recover(rows)
        }
        fn write(&mut self, rows: &Rows<'_>) -> Result<()> {
            self.0.write(rows)
        }
        fn sync(&mut self) -> Result<()> {
            self.0.sync()
        }
        fn keeps_position(&self) -> bool {
            false
        }
    }
    let mut worker = Worker::new();
    worker.commit(0, 2);
    worker.commit(1, 2);
    let sink = Scripted::default();
    let seen = Arc::clone(&sink.seen);
    let runner = SinkRunner::new(worker.store(), Box::new(Memory(sink))).unwrap();
    drain(&mut runner.only(|partition| partition == Partition(1)), &worker);
    assert_eq!(*seen.lock().unwrap(), [(1, 0), (1, 1)]);
}
