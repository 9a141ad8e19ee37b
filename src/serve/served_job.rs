//! A job as its server has it: what it is, what becomes of it, and its worker.

use super::life::Life;
use super::link::Link;
use super::state::jobs::StoredJob;
use super::worker::report::Report;
use crate::job::JobSpec;
use crate::job::service::Service;
use crate::status::numbers::JobNumbers;

/// A job of a server.
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
}

impl ServedJob {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.stored.name
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
