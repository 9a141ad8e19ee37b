//! A commit that goes wrong in any way, at any number, changes nothing about the results.

use std::sync::atomic::Ordering;

use seismic_pipeline::Error;
use seismic_queue::Kind;

use crate::faulty::{Fate, FaultyStore};
use crate::stage::Stage;

/// A stage on which every `every`-th commit, from the `first` on, has this fate.
fn stage_with(fate: Fate, first: u64, every: u64) -> Stage {
    let mut commits = 0;
    Stage::with_store(Box::new(FaultyStore::new(move |_| {
        commits += 1;
        let is_hit = commits >= first && (commits - first).is_multiple_of(every);
        if is_hit { fate } else { Fate::Made }
    })))
}

/// Runs until it ends well, as a supervisor would.
fn run_to_the_end(stage: &Stage) -> u32 {
    for deaths in 0..100 {
        match stage.run() {
            Ok(_) => return deaths,
            Err(Error::Commit { kind: Kind::Fatal, .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    panic!("it never ends")
}

#[test]
fn every_fate_of_every_early_commit_gives_the_same_rows() {
    let calm = Stage::new();
    calm.run().unwrap();
    let expected = calm.rows();
    assert!(expected.len() > 100 && calm.verify().is_fine());

    for fate in
        [Fate::Busy, Fate::MadeUnheard, Fate::LostUnheard, Fate::MadeThenDead, Fate::DeadBefore]
    {
        for first in 1..=6 {
            let stage = stage_with(fate, first, u64::MAX);
            run_to_the_end(&stage);
            let report = stage.verify();
            assert!(report.is_fine(), "{fate:?} of commit {first}: {:?}", report.differences);
            assert!(stage.rows() == expected, "{fate:?} of commit {first}");
        }
    }
}

#[test]
fn faults_at_every_second_commit_only_cost_time() {
    let calm = Stage::new();
    calm.run().unwrap();
    for fate in [Fate::Busy, Fate::MadeUnheard, Fate::LostUnheard, Fate::MadeThenDead] {
        let stage = stage_with(fate, 2, 2);
        run_to_the_end(&stage);
        assert!(stage.verify().is_fine(), "{fate:?}");
        assert!(stage.rows() == calm.rows(), "{fate:?}");
    }
}

#[test]
fn a_start_that_finds_the_store_busy_is_tried_again() {
    let (store, busy_loads) = FaultyStore::busy(3);
    let stage = Stage::with_store(Box::new(store));
    stage.run().unwrap();
    assert_eq!(busy_loads.load(Ordering::SeqCst), 0, "it was busy");
    let calm = Stage::new();
    calm.run().unwrap();
    assert!(stage.verify().is_fine() && stage.rows() == calm.rows());
}

#[test]
fn a_fenced_job_stops_and_says_so() {
    let stage = stage_with(Fate::Fenced, 3, u64::MAX);
    let error = stage.run().unwrap_err();
    assert_eq!(error.kind(), Kind::Fenced, "{error}");
}

#[test]
fn a_second_owner_is_refused_while_the_first_one_runs() {
    let stage = Stage::new();
    let _first = stage.store.acquire(&stage.job).unwrap();
    assert_eq!(stage.run().unwrap_err().kind(), Kind::Fenced);
}
