//! Both steps of a job that repartitions its input: the windows are those of a keyed input,
//! whatever happens between, and each step is proved.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use seismic_pipeline::verify::{Report, verify};
use seismic_pipeline::{
    Counters, Finish, FirstStep, InternalRecords, JobContext, Metrics, Note, Repartition, Result,
    Rules, Settings, TimeMode, run, run_behind,
};
use seismic_proto::{
    ClosedBy, Message as _, SeismicAggRecord, SeismicDeadLetter, SeismicRecord, SeismicRecordBatch,
};
use seismic_queue::memory::{Memory, MemoryStore};
use seismic_queue::{
    Append, Block, Commit, Event, Job, JobStore, Offset, Partition, Queue, Topic, partition_of,
};

use crate::faulty::{Fate, FaultyStore};

const START: i64 = 1_600_000_000_000;
const INTERNAL: &str = "g-repartition";

/// An input, and a job of two steps that reads it.
struct TwoSteps {
    queue: Memory,
    input: Topic,
    first: Box<dyn JobStore>,
    second: Box<dyn JobStore>,
    rules: Rules,
    settings: Settings,
    /// Whether records share messages of the internal topic.
    packs: bool,
}

fn store() -> Box<dyn JobStore> {
    Box::new(MemoryStore::new())
}

impl TwoSteps {
    fn with_stores(first: Box<dyn JobStore>, second: Box<dyn JobStore>) -> Self {
        let queue = Memory::new();
        let input = queue.create("in", 4).unwrap();
        let settings =
            Settings { idle_timeout: Duration::ZERO, finish: Finish::Drain, ..Settings::default() };
        let rules = Rules { repartitioned: Some("in".to_owned()), ..Rules::default() };
        TwoSteps { queue, input, first, second, rules, settings, packs: true }
    }

    fn new() -> Self {
        Self::with_stores(store(), store())
    }

    fn kind(&self) -> Repartition {
        let rules = &self.rules;
        let follows_append_times = rules.time == TimeMode::Ingest;
        let bound_ms = rules.lateness_ms / 4;
        Repartition { partitions: 4, bound_ms, follows_append_times, packs: self.packs }
    }

    fn first_job(&self) -> Job {
        self.kind().job(INTERNAL, self.input.clone(), INTERNAL, "g-repartition-dead")
    }

    fn second_job(&self) -> Job {
        let internal = self.first.topics().topic(INTERNAL).unwrap();
        Job::plain("g", internal, ["rows", "dead"])
    }

    fn run_first(&self, stop: &Arc<AtomicBool>) -> Result<()> {
        let (kind, job) = (self.kind(), self.first_job());
        let settings = Settings { idle_timeout: Duration::ZERO, ..self.settings.clone() };
        let lease = self.first.acquire(&job)?;
        let context = JobContext {
            queue: &self.queue,
            store: &*self.first,
            lease: &*lease,
            job: &job,
            slots: 4,
            kind: &kind,
            settings: &settings,
        };
        run(context, stop, &Metrics::default())
    }

    fn run_second(&self, stop: &Arc<AtomicBool>) -> Result<()> {
        let job = self.second_job();
        let first_step = FirstStep::new(&self.queue, &self.input, &*self.first, None)?;
        let lease = self.second.acquire(&job)?;
        let context = JobContext {
            queue: self.first.topics(),
            store: &*self.second,
            lease: &*lease,
            job: &job,
            slots: 2,
            kind: &self.rules,
            settings: &self.settings,
        };
        run_behind(context, Some(&first_step), stop, &Metrics::default())
    }

    /// Drains one step after the other.
    fn drain(&self) {
        self.run_first(&Arc::default()).unwrap();
        self.run_second(&Arc::default()).unwrap();
    }

    fn prove_first(&self) -> Report {
        verify(&self.queue, &*self.first, &self.kind(), true, &mut |_| {}).unwrap()
    }

    /// Proves both steps: the records in the internal topic, and the counts of the second step.
    fn prove(&self) -> (u64, Counters) {
        let (first, windows) = (self.prove_first(), Rules::default());
        let second = verify(self.first.topics(), &*self.second, &windows, true, &mut |_| {});
        let second = second.unwrap();
        assert!(first.is_fine(), "{:?}", first.differences);
        assert!(second.is_fine(), "{:?}", second.differences);
        let rows = first.partitions.iter().map(|proved| proved.rows[0]).sum();
        (rows, second.counters())
    }
}

/// Everything in a topic, by partition.
fn read(queue: &dyn Queue, name: &str) -> Vec<Vec<Vec<u8>>> {
    let topic = queue.topic(name).unwrap();
    let spans = topic.all().zip(queue.spans(&topic).unwrap());
    spans
        .map(|(partition, span)| {
            let mut reader = queue.reader(&topic, &[(partition, span.first)]).unwrap();
            let (mut next, mut all) = (span.first, Vec::new());
            while next < span.end {
                match reader.read(Duration::from_secs(5), &mut Vec::new()).unwrap() {
                    Event::Batch(batch) => {
                        all.extend(batch.messages().map(|message| message.value.to_vec()));
                        next = batch.next();
                    }
                    other => panic!("{other:?}"),
                }
            }
            all
        })
        .collect()
}

/// Rows by sensor and window, of which there must be one each.
fn rows(store: &dyn JobStore) -> BTreeMap<(String, i64), SeismicAggRecord> {
    let mut rows = BTreeMap::new();
    for value in read(store.topics(), "rows").into_iter().flatten() {
        let row = SeismicAggRecord::decode(&*value).unwrap();
        let key = (row.sensor_id.clone(), row.window_start_ts);
        assert!(rows.insert(key.clone(), row).is_none(), "{key:?} is there twice");
    }
    rows
}

fn dead_letters(store: &dyn JobStore, topic: &str) -> Vec<SeismicDeadLetter> {
    let values = read(store.topics(), topic).into_iter().flatten();
    values.map(|value| SeismicDeadLetter::decode(&*value).unwrap()).collect()
}

/// Records of `sensors` sensors, one each `every_ms`, for that long, in order of time.
fn records(sensors: usize, every_ms: i64, for_ms: i64) -> impl Iterator<Item = SeismicRecord> {
    (0..for_ms / every_ms).flat_map(move |n| {
        (0..sensors).map(move |sensor| SeismicRecord {
            sensor_id: format!("S{sensor:03}"),
            collect_timestamp: START + n * every_ms + sensor as i64,
            seismic_amplitude: ((n * 31 + sensor as i64 * 17) % 199) as f32 / 7.0 - 3.0,
            data_quality: 1,
            phase_type: ["P", "S", "N"][sensor % 3].to_owned(),
            ..SeismicRecord::default()
        })
    })
}

/// Appends each message to the partition that `place` says, a partition at a time and all at once:
/// so that nothing but event times says what came first.
fn publish(queue: &Memory, topic: &Topic, messages: impl Iterator<Item = (u32, Vec<u8>)>) {
    let mut blocks = vec![Block::default(); topic.partitions as usize];
    for (partition, value) in messages {
        blocks[partition as usize].push(b"", &value).unwrap();
    }
    let mut producer = queue.producer(topic, "foreign").unwrap();
    for (partition, block) in topic.all().zip(&blocks) {
        let first_sequence = producer.next_sequence(partition).unwrap();
        producer.append(&[Append { partition, first_sequence, block }]).unwrap();
    }
}

fn publish_round_robin(steps: &TwoSteps, records: impl Iterator<Item = SeismicRecord>) {
    let messages = records.zip((0..4).cycle()).map(|(record, to)| (to, record.encode_to_vec()));
    publish(&steps.queue, &steps.input, messages);
}

/// The rows of the same records in a keyed input.
fn rows_of_keyed(
    records: impl Iterator<Item = SeismicRecord>,
) -> BTreeMap<(String, i64), SeismicAggRecord> {
    let (queue, store) = (Memory::new(), MemoryStore::new());
    let input = queue.create("in", 4).unwrap();
    let keyed = records
        .map(|record| (partition_of(record.sensor_id.as_bytes(), 4).0, record.encode_to_vec()));
    publish(&queue, &input, keyed);
    let job = Job::plain("keyed", input, ["rows", "dead"]);
    let settings =
        Settings { idle_timeout: Duration::ZERO, finish: Finish::Drain, ..Settings::default() };
    let lease = store.acquire(&job).unwrap();
    let context = JobContext {
        queue: &queue,
        store: &store,
        lease: &*lease,
        job: &job,
        slots: 2,
        kind: &Rules::default(),
        settings: &settings,
    };
    run(context, &Arc::default(), &Metrics::default()).unwrap();
    rows(&store)
}

/// The same records in each window: counts, extremes and phases equal, sums as near as another
/// order of adding leaves them.
fn assert_same(
    found: &BTreeMap<(String, i64), SeismicAggRecord>,
    expected: &BTreeMap<(String, i64), SeismicAggRecord>,
) {
    assert!(found.keys().eq(expected.keys()), "other windows");
    for (row, keyed) in found.values().zip(expected.values()) {
        let of = |row: &SeismicAggRecord| {
            let phases = (row.p_phase_count, row.s_phase_count, row.n_phase_count);
            (row.record_count, row.min_amplitude, row.max_amplitude, phases)
        };
        assert_eq!(of(row), of(keyed), "{row:?}");
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-12 * a.abs().max(1.0);
        assert!(near(row.mean_amplitude, keyed.mean_amplitude), "{row:?} {keyed:?}");
        assert!(near(row.rms_amplitude, keyed.rms_amplitude), "{row:?} {keyed:?}");
    }
}

#[test]
fn an_hour_of_backlog_round_robin_gives_the_windows_of_a_keyed_input_and_nothing_is_late() {
    let steps = TwoSteps::new();
    let hour = || records(7, 50, 3_600_000);
    publish_round_robin(&steps, hour());
    steps.drain();
    assert_same(&rows(&*steps.second), &rows_of_keyed(hour()));
    let (passed, counters) = steps.prove();
    assert_eq!((counters.late(), counters.rejected(), counters.open), (0, 0, 0));
    assert_eq!((passed, counters.read), (504_000, 504_000));
}

#[test]
fn packed_messages_are_split_and_every_place_is_the_one_of_the_input() {
    let steps = TwoSteps::new();
    let all: Vec<_> = records(6, 100, 60_000).collect();
    let mut packs: Vec<_> = all
        .chunks(30)
        .zip((0..4).cycle())
        .map(|(records, to)| (to, SeismicRecordBatch { records: records.to_vec() }.encode_to_vec()))
        .collect();
    // Behind them: garbage, and a record of the year 2100 within a pack.
    packs.push((2, b"\xff garbage".to_vec()));
    let ahead = SeismicRecord { collect_timestamp: 4_102_444_800_000, ..all[0].clone() };
    let last = SeismicRecordBatch { records: vec![all[0].clone(), ahead] };
    packs.push((3, last.encode_to_vec()));
    let ends: Vec<_> = (0..4).map(|it| packs.iter().filter(|pack| pack.0 == it).count()).collect();
    publish(&steps.queue, &steps.input, packs.into_iter());
    steps.drain();

    let unparseable = dead_letters(&*steps.first, "g-repartition-dead");
    assert_eq!(unparseable.len(), 1);
    let letter = &unparseable[0];
    let place = (letter.input_topic.as_str(), letter.input_partition, letter.input_offset);
    assert_eq!(place, ("in", 2, ends[2] as i64 - 1));
    assert_eq!(letter.reason, "unparseable");

    let letters = dead_letters(&*steps.second, "dead");
    let ahead = letters.iter().find(|letter| letter.reason == "future_timestamp").unwrap();
    let place = (&*ahead.input_topic, ahead.input_partition, ahead.input_offset, ahead.index);
    assert_eq!(place, ("in", 3, ends[3] as i64 - 1, 1));
    assert!(ahead.internal_offset.is_some());
    // The first record once more, a minute later: its window is closed.
    assert_eq!(letters.len(), 2);
    let late = letters.iter().find(|letter| letter.reason == "late").unwrap();
    assert_eq!((late.input_partition, late.index), (3, 0));
    let (passed, counters) = steps.prove();
    assert_eq!((passed, counters.read), (3_602, 3_602));
}

#[test]
fn each_record_is_in_the_internal_topic_once_with_its_bytes_and_its_times() {
    let steps = TwoSteps::new();
    let all: Vec<_> = records(5, 100, 2_000).collect();
    publish_round_robin(&steps, all.iter().cloned());
    steps.drain();
    let mut found = BTreeMap::new();
    for (partition, values) in (0..).map(Partition).zip(read(steps.first.topics(), INTERNAL)) {
        for value in values {
            for envelope in InternalRecords::read(&value).unwrap() {
                let record = SeismicRecord::decode(envelope.record).unwrap();
                assert_eq!(partition_of(record.sensor_id.as_bytes(), 4), partition);
                let before = found.insert(envelope.place, record);
                assert!(before.is_none(), "{:?} is there twice", envelope.place);
            }
        }
    }
    let mut expected = BTreeMap::new();
    for (number, record) in all.into_iter().enumerate() {
        let (partition, offset) = (Partition(number as u32 % 4), Offset(number as u64 / 4));
        expected.insert(seismic_pipeline::RecordPosition { partition, offset, index: 0 }, record);
    }
    assert_eq!(found, expected);
}

#[test]
fn a_job_that_begins_with_single_messages_goes_on_with_packs_to_the_same_rows() {
    let minute = |at: usize| records(6, 100, 180_000).skip(at * 3_600).take(3_600);
    let mut steps = TwoSteps::new();
    // Each step restores what the other form left: its state, and messages not read yet.
    for (part, packs) in [false, true, false].into_iter().enumerate() {
        publish_round_robin(&steps, minute(part));
        steps.packs = packs;
        steps.settings.finish = Finish::CaughtUp;
        steps.run_first(&Arc::default()).unwrap();
        steps.run_second(&Arc::default()).unwrap();
    }
    steps.settings.finish = Finish::Drain;
    steps.drain();
    let (passed, counters) = steps.prove();
    assert_eq!((passed, counters.read, counters.late()), (10_800, 10_800, 0));

    let singly = TwoSteps { packs: false, ..TwoSteps::new() };
    publish_round_robin(&singly, records(6, 100, 180_000));
    singly.drain();
    assert_same(&rows(&*steps.second), &rows(&*singly.second));
}

#[test]
fn dead_letters_of_one_pack_are_told_apart_and_held_records_keep_their_places() {
    for packs in [false, true] {
        let steps = TwoSteps { packs, ..TwoSteps::new() };
        let mut all: Vec<_> = records(3, 100, 30_000).collect();
        // Now and then one is rejected, four in a row, and one is two hours ahead.
        all.iter_mut().skip(30).step_by(30).for_each(|it| it.data_quality = 0);
        all.iter_mut().skip(401).take(4).for_each(|it| it.phase_type = "X".to_owned());
        all[500].collect_timestamp += 7_200_000;
        publish_round_robin(&steps, all.into_iter());
        steps.drain();
        let letters = dead_letters(&*steps.second, "dead");
        let mut places: Vec<_> =
            letters.iter().map(|it| (it.input_partition, it.input_offset, it.index)).collect();
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), letters.len());
        let of = |reason: &str| letters.iter().filter(|it| it.reason == reason).count();
        assert_eq!((of("bad_quality"), of("bad_phase"), of("clock_jump")), (29, 4, 1));
        let mut internal = Vec::new();
        for (partition, values) in read(steps.second.topics(), "dead").into_iter().enumerate() {
            internal.extend(values.iter().map(|value| {
                let letter = SeismicDeadLetter::decode(&**value).unwrap();
                (partition, letter.internal_offset, letter.internal_index)
            }));
        }
        assert_eq!(internal.iter().any(|it| it.2 > 0), packs);
        internal.sort_unstable();
        internal.dedup();
        assert_eq!(internal.len(), letters.len());
        steps.prove();
    }
}

/// A store of which each commit may go wrong in turn, as often as it is asked.
fn faulty(every: u32) -> Box<dyn JobStore> {
    let fates =
        [Fate::MadeUnheard, Fate::MadeThenDead, Fate::LostUnheard, Fate::DeadBefore, Fate::Busy];
    let count = Mutex::new(0);
    Box::new(FaultyStore::new(move |_: &mut Commit| {
        let mut count = count.lock().unwrap();
        *count += 1;
        match *count % every {
            0 => fates[(*count / every) as usize % fates.len()],
            _ => Fate::Made,
        }
    }))
}

/// Runs a step until it ends well.
fn until_done(step: impl Fn() -> Result<()>) -> usize {
    (0..2_000).find(|_| step().is_ok()).expect("each run gets further")
}

#[test]
fn each_commit_of_both_steps_may_fail_and_every_record_is_there_once() {
    let mut steps = TwoSteps::with_stores(faulty(3), faulty(4));
    steps.settings.commit_every = Duration::ZERO;
    let minutes = || records(7, 20, 120_000);
    publish_round_robin(&steps, minutes());
    let died = until_done(|| steps.run_first(&Arc::default()));
    assert!(died > 1, "it died {died} times");
    until_done(|| steps.run_second(&Arc::default()));
    assert_same(&rows(&*steps.second), &rows_of_keyed(minutes()));
    let (passed, counters) = steps.prove();
    assert_eq!((passed, counters.late()), (42_000, 0));
}

#[test]
fn a_record_that_is_changed_missing_or_doubled_in_the_internal_topic_is_found() {
    for (fault, packs) in (0..3).flat_map(|fault| [(fault, false), (fault, true)]) {
        let mut is_done = false;
        let faulty = FaultyStore::new(move |commit| {
            let keyed = commit.partitions.iter_mut().flat_map(|part| &mut part.keyed);
            for block in keyed.filter(|block| block.rows.count() > 3) {
                if std::mem::replace(&mut is_done, true) {
                    break;
                }
                let mut rows = Block::default();
                for (place, (key, value)) in block.rows.messages().enumerate() {
                    let mut value = value.to_vec();
                    match (place, fault) {
                        (2, 0) => *value.last_mut().unwrap() ^= 1,
                        (2, 1) => continue,
                        (2, 2) => rows.push(key, &value).unwrap(),
                        _ => {}
                    }
                    rows.push(key, &value).unwrap();
                }
                block.rows = rows;
            }
            Fate::Made
        });
        let steps = TwoSteps { packs, ..TwoSteps::with_stores(Box::new(faulty), store()) };
        publish_round_robin(&steps, records(5, 100, 20_000));
        steps.run_first(&Arc::default()).unwrap();
        let report = steps.prove_first();
        assert_eq!(report.total, 1, "{:?}", report.differences);
    }
}

/// Whether the second step has closed every window that it opened.
fn is_all_closed(steps: &TwoSteps, records: u64) -> bool {
    let Ok(view) = steps.second.view() else { return false };
    let notes = view.partitions.iter().filter_map(|part| part.progress.as_ref());
    let notes: Vec<_> = notes.map(|progress| Note::decode(&progress.note).unwrap()).collect();
    let read: u64 = notes.iter().map(|note| note.counters.read).sum();
    read == records && notes.iter().all(|note| note.open_windows == 0)
}

#[test]
fn a_service_closes_by_idle_once_what_was_appended_has_come_through_and_not_before() {
    let mut steps = TwoSteps::new();
    steps.settings.finish = Finish::Never;
    steps.settings.idle_timeout = Duration::from_millis(600);
    publish_round_robin(&steps, records(5, 100, 5_000));
    // It makes the internal topic.
    drop(steps.first.acquire(&steps.first_job()).unwrap());
    let (first_stop, stop) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    thread::scope(|scope| {
        let first = scope.spawn(|| steps.run_first(&first_stop));
        let second = scope.spawn(|| steps.run_second(&stop));
        let deadline = Instant::now() + Duration::from_secs(60);
        let goes_on = || !first.is_finished() && !second.is_finished();
        while !is_all_closed(&steps, 250) && goes_on() && Instant::now() < deadline {
            thread::yield_now();
        }
        first_stop.store(true, Ordering::Relaxed);
        stop.store(true, Ordering::Relaxed);
        first.join().unwrap().unwrap();
        second.join().unwrap().unwrap();
    });
    assert!(is_all_closed(&steps, 250), "windows of silent sensors stay open");
    let rows = rows(&*steps.second);
    let idle = rows.values().filter(|row| row.closed_by() == ClosedBy::Idle).count();
    assert!(idle >= 5, "one for each sensor at least, not {idle}");
    assert_eq!(steps.prove().1.late(), 0);
}

#[test]
fn append_times_of_the_input_make_the_windows_of_ingest_time() {
    let mut steps = TwoSteps::new();
    steps.rules.time = TimeMode::Ingest;
    publish_round_robin(&steps, records(5, 100, 5_000));
    // Long after: append times of the internal topic say nothing.
    steps.run_first(&Arc::default()).unwrap();
    steps.run_second(&Arc::default()).unwrap();
    let appended = |topic: &Topic| {
        let mut reader = steps.queue.reader(topic, &[(Partition(0), Offset(0))]).unwrap();
        match reader.read(Duration::from_secs(5), &mut Vec::new()).unwrap() {
            Event::Batch(batch) => batch.message(0).append_ms,
            other => panic!("{other:?}"),
        }
    };
    let first = appended(&steps.input);
    let all = rows(&*steps.second);
    assert!(!all.is_empty());
    assert!(all.keys().all(|(_, start)| (start - first).abs() < 10_000), "{:?}", all.keys());
    steps.prove();
}
