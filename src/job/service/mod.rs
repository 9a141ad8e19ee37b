//! What a job file says to those who keep a job running: its name, what it is for, and how it is
//! found. Nothing of it changes results.

pub mod alarms;
pub mod logs;
pub mod name;
pub mod resources;
pub mod restart;
pub mod row_alarm;
pub mod tags;

pub use self::alarms::Alarms;
pub use self::logs::Logs;
pub use self::name::JobName;
pub use self::resources::Resources;
pub use self::restart::RestartPolicy;
pub use self::row_alarm::RowAlarm;
pub use self::tags::Tags;

use std::path::PathBuf;

/// What a service knows of a job beside the job itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// Name of the job; `None`: that of its group.
    pub name: Option<JobName>,
    /// What the job is for.
    pub description: String,
    /// By which jobs are told apart.
    pub tags: Tags,
    /// Another version of the program, which runs the job.
    pub engine: Option<PathBuf>,
    /// Processes in which it runs.
    pub workers: usize,
    /// Which jobs work less when cores or memory are short: those of lower ones, from 0 to 9.
    pub priority: u8,
    /// What each of its workers may take.
    pub resources: Resources,
    /// When it is started again.
    pub restart: RestartPolicy,
    /// Where and how much it logs.
    pub logs: Logs,
    /// What it tells when something is wrong.
    pub alarms: Alarms,
}

impl Default for Service {
    fn default() -> Self {
        Service {
            name: None,
            description: String::new(),
            tags: Tags::new(),
            engine: None,
            workers: 1,
            priority: 5,
            resources: Resources::default(),
            restart: RestartPolicy::default(),
            logs: Logs::default(),
            alarms: Alarms::default(),
        }
    }
}
