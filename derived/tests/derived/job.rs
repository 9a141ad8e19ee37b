//! Whole jobs: exactly once through failures, restarts, rewinds and forks, and a proof that finds
//! what is planted.

use std::sync::Arc;

use seismic_derived::StatementKind;
use seismic_pipeline::{CheckpointRef, Entry, Error, fork, rewind};
use seismic_queue::memory::MemoryStore;
use seismic_queue::{Block, Commit, Partition};

use crate::faulty::{Fate, FaultyStore};
use crate::stage::{RATIO, Stage, line, usage};

#[test]
fn a_job_stops_and_continues_with_each_row_once() {
    let stage = Stage::of(RATIO);
    stage.publish(0, 300);
    stage.run().unwrap();
    let first = stage.rows().len();
    stage.publish(300, 500);
    stage.run().unwrap();
    assert!(first > 200 && stage.rows().len() > first + 130);
    assert_eq!(stage.differences(), [""; 0]);
    let report = stage.report();
    assert!(report.partitions.iter().all(|proved| proved.is_complete() && proved.checkpoints > 0));
    assert_eq!(
        report.partitions.iter().map(|it| it.rows[0]).sum::<u64>(),
        stage.rows().len() as u64
    );
}

#[test]
fn commits_that_fail_or_have_an_unknown_outcome_double_no_row() {
    let mut number = 0;
    let decide = move |_: &mut Commit| {
        number += 1;
        match number % 5 {
            1 => Fate::Busy,
            3 => Fate::MadeUnheard,
            4 => Fate::LostUnheard,
            _ => Fate::Made,
        }
    };
    let faulty = Stage::new(usage(RATIO), Box::new(FaultyStore::new(decide)));
    let fine = Stage::of(RATIO);
    for round in 0..4 {
        for stage in [&faulty, &fine] {
            stage.publish(round * 150, (round + 1) * 150);
            stage.run().unwrap();
        }
    }
    assert_eq!(faulty.rows(), fine.rows());
    assert_eq!(faulty.letters(), fine.letters());
    assert_eq!(faulty.differences(), [""; 0]);
}

#[test]
fn a_rewind_takes_rows_back_and_a_rerun_makes_them_again() {
    let stage = Stage::of(RATIO);
    stage.publish(0, 200);
    stage.run().unwrap();
    stage.store.name_newest_checkpoint("half").unwrap();
    let half = stage.rows();
    stage.publish(200, 400);
    stage.run().unwrap();
    let all = stage.rows();
    {
        let lease = stage.store.acquire(&stage.job).unwrap();
        let half = "half".parse::<CheckpointRef>().unwrap();
        rewind(stage.context(&*lease), &half).unwrap();
    }
    assert_eq!(stage.rows(), half);
    stage.run().unwrap();
    assert_eq!(stage.rows(), all);
    assert_eq!(stage.differences(), [""; 0]);
}

#[test]
fn a_fork_has_the_rows_behind_its_checkpoint_alone() {
    let old = Stage::of(RATIO);
    old.publish(0, 200);
    old.run().unwrap();
    old.store.name_newest_checkpoint("half").unwrap();
    let half = old.rows().len();
    old.publish(200, 300);
    old.run().unwrap();
    let mut new = Stage::of(RATIO);
    new.queue = old.queue.clone();
    new.job = new.kind.job("new", old.job.inputs.clone(), "ratios-dead");
    {
        let lease = new.store.acquire(&new.job).unwrap();
        let half = "half".parse::<CheckpointRef>().unwrap();
        fork(new.context(&*lease), &*old.store, &half, &Arc::default()).unwrap();
    }
    new.run().unwrap();
    assert_eq!(new.rows().len(), old.rows().len() - half);
    assert_eq!(new.differences(), [""; 0]);
}

#[test]
fn the_journal_begins_with_the_definition() {
    let stage = Stage::of(RATIO);
    stage.publish(0, 10);
    stage.run().unwrap();
    let range = stage.store.view().unwrap().partitions[0].journal.clone();
    let entries = stage.store.journal(Partition(0), range).unwrap();
    match Entry::decode(&entries[0].bytes).unwrap() {
        Entry::Start { kind, semantics, .. } => {
            assert_eq!((kind.as_str(), semantics), ("sql", usage(RATIO).to_json().into_bytes()));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn another_statement_is_refused_under_progress() {
    let mut stage = Stage::of(RATIO);
    stage.publish(0, 50);
    stage.run().unwrap();
    stage.kind = StatementKind::new(usage(&RATIO.replace(">= 0", "> 0"))).unwrap();
    let refused = stage.run().unwrap_err();
    assert!(matches!(refused, Error::RulesDiffer(_)), "{refused}");
    assert!(refused.to_string().contains("sql (was insert into MoniteSink select"), "{refused}");
}

#[test]
fn a_row_or_a_dead_letter_that_is_lost_doubled_or_changed_is_found() {
    type Plant = fn(&mut Block);
    let doubled: Plant = |rows| {
        let first = rows.messages().next().map(|(k, v)| (k.to_vec(), v.to_vec())).unwrap();
        rows.push(&first.0, &first.1).unwrap();
    };
    let lost: Plant = |rows| {
        let all = std::mem::take(rows);
        all.messages().skip(1).for_each(|(key, value)| rows.push(key, value).unwrap());
    };
    let changed: Plant = |rows| {
        let all = std::mem::take(rows);
        for (i, (key, value)) in all.messages().enumerate() {
            let mut value = value.to_vec();
            value[12] ^= u8::from(i == 0);
            rows.push(key, &value).unwrap();
        }
    };
    for (plant, output) in
        [(doubled, 0), (lost, 0), (changed, 0), (doubled, 1), (lost, 1), (changed, 1)]
    {
        let mut is_planted = false;
        let decide = move |commit: &mut Commit| {
            for part in &mut commit.partitions {
                let rows = part.outputs.get_mut(output).filter(|rows| !rows.is_empty());
                if let Some(rows) = rows.filter(|_| !is_planted) {
                    plant(rows);
                    is_planted = true;
                }
            }
            Fate::Made
        };
        let stage = Stage::new(usage(RATIO), Box::new(FaultyStore::new(decide)));
        stage.publish(0, 200);
        stage.run().unwrap();
        assert!(!stage.differences().is_empty(), "output {output}");
    }
}

#[test]
fn a_job_whose_log_is_gone_is_proved_from_a_checkpoint_on() {
    use seismic_queue::{Policy, Retention as _};
    let stage = Stage::new(usage(RATIO), Box::new(MemoryStore::new()));
    for round in 0..3 {
        stage.publish(round * 100, (round + 1) * 100);
        stage.run().unwrap();
    }
    let few = Policy { max_bytes: Some(1), max_age_ms: None };
    stage.queue.set_policy(stage.job.input(), few).unwrap();
    stage.queue.retain(stage.job.input(), true).unwrap();
    assert_eq!(stage.differences(), [""; 0]);
    assert!(stage.report().partitions.iter().any(|proved| !proved.is_complete()));
}

#[test]
fn long_messages_are_cut_and_nothing_of_them_is_lost() {
    let stage = Stage::of(RATIO);
    let lines: String = (0..10_000).map(|i| line("a", f64::from(i), 7.0, "1")).collect();
    stage.send("a", &lines);
    stage.run().unwrap();
    let rows = stage.rows();
    assert_eq!(rows.len(), 10_000);
    assert!(rows[9_999].1.ends_with("/0/9999/0\"}"), "{}", rows[9_999].1);
    assert_eq!(stage.differences(), [""; 0]);
}
