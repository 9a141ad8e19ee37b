//! A job that goes back to one of its checkpoints and runs again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use seismic_pipeline::verify::DifferenceKind::*;
use seismic_pipeline::{CheckpointRef, Error, Finish, Result, Rules, rewind};
use seismic_queue::{Commit, Offset, Policy, Remedy, Retention};

use crate::faulty::{Fate, FaultyStore};
use crate::stage::{RECORDS, Stage, publish_load};
use crate::verify::{assert_found, plant_in_dead, plant_in_rows};

/// A job that has read two loads, with the checkpoint `half` between them.
fn two_loads(mut stage: Stage) -> Stage {
    stage.settings.finish = Finish::CaughtUp;
    stage.run().unwrap();
    stage.store.name_newest_checkpoint("half").unwrap();
    publish_load(&stage.queue, RECORDS, 1);
    stage.settings.finish = Finish::Drain;
    stage.run().unwrap();
    stage
}

fn go_back(stage: &Stage, which: &str) -> Result<()> {
    let lease = stage.store.acquire(&stage.job)?;
    rewind(stage.run_job(&*lease), &which.parse::<CheckpointRef>().unwrap())
}

#[test]
fn a_rewind_and_a_rerun_make_the_same_rows_at_other_offsets() {
    let stage = two_loads(Stage::new());
    let (rows, ends) = (stage.rows(), ends(&stage));
    go_back(&stage, "half").unwrap();
    assert_eq!(stage.committed(), RECORDS);
    assert!(stage.rows().len() < rows.len());
    let report = stage.verify();
    assert!(report.is_fine(), "before the rerun: {:#?}", report.differences);

    assert_eq!(stage.run().unwrap().records(), RECORDS);
    assert!(stage.rows() == rows, "the same rows in the same order");
    let report = stage.verify();
    assert!(report.is_fine() && report.is_complete(), "{:#?}", report.differences);
    for (before, after) in ends.iter().zip(self::ends(&stage)) {
        assert!(after > *before, "no offset is used twice");
    }
    // The name of a checkpoint that is still there can be used again.
    go_back(&stage, "half").unwrap();
    go_back(&stage, "half").unwrap();
    stage.run().unwrap();
    assert!(stage.verify().is_fine() && stage.rows() == rows);
}

fn ends(stage: &Stage) -> Vec<Offset> {
    stage.store.view().unwrap().partitions.iter().map(|part| part.outputs[0].span.end).collect()
}

#[test]
fn a_rewind_may_be_followed_by_another_history() {
    let mut stage = two_loads(Stage::new());
    let rows = stage.rows();
    go_back(&stage, "half").unwrap();
    // Not drained this time: the last windows stay open.
    stage.settings.finish = Finish::CaughtUp;
    stage.run().unwrap();
    assert!(stage.rows().len() < rows.len());
    assert!(stage.verify().is_fine());
    publish_load(&stage.queue, RECORDS, 2);
    stage.settings.finish = Finish::Drain;
    stage.run().unwrap();
    assert!(stage.verify().is_fine());
}

#[test]
fn faults_after_a_rewind_are_found_also_when_the_head_of_the_log_is_gone() {
    type Plant = fn(&mut seismic_queue::PartitionCommit) -> bool;
    let lose_row: Plant = |part| plant_in_rows(|rows| drop(rows.remove(0)))(part);
    let twice: Plant = |part| plant_in_dead(|dead| dead.insert(0, dead[0].clone()))(part);
    let cases = [(lose_row, [RowMissing, Count]), (twice, [DeadLetterDoubled, Count])];
    for (plant, kinds) in cases {
        for is_late in [false, true] {
            let run = Arc::new(AtomicU64::new(0));
            let (asked, mut is_planted) = (Arc::clone(&run), false);
            let change = move |commit: &mut Commit| {
                if asked.load(Ordering::SeqCst) == 3 && !is_planted {
                    is_planted = commit.partitions.iter_mut().any(plant);
                }
                Fate::Made
            };
            let stage = two_loads(Stage::with_store(Box::new(FaultyStore::new(change))));
            go_back(&stage, "half").unwrap();
            run.store(3, Ordering::SeqCst);
            stage.run().unwrap();
            if is_late {
                let policy = Policy { max_age_ms: None, max_bytes: Some(1) };
                stage.queue.set_policy(stage.job.input(), policy).unwrap();
                stage.queue.retain(stage.job.input(), false).unwrap();
            }
            let verify = seismic_pipeline::verify::verify;
            let report =
                verify(&stage.queue, &*stage.store, &Rules::default(), !is_late, &mut |_| {})
                    .unwrap();
            assert_eq!(report.is_complete(), !is_late);
            assert_found(&report, &kinds);
        }
    }
}

#[test]
fn what_cannot_be_rewound_is_refused_and_stays_as_it_was() {
    let stage = two_loads(Stage::new());
    let seen = || (stage.rows().len(), stage.committed(), ends(&stage));
    let before = seen();
    let error = go_back(&stage, "never").unwrap_err();
    assert!(matches!(error, Error::NoSuchCheckpoint { .. }), "{error}");

    let partition = seismic_queue::Partition(0);
    let end = ends(&stage)[0];
    stage.store.put_sink_position("csv:/x", 0, &[(partition, end)]).unwrap();
    let error = go_back(&stage, "half").unwrap_err();
    assert_eq!(error.remedy(), Some(Remedy::ReleaseSink { sink: "csv:/x".into() }), "{error}");
    assert_eq!(seen(), before);
    let rows = stage.store.topics().topic("rows").unwrap();
    stage.store.topics().hold(&rows, "csv:/x", &[]).unwrap();

    let policy = Policy { max_age_ms: None, max_bytes: Some(1) };
    stage.queue.set_policy(stage.job.input(), policy).unwrap();
    stage.queue.retain(stage.job.input(), true).unwrap();
    let error = go_back(&stage, "half").unwrap_err();
    assert!(matches!(error, Error::LogGone { .. }), "{error}");
    assert_eq!(seen(), before);
}
