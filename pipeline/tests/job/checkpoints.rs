//! Checkpoints requested from a running job.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use seismic_pipeline::{CheckpointRef, Finish};
use seismic_queue::{Class, JobStore};

use crate::faulty::{Fate, FaultyStore};
use crate::stage::{RECORDS, Stage};

/// Runs the job as a service while `act` does something beside it.
fn beside_a_service<T>(stage: &Stage, act: impl FnOnce() -> T) -> T {
    let stop = Arc::new(AtomicBool::new(false));
    thread::scope(|scope| {
        let job = scope.spawn(|| stage.run_until(&stop).map(drop));
        wait_until("the job has read everything", || {
            stage.store.view().is_ok() && stage.committed() == RECORDS
        });
        let done = act();
        stop.store(true, Ordering::Relaxed);
        job.join().unwrap().unwrap();
        done
    })
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "waited for: {what}");
        thread::yield_now();
    }
}

fn service(store: impl JobStore + 'static) -> Stage {
    let mut stage = Stage::with_store(Box::new(store));
    stage.settings.finish = Finish::Never;
    stage
}

#[test]
fn a_running_job_takes_the_checkpoint_that_is_asked_for() {
    let stage = service(FaultyStore::new(|_| Fate::Made));
    beside_a_service(&stage, || {
        stage.store.request_checkpoint("quake").unwrap();
        wait_until("every partition has answered", || {
            stage.store.checkpoint_requests().unwrap().is_empty()
        });
    });
    let view = stage.store.view().unwrap();
    let named = CheckpointRef::Name("quake".into()).in_all(&view).unwrap();
    for (info, part) in named.iter().zip(&view.partitions) {
        assert_eq!(info.manifest.position, part.progress.as_ref().unwrap().next);
        assert_eq!(info.class, Some(Class::Newest));
    }
    assert!(stage.verify().is_fine());
}

#[test]
fn commits_that_go_wrong_only_delay_the_answer() {
    for fate in [Fate::Busy, Fate::MadeUnheard, Fate::LostUnheard] {
        // Every third commit, and so also some that carry an answer.
        let mut commits = 0;
        let stage = service(FaultyStore::new(move |_| {
            commits += 1;
            if commits > 1 && commits % 3 == 2 { fate } else { Fate::Made }
        }));
        beside_a_service(&stage, || {
            for name in ["one", "two", "three"] {
                stage.store.request_checkpoint(name).unwrap();
                wait_until("it is whole", || stage.store.checkpoint_requests().unwrap().is_empty());
            }
        });
        let view = stage.store.view().unwrap();
        for name in ["one", "two", "three"] {
            CheckpointRef::Name(name.into()).in_all(&view).unwrap();
        }
        assert!(stage.verify().is_fine(), "{fate:?}");
    }
}

#[test]
fn a_name_that_is_not_whole_or_not_there_is_refused_with_the_partitions() {
    let stage = Stage::new();
    stage.run().unwrap();
    stage.store.request_checkpoint("quake").unwrap();
    let view = stage.store.view().unwrap();
    let not_whole = CheckpointRef::Name("quake".into()).in_all(&view).unwrap_err().to_string();
    assert!(not_whole.contains("not complete"), "{not_whole}");
    let missing = CheckpointRef::Number(77).in_all(&view).unwrap_err().to_string();
    assert!(missing.contains("checkpoint 77 in any partition"), "{missing}");
    assert_eq!(CheckpointRef::Number(1).in_all(&view).unwrap().len(), 4);
}
