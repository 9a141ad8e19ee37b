//! Starting worker processes, and adopting those of an earlier server.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;

use super::Supervisor;
use super::cgroups::{Cgroups, Leaf};
use crate::job::service::{Resources, Service};
use crate::serve::event::Event;
use crate::serve::life::ending::{Ending, LastWords};
use crate::serve::life::{Input, Intent, Life};
use crate::serve::link::{Address, Link, ending_of};
use crate::serve::served_job::ServedJob;
use crate::serve::state::jobs::StoredJob;
use crate::serve::worker::folder::WorkerFolder;
use crate::serve::worker::logs::RollingLog;
use crate::serve::worker::order::Order;
use crate::time::now_ms;

/// Version of the layout of an order.
const ORDER: u32 = 1;

impl Supervisor {
    /// Takes in a job of an earlier server.
    pub(super) fn restore(&mut self, mut stored: StoredJob) {
        let name = stored.name.clone();
        self.find_resources(&mut stored.description);
        let resolved = stored.description.resolve();
        if let Err(error) = &resolved {
            tracing::error!("job {name}: its file is not understood any more: {error}");
        }
        let (spec, service) =
            resolved.map_or((None, Service::default()), |(spec, service)| (Some(spec), service));
        let is_bounded = spec.as_ref().is_some_and(|spec| spec.is_bounded());
        let life = Life::restore(service.restart.clone(), is_bounded, stored.life.clone());
        let mut job = ServedJob { spec, service, ..ServedJob::new(stored, life) };
        job.take_in_policy();
        self.jobs.insert(name, job);
    }

    /// Takes over the worker of a job of an earlier server, if it should have one.
    pub(super) fn take_over(&mut self, name: &str) {
        if !self.jobs.get(name).is_some_and(|job| job.life.saved().has_worker) {
            return;
        }
        let folder = self.folder_of(name);
        let it = folder.identity();
        let adopted = match &it {
            // In a container, process ids restart at 1: no worker outlives its server.
            Ok(it) if folder.is_locked() && it.is_alive() && std::process::id() != 1 => {
                self.adopt(name)
            }
            _ => false,
        };
        if adopted {
            tracing::info!("job {name}: adopted its worker");
            return self.apply(name, Input::Adopted);
        }
        if !folder.is_locked() {
            let ending = it.map_or(Ending::Vanished, |it| ending_of(&it, &folder));
            self.apply(name, Input::Orphaned(ending));
        }
    }

    /// Follows the worker that says in the folder who it is; whether it is there.
    pub(super) fn adopt(&mut self, name: &str) -> bool {
        let folder = self.folder_of(name);
        let Ok(it) = folder.identity() else { return false };
        let to = self.address(name);
        match Link::to_stranger(it, folder, to) {
            Ok(link) => {
                if let Some(job) = self.jobs.get_mut(name) {
                    (job.link, job.waits_since_ms) = (Some(link), None);
                }
                true
            }
            Err(error) => {
                tracing::debug!("job {name}: {error}");
                false
            }
        }
    }

    pub(super) fn address(&mut self, name: &str) -> Address {
        self.links += 1;
        let (job, number, events) = (name.to_owned(), self.links, Mutex::new(self.sender.clone()));
        let tell = move |what| {
            let events = events.lock().unwrap_or_else(PoisonError::into_inner);
            // When no one listens, the server is about to end.
            let _ = events.send(Event::OfWorker(job.clone(), number, what));
        };
        Address { number, tell: Arc::new(tell) }
    }

    pub(super) fn spawn(&mut self, name: &str) {
        if let Err(why) = self.check_approved(name) {
            let words = LastWords { code: 1, reason: Some(why), is_final: true };
            let ending = Ending::Exited { code: words.code, words: Some(words) };
            return self.apply(name, Input::Ended(ending));
        }
        let folder = self.folder_of(name);
        if folder.is_locked() || self.waits_for_others(name) {
            // Started by a server that died before it could store more: it is looked for in ticks.
            if let Some(job) = self.jobs.get_mut(name) {
                job.waits_since_ms = Some(now_ms());
            }
            return;
        }
        match self.try_spawn(name, folder) {
            Ok(link) => {
                if let Some(job) = self.jobs.get_mut(name) {
                    job.link = Some(link);
                    (job.report, job.silent_since_ms, job.waits_since_ms) = (None, None, None);
                }
                self.mark_started(name);
            }
            Err(error) => {
                self.apply(name, Input::Ended(Ending::NotStarted(format!("{error:#}"))));
            }
        }
    }

    pub(super) fn try_spawn(&mut self, name: &str, folder: WorkerFolder) -> anyhow::Result<Link> {
        let to = self.address(name);
        let resources = self.jobs.get(name).map(|job| job.service.resources).unwrap_or_default();
        let leaf = if resources.is_limited() { self.leaf(name, &folder, &resources) } else { None };
        let job = self.jobs.get(name).context("the job is gone")?;
        let workers = self.wanted_workers(job.job_name());
        let slots = self.wanted_slots(job.job_name(), job.place());
        folder.make().context("making its folder")?;
        folder.forget_last_words().context("forgetting how its last worker ended")?;
        let order = Order {
            version: ORDER,
            name: name.to_owned(),
            job: job.stored.description.clone(),
            begin: job.stored.begin.clone(),
            is_paused: job.life.saved().intent == Intent::Pause || job.life.level().reads_nothing(),
            holds_sinks: job.life.mends_sinks(false) == Some(true),
            place: Some((job.place(), workers)),
            server: Some(self.state.short_id()),
            slots,
            has_cgroup: leaf.is_some(),
        };
        folder.write_order(&order).context("writing its order")?;
        let program = match &job.service.engine {
            Some(engine) => engine.clone(),
            None => this_program()?,
        };
        let log = RollingLog::open(&folder.log()).context("opening its log")?;
        let child = Command::new(&program)
            .arg("worker")
            .arg(folder.path())
            .env("RUST_LOG", &job.service.logs.level)
            // Workers do not notify the service manager; the server does.
            .env_remove("NOTIFY_SOCKET")
            .env_remove("WATCHDOG_USEC")
            .env_remove("WATCHDOG_PID")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        if let Some(leaf) = leaf
            && let Err(error) = leaf.put(child.id())
        {
            tracing::warn!("job {name}: [resources] do not hold: its cgroup: {error}");
        }
        Ok(Link::to_child(child, folder, to)?)
    }

    /// The cgroup that a worker is to be in, if there can be one.
    fn leaf(&mut self, name: &str, folder: &WorkerFolder, resources: &Resources) -> Option<Leaf> {
        match self.cgroups()?.prepare(folder.path(), resources) {
            Ok(leaf) => Some(leaf),
            Err(error) => {
                tracing::warn!("job {name}: its worker limits itself: its cgroup: {error}");
                None
            }
        }
    }

    /// Where cgroups of workers are made, if this server may; looked for once.
    fn cgroups(&mut self) -> Option<Cgroups> {
        let leaves = self.settings.leave_running;
        let links = self.jobs.values().filter_map(|job| job.link.as_ref());
        let workers: Vec<u32> = links.map(|link| link.pid).collect();
        let look = || Cgroups::of_this_process(leaves, &workers);
        let found = self.cgroups.get_or_insert_with(|| match look() {
            Ok(cgroups) => Some(cgroups),
            Err(error) => {
                tracing::info!("no cgroups for [resources]: {error}; workers limit themselves");
                None
            }
        });
        found.clone()
    }

    /// Finds the worker of a job that should have one and has none.
    pub(super) fn look_for_worker(&mut self, name: &str) {
        let Some(job) = self.jobs.get(name) else { return };
        if !job.life.saved().has_worker || job.link.is_some() {
            return;
        }
        let (waits_since_ms, is_stopped) =
            (job.waits_since_ms, job.life.saved().stop_asked_ms.is_some());
        let folder = self.folder_of(name);
        if folder.is_locked() {
            if folder.identity().is_ok_and(|it| it.is_alive()) && self.adopt(name) {
                tracing::info!("job {name}: adopted its worker");
            }
            return;
        }
        match waits_since_ms {
            // Nobody wants it any more, and it has not begun.
            Some(_) if is_stopped => {
                if let Some(job) = self.jobs.get_mut(name) {
                    job.waits_since_ms = None;
                }
                self.apply(name, Input::Ended(Ending::Exited { code: 0, words: None }));
            }
            // It has gone: now there is room for the new one.
            Some(_) => self.spawn(name),
            None => {
                let it = folder.identity();
                let ending = it.map_or(Ending::Vanished, |it| ending_of(&it, &folder));
                self.apply(name, Input::Orphaned(ending));
            }
        }
    }
}

/// The program that this process runs. One that was replaced meanwhile, as by an upgrade, is the
/// new one of the same name.
///
/// # Errors
/// Those of the system.
pub fn this_program() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe().context("finding this program")?;
    if fs::exists(&program).unwrap_or(false) {
        return Ok(program);
    }
    let text = program.to_string_lossy();
    Ok(text
        .strip_suffix(" (deleted)")
        .map_or_else(|| program.clone(), |path| Path::new(path).into()))
}
