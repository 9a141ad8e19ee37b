//! Sensors whose records are spread over partitions are found by the run, by commands that read the
//! store, and by `verify`.

use std::sync::{Arc, Mutex};

use seismic_pipeline::verify::DifferenceKind;
use seismic_pipeline::{Error, Metrics, Notice, OnSpread, SpreadSensors, notices_of_sensors, run};
use seismic_proto::{Message as _, SeismicRecord};
use seismic_queue::{Append, Block, Partition, Queue as _};

use crate::stage::Stage;

const START: i64 = 1_600_000_000_000;

/// Appends records of sensors S000 to S009, one each 40 ms, as long as `times` says, where `place`
/// puts each.
fn append(stage: &Stage, times: std::ops::Range<i64>, place: impl Fn(usize, i64) -> u32) {
    let topic = stage.job.input();
    let mut producer = stage.queue.producer(topic, "foreign").unwrap();
    let mut blocks = vec![Block::default(); topic.partitions as usize];
    for (number, time_ms) in times.step_by(40).enumerate() {
        for sensor in 0..10 {
            let record = SeismicRecord {
                sensor_id: format!("S{sensor:03}"),
                collect_timestamp: START + time_ms,
                seismic_amplitude: 1.0,
                data_quality: 1,
                phase_type: "P".to_owned(),
                ..SeismicRecord::default()
            };
            let partition = place(number, sensor);
            blocks[partition as usize].push(b"", &record.encode_to_vec()).unwrap();
        }
    }
    for (partition, block) in topic.all().zip(&blocks) {
        let first_sequence = producer.next_sequence(partition).unwrap();
        producer.append(&[Append { partition, first_sequence, block }]).unwrap();
    }
}

/// Runs the job, with what it told.
fn run_and_listen(stage: &Stage) -> (Result<(), Error>, Vec<Notice>) {
    let (metrics, told) = (Metrics::default(), Arc::new(Mutex::new(Vec::new())));
    let listener = Arc::clone(&told);
    metrics.on_notice(move |notice| listener.lock().unwrap().push(notice.clone()));
    let lease = stage.store.acquire(&stage.job).unwrap();
    let ended = run(stage.run_job(&*lease), &Arc::default(), &metrics);
    let told = told.lock().unwrap().clone();
    (ended, told)
}

fn looked_at(stage: &Stage) -> Vec<Notice> {
    let view = stage.store.view().unwrap();
    notices_of_sensors(&stage.rules, &*stage.store, &view, u64::MAX).unwrap().unwrap()
}

fn spread(notices: &[Notice]) -> &SpreadSensors {
    match notices {
        [.., Notice::Spread(spread)] => spread,
        other => panic!("{other:?}"),
    }
}

#[test]
fn records_without_keys_are_found_by_the_run_by_a_look_and_by_a_proof() {
    let stage = Stage::empty();
    append(&stage, 0..20_000, |number, _| number as u32 % 4);
    let (ended, told) = run_and_listen(&stage);
    ended.unwrap();
    let all: Vec<_> = stage.job.input().all().collect();
    for notices in [told, looked_at(&stage)] {
        let spread = spread(&notices);
        assert_eq!(spread.total, 10, "{notices:?}");
        assert!(spread.named[0].partitions.len() > 1, "{notices:?}");
    }
    assert_eq!(spread(&looked_at(&stage)).named[0].partitions, all);
    let report = stage.verify();
    assert!(!report.is_fine());
    assert!(report.differences.iter().all(|it| it.kind == DifferenceKind::RowSpread));
    let words = report.differences[0].to_string();
    assert!(words.contains("row_spread in partition 1: sensor \"S00"), "{words}");
    assert_eq!((report.spread_total, report.moved_total), (10, 0));
    let rows = &report.spread["S003"];
    // 20 windows, 10 spans of 2 s and 2 of 10 s, each in four partitions.
    assert_eq!((rows.windows, rows.rows, rows.partitions.len()), (60, 96, 4));
    assert_eq!(report.total, 960);
}

#[test]
fn two_fleets_with_different_partitioners_are_found() {
    let stage = Stage::empty();
    append(&stage, 0..10_000, |_, sensor| sensor as u32 % 4);
    append(&stage, 5..10_000, |_, sensor| (sensor as u32 + 1) % 4);
    let (ended, told) = run_and_listen(&stage);
    ended.unwrap();
    assert_eq!(spread(&told).total, 10);
    assert_eq!(spread(&looked_at(&stage)).named[0].partitions, [Partition(0), Partition(1)]);
    assert!(!stage.verify().is_fine());
}

#[test]
fn a_foreign_partitioner_that_is_one_and_the_same_is_fine() {
    let stage = Stage::empty();
    append(&stage, 0..10_000, |_, sensor| (sensor as u32 * 7 + 3) % 4);
    let (ended, told) = run_and_listen(&stage);
    ended.unwrap();
    assert_eq!((told, looked_at(&stage)), (vec![], vec![]));
    assert!(stage.verify().is_fine());
}

#[test]
fn a_partitioner_that_changed_once_is_named_and_no_fault() {
    let mut stage = Stage::empty();
    stage.settings.on_spread = OnSpread::Refuse;
    append(&stage, 0..10_000, |_, sensor| sensor as u32 % 4);
    run_and_listen(&stage).0.unwrap();
    append(&stage, 20_000..30_000, |_, sensor| (sensor as u32 + 1) % 4);
    let (ended, told) = run_and_listen(&stage);
    ended.unwrap();
    for notices in [told, looked_at(&stage)] {
        assert!(matches!(&notices[..], [Notice::Moved(it)] if it.total == 10), "{notices:?}");
    }
    let report = stage.verify();
    assert!(report.is_fine(), "{:?}", report.differences);
    assert_eq!((report.spread_total, report.moved_total), (0, 10));
    let (_, told) = run_and_listen(&stage);
    assert_eq!(told, [], "it is told once");
}

#[test]
fn a_job_that_is_to_refuse_ends_and_does_so_again() {
    for slots in [1, 4] {
        let mut stage = Stage::empty();
        stage.slots = slots;
        stage.settings.on_spread = OnSpread::Refuse;
        append(&stage, 0..20_000, |number, _| number as u32 % 4);
        for _ in 0..2 {
            let (ended, _) = run_and_listen(&stage);
            assert!(matches!(ended, Err(Error::Spread(_))), "{ended:?}");
        }
    }
}
