//! Replays against a clock that does not wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use seismic_proto::{Message as _, SeismicRecord, SeismicRecordBatch};
use seismic_queue::memory::Memory;
use seismic_queue::{Append, Block, Partition};

use super::*;
use crate::Error;

/// Time passes only by sleeping.
#[derive(Default)]
struct Still(Duration);

impl Clock for Still {
    fn elapsed(&self) -> Duration {
        self.0
    }

    fn sleep(&mut self, time: Duration) {
        self.0 += time;
    }
}

/// A message to append: partition, append time, value.
type Given = (u32, i64, Vec<u8>);

/// A queue with a topic `a` of two partitions.
struct Stage {
    queue: Memory,
    clock: Arc<AtomicI64>,
    sequences: [u64; 2],
}

impl Stage {
    fn new(messages: &[Given]) -> Self {
        let clock = Arc::new(AtomicI64::new(0));
        let queue = Memory::with_clock(Arc::clone(&clock));
        queue.create("a", 2).unwrap();
        let mut stage = Stage { queue, clock, sequences: [0; 2] };
        stage.append(messages);
        stage
    }

    fn append(&mut self, messages: &[Given]) {
        let topic = self.queue.topic("a").unwrap();
        let mut producer = self.queue.producer(&topic, "p").unwrap();
        for (partition, append_ms, value) in messages {
            self.clock.store(*append_ms, Ordering::SeqCst);
            let mut block = Block::default();
            block.push(format!("key {partition}").as_bytes(), value).unwrap();
            let sequence = &mut self.sequences[*partition as usize];
            let (partition, first_sequence) = (Partition(*partition), *sequence);
            producer.append(&[Append { partition, first_sequence, block: &block }]).unwrap();
            *sequence += 1;
        }
    }

    /// Partition, time after the start and value of each message, in the order in which they are
    /// handed out.
    fn play(&self, speed: f64) -> Vec<(u32, u64, Vec<u8>)> {
        let topic = self.queue.topic("a").unwrap();
        let spans = self.queue.spans(&topic).unwrap();
        let timeline = Timeline::open(&self.queue, &topic, &spans).unwrap();
        let (stop, mut clock) = (AtomicBool::new(false), Shared::default());
        let now = clock.clone();
        let pace = Pace::new(speed, None);
        let player = Player { timeline, pace, shift: None, clock: &mut clock, stop: &stop };
        let mut out = Vec::new();
        let played = player.play(|step| {
            if let Step::Message(next) = step {
                let ms = now.elapsed().as_millis() as u64;
                out.push((next.partition.0, ms, next.message.value.to_vec()));
            }
            true
        });
        let played = played.unwrap();
        assert_eq!((played.messages, played.stopped), (out.len() as u64, false));
        assert!(played.behind_max <= limits::SHORTEST_SLEEP, "{:?}", played.behind_max);
        out
    }

    fn replay(&self, options: &Options, now_ms: i64) -> Result<ReplaySummary> {
        let stop = AtomicBool::new(false);
        replay_by(&mut Still::default(), now_ms, &self.queue, options, &stop, &mut |_| {})
    }

    /// Key and value of each message of a partition.
    fn messages(&self, topic: &str, partition: u32) -> Vec<(Vec<u8>, Vec<u8>)> {
        let topic = self.queue.topic(topic).unwrap();
        let span = self.queue.spans(&topic).unwrap()[partition as usize];
        let mut read =
            PartitionReader::open(&self.queue, &topic, Partition(partition), span).unwrap();
        let mut found = Vec::new();
        while let Some((_, message)) = read.head() {
            found.push((message.key.to_vec(), message.value.to_vec()));
            read.advance().unwrap();
        }
        found
    }
}

/// [`Still`] that can be looked at while it is used.
#[derive(Clone, Default)]
struct Shared(std::rc::Rc<std::cell::RefCell<Still>>);

impl Clock for Shared {
    fn elapsed(&self) -> Duration {
        self.0.borrow().elapsed()
    }

    fn sleep(&mut self, time: Duration) {
        self.0.borrow_mut().sleep(time);
    }
}

fn record(event_ms: i64, arrival_ms: i64) -> Vec<u8> {
    let (collect_timestamp, sensor_id) = (event_ms, "S".to_owned());
    SeismicRecord { sensor_id, collect_timestamp, arrival_ms, ..Default::default() }.encode_to_vec()
}

fn options(speed: f64, shift_time: bool) -> Options {
    Options { from: "a".into(), topic: "b".into(), speed, max_gap: None, shift_time }
}

#[test]
fn partitions_are_merged_by_arrival_and_its_gaps_are_kept() {
    // Appended in one go, years later.
    let far = 1_000_000_000_000;
    let stage = Stage::new(&[
        (0, far, record(1, 10_000)),
        (0, far, record(2, 12_000)),
        (1, far, record(3, 11_000)),
        (1, far, record(4, 15_500)),
    ]);
    let order = |speed| -> Vec<_> { stage.play(speed).iter().map(|m| (m.0, m.1)).collect() };
    assert_eq!(order(1.0), [(0, 0), (1, 1_000), (0, 2_000), (1, 5_500)]);
    assert_eq!(order(10.0), [(0, 0), (1, 100), (0, 200), (1, 550)]);
    assert_eq!(order(0.0), [(0, 0), (1, 0), (0, 0), (1, 0)]);
}

#[test]
fn a_topic_without_arrivals_keeps_the_gaps_of_its_append_times() {
    let stage =
        Stage::new(&[(0, 5_000, record(1, 0)), (1, 5_200, vec![0xff]), (0, 6_000, record(2, 0))]);
    let played: Vec<_> = stage.play(1.0).iter().map(|m| (m.0, m.1)).collect();
    assert_eq!(played, [(0, 0), (1, 200), (0, 1_000)]);
}

#[test]
fn messages_without_arrival_keep_their_place_in_an_imported_topic() {
    let far = 1_000_000_000_000;
    let stage = Stage::new(&[
        (0, far, vec![0xff]),
        (0, far, record(1, 10_000)),
        (0, far, vec![0xff]),
        (0, far, record(2, i64::MAX)),
        (0, far, record(3, 11_000)),
        (1, far, record(4, 10_500)),
    ]);
    let played: Vec<_> = stage.play(1.0).iter().map(|m| (m.0, m.1)).collect();
    assert_eq!(played, [(0, 0), (0, 0), (0, 0), (0, 0), (1, 500), (0, 1_000)]);
}

#[test]
fn a_pack_is_played_when_the_newest_of_its_records_arrived() {
    let pack = |arrivals: [i64; 3]| {
        let record = |arrival_ms| SeismicRecord { arrival_ms, ..Default::default() };
        SeismicRecordBatch { records: arrivals.map(record).to_vec() }.encode_to_vec()
    };
    let stage = Stage::new(&[(0, 9_000, pack([1_000, 0, 500])), (1, 9_000, pack([900, 1_400, 0]))]);
    let played: Vec<_> = stage.play(1.0).iter().map(|m| (m.0, m.1)).collect();
    assert_eq!(played, [(0, 0), (1, 400)]);
}

#[test]
fn messages_keep_key_value_and_partition() {
    let stage = Stage::new(&[(0, 1, record(1, 0)), (1, 2, vec![0xff]), (0, 3, vec![])]);
    let summary = stage.replay(&options(1.0, false), 0).unwrap();
    assert_eq!((summary.messages, summary.shift_ms), (3, 0));
    for partition in 0..2 {
        assert_eq!(stage.messages("b", partition), stage.messages("a", partition));
    }
}

#[test]
fn a_repeated_replay_at_full_speed_adds_only_what_is_new() {
    let mut stage = Stage::new(&[(0, 1, record(1, 0)), (1, 2, record(2, 0))]);
    let full = options(0.0, false);
    assert_eq!(stage.replay(&full, 0).unwrap().recognised, 0);
    stage.append(&[(0, 3, record(3, 0))]);
    let again = stage.replay(&full, 0).unwrap();
    assert_eq!((again.messages, again.recognised), (3, 2));
    assert_eq!(stage.messages("b", 0), stage.messages("a", 0));
    // Paced, it is another event.
    assert_eq!(stage.replay(&options(1.0, false), 0).unwrap().recognised, 0);
    assert_eq!(stage.messages("b", 0).len(), 4);
}

/// Event and arrival times of what a shifted replay publishes.
fn shifted(stage: &Stage, options: &Options, now_ms: i64) -> Vec<(i64, i64)> {
    stage.replay(options, now_ms).unwrap();
    let decoded = |(_, value): (_, Vec<u8>)| {
        let record = SeismicRecord::decode(value.as_slice()).unwrap();
        (record.collect_timestamp, record.arrival_ms)
    };
    stage.messages("b", 0).into_iter().map(decoded).collect()
}

#[test]
fn a_shifted_replay_begins_now_and_a_fast_one_never_runs_ahead_of_the_clock() {
    let messages = [(0, 90_000, record(9_900, 10_000)), (0, 90_000, record(19_800, 20_000))];
    let now = 1_000_000;
    let begins = [(999_900, 1_000_000), (1_009_800, 1_010_000)];
    assert_eq!(shifted(&Stage::new(&messages), &options(1.0, true), now), begins);
    // Four times as fast it ends 2.5 s from now.
    let fast = [(992_400, 992_500), (1_002_300, 1_002_500)];
    assert_eq!(shifted(&Stage::new(&messages), &options(4.0, true), now), fast);
    let ends = [(989_900, 990_000), (999_800, 1_000_000)];
    assert_eq!(shifted(&Stage::new(&messages), &options(0.0, true), now), ends);
    let cut = Options { max_gap: Some(Duration::from_secs(1)), ..options(1.0, true) };
    assert_eq!(shifted(&Stage::new(&messages), &cut, now), ends);
}

#[test]
fn a_stop_ends_a_replay_that_waits() {
    let stage = Stage::new(&[(0, 1, record(1, 0)), (0, 1_000_000_000, record(2, 0))]);
    let stop = AtomicBool::new(false);
    struct Stopping<'a>(Still, &'a AtomicBool);
    impl Clock for Stopping<'_> {
        fn elapsed(&self) -> Duration {
            self.0.elapsed()
        }
        fn sleep(&mut self, time: Duration) {
            assert!(time <= limits::LONGEST_SLEEP, "a stop is seen soon");
            self.0.sleep(time);
            self.1.store(true, Ordering::Relaxed);
        }
    }
    let mut stopping = Stopping(Still::default(), &stop);
    let live = options(1.0, false);
    let summary = replay_by(&mut stopping, 0, &stage.queue, &live, &stop, &mut |_| {}).unwrap();
    assert!(summary.stopped);
    assert_eq!(summary.messages, 1, "what was due before is durable");
}

#[test]
fn what_cannot_be_replayed_is_refused_before_anything_is_touched() {
    let stage = Stage::new(&[]);
    let into_itself = Options { topic: "a".into(), ..options(1.0, false) };
    assert!(matches!(stage.replay(&into_itself, 0), Err(Error::SameTopic { .. })));
    for speed in [-1.0, f64::NAN, f64::INFINITY] {
        let refused = stage.replay(&options(speed, false), 0);
        assert!(matches!(refused, Err(Error::Options { .. })), "{speed}");
    }
    assert!(stage.queue.topic("b").is_err());
    stage.queue.create("b", 3).unwrap();
    assert!(stage.replay(&options(1.0, false), 0).is_err(), "partitions differ");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn each_message_is_played_once_in_the_order_of_its_partition_and_not_before_it_is_due(
        given in prop::collection::vec((0u32..2, 0i64..3_000, 0i64..3), 0..40),
        speed in 0.5f64..20.0,
    ) {
        let mut append_ms = 1_000_000;
        let messages: Vec<Given> = given
            .iter()
            .enumerate()
            .map(|(i, &(partition, gap_ms, known))| {
                append_ms += gap_ms;
                let arrival_ms = if known == 0 { 0 } else { append_ms - 100 * known };
                (partition, append_ms, record(i as i64, arrival_ms))
            })
            .collect();
        let played = Stage::new(&messages).play(speed);
        for partition in 0..2 {
            let before = messages.iter().filter(|m| m.0 == partition).map(|m| &m.2);
            let after = played.iter().filter(|m| m.0 == partition).map(|m| &m.2);
            prop_assert!(before.eq(after));
        }
        prop_assert!(played.is_sorted_by_key(|message| message.1));
        if let (Some(first), Some(last)) = (messages.first(), messages.last()) {
            let span_ms = (last.1 - first.1) as f64 / speed;
            let took_ms = played.last().map_or(0.0, |message| message.1 as f64);
            prop_assert!((took_ms - span_ms).abs() <= 500.0 / speed + 20.0, "{took_ms} {span_ms}");
        }
    }
}
