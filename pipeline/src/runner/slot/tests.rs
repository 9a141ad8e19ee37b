//! When a slot of a shared job may end, and commits that fail repeatedly.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};

use seismic_queue::memory::{Memory, MemoryStore};
use seismic_queue::{
    Commit, CommitError, FencingToken, Job, JobStore as _, Offset, Queue as _, Recovered, Topic,
};

use super::*;
use crate::engine::windows::rules::Rules;
use crate::runner::clock::{Clock, Monotonic};
use crate::runner::commit::channel::Committed;
use crate::runner::commit::committer_thread::CommitterThread;
use crate::runner::housekeeping::checkpoint_requests::CheckpointRequests;
use crate::runner::metrics::Metrics;
use crate::runner::notices::loss_watch::LossWatch;
use crate::runner::notices::spread_watch::SpreadWatch;
use crate::runner::record_budget::RecordBudget;
use crate::runner::settings::{Finish, Settings};
use crate::runner::slot::shared_job::SharedJob;

/// A job of one partition without records, and all that its slot needs.
struct World {
    queue: Memory,
    input: Topic,
    job: Job,
    rules: Rules,
    settings: Settings,
    budget: RecordBudget,
    metrics: Metrics,
    stop: Arc<AtomicBool>,
    requests: CheckpointRequests,
    spread: SpreadWatch,
    losses: LossWatch,
}

impl World {
    fn new(finish: Finish) -> World {
        let queue = Memory::new();
        let input = queue.create("in", 1).unwrap();
        let settings = Settings { finish, ..Settings::default() };
        World {
            job: Job::plain("g", input.clone(), ["rows", "dead"]),
            budget: RecordBudget::new(None),
            metrics: Metrics::default(),
            stop: Arc::new(AtomicBool::new(false)),
            requests: CheckpointRequests::default(),
            spread: SpreadWatch::new(0, &settings, 1),
            losses: LossWatch::default(),
            queue,
            input,
            rules: Rules::default(),
            settings,
        }
    }

    fn slot<'a>(
        &'a self,
        clock: &'a dyn Clock,
        spans: &'a (dyn Fn(&Topic) -> Result<Vec<seismic_queue::Span>> + Sync),
        shared: Option<&'a SharedJob<'a>>,
        commit_channel: Box<dyn CommitChannel>,
    ) -> Slot<'a> {
        let slot_job = SlotContext {
            inputs: &self.job.inputs,
            queue: &self.queue,
            open: &|_, _| unreachable!("there is one input"),
            kind: &self.rules,
            settings: &self.settings,
            budget: &self.budget,
            metrics: &self.metrics,
            stop: &self.stop,
            checkpoint_requests: &self.requests,
            spread: &self.spread,
            losses: &self.losses,
            clock,
            begin_at: &|_| Ok(vec![Offset(0)]),
            spans,
            shared,
            first_step: None,
        };
        let source = self.queue.source(&self.input, &[Partition(0)]).unwrap();
        Slot::new(slot_job, source, commit_channel)
    }

    fn committer(&self, store: &MemoryStore) -> CommitterThread {
        let lease = store.acquire(&self.job).unwrap();
        CommitterThread::start(lease.committer().unwrap(), Arc::clone(&self.stop))
    }
}

#[test]
fn a_slot_does_not_end_before_the_others_of_its_worker_know_what_is_theirs() {
    let (world, store) = (World::new(Finish::CaughtUp), MemoryStore::new());
    let positions = || Ok(vec![Some(Offset(0))]);
    let unplaced = AtomicUsize::new(2);
    let (targets, is_done) = (vec![vec![Offset(0)]], AtomicBool::new(false));
    let shared = SharedJob { targets, positions: &positions, unplaced, is_done };
    let (clock, spans) = (Monotonic::start(), |topic: &Topic| Ok(world.queue.spans(topic)?));
    let mut slot = world.slot(&clock, &spans, Some(&shared), Box::new(world.committer(&store)));

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

/// Fails that many commits in a way of which the outcome is unknown, and makes the others.
struct Failing {
    left: usize,
    failed: Option<Commit>,
    inner: CommitterThread,
}

impl CommitChannel for Failing {
    fn load(&mut self, token: FencingToken, partitions: Vec<Partition>) -> Result<Vec<Recovered>> {
        self.inner.load(token, partitions)
    }

    fn commit(&mut self, token: FencingToken, commit: Commit) -> Result<()> {
        match self.left.checked_sub(1) {
            Some(left) => {
                (self.left, self.failed) = (left, Some(commit));
                Ok(())
            }
            None => self.inner.commit(token, commit),
        }
    }

    fn is_busy(&self) -> bool {
        self.failed.is_some() || self.inner.is_busy()
    }

    fn poll_outcome(&mut self, wait: Duration) -> Result<Option<Committed>> {
        let failed = |commit| {
            let error = seismic_queue::Error::Busy { at: "k".to_owned(), doing: "committing" };
            Some((commit, Err(CommitError::Rebuild(error))))
        };
        match self.failed.take() {
            Some(commit) => Ok(failed(commit)),
            None => self.inner.poll_outcome(wait),
        }
    }
}

/// Whoever sleeps by it continues at once.
struct Sleepless(Monotonic);

impl Clock for Sleepless {
    fn now(&self) -> Duration {
        self.0.now()
    }

    fn sleep(&self, _: Duration) {}
}

#[test]
fn commits_that_fail_while_engines_are_made_again_go_no_deeper() {
    let (world, store) = (World::new(Finish::CaughtUp), MemoryStore::new());
    let (clock, spans) =
        (Sleepless(Monotonic::start()), |topic: &Topic| Ok(world.queue.spans(topic)?));
    let channel = Failing { left: 20_000, failed: None, inner: world.committer(&store) };
    let mut slot = world.slot(&clock, &spans, None, Box::new(channel));
    while slot.step().unwrap() {}
    assert_eq!(slot.rebuilt, 20_000);
    let view = store.view().unwrap();
    assert!(view.partitions[0].progress.is_some(), "the last one was made");
}
