//! A job that starts with the state of another one.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use seismic_pipeline::verify::DifferenceKind::*;
use seismic_pipeline::verify::verify;
use seismic_pipeline::{CheckpointRef, Error, Finish, Result, Rules, fork};
use seismic_queue::memory::MemoryStore;
use seismic_queue::{Commit, JobStore, Kind, Offset, Policy, Retention};

use crate::faulty::{Fate, FaultyStore};
use crate::stage::{RECORDS, Stage, publish_load};
use crate::verify::{assert_found, plant_in_rows};

/// A job that has read one load, with the checkpoint `half` there, and then drained another one.
fn parent() -> Stage {
    let mut stage = Stage::new();
    stage.settings.finish = Finish::CaughtUp;
    stage.run().unwrap();
    stage.store.name_newest_checkpoint("half").unwrap();
    publish_load(&stage.queue, RECORDS, 1);
    stage.settings.finish = Finish::Drain;
    stage.run().unwrap();
    stage
}

fn half() -> CheckpointRef {
    CheckpointRef::Name("half".into())
}

/// Another job on the topic of `parent`, in this store.
fn child(parent: &Stage, store: impl JobStore + 'static) -> Stage {
    let job = seismic_queue::Job { group: "child".into(), ..parent.job.clone() };
    let (queue, settings) = (parent.queue.clone(), parent.settings.clone());
    let rules = parent.rules.clone();
    Stage { queue, store: Box::new(store), job, rules, settings, slots: 2 }
}

fn begin(child: &Stage, parent: &Stage, which: &CheckpointRef) -> Result<()> {
    let lease = child.store.acquire(&child.job)?;
    fork(child.run_job(&*lease), &*parent.store, which, &Arc::new(AtomicBool::new(false)))
}

#[test]
fn a_fork_makes_the_rows_that_come_after_the_checkpoint_and_proves_them() {
    let parent = parent();
    let child = child(&parent, MemoryStore::new());
    begin(&child, &parent, &half()).unwrap();
    assert_eq!(child.run().unwrap().records(), RECORDS, "only the second load");
    let (all, ours) = (parent.rows(), child.rows());
    let after: Vec<_> = all.iter().filter(|row| ours.contains(row)).collect();
    assert!(ours.len() > 50 && ours.len() < all.len());
    assert!(ours.iter().eq(after), "the same rows, and in the same order");
    let report = child.verify();
    assert!(report.is_fine() && report.is_complete(), "{:#?}", report.differences);
    for proved in &report.partitions {
        assert!(proved.from > Offset(0) && proved.fork.is_some());
    }
}

#[test]
fn a_fork_is_proved_from_its_beginning_also_when_that_is_long_ago() {
    let parent = parent();
    let child = child(&parent, MemoryStore::new());
    begin(&child, &parent, &half()).unwrap();
    for load in 2..15 {
        publish_load(&child.queue, 400, load);
        child.run().unwrap();
    }
    assert!(child.verify().is_fine(), "its first checkpoint is still there");
}

#[test]
fn a_fault_in_a_fork_is_found() {
    let parent = parent();
    let mut is_planted = false;
    let lose = move |commit: &mut Commit| {
        let mut plant = plant_in_rows(|rows| drop(rows.remove(0)));
        is_planted = is_planted || commit.partitions.iter_mut().any(&mut plant);
        Fate::Made
    };
    let child = child(&parent, FaultyStore::new(lose));
    begin(&child, &parent, &half()).unwrap();
    child.run().unwrap();
    assert_found(&child.verify(), &[RowMissing, Count]);
}

#[test]
fn a_fork_begins_in_all_partitions_or_in_none() {
    let parent = parent();
    for (fate, began) in [(Fate::MadeThenDead, 4), (Fate::DeadBefore, 0)] {
        let mut is_first = true;
        let die = move |_: &mut Commit| {
            if std::mem::take(&mut is_first) { fate } else { Fate::Made }
        };
        let child = child(&parent, FaultyStore::new(die));
        begin(&child, &parent, &half()).unwrap_err();
        let view = child.store.view().unwrap();
        let found = view.partitions.iter().filter(|part| part.progress.is_some()).count();
        assert_eq!(found, began);
        if began == 0 {
            begin(&child, &parent, &half()).unwrap();
        }
        child.run().unwrap();
        assert!(child.verify().is_fine());
    }
}

#[test]
fn what_cannot_be_forked_is_refused_and_holds_nothing() {
    let parent = parent();
    let holds = || parent.queue.holds(parent.job.input()).unwrap().len();
    let before = holds();

    let mut other_rules = child(&parent, MemoryStore::new());
    other_rules.rules = Rules { lateness_ms: 501, ..Rules::default() };
    let error = begin(&other_rules, &parent, &half()).unwrap_err();
    assert!(error.to_string().contains("lateness-ms 501 (was 500)"), "{error}");
    assert_eq!(error.kind(), Kind::Config);

    let fresh = child(&parent, MemoryStore::new());
    let error = begin(&fresh, &parent, &CheckpointRef::Number(99)).unwrap_err();
    assert!(matches!(error, Error::NoSuchCheckpoint { .. }), "{error}");
    assert_eq!(holds(), before);

    let begun = child(&parent, MemoryStore::new());
    begun.run().unwrap();
    let error = begin(&begun, &parent, &half()).unwrap_err();
    assert!(matches!(error, Error::AlreadyForked { .. }), "{error}");
}

#[test]
fn a_checkpoint_that_the_log_no_longer_reaches_is_refused_by_its_offsets() {
    let parent = parent();
    let policy = Policy { max_age_ms: None, max_bytes: Some(1) };
    parent.queue.set_policy(parent.job.input(), policy).unwrap();
    parent.queue.retain(parent.job.input(), true).unwrap();
    let fresh = child(&parent, MemoryStore::new());
    let error = begin(&fresh, &parent, &half()).unwrap_err();
    assert!(matches!(error, Error::LogGone { .. }), "{error}");
    let view = fresh.store.view().unwrap();
    assert!(view.partitions.iter().all(|part| part.progress.is_none()));
    assert!(
        verify(&fresh.queue, &*fresh.store, &Rules::default(), true, &mut |_| {})
            .unwrap()
            .partitions
            .is_empty()
    );
}
