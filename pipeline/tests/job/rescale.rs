//! A job whose input gets partitions after it was drained.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use seismic_pipeline::verify::DifferenceKind::CheckpointDiffers;
use seismic_pipeline::verify::verify;
use seismic_pipeline::{Engine, Error, Finish, Result, Rules, rescale};
use seismic_proto::{Message, state};
use seismic_queue::{
    Chunk, Commit, JobStore, Kind, Offset, PartitionCommit, Policy, Queue, Remedy, Retention,
};

use crate::faulty::{Fate, FaultyStore};
use crate::stage::{RECORDS, Stage, publish_load};

/// Adds partitions to the stage's topic, and has the job take them.
fn widened(stage: &mut Stage, partitions: u32) -> Result<()> {
    stage.queue.widen("seismic-data-topic", partitions).unwrap();
    stage.job.inputs[0] = stage.queue.topic("seismic-data-topic").unwrap();
    accept(stage)
}

fn accept(stage: &Stage) -> Result<()> {
    let lease = stage.store.rescale(&stage.job)?;
    rescale(stage.run_job(&*lease), &Arc::new(AtomicBool::new(false)))
}

/// A job that was drained, got two partitions, and was drained again: of records from before, all
/// late now, and of new ones.
fn wide(store: impl JobStore + 'static) -> Stage {
    let mut stage = Stage::with_store(Box::new(store));
    stage.run().unwrap();
    widened(&mut stage, 6).unwrap();
    publish_load(&stage.queue, RECORDS, 0);
    publish_load(&stage.queue, RECORDS, 1);
    stage.run().unwrap();
    stage
}

fn honest() -> FaultyStore {
    FaultyStore::new(|_| Fate::Made)
}

/// Sensor and window of each row, of which none is there twice.
fn windows(stage: &Stage) -> HashSet<(String, i64)> {
    let mut windows = HashSet::new();
    for row in stage.rows() {
        let window = (row.sensor_id, row.window_start_ts);
        assert!(windows.insert(window.clone()), "{window:?} is there twice");
    }
    windows
}

#[test]
fn a_drained_job_goes_on_in_more_partitions_and_no_window_has_two_rows() {
    let one = |load| {
        let mut stage = Stage::empty();
        stage.queue.widen("seismic-data-topic", 6).unwrap();
        stage.job.inputs[0] = stage.queue.topic("seismic-data-topic").unwrap();
        publish_load(&stage.queue, RECORDS, load);
        stage.run().unwrap();
        windows(&stage)
    };
    let stage = wide(honest());
    let expected: HashSet<_> = one(0).into_iter().chain(one(1)).collect();
    assert_eq!(windows(&stage), expected, "each window once, wherever its sensor was");
    let in_new = stage.rows().iter().filter(|row| row.input_partition >= 4).count();
    assert!(in_new > 40, "{in_new} rows come from new partitions");
}

#[test]
fn what_came_before_and_after_is_proved_from_the_beginning_on() {
    let mut stage = wide(honest());
    let report = stage.verify();
    assert!(report.is_fine() && report.is_complete(), "{:#?}", report.differences);
    assert_eq!(report.partitions.len(), 6);
    // Again, so that a proof comes by two of them.
    widened(&mut stage, 9).unwrap();
    publish_load(&stage.queue, RECORDS, 2);
    stage.run().unwrap();
    windows(&stage);
    let report = stage.verify();
    assert!(report.is_fine() && report.is_complete(), "{:#?}", report.differences);
    assert_eq!(report.partitions.len(), 9);
}

#[test]
fn all_partitions_take_them_or_none_does() {
    for (fate, has_them) in [(Fate::MadeThenDead, true), (Fate::DeadBefore, false)] {
        let commits_to_six = |commit: &Commit| commit.partitions.len() == 6;
        let store =
            FaultyStore::new(move |commit| if commits_to_six(commit) { fate } else { Fate::Made });
        let mut stage = Stage::with_store(Box::new(store));
        stage.run().unwrap();
        widened(&mut stage, 6).unwrap_err();
        let before = stage.store.view().unwrap().partitions.len();
        assert_eq!(before, if has_them { 6 } else { 4 });
        assert_eq!(stage.run().is_ok(), has_them, "it runs as what it is");
        assert!(stage.verify().is_fine());
    }
}

#[test]
fn a_sensor_that_loses_what_was_closed_on_its_way_is_found() {
    let mut is_planted = false;
    let store = FaultyStore::new(move |commit| {
        let is_new = |part: &&mut PartitionCommit| part.partition.0 >= 4 && part.manifest.is_some();
        for part in commit.partitions.iter_mut().filter(is_new) {
            if is_planted {
                break;
            }
            let [Chunk { bytes, .. }] = &mut part.chunks[..] else { continue };
            let mut snapshot = state::Snapshot::decode(&bytes[..]).unwrap();
            let Some(sensor) = snapshot.sensors.first_mut() else { continue };
            (sensor.closed_until_ms, sensor.clock_ms) = (None, i64::MIN);
            sensor.rollups.clear();
            // As an engine writes it.
            let engine = Engine::restore(&snapshot.encode_to_vec(), "t", part.partition).unwrap();
            bytes.clear();
            engine.snapshot(bytes);
            part.manifest.as_mut().unwrap().crc = crc32fast::hash(bytes);
            is_planted = true;
        }
        Fate::Made
    });
    let stage = wide(store);
    let doubled = stage.rows().len() - {
        let names: HashSet<_> =
            stage.rows().into_iter().map(|row| (row.sensor_id, row.window_start_ts)).collect();
        names.len()
    };
    assert!(doubled > 0, "windows came twice");
    let report = stage.verify();
    assert!(report.differences.iter().any(|it| it.kind == CheckpointDiffers), "{report:#?}");
}

#[test]
fn partitions_are_taken_only_where_they_were_asked_for_and_everything_was_read_and_closed() {
    let mut stage = Stage::new();
    stage.settings.finish = Finish::CaughtUp;
    stage.run().unwrap();
    let error = widened(&mut stage, 6).unwrap_err();
    assert!(matches!(error, Error::NotDrained { .. }), "{error}");
    assert!(error.to_string().contains("open windows"), "{error}");
    assert_eq!(error.kind(), Kind::Config);
    let error = stage.run().unwrap_err();
    assert_eq!(error.remedy(), Some(Remedy::AcceptPartitions), "{error}");

    let mut stage = Stage::new();
    stage.run().unwrap();
    publish_load(&stage.queue, RECORDS, 1);
    let error = widened(&mut stage, 6).unwrap_err();
    assert!(error.to_string().contains("has messages up to"), "{error}");
    assert!(stage.verify().is_fine(), "nothing has changed");
}

#[test]
fn records_from_producers_that_have_not_heard_of_it_are_kept_as_misplaced() {
    let mut stage = Stage::new();
    stage.run().unwrap();
    let before = stage.rows().len();
    widened(&mut stage, 6).unwrap();
    // As before: to where the sensors are in four partitions.
    let old = Stage::empty();
    publish_load(&old.queue, RECORDS, 1);
    let mut producer = stage.queue.producer(stage.job.input(), "old").unwrap();
    for (partition, span) in old.job.input().all().zip(old.queue.spans(old.job.input()).unwrap()) {
        let mut block = seismic_queue::Block::default();
        let mut reader = old.queue.reader(old.job.input(), &[(partition, Offset(0))]).unwrap();
        while block.count() < span.end.0 as u32 {
            let event = reader.read(std::time::Duration::from_secs(5), &mut Vec::new()).unwrap();
            let seismic_queue::Event::Batch(batch) = event else { panic!("{event:?}") };
            for message in batch.messages() {
                block.push(message.key, message.value).unwrap();
            }
        }
        let append = seismic_queue::Append { partition, first_sequence: 0, block: &block };
        producer.append(&[append]).unwrap();
    }
    stage.run().unwrap();
    windows(&stage);
    assert!(stage.rows().len() > before, "sensors that stay where they were go on");
    let report = stage.verify();
    assert!(report.is_fine(), "{:#?}", report.differences);
    let misplaced = report
        .partitions
        .iter()
        .map(|proved| proved.counters().dead(seismic_pipeline::RejectReason::Misplaced))
        .sum::<u64>();
    assert!(misplaced > RECORDS / 4, "{misplaced}");
}

#[test]
fn where_a_log_no_longer_reaches_back_the_proof_begins_after_it_in_all_partitions() {
    let stage = wide(honest());
    let spans = stage.queue.spans(stage.job.input()).unwrap();
    // Some lose their head, and others do not.
    let policy = Policy { max_age_ms: None, max_bytes: Some(110_000) };
    stage.queue.set_policy(stage.job.input(), policy).unwrap();
    stage.queue.retain(stage.job.input(), true).unwrap();
    let cut = stage.queue.spans(stage.job.input()).unwrap();
    let lost = spans.iter().zip(&cut).filter(|(then, now)| then.first != now.first).count();
    assert!((1..6).contains(&lost), "{lost} have lost their heads: {cut:?}");
    let report =
        verify(&stage.queue, &*stage.store, &Rules::default(), false, &mut |_| {}).unwrap();
    assert!(report.is_fine(), "{:#?}", report.differences);
    for proved in report.partitions.iter().take(4) {
        assert!(proved.from >= Offset(1), "{proved:?}");
    }
}
