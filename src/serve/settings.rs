//! Settings of a server.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::pressure::look::PressureLimits;
use super::state::resources::folder_beside;
use super::worker::order::Description;
use crate::http::{AccessSettings, HttpSettings};
use crate::job::file::server_file::{Connections, Defaults};
use crate::job::service::JobName;

/// Settings of a server.
#[derive(Clone, Debug, Default)]
pub struct ServeSettings {
    /// The file of its state.
    pub state: PathBuf,
    /// The file that says what holds for all jobs.
    pub file: Option<PathBuf>,
    /// What it logs itself, written as in `RUST_LOG`.
    pub log_level: Option<String>,
    /// A folder whose job files are the truth.
    pub jobs: Option<PathBuf>,
    /// The environment that counts of those files that have any.
    pub env: Option<String>,
    /// Whether its workers work on when it is asked to end.
    pub leave_running: bool,
    /// Variables of all jobs.
    pub variables: BTreeMap<String, String>,
    /// Values of keys that job files leave open.
    pub defaults: Defaults,
    /// What job files call `connection:NAME`.
    pub connections: Connections,
    /// Folders in which jobs that are submitted may have their files.
    pub roots: Vec<PathBuf>,
    /// Hosts of this machine that webhooks of submitted jobs reach all the same.
    pub webhook_hosts: Vec<String>,
    /// Commands that alarms may run.
    pub commands: BTreeMap<String, Vec<String>>,
    /// When jobs yield to those of higher priorities.
    pub pressure: PressureLimits,
    /// Where it is asked over HTTP.
    pub http: Option<HttpSettings>,
    /// How several people reach it there.
    pub access: AccessSettings,
    /// Whether only versions are started that somebody else than their author has approved.
    pub needs_approval: bool,
}

impl ServeSettings {
    /// Adds to a description what the server has for all jobs.
    pub fn complete(&self, description: &mut Description) {
        description.server.clone_from(&self.variables);
        description.defaults.clone_from(&self.defaults);
        description.connections.clone_from(&self.connections);
    }

    /// The folder in which scaling writes its files about a job, beside the state.
    #[must_use]
    pub fn elastic_folder(&self, job: &str) -> PathBuf {
        let mut folder = self.state.clone().into_os_string();
        folder.push(".elastic");
        PathBuf::from(folder).join(slug_of(job))
    }

    /// The folder with the contents of resources, beside the state.
    #[must_use]
    pub fn resources_folder(&self) -> PathBuf {
        folder_beside(&self.state)
    }

    /// The folder of the test that runs, beside the state.
    #[must_use]
    pub fn trial_folder(&self) -> PathBuf {
        let mut folder = self.state.clone().into_os_string();
        folder.push(".trial");
        folder.into()
    }

    /// The folder of a worker of a job, beside the state.
    #[must_use]
    pub fn worker_folder(&self, entry: &str) -> PathBuf {
        // A dot is in no slug.
        let (job, place) = match entry.split_once('/') {
            Some((job, place)) => (job, format!(".{place}")),
            None => (entry, String::new()),
        };
        let slug = slug_of(job);
        let mut folder = self.state.clone().into_os_string();
        folder.push(".workers");
        PathBuf::from(folder).join(slug + &place)
    }
}

/// The name of a job as part of a path.
fn slug_of(job: &str) -> String {
    job.parse::<JobName>().map_or_else(|_| job.to_owned(), |name| name.slug())
}
