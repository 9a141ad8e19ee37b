//! A job of the server: its definition, its state, and its worker.

use super::life::Life;
use super::link::Link;
use super::state::jobs::StoredJob;
use super::worker::report::Report;
use crate::job::JobSpec;
use crate::job::service::Service;
use crate::status::numbers::JobNumbers;

/// What the process of a job's sinks is called behind the name of the job.
pub const SINKS: &str = "sinks";

/// A job of a server, or a further process of one: a worker, whose name is that of the job and its
/// place, as `coast/2`, or that of its sinks, `coast/sinks`. A name of a job has no slash.
pub struct ServedJob {
    /// What is stored of it.
    pub stored: StoredJob,
    /// What becomes of it.
    pub life: Life,
    /// What it computes; `None` when this version does not understand its file any more.
    pub spec: Option<JobSpec>,
    /// What its file says to the server.
    pub service: Service,
    /// Its worker.
    pub link: Option<Link>,
    /// What its worker said last, and when.
    pub report: Option<(i64, Report)>,
    /// What workers have counted that are gone.
    pub past: Option<JobNumbers>,
    /// Since when its worker does not answer.
    pub silent_since_ms: Option<i64>,
    /// Since when a worker is waited for that holds the folder and is not known.
    pub waits_since_ms: Option<i64>,
    /// Whether someone started this further process, which waits until the job has begun.
    pub is_awaited: bool,
}

impl ServedJob {
    /// One that is not understood yet.
    #[must_use]
    pub fn new(stored: StoredJob, life: Life) -> ServedJob {
        ServedJob {
            stored,
            life,
            spec: None,
            service: Service::default(),
            link: None,
            report: None,
            past: None,
            silent_since_ms: None,
            waits_since_ms: None,
            is_awaited: false,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.stored.name
    }

    /// The job whose worker it is.
    #[must_use]
    pub fn job_name(&self) -> &str {
        self.stored.name.split('/').next().unwrap_or_default()
    }

    /// Its place among the workers of the job, from 1 on; 0 of the process of its sinks.
    #[must_use]
    pub fn place(&self) -> usize {
        match self.stored.name.split_once('/') {
            Some((_, SINKS)) => 0,
            Some((_, place)) => place.parse().unwrap_or(1),
            None => 1,
        }
    }

    /// What it is called among the processes of the job.
    #[must_use]
    pub fn worker_name(&self) -> String {
        match self.place() {
            0 => self.name().to_owned(),
            place => format!("{}/{place}", self.job_name()),
        }
    }

    /// Has its life follow the policy of its description. The time that a bounded run may take is that
    /// of the workers.
    pub fn take_in_policy(&mut self) {
        let is_bounded = self.spec.as_ref().is_some_and(|spec| spec.is_bounded());
        let mut policy = self.service.restart.clone();
        if self.place() == 0 {
            self.life.set_of_sinks();
            policy.run_timeout = None;
        }
        self.life.set_policy(policy, is_bounded);
    }

    /// Whether a description of this work changes nothing but what only the server and logs look at, and
    /// so needs no other worker.
    #[must_use]
    pub fn differs_in_live_only(&self, spec: &JobSpec, service: &Service) -> bool {
        let Service { alarms, logs, elastic, .. } = self.service.clone();
        self.spec.as_ref() == Some(spec)
            && Service { alarms, logs, elastic, ..service.clone() } == self.service
    }

    /// Takes in its description again, which was understood before, with another number of its run.
    pub fn resolve_again(&mut self) {
        match self.stored.description.resolve() {
            Ok((spec, service)) => (self.spec, self.service) = (Some(spec), service),
            Err(error) => tracing::error!("job {}: {error}", self.stored.name),
        }
    }

    /// Its group.
    #[must_use]
    pub fn group(&self) -> &str {
        self.spec.as_ref().map_or("", |spec| &spec.group)
    }
}
