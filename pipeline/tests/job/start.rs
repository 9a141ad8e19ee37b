//! Where a group starts, and what it refuses to continue with.

use seismic_pipeline::{Error, Rules, StartFrom};
use seismic_queue::{Kind, Policy, Queue, Remedy, Retention};

use crate::faulty::{Fate, FaultyStore};
use crate::stage::{RECORDS, Stage, rules};

#[test]
fn from_latest_reads_only_what_comes_later() {
    let mut stage = Stage::new();
    stage.settings.from = Some(StartFrom::Latest);
    assert_eq!(stage.run().unwrap().records(), 0);
    assert_eq!(stage.committed(), RECORDS, "the position is the end, though nothing was read");
}

#[test]
fn from_an_offset_begins_there_in_every_partition() {
    let mut stage = Stage::new();
    stage.settings.from = Some(StartFrom::Offset(100));
    let spans = stage.queue.spans(stage.job.input()).unwrap();
    let expected: u64 = spans.iter().map(|span| span.end.0 - 100).sum();
    assert_eq!(stage.run().unwrap().records(), expected);
    let report = stage.verify();
    assert!(report.is_fine() && report.is_complete(), "{:?}", report.differences);
}

#[test]
fn from_an_offset_that_is_not_there_is_refused() {
    let mut stage = Stage::new();
    stage.settings.from = Some(StartFrom::Offset(1_000_000));
    let error = stage.run().unwrap_err();
    assert_eq!(error.kind(), Kind::Data, "{error}");
    assert!(stage.queue.holds(stage.job.input()).unwrap().is_empty(), "it holds nothing");
}

#[test]
fn from_an_offset_that_is_gone_is_refused_before_anything_is_begun() {
    let mut stage = Stage::new();
    let none = Policy { max_age_ms: None, max_bytes: Some(0) };
    stage.queue.set_policy(stage.job.input(), none).unwrap();
    stage.queue.retain(stage.job.input(), true).unwrap();
    stage.settings.from = Some(StartFrom::Offset(0));
    let error = stage.run().unwrap_err();
    assert_eq!(error.kind(), Kind::Data, "{error}");
    let view = stage.store.view().unwrap();
    assert!(view.partitions.iter().all(|part| part.progress.is_none()));
}

#[test]
fn from_beside_progress_is_refused() {
    let mut stage = Stage::new();
    stage.run().unwrap();
    stage.settings.from = Some(StartFrom::Earliest);
    let error = stage.run().unwrap_err();
    assert!(matches!(error, Error::AlreadyStarted { .. }), "{error}");
}

#[test]
fn other_rules_than_those_of_the_progress_are_refused_by_name() {
    let mut stage = Stage::new();
    stage.run().unwrap();
    stage.rules = Rules { lateness_ms: 501, ..rules() };
    let error = stage.run().unwrap_err();
    assert_eq!(error.kind(), Kind::Config);
    assert!(error.to_string().contains("lateness-ms 501 (was 500)"), "{error}");
    assert!(stage.verify().is_fine(), "the proof still uses the job's own rules");
}

#[test]
fn other_roll_ups_than_those_of_the_store_are_refused_with_the_choice_left() {
    let mut stage = Stage::new();
    stage.run().unwrap();
    stage.rules.rollups_ms.pop();
    stage.job.outputs.pop();
    let error = stage.run().unwrap_err();
    assert_eq!(error.kind(), Kind::Config);
    assert_eq!(error.remedy(), Some(Remedy::SameRollups), "{error}");
    assert!(stage.verify().is_fine(), "the proof still knows the job's own");
}

#[test]
fn rules_that_cannot_be_used_are_refused_before_anything_is_read() {
    let mut stage = Stage::new();
    stage.rules = Rules { window_ms: 0, ..rules() };
    assert_eq!(stage.run().unwrap_err().kind(), Kind::Config);
    let view = stage.store.view().unwrap();
    assert!(view.partitions.iter().all(|part| part.progress.is_none()));
}

#[test]
fn a_store_of_another_job_is_refused() {
    let stage = Stage::new();
    stage.run().unwrap();
    let mut other = stage.job.clone();
    other.outputs[0].topic = "elsewhere".into();
    let Err(error) = stage.store.acquire(&other) else { panic!("it is another job") };
    assert_eq!(error.kind(), Kind::Config, "{error}");
}

#[test]
fn every_partition_begins_in_one_commit() {
    // The first commit is made, and then the process dies.
    let mut commits = 0;
    let die = move |_: &mut seismic_queue::Commit| {
        commits += 1;
        if commits == 1 { Fate::MadeThenDead } else { Fate::Made }
    };
    let mut stage = Stage::with_store(Box::new(FaultyStore::new(die)));
    stage.settings.from = Some(StartFrom::Latest);
    stage.run().unwrap_err();
    let view = stage.store.view().unwrap();
    assert!(view.partitions.iter().all(|part| part.progress.is_some()), "all or none");
    assert_eq!(stage.committed(), RECORDS);
}

#[test]
fn two_stores_of_one_group_hold_the_log_each() {
    let one = Stage::new();
    one.run().unwrap();
    let other = Stage { queue: one.queue.clone(), job: one.job.clone(), ..Stage::new() };
    other.run().unwrap();
    let holds = one.queue.holds(one.job.input()).unwrap();
    let holders: std::collections::BTreeSet<_> = holds.iter().map(|hold| &hold.holder).collect();
    assert_eq!(holders.len(), 2, "{holders:?}");
}
