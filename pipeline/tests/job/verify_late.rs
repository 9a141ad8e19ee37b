//! The proof when heads are deleted: that of the log, so the replay starts at a checkpoint, or
//! those of the topics of the store. The rest is compared to the last row, and faults in it are
//! found.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use seismic_pipeline::verify::DifferenceKind::{self, *};
use seismic_pipeline::verify::{Report, verify};
use seismic_pipeline::{Finish, Rules};
use seismic_queue::{Commit, Offset, PartitionCommit, Policy, Queue};

use crate::faulty::{Fate, FaultyStore};
use crate::stage::{RECORDS, Stage, publish_load};
use crate::verify::{assert_found, plant_in_dead, plant_in_rows};

/// A job that has read two loads, with a checkpoint between them. A commit of the second one is
/// changed by `plant`.
fn two_loads(mut plant: impl FnMut(&mut PartitionCommit) -> bool + Send + 'static) -> Stage {
    let is_second = Arc::new(AtomicBool::new(false));
    let (asked, mut is_planted) = (Arc::clone(&is_second), false);
    let change = move |commit: &mut Commit| {
        if asked.load(Ordering::SeqCst) && !is_planted {
            is_planted = commit.partitions.iter_mut().any(&mut plant);
        }
        Fate::Made
    };
    let mut stage = Stage::with_store(Box::new(FaultyStore::new(change)));
    stage.settings.finish = Finish::CaughtUp;
    stage.run().unwrap();
    is_second.store(true, Ordering::SeqCst);
    publish_load(&stage.queue, RECORDS, 1);
    stage.settings.finish = Finish::Drain;
    stage.run().unwrap();
    stage
}

/// Deletes all that no one holds: the first load, which lies before every checkpoint.
fn let_go(topics: &dyn Queue, topic: &str, past_holds: bool) {
    let topic = topics.topic(topic).unwrap();
    topics.set_policy(&topic, Policy { max_age_ms: None, max_bytes: Some(1_000) }).unwrap();
    let retained = topics.retain(&topic, past_holds).unwrap();
    assert!(retained.iter().any(|done| done.deleted > 0), "nothing was let go of");
}

fn late_report_of(plant: impl FnMut(&mut PartitionCommit) -> bool + Send + 'static) -> Report {
    let stage = two_loads(plant);
    let_go(&stage.queue, &stage.job.input().name, false);
    verify(&stage.queue, &*stage.store, &Rules::default(), false, &mut |_| {}).unwrap()
}

#[test]
fn a_fold_that_begins_at_a_checkpoint_compares_what_came_after_it() {
    let report = late_report_of(|_| false);
    assert!(report.is_fine() && !report.is_complete(), "{:#?}", report.differences);
    for proved in &report.partitions {
        assert!(proved.from > Offset(0) && proved.windows() > 20 && proved.dead_letters() > 20);
        assert!(proved.windows() < proved.counters().windows, "the first load has rows too");
    }
}

#[test]
fn faults_after_the_checkpoint_are_found() {
    type Plant = Box<dyn FnMut(&mut PartitionCommit) -> bool + Send>;
    let cases: [(Plant, &[DifferenceKind]); 5] = [
        (Box::new(plant_in_rows(|rows| drop(rows.remove(0)))), &[RowMissing, Count]),
        (Box::new(plant_in_rows(|rows| drop(rows.pop()))), &[RowMissing, Count]),
        (Box::new(plant_in_rows(|rows| rows.push(rows[0].clone()))), &[RowDoubled, Count]),
        (Box::new(plant_in_dead(|dead| drop(dead.remove(0)))), &[DeadLetterMissing, Count]),
        (
            Box::new(plant_in_dead(|dead| dead.insert(0, dead[0].clone()))),
            &[DeadLetterDoubled, Count],
        ),
    ];
    for (plant, kinds) in cases {
        assert_found(&late_report_of(plant), kinds);
    }
}

#[test]
fn a_row_from_before_the_checkpoint_that_is_missing_is_counted() {
    let mut is_planted = false;
    let lose = move |commit: &mut Commit| {
        if !is_planted {
            let mut plant = plant_in_rows(|rows| drop(rows.remove(0)));
            is_planted = commit.partitions.iter_mut().any(&mut plant);
        }
        Fate::Made
    };
    let mut stage = Stage::with_store(Box::new(FaultyStore::new(lose)));
    stage.settings.finish = Finish::CaughtUp;
    stage.run().unwrap();
    publish_load(&stage.queue, RECORDS, 1);
    stage.settings.finish = Finish::Drain;
    stage.run().unwrap();
    let_go(&stage.queue, &stage.job.input().name, false);
    let report =
        verify(&stage.queue, &*stage.store, &Rules::default(), false, &mut |_| {}).unwrap();
    assert_found(&report, &[Count]);
    assert!(report.differences[0].key.starts_with("rows before"), "{:#?}", report.differences);
}

#[test]
fn rows_that_retention_let_go_of_are_no_differences_and_the_rest_is_compared() {
    for log_too in [false, true] {
        let stage = two_loads(|_| false);
        if log_too {
            let_go(&stage.queue, &stage.job.input().name, false);
        }
        let_go(stage.store.topics(), "rows", true);
        let_go(stage.store.topics(), "dead", true);
        let report =
            verify(&stage.queue, &*stage.store, &Rules::default(), false, &mut |_| {}).unwrap();
        assert!(report.is_fine(), "{:#?}", report.differences);
        let view = stage.store.view().unwrap();
        for (proved, part) in report.partitions.iter().zip(&view.partitions) {
            assert_eq!(
                proved.windows(),
                part.outputs[0].span.end.0 - part.outputs[0].span.first.0,
                "all that is left"
            );
            assert_eq!(
                proved.dead_letters(),
                part.outputs[1].span.end.0 - part.outputs[1].span.first.0
            );
        }
    }
}

#[test]
fn a_fault_in_what_retention_left_is_found() {
    let mut twice = plant_in_rows(|rows| rows.push(rows[0].clone()));
    // In a late commit of the partition looked at below, which retention leaves.
    let is_late = |part: &PartitionCommit| part.partition.0 == 0 && part.manifest.is_some();
    let stage = two_loads(move |part| is_late(part) && twice(part));
    let topic = stage.store.topics().topic("rows").unwrap();
    let first = stage.store.view().unwrap().partitions[0].outputs[0].span.first;
    let retain = |bytes| {
        let policy = Policy { max_age_ms: None, max_bytes: Some(bytes) };
        stage.store.topics().set_policy(&topic, policy).unwrap();
        stage.store.topics().retain(&topic, true).unwrap();
        stage.store.view().unwrap().partitions[0].outputs[0].span.first > first
    };
    // As little as can be deleted, whatever the commits were.
    assert!((0..1_000).rev().any(|step| retain(step * 100)));
    let report = verify(&stage.queue, &*stage.store, &Rules::default(), true, &mut |_| {}).unwrap();
    assert_found(&report, &[RowDoubled]);
}
