//! What a partition accepts of a batch, and how it uses answers about the end of the log.

use seismic_proto::{Message as _, SeismicRecord};
use seismic_queue::{Message, Topic};

use super::*;
use crate::engine::windows::rules::Rules;
use crate::limits;
use crate::runner::settings::Settings;

const P0: Partition = Partition(0);

fn part() -> PartitionTask {
    let topic = Topic { name: "in".to_owned(), id: "1".to_owned(), partitions: 1 };
    let settings = Settings::default();
    PartitionTask::begin(&Rules::default(), (&[topic], P0, &[Offset(0)]), &settings)
}

/// A message of one record for each of these sensors, from offset 0 on, 10 ms apart.
fn batch(sensors: impl IntoIterator<Item = String>) -> Batch {
    batch_from(0, sensors)
}

fn batch_from(first: u64, sensors: impl IntoIterator<Item = String>) -> Batch {
    let mut batch = Batch::default();
    batch.reset(P0, Offset(first));
    for (i, sensor_id) in (first..).zip(sensors) {
        let append_ms = 1_600_000_000_000 + i as i64 * 10;
        let record = SeismicRecord {
            sensor_id,
            collect_timestamp: append_ms,
            seismic_amplitude: 1.0,
            phase_type: "P".to_owned(),
            data_quality: 1,
            ..SeismicRecord::default()
        };
        let value = record.encode_to_vec();
        batch.push(Message { offset: Offset(i), append_ms, key: b"", value: &value });
    }
    batch
}

/// That many messages of one sensor.
fn of_one(count: usize) -> Batch {
    batch(vec!["S".to_owned(); count])
}

/// A partition with the open window of one record, and everything read.
fn one_open_window() -> PartitionTask {
    let mut part = part();
    part.apply_batch((&Rules::default(), 0), &of_one(1), &RecordBudget::new(None)).unwrap();
    assert_eq!(part.operator.open(), 1);
    part
}

/// Asks for the end every 250 ms over these times, and says when the window was closed.
fn closed_at(part: &mut PartitionTask, times: std::ops::RangeInclusive<u64>) -> Option<u64> {
    times.step_by(250).find(|&now_ms| {
        part.observe_end(0, Duration::from_millis(now_ms), Duration::ZERO, Offset(1));
        part.operator.open() == 0
    })
}

#[test]
fn a_silent_sensor_is_closed_after_the_timeout() {
    assert_eq!(closed_at(&mut one_open_window(), 0..=4_000), Some(2_000));
}

#[test]
fn a_question_that_failed_begins_the_silence_anew() {
    let mut part = one_open_window();
    assert_eq!(closed_at(&mut part, 0..=1_500), None);
    // In place of the one at 1 750 ms: the next answer comes only 500 ms after the last.
    part.end_unknown();
    assert_eq!(closed_at(&mut part, 2_000..=6_000), Some(4_000));
}

#[test]
fn what_came_after_a_bounded_run_began_is_left_to_the_next_one() {
    let mut part = part();
    part.targets = vec![Offset(2)];
    part.apply_batch((&Rules::default(), 0), &of_one(4), &RecordBudget::new(None)).unwrap();
    assert_eq!((part.operator.records_read(), part.operator.position()), (2, Offset(2)));
    assert!(part.is_at_target());
    part.is_at_end(0, Offset(4), &RecordBudget::new(None)).unwrap();
    assert_eq!(part.operator.position(), Offset(2));
}

#[test]
fn a_large_snapshot_travels_with_several_commits_and_counts_with_the_last() {
    let mut part = part();
    let sensors = (0..8_000).map(|i| format!("{i:0>250}"));
    part.apply_batch((&Rules::default(), 0), &batch(sensors), &RecordBudget::new(None)).unwrap();
    part.snapshot(|| Duration::ZERO).unwrap();
    let first = part.hand_over();
    assert_eq!(first.chunks.len(), limits::CHUNKS_PER_COMMIT);
    assert!(first.manifest.is_none(), "it is not whole yet");
    let last = part.hand_over();
    let manifest = last.manifest.expect("it is whole");
    assert_eq!(manifest.chunks as usize, first.chunks.len() + last.chunks.len());
}

/// The time that it is asked for, a second later each time.
fn slow_clock() -> impl Fn() -> Duration {
    let now = std::cell::Cell::new(Duration::ZERO);
    move || now.replace(now.get() + Duration::from_secs(1))
}

#[test]
fn a_state_that_one_commit_takes_along_is_given_up_with_a_snapshot_whatever_the_last_one_took() {
    let mut part = one_open_window();
    part.snapshot(slow_clock()).unwrap();
    assert!(!part.is_snapshot_worth_it(), "nothing has happened since");
    assert_eq!(closed_at(&mut part, 0..=4_000), Some(2_000));
    assert!(part.is_snapshot_worth_it(), "also while the last one is on its way");
    part.hand_over();
    assert!(part.is_snapshot_worth_it());
}

#[test]
fn a_large_state_is_given_up_with_a_snapshot_where_a_replay_would_take_longer() {
    let mut part = part();
    let sensors = (0..10_000).map(|i| format!("{i:0>250}"));
    part.apply_batch((&Rules::default(), 0), &batch(sensors), &RecordBudget::new(None)).unwrap();
    part.snapshot(slow_clock()).unwrap();
    let one = batch_from(10_000, ["S".to_owned()]);
    part.apply_batch((&Rules::default(), 0), &one, &RecordBudget::new(None)).unwrap();
    assert!(part.is_ahead_of_snapshot() && !part.is_snapshot_worth_it());
    part.add_work(Duration::from_secs(2));
    assert!(part.is_snapshot_worth_it());
}
