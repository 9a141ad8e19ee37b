//! When a slot of a job that several workers share may end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};

use seismic_queue::memory::{Memory, MemoryStore};
use seismic_queue::{Job, JobStore as _, Offset, Queue as _};

use super::*;
use crate::runner::clock::Monotonic;
use crate::runner::commit::committer_thread::CommitterThread;
use crate::runner::housekeeping::checkpoint_requests::CheckpointRequests;
use crate::runner::metrics::Metrics;
use crate::runner::notices::loss_watch::LossWatch;
use crate::runner::notices::spread_watch::SpreadWatch;
use crate::runner::record_budget::RecordBudget;
use crate::runner::settings::{Finish, Settings};
use crate::runner::slot::shared_job::SharedJob;

#[test]
fn a_slot_does_not_end_before_the_others_of_its_worker_know_what_is_theirs() {
    let (queue, store) = (Memory::new(), MemoryStore::new());
    let input = queue.create("in", 1).unwrap();
    let job = Job::plain("g", input.clone(), ["rows", "dead"]);
    let lease = store.acquire(&job).unwrap();
    let settings = Settings { finish: Finish::CaughtUp, ..Settings::default() };
    let positions = || Ok(vec![Some(Offset(0))]);
    let unplaced = AtomicUsize::new(2);
    let (targets, is_done) = (vec![vec![Offset(0)]], AtomicBool::new(false));
    let shared = SharedJob { targets, positions: &positions, unplaced, is_done };
    let stop = Arc::new(AtomicBool::new(false));
    let slot_job = SlotContext {
        inputs: &job.inputs,
        queue: &queue,
        open: &|_, _| unreachable!("there is one input"),
        kind: &settings.rules,
        settings: &settings,
        budget: &RecordBudget::new(None),
        metrics: &Metrics::default(),
        stop: &stop,
        checkpoint_requests: &CheckpointRequests::default(),
        spread: &SpreadWatch::new(&settings, 1),
        losses: &LossWatch::default(),
        clock: &Monotonic::start(),
        begin_at: &|_| Ok(vec![Offset(0)]),
        spans: &|topic| Ok(queue.spans(topic)?),
        shared: Some(&shared),
        first_step: None,
    };
    let source = queue.source(&input, &[Partition(0)]).unwrap();
    let commit_channel = CommitterThread::start(lease.committer().unwrap(), Arc::clone(&stop));
    let mut slot = Slot::new(slot_job, source, Box::new(commit_channel));

    for turn in 0..20 {
        assert!(
            slot.step().unwrap(),
            "turn {turn}: it has all there is, but the other has no place"
        );
    }
    assert_eq!(shared.unplaced.load(Ordering::Relaxed), 1, "it has its own place, counted once");
    shared.unplaced.store(0, Ordering::Relaxed);
    // It asks only now and then how far the others are, so the turns are not counted.
    while slot.step().unwrap() {}
}
