//! The one loop that has all jobs of a server. Nobody else changes them: whoever wants something
//! sends a task, workers are followed by threads that send what happens.
//!
//! What is to be done is stored before it is done, so that a server that dies at any moment leaves
//! behind what the next one needs.

mod cgroups;
pub mod manager;
mod processes;
mod reload;
mod submission;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use self::cgroups::Cgroups;
use super::event::{Event, Happening};
use super::life::state::State;
use super::life::{Act, Doing, Input, Life};
use super::limits;
use super::link::Link;
use super::served_job::ServedJob;
use super::settings::ServeSettings;
use super::state::StateFile;
use super::worker::folder::WorkerFolder;
use super::worker::order::Begin;
use crate::job::service::RestartPolicy;
use crate::job::service::restart::Rerun;
use crate::time::now_ms;

/// How often something that is due is looked for.
const TICK: Duration = Duration::from_millis(100);

/// All jobs of a server.
pub struct Supervisor {
    settings: Arc<ServeSettings>,
    state: StateFile,
    jobs: BTreeMap<String, ServedJob>,
    sender: Sender<Event<Supervisor>>,
    events: Receiver<Event<Supervisor>>,
    links: u64,
    /// Since when it ends.
    ending: Option<Instant>,
    reloads: u64,
    /// Where cgroups of workers are made, once that was looked for.
    cgroups: Option<Option<Cgroups>>,
}

impl Supervisor {
    /// Reads the state and takes over the workers that are there.
    ///
    /// # Errors
    /// When the state cannot be read, or another server has it.
    pub fn open(settings: Arc<ServeSettings>) -> anyhow::Result<Supervisor> {
        let state = StateFile::open(&settings.state)?;
        let (sender, events) = channel();
        let mut supervisor = Supervisor {
            settings,
            state,
            jobs: BTreeMap::new(),
            sender,
            events,
            links: 0,
            ending: None,
            reloads: 0,
            cgroups: None,
        };
        for stored in supervisor.state.jobs()? {
            supervisor.take_over(stored);
        }
        supervisor.refresh_all();
        Ok(supervisor)
    }

    /// Where events are sent.
    #[must_use]
    pub fn sender(&self) -> Sender<Event<Supervisor>> {
        self.sender.clone()
    }

    /// What the server was told.
    #[must_use]
    pub fn settings(&self) -> &ServeSettings {
        &self.settings
    }

    /// The state file.
    #[must_use]
    pub fn state(&self) -> &StateFile {
        &self.state
    }

    /// The state file, to store in it.
    pub fn state_mut(&mut self) -> &mut StateFile {
        &mut self.state
    }

    /// Works until it is told to end and, unless workers are to be left running, all have ended. It tells
    /// `each_turn` that it lives, also while it ends.
    pub fn run(
        mut self,
        mut each_turn: impl FnMut(&Supervisor),
        mut each_tick: impl FnMut(&mut Supervisor),
    ) {
        loop {
            each_turn(&self);
            match self.events.recv_timeout(TICK) {
                Ok(event) => self.take(event),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            // What has come together is taken together.
            while let Ok(event) = self.events.try_recv() {
                self.take(event);
            }
            if self.ending.is_some() {
                self.kill_overdue();
                if self.settings.leave_running || self.jobs.values().all(|job| job.link.is_none()) {
                    return;
                }
                continue;
            }
            self.tick();
            each_tick(&mut self);
        }
    }

    fn take(&mut self, event: Event<Supervisor>) {
        match event {
            Event::Task(task) => task(self),
            Event::OfWorker(name, number, what) => self.of_worker(&name, number, what),
            Event::End => self.end(),
            Event::Reload => self.reload(),
        }
    }

    fn folder_of(&self, name: &str) -> WorkerFolder {
        WorkerFolder::at(self.settings.worker_folder(name))
    }

    /// Does what somebody wants of a job, with all of its workers.
    ///
    /// # Errors
    /// As [`try_apply`](Self::try_apply).
    pub fn ask(&mut self, name: &str, input: Input) -> anyhow::Result<()> {
        let further = self.further_of(name);
        self.try_apply(name, input.clone())?;
        // Those that have not begun wait until the job has.
        let begins = self.job(name).is_some_and(|job| job.stored.begin != Begin::default());
        for other in further {
            let rests = self.jobs.get(&other).is_some_and(|it| {
                matches!(it.life.standing().state, State::Created | State::Stopped)
            });
            let is_start = matches!(input, Input::Start | Input::Resume);
            self.set_awaited(&other, is_start && (begins || rests));
            match &input {
                Input::Start | Input::Resume if begins || rests => {}
                Input::Pause { .. } => {
                    let worker_can_stay = self.can_pause(&other);
                    self.try_apply(&other, Input::Pause { worker_can_stay })?;
                }
                input => self.try_apply(&other, input.clone())?,
            }
        }
        Ok(())
    }

    pub(super) fn set_awaited(&mut self, entry: &str, is_awaited: bool) {
        if let Some(it) = self.jobs.get_mut(entry) {
            it.is_awaited = is_awaited;
        }
    }

    pub(super) fn can_pause(&self, entry: &str) -> bool {
        let link = self.jobs.get(entry).and_then(|job| job.link.as_ref());
        link.is_some_and(Link::can_pause)
    }

    /// Whether a worker of a job is there, or about to be.
    #[must_use]
    pub fn has_workers(&self, name: &str) -> bool {
        self.workers_of(name).iter().any(|it| it.life.saved().has_worker)
    }

    /// Takes in what happened to a job: stores what follows from it, then does it.
    pub fn apply(&mut self, name: &str, input: Input) {
        if let Err(error) = self.try_apply(name, input) {
            tracing::error!("job {name}: {error:#}");
        }
    }

    /// As [`apply`](Self::apply), for those who answer somebody.
    ///
    /// # Errors
    /// When the server ends and starts nothing any more, or what follows could not be stored.
    pub fn try_apply(&mut self, name: &str, input: Input) -> anyhow::Result<()> {
        if self.ending.is_some() && matches!(input, Input::Start | Input::Resume) {
            anyhow::bail!("the server ends: start the job when it is there again");
        }
        let Some(job) = self.jobs.get_mut(name) else { return Ok(()) };
        let is_server_end = matches!(input, Input::ServerEnds);
        let before = job.life.standing().clone();
        let acts = job.life.step(now_ms(), input);
        let starts_by_itself = job.life.saved().restarts_total > job.stored.life.restarts_total;
        let older =
            (job.stored.life.clone(), job.stored.begin.clone(), job.stored.description.clone());
        let folder = WorkerFolder::at(self.settings.worker_folder(name));
        let prepared = if starts_by_itself { begin_again(job, &folder) } else { Ok(()) };
        let after = job.life.standing();
        if *job.life.saved() != job.stored.life {
            let has_changed = (before.state, &before.why) != (after.state, &after.why);
            job.stored.life = job.life.saved().clone();
            let stored = prepared.and_then(|()| self.state.save(&job.stored, has_changed));
            if let Err(error) = stored {
                // What is not stored is not done; it is tried again with the next tick.
                (job.stored.life, job.stored.begin, job.stored.description) = older;
                job.resolve_again();
                let is_bounded = job.spec.as_ref().is_some_and(|spec| spec.is_bounded());
                let policy = job.service.restart.clone();
                job.life = Life::restore(policy, is_bounded, job.stored.life.clone());
                // But a server with a full disk can end: the next one starts the worker again.
                if is_server_end && acts.contains(&Act::Stop) {
                    self.act(name, Act::Stop);
                }
                return Err(error.context("its state cannot be stored"));
            }
            if has_changed {
                tracing::info!("job {name}: {}: {}", after.state, after.why);
            }
        }
        for act in acts {
            self.act(name, act);
        }
        Ok(())
    }

    fn act(&mut self, name: &str, act: Act) {
        match act {
            Act::Spawn => self.spawn(name),
            Act::Stop | Act::Kill => {
                let Some(link) = self.jobs.get(name).and_then(|job| job.link.as_ref()) else {
                    return;
                };
                let done = if act == Act::Stop { link.stop() } else { link.kill() };
                if let Err(error) = done {
                    tracing::debug!("job {name}: its worker is gone already: {error}");
                }
            }
            Act::Pause | Act::Resume | Act::Slow => {
                let Some(link) = self.jobs.get(name).and_then(|job| job.link.as_ref()) else {
                    return;
                };
                if act != Act::Slow {
                    link.pause(act == Act::Pause);
                }
                if act != Act::Pause {
                    link.slow(act == Act::Slow);
                }
            }
        }
    }

    fn of_worker(&mut self, name: &str, number: u64, what: Happening) {
        let Some(job) = self.jobs.get_mut(name) else { return };
        if job.link.as_ref().is_none_or(|link| link.number != number) {
            return;
        }
        match what {
            Happening::Ended(ending) => {
                let last = job.report.take();
                if let Some((_, report)) = last {
                    job.past.get_or_insert_default().add(&report.numbers.as_past());
                }
                (job.link, job.silent_since_ms) = (None, None);
                if self.ending.is_none() {
                    self.apply(name, Input::Ended(ending));
                }
            }
            Happening::Silent(why) => {
                let now_ms = now_ms();
                let since = *job.silent_since_ms.get_or_insert(now_ms);
                if now_ms - since >= limits::SILENCE.as_millis() as i64 {
                    let why = format!("its worker does not answer: {why}");
                    self.apply(name, Input::Trouble(Some(why)));
                }
            }
            Happening::Reported(report) => {
                let doing = match &*report.state {
                    "running" if report.is_paused => Some(Doing::Paused),
                    "running" => Some(Doing::Running),
                    "draining" => Some(Doing::Draining),
                    _ => None,
                };
                if doing == Some(Doing::Running)
                    && let Some(is_slowed) = job.life.mends_slowed(report.is_slowed)
                    && let Some(link) = &job.link
                {
                    link.slow(is_slowed);
                }
                if matches!(doing, Some(Doing::Running | Doing::Paused))
                    && let Some(are_held) = job.life.mends_sinks(report.holds_sinks)
                    && let Some(link) = &job.link
                {
                    link.hold_sinks(are_held);
                }
                let was_silent = job.silent_since_ms.take().is_some();
                job.report = Some((now_ms(), *report));
                if matches!(doing, Some(Doing::Running | Doing::Paused)) {
                    self.has_begun(name);
                }
                // As an earlier server left it, perhaps.
                let is_degraded = self
                    .jobs
                    .get(name)
                    .is_some_and(|job| job.life.standing().state == State::Degraded);
                if was_silent || is_degraded {
                    self.apply(name, Input::Trouble(None));
                }
                if let Some(doing) = doing {
                    self.apply(name, Input::Reported(doing));
                }
            }
        }
    }

    /// A worker that runs is where its start was to begin: the next start continues from there.
    fn has_begun(&mut self, name: &str) {
        let Some(job) = self.jobs.get_mut(name) else { return };
        if job.stored.begin == Begin::default() {
            return;
        }
        // Where a job begins that has no progress is committed a moment after it runs.
        let partitions = job.report.iter().flat_map(|(_, report)| &report.numbers.partitions);
        let mut held = partitions.filter(|it| it.is_held).peekable();
        let is_committed = held.peek().is_some() && held.all(|it| it.position.is_some());
        if job.stored.begin.from.is_some() && !is_committed {
            return;
        }
        let begin = std::mem::take(&mut job.stored.begin);
        if let Err(error) = self.state.save(&job.stored, false) {
            tracing::error!("job {name}: its state cannot be stored: {error:#}");
            job.stored.begin = begin;
        }
    }

    fn tick(&mut self) {
        let names: Vec<String> = self.jobs.keys().cloned().collect();
        for name in names {
            self.look_for_worker(&name);
            self.apply(&name, Input::Tick);
        }
        self.tend_workers();
    }

    fn end(&mut self) {
        self.ending.get_or_insert_with(Instant::now);
        if self.settings.leave_running {
            return;
        }
        let names: Vec<String> = self.jobs.keys().cloned().collect();
        for name in names {
            self.apply(&name, Input::ServerEnds);
        }
    }

    fn kill_overdue(&mut self) {
        // All were asked then, also those whose state could not be stored.
        if self.ending.is_none_or(|began| began.elapsed() < limits::STOP_PATIENCE) {
            return;
        }
        for link in self.jobs.values().filter_map(|job| job.link.as_ref()) {
            let _ = link.kill();
        }
    }

    /// How often its file was read again.
    #[must_use]
    pub fn reloads(&self) -> u64 {
        self.reloads
    }

    /// Every job, in order of names.
    pub fn jobs(&self) -> impl Iterator<Item = &ServedJob> {
        self.entries().filter(|it| it.place() == 1)
    }

    /// Every job and further worker.
    pub fn entries(&self) -> impl Iterator<Item = &ServedJob> {
        self.jobs.values()
    }

    pub(super) fn take_entry(&mut self, name: &str) -> Option<ServedJob> {
        self.jobs.remove(name)
    }

    pub(super) fn put_entry(&mut self, it: ServedJob) {
        self.jobs.insert(it.name().to_owned(), it);
    }

    /// The job of that name.
    #[must_use]
    pub fn job(&self, name: &str) -> Option<&ServedJob> {
        self.jobs.get(name)
    }

    /// Has the worker of a job log as its file says now.
    pub fn tell_levels(&self, name: &str) {
        for worker in self.workers_of(name) {
            if let Some(link) = &worker.link {
                link.set_levels(&worker.service.logs.level);
            }
        }
    }

    /// Has a job read nothing until it is resumed.
    ///
    /// # Errors
    /// As [`try_apply`](Self::try_apply).
    pub fn pause(&mut self, name: &str) -> anyhow::Result<()> {
        let worker_can_stay = self.can_pause(name);
        self.ask(name, Input::Pause { worker_can_stay })
    }
}

/// Has an automatic start begin where the job's policy says.
fn begin_again(job: &mut ServedJob, folder: &WorkerFolder) -> anyhow::Result<()> {
    let RestartPolicy { rerun, checkpoint, .. } = job.service.restart.clone();
    if rerun == Rerun::FromScratch {
        job.stored.description.rerun += 1;
        job.stored.begin = Begin::default();
        job.resolve_again();
        // Another job counts from zero.
        job.past = None;
        let name = job.name();
        tracing::warn!("job {name}: it begins from scratch as group {}", job.group());
    } else if let Some(checkpoint) = checkpoint
        && job.stored.begin == Begin::default()
    {
        folder.forget_begun().context("forgetting where it began")?;
        job.past = None;
        let name = job.name();
        tracing::warn!("job {name}: it goes back to checkpoint {checkpoint}, as [restart] says");
        job.stored.begin = Begin { from_checkpoint: Some(checkpoint), ..Begin::default() };
    }
    Ok(())
}
