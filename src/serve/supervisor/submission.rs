//! Submitting, changing and deleting jobs.

use anyhow::Context as _;

use super::Supervisor;
use super::circles::{Circle, Flows};
use crate::error::Usage;
use crate::job::JobSpec;
use crate::job::service::Service;
use crate::serve::life::Life;
use crate::serve::life::state::State;
use crate::serve::limits;
use crate::serve::rivals::{self, Groups, Rival};
use crate::serve::served_job::ServedJob;
use crate::serve::state::jobs::StoredJob;
use crate::serve::state::versions::Authorship;
use crate::serve::worker::folder::WorkerFolder;
use crate::serve::worker::order::{Begin, Description};
use crate::time::now_ms;

/// A job that was submitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// Its name.
    pub name: String,
    /// Number of its newest version.
    pub version: u64,
    /// Whether that was made now: what is submitted again as it is makes none.
    pub is_new_version: bool,
}

impl Supervisor {
    /// Whether a job is what the description says with what the server has for all jobs by now.
    #[must_use]
    pub fn is_in(&self, job: &ServedJob, description: &Description) -> bool {
        let stored = &job.stored.description;
        let mut description = description.clone();
        self.settings.complete(&mut description);
        // The same file may be spelled otherwise, and runs from scratch are counted here.
        (description.file, description.rerun) = (stored.file.clone(), stored.rerun);
        // What its resources are by now is another version only where somebody submits it.
        description.resources.clone_from(&stored.resources);
        description == *stored
    }

    /// The name of the job that is described.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn name_of(&self, description: &Description) -> anyhow::Result<String> {
        let mut description = description.clone();
        self.settings.complete(&mut description);
        let (spec, service) = description.resolve()?;
        Ok(service.name.map_or(spec.group, |name| name.to_string()))
    }

    /// Takes in a new job, or another description of one, which is a version of it.
    ///
    /// # Errors
    /// Everything that is wrong with it, or the job with which it would share a place.
    pub fn submit(
        &mut self,
        mut description: Description,
        source: Option<String>,
        begin: Begin,
        by: &Authorship,
    ) -> anyhow::Result<Submitted> {
        self.settings.complete(&mut description);
        self.pin(&mut description)?;
        let (mut spec, mut service) = description.resolve()?;
        let known = service.name.as_ref().map_or(spec.group.clone(), ToString::to_string);
        if let Some(job) = self.jobs.get(&known)
            && job.stored.description.rerun > 0
        {
            // It continues with the group that it has by now.
            description.rerun = job.stored.description.rerun;
            (spec, service) = description.resolve()?;
        }
        if spec.http.is_some() {
            let why =
                "http: the server shows its jobs itself; leave it out of files that are served";
            return Err(Usage(why.to_owned()).into());
        }
        begin.apply(&mut spec.clone())?;
        let name = known;
        if let Some(rival) = self.rival_of(&name, &spec, &service, description.rerun) {
            return Err(rival.into());
        }
        if let Some(circle) = self.circle_of(&name, &spec) {
            return Err(circle.into());
        }
        if self.settings.needs_approval && self.jobs.contains_key(&name) {
            // It stays what it is until it is started with a version that is approved.
            let added = self.state.add_version(&name, &description, by, now_ms())?;
            let (version, is_new_version) = added;
            return Ok(Submitted { name, version, is_new_version });
        }
        let is_bounded = spec.is_bounded();
        let known = self.jobs.remove(&name);
        if known.is_none() && self.jobs.len() >= limits::JOBS {
            return Err(Usage(format!("this server has {} jobs already", limits::JOBS)).into());
        }
        let now_ms = now_ms();
        let mut job = match known {
            None => {
                let life = Life::new(service.restart.clone(), is_bounded, now_ms);
                let stored = StoredJob {
                    name: name.clone(),
                    description,
                    source,
                    begin,
                    life: life.saved().clone(),
                    created_ms: now_ms,
                    version: 0,
                };
                ServedJob { spec: Some(spec), service, ..ServedJob::new(stored, life) }
            }
            Some(mut job) => {
                job.life.set_policy(service.restart.clone(), is_bounded);
                (job.stored.description, job.stored.source) = (description, source);
                (job.spec, job.service) = (Some(spec), service);
                job
            }
        };
        let is_new = job.life.standing().state == State::Created;
        let saved = self.state.save_submitted(&job.stored, is_new, by, now_ms);
        if let Ok((version, _)) = &saved {
            job.stored.version = *version;
        }
        self.jobs.insert(name.clone(), job);
        let (version, is_new_version) = saved?;
        self.fit_workers(&name, now_ms)?;
        Ok(Submitted { name, version, is_new_version })
    }

    /// The circle of jobs in which this one would be.
    #[must_use]
    pub fn circle_of(&self, name: &str, spec: &JobSpec) -> Option<Circle> {
        // Further workers of a job read and write what it does.
        let is_other = |it: &&ServedJob| it.name() == it.job_name() && it.name() != name;
        let others = self.jobs.values().filter(is_other);
        let flows = |other: &ServedJob| Some(Flows::of(other.name(), other.spec.as_ref()?));
        let others: Vec<_> = others.filter_map(flows).collect();
        Flows::of(name, spec).circle(&others)
    }

    /// The job with which this one would share a place.
    #[must_use]
    pub fn rival_of(
        &self,
        name: &str,
        spec: &JobSpec,
        service: &Service,
        rerun: u32,
    ) -> Option<Rival> {
        let of_it = rivals::places(spec);
        let groups = Groups::of(spec, &service.restart, rerun);
        let mut others = self.jobs.values().filter(|other| other.job_name() != name);
        others.find_map(|other| {
            let theirs = other.spec.as_ref().map(rivals::places).unwrap_or_default();
            let shared = of_it.intersection(&theirs).next().cloned();
            let rerun = other.stored.description.rerun;
            let of_runs = || {
                let theirs = Groups::of(other.spec.as_ref()?, &other.service.restart, rerun);
                groups.shared_with(&theirs)
            };
            let is_of_runs = shared.is_none();
            let place = shared.or_else(of_runs)?;
            let (name, other) = (name.to_owned(), other.name().to_owned());
            Some(Rival { name, other, place, is_of_runs })
        })
    }

    /// Sets where the next start of a job begins.
    ///
    /// # Errors
    /// When it cannot begin there, or runs.
    pub fn set_begin(&mut self, name: &str, begin: Begin) -> anyhow::Result<()> {
        let runs = self.has_workers(name);
        let job = self.jobs.get_mut(name).context("there is no such job")?;
        if runs && begin != Begin::default() {
            return Err(Usage(format!("job {name} runs: stop it first")).into());
        }
        begin.apply(&mut job.spec.clone().unwrap_or_default())?;
        WorkerFolder::at(self.settings.worker_folder(name)).forget_begun()?;
        // What is counted again was not counted before.
        job.past = None;
        job.stored.begin = begin;
        self.state.save(&job.stored, false)
    }

    /// Forgets a job that does not run. Its store, topics and files stay.
    ///
    /// # Errors
    /// When it runs, or there is none.
    pub fn delete(&mut self, name: &str) -> anyhow::Result<()> {
        self.job(name).context("there is no such job")?;
        if self.has_workers(name) {
            return Err(Usage(format!("job {name} runs: stop it first")).into());
        }
        let sinks = self.sinks_of(name).map(|sinks| sinks.name().to_owned());
        for further in self.further_of(name).into_iter().chain(sinks) {
            self.forget_entry(&further)?;
        }
        self.forget_entry(name)
    }

    pub(in crate::serve) fn forget_entry(&mut self, name: &str) -> anyhow::Result<()> {
        self.state.delete(name)?;
        self.jobs.remove(name);
        self.scalers.jobs.remove(name);
        self.folder_of(name).delete().context("deleting the folder of its worker")
    }
}
