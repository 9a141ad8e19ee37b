//! Applies requests and events to a job: stores the resulting state, then acts.

use anyhow::Context as _;

use super::Supervisor;
use crate::job::service::RestartPolicy;
use crate::job::service::restart::Rerun;
use crate::serve::life::state::State;
use crate::serve::life::{Act, Input, Life};
use crate::serve::link::Link;
use crate::serve::served_job::ServedJob;
use crate::serve::worker::folder::WorkerFolder;
use crate::serve::worker::order::Begin;
use crate::time::now_ms;

impl Supervisor {
    /// Does what someone wants of a job, with all of its workers.
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
        // Sinks follow the workers; those that have failed wait for somebody to start the job.
        if let Some(sinks) = self.sinks_of(name).map(|sinks| sinks.name().to_owned()) {
            self.set_awaited(&sinks, matches!(input, Input::Start | Input::Resume));
        }
        Ok(())
    }

    pub(in crate::serve) fn set_awaited(&mut self, entry: &str, is_awaited: bool) {
        if let Some(it) = self.jobs.get_mut(entry) {
            it.is_awaited = is_awaited;
        }
    }

    pub(in crate::serve) fn can_pause(&self, entry: &str) -> bool {
        let link = self.jobs.get(entry).and_then(|job| job.link.as_ref());
        link.is_some_and(Link::can_pause)
    }

    /// Whether a process of a job is there, or about to be.
    #[must_use]
    pub fn has_workers(&self, name: &str) -> bool {
        self.processes_of(name).iter().any(|it| it.life.saved().has_worker)
    }

    /// Takes in what happened to a job: stores what follows from it, then does it.
    pub fn apply(&mut self, name: &str, input: Input) {
        if let Err(error) = self.try_apply(name, input) {
            tracing::error!("job {name}: {error:#}");
        }
    }

    /// As [`apply`](Self::apply), for those who answer someone.
    ///
    /// # Errors
    /// When the server ends and starts nothing any more, or what follows could not be stored.
    pub fn try_apply(&mut self, name: &str, input: Input) -> anyhow::Result<()> {
        if self.ending.is_some() && matches!(input, Input::Start | Input::Resume) {
            anyhow::bail!("the server is stopping: start the job when it is running again");
        }
        let Some(job) = self.jobs.get_mut(name) else { return Ok(()) };
        let is_server_end = matches!(input, Input::ServerEnds);
        let before = job.life.standing().clone();
        let acts = job.life.step(now_ms(), input);
        let starts_by_itself = job.life.saved().restarts_total > job.stored.life.restarts_total;
        let older =
            (job.stored.life.clone(), job.stored.begin.clone(), job.stored.description.clone());
        let folder = WorkerFolder::at(self.settings.worker_folder(name));
        // Sinks begin where they were: their position is beside their rows.
        let begins_again = starts_by_itself && job.place() > 0;
        let prepared = if begins_again { begin_again(job, &folder) } else { Ok(()) };
        let after = job.life.standing();
        if *job.life.saved() != job.stored.life {
            let has_changed = (before.state, &before.why) != (after.state, &after.why);
            job.stored.life = job.life.saved().clone();
            let stored = prepared.and_then(|()| self.state.save(&job.stored, has_changed));
            if let Err(error) = stored {
                // What is not stored is not done; it is retried with the next tick.
                (job.stored.life, job.stored.begin, job.stored.description) = older;
                job.resolve_again();
                job.life =
                    Life::restore(job.service.restart.clone(), false, job.stored.life.clone());
                job.take_in_policy();
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
