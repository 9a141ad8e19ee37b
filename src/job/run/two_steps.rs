//! Both steps of a job that repartitions its input, in one process.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use seismic_pipeline::{
    Finish, FirstStep, JobContext, Metrics, PauseToken, Repartition, Settings, TimeMode, run,
    run_behind,
};
use seismic_queue::{Job, JobStore, Lease, Policy, Queue, Result, Topic, patiently};

use crate::error::Usage;
use crate::job::repartition::{first_dead_topic, first_group, repartitioned_topic};
use crate::job::spec::JobSpec;
use crate::remedy::notice_with_remedy;

/// Partitions are read in step to within this part of the lateness: what is left is for the records
/// of a feed, which are not in order on their own.
const PART_OF_LATENESS: i64 = 4;

/// The largest such bound, ms: an hour of lateness needs no pieces of minutes.
const MOST_BOUND_MS: i64 = 1_000;

/// How long the internal topic is kept where brokers keep the input by rules that they do not tell:
/// RocketMQ's default.
const KEPT: Policy = Policy { max_age_ms: Some(72 * 3_600_000), max_bytes: None };

/// The first step of a job that is about to run.
pub(super) struct FirstJob {
    store: Box<dyn JobStore>,
    job: Job,
    /// Whether the policy of the input is its brokers' own.
    is_kept_by_brokers: bool,
    kind: Repartition,
    settings: Settings,
}

impl FirstJob {
    /// The first step of a job that reads `input`.
    ///
    /// # Errors
    /// When its store cannot be opened, or is that of something else.
    pub fn open(
        spec: &JobSpec,
        input: &Topic,
        pause: &PauseToken,
        stop: &Arc<AtomicBool>,
    ) -> anyhow::Result<FirstJob> {
        let location = spec.location().first_step();
        let slot = spec.slot.as_deref();
        let store = patiently(stop, || location.open_store_as(slot))?;
        let rules = spec.rules();
        let kind = Repartition {
            partitions: input.partitions,
            bound_ms: (rules.lateness_ms / PART_OF_LATENESS).min(MOST_BOUND_MS),
            follows_append_times: rules.time == TimeMode::Ingest,
            // In a cluster everybody sees the topic, and its messages have their sensors' keys.
            packs: !spec.queue.capabilities().has_stores_in_cluster,
        };
        let dead = first_dead_topic(&spec.group);
        let job = kind.job(&location.group, input.clone(), &location.group, &dead);
        let pause = pause.clone();
        let settings = Settings { idle_timeout: Duration::ZERO, pause, ..spec.settings() };
        let is_kept_by_brokers = spec.queue.capabilities().retains_by_itself;
        Ok(FirstJob { store, job, is_kept_by_brokers, kind, settings })
    }

    /// Takes its store, which makes the internal topic.
    ///
    /// # Errors
    /// When someone has it.
    pub fn acquire(&self, stop: &Arc<AtomicBool>) -> Result<Box<dyn Lease>> {
        patiently(stop, || self.store.acquire(&self.job))
    }

    /// Where the windows read.
    pub fn topics(&self) -> &dyn Queue {
        self.store.topics()
    }

    /// What they read.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn internal_topic(&self) -> Result<Topic> {
        self.topics().topic(self.job.main_topic())
    }

    /// Keeps as much of the internal topic as of the input when it is new. Afterwards its policy is
    /// for a person to set. Where workers share the job, what it needs no more is let go instead.
    ///
    /// # Errors
    /// When a policy cannot be read or set.
    pub fn keep_as_input(&self, queue: &dyn Queue, lease: &dyn Lease) -> Result<()> {
        if lease.shared().is_some() {
            return Ok(());
        }
        if self.store.view()?.partitions.iter().any(|part| part.progress.is_some()) {
            return Ok(());
        }
        let policy = match queue.policy(self.job.input())? {
            untold if self.is_kept_by_brokers && untold == Policy::default() => KEPT,
            told => told,
        };
        match policy == Policy::default() {
            true => Ok(()),
            false => self.topics().set_policy(&self.internal_topic()?, policy),
        }
    }

    /// Runs both steps, `windows` being the second, until they are stopped or the bounded work of
    /// both is done.
    ///
    /// # Errors
    /// Why one of them could not continue; the other one has ended then, too.
    pub fn run_both(
        &self,
        (queue, lease): (&dyn Queue, &dyn Lease),
        windows: JobContext<'_>,
        stop: &Arc<AtomicBool>,
        metrics: &Metrics,
    ) -> seismic_pipeline::Result<()> {
        patiently(stop, || hold_from_the_start(windows))?;
        let input = self.job.input();
        let opened = || FirstStep::new(queue, input, &*self.store, lease.shared());
        let first_step = &patiently(stop, opened)?;
        let first = JobContext {
            queue,
            store: &*self.store,
            lease,
            job: &self.job,
            slots: 1,
            kind: &self.kind,
            settings: &self.settings,
        };
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            let watch = scope.spawn(|| first_step.watch(&is_over));
            // Also after a panic: otherwise it would be watched forever.
            let steps = || run_steps(first, windows, first_step, stop, metrics);
            let ended = catch_unwind(AssertUnwindSafe(steps));
            is_over.store(true, Ordering::Relaxed);
            watch.thread().unpark();
            ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

/// Runs both steps beside each other, and then what is left for the second one.
fn run_steps(
    first: JobContext<'_>,
    windows: JobContext<'_>,
    first_step: &FirstStep<'_>,
    stop: &Arc<AtomicBool>,
    metrics: &Metrics,
) -> seismic_pipeline::Result<()> {
    // While the first step works, no one knows where the internal topic will end.
    let unbounded = Settings { finish: Finish::Never, ..windows.settings.clone() };
    let beside = JobContext { settings: &unbounded, ..windows };
    let is_read = Arc::new(AtomicBool::new(false));
    let (read, computed) = thread::scope(|scope| {
        let second = scope.spawn(|| {
            // Also after a panic: otherwise the first step would continue forever.
            let behind = || run_behind(beside, Some(first_step), &is_read, metrics);
            let ended = catch_unwind(AssertUnwindSafe(behind));
            if !matches!(ended, Ok(Ok(()))) {
                metrics.fail();
                stop.store(true, Ordering::Relaxed);
            }
            ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        let of_first = metrics.beside();
        of_first.on_notice(|notice| tracing::warn!("{}", notice_with_remedy(notice)));
        let unwind = |panic| std::panic::resume_unwind(panic);
        // Also after a panic: otherwise the second step would continue forever.
        let read = catch_unwind(AssertUnwindSafe(|| run(first, stop, &of_first)));
        is_read.store(true, Ordering::Relaxed);
        let computed = second.join();
        (read.unwrap_or_else(unwind), computed.unwrap_or_else(unwind))
    });
    read?;
    computed?;
    if windows.settings.finish == Finish::Never || stop.load(Ordering::Relaxed) {
        return Ok(());
    }
    run_behind(windows, Some(first_step), stop, metrics)
}

/// Keeps all of the internal topic for windows that have not begun, before the first step may apply
/// a policy to it.
fn hold_from_the_start(windows: JobContext<'_>) -> Result<()> {
    let (view, input) = (windows.store.view()?, windows.job.input());
    if view.partitions.iter().any(|part| part.progress.is_some()) {
        return Ok(());
    }
    let firsts = windows.queue.spans(input)?.into_iter().map(|span| span.first);
    let holder = format!("{} ({})", windows.job.group, view.id);
    windows.queue.hold(input, &holder, &input.all().zip(firsts).collect::<Vec<_>>())
}

/// Refuses a job that began with the other choice: its store, if there is one, has it.
///
/// # Errors
/// [`Usage`] with what to say instead.
pub(super) fn check_choice(
    spec: &JobSpec,
    store: &dyn JobStore,
    stop: &AtomicBool,
) -> anyhow::Result<()> {
    // There is none yet, or what is wrong with it is for its lease to say.
    let Ok(view) = patiently(stop, || store.view()) else { return Ok(()) };
    let group = &spec.group;
    match (spec.repartition, repartitioned_topic(&view)) {
        (false, Some(topic)) => Err(Usage(format!(
            "group {group} repartitions topic {topic}, and keeps to that: say --repartition, or use \
             another --group"
        ))
        .into()),
        (true, None) if view.job.input().name != first_group(group) => Err(Usage(format!(
            "group {group} began without --repartition: leave it out, or use another --group, which \
             reads the log from its start"
        ))
        .into()),
        _ => Ok(()),
    }
}
