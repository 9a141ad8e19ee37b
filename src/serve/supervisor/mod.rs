//! The one loop that owns all jobs of a server. Nothing else changes them: requests are sent as
//! tasks, and threads that watch workers send events.
//!
//! Every decision is stored before it is carried out, so that a server that dies at any moment
//! leaves the state that the next one needs.

mod apply;
mod cgroups;
pub mod circles;
mod known_tokens;
pub mod manager;
mod pins;
mod processes;
mod reload;
mod stages;
mod submission;
mod tokens;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use self::cgroups::Cgroups;
use self::known_tokens::Tokens;
pub use self::processes::this_program;
use super::event::{Event, Happening};
use super::life::state::State;
use super::life::{Doing, Input};
use super::limits;
use super::served_job::ServedJob;
use super::settings::ServeSettings;
use super::state::StateFile;
use super::worker::folder::WorkerFolder;
use super::worker::order::Begin;
use super::workers::elastic::scaler::Scalers;
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
    tokens: Tokens,
    scalers: Scalers,
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
            tokens: Tokens::default(),
            scalers: Scalers::default(),
        };
        supervisor.refresh_tokens()?;
        // All are known before one of them acts: some wait for others.
        let stored = supervisor.state.jobs()?;
        let names: Vec<String> = stored.iter().map(|it| it.name.clone()).collect();
        stored.into_iter().for_each(|stored| supervisor.restore(stored));
        // A worker that is started again at once is one of those that are wanted.
        names.iter().try_for_each(|name| supervisor.take_in_scaling(name))?;
        names.iter().for_each(|name| supervisor.take_over(name));
        supervisor.refresh_all();
        Ok(supervisor)
    }

    /// The scaling of all jobs.
    #[must_use]
    pub fn scalers(&self) -> &Scalers {
        &self.scalers
    }

    pub(in crate::serve) fn scalers_mut(&mut self) -> &mut Scalers {
        &mut self.scalers
    }

    /// Where events are sent.
    #[must_use]
    pub fn sender(&self) -> Sender<Event<Supervisor>> {
        self.sender.clone()
    }

    /// The settings of the server.
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

    /// Works until its end is requested and, unless workers are to be left running, all have ended.
    /// It tells `each_turn` that it lives, also while it ends.
    pub fn run(
        mut self,
        mut each_turn: impl FnMut(&Supervisor),
        mut each_tick: impl FnMut(&mut Supervisor),
    ) {
        loop {
            each_turn(&self);
            match self.events.recv_timeout(TICK) {
                Ok(event) => self.handle(event),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            // What has come together is taken together.
            while let Ok(event) = self.events.try_recv() {
                self.handle(event);
            }
            if self.ending.is_some() {
                if !self.settings.leave_running {
                    self.end_sinks();
                }
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

    fn handle(&mut self, event: Event<Supervisor>) {
        match event {
            Event::Task(task) => task(self),
            Event::OfWorker(name, number, what) => self.of_worker(&name, number, what),
            Event::End => self.end(),
            Event::Reload => self.reload(),
        }
    }

    pub(in crate::serve) fn folder_of(&self, name: &str) -> WorkerFolder {
        WorkerFolder::at(self.settings.worker_folder(name))
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
        self.tend_scaling();
        self.tend_workers();
        self.tend_sinks();
    }

    fn end(&mut self) {
        self.ending.get_or_insert_with(Instant::now);
        if self.settings.leave_running {
            return;
        }
        // Sinks end when their workers have: what these commit last is shown.
        let workers = self.entries().filter(|it| it.place() > 0);
        let names: Vec<String> = workers.map(|it| it.name().to_owned()).collect();
        for name in names {
            self.apply(&name, Input::ServerEnds);
        }
    }

    fn kill_overdue(&mut self) {
        // All were asked then, also those whose state could not be stored; sinks after the workers.
        let Some(waited) = self.ending.map(|began| began.elapsed()) else { return };
        for job in self.jobs.values() {
            let patience = match job.place() {
                0 => limits::STOP_PATIENCE * 2,
                _ => limits::STOP_PATIENCE,
            };
            if let Some(link) = job.link.as_ref().filter(|_| waited >= patience) {
                let _ = link.kill();
            }
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

    pub(in crate::serve) fn take_entry(&mut self, name: &str) -> Option<ServedJob> {
        self.jobs.remove(name)
    }

    pub(in crate::serve) fn put_entry(&mut self, it: ServedJob) {
        self.jobs.insert(it.name().to_owned(), it);
    }

    /// The job of that name.
    #[must_use]
    pub fn job(&self, name: &str) -> Option<&ServedJob> {
        self.jobs.get(name)
    }

    /// Has the worker of a job log as its file says now.
    pub fn tell_levels(&self, name: &str) {
        for worker in self.processes_of(name) {
            if let Some(link) = &worker.link {
                link.set_levels(&worker.service.logs.level);
            }
        }
    }
}
