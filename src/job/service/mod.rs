//! Settings of a job file for a service: name, description, tags, restarts, alarms. None of them
//! changes results, but for the checkpoint of another job that it begins with.

pub mod alarms;
pub mod elastic;
pub mod elsewhere;
pub mod fork;
pub mod logs;
pub mod name;
pub mod resources;
pub mod restart;
pub mod row_alarm;
pub mod scaling_action;
pub mod tags;

pub use self::alarms::Alarms;
pub use self::elastic::Elastic;
pub use self::elsewhere::Elsewhere;
pub use self::fork::Fork;
pub use self::logs::Logs;
pub use self::name::JobName;
pub use self::resources::Resources;
pub use self::restart::RestartPolicy;
pub use self::row_alarm::RowAlarm;
pub use self::tags::Tags;

use std::path::PathBuf;

use super::spec::JobSpec;

/// What a service knows of a job beside the job itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// Name of the job; `None`: that of its group.
    pub name: Option<JobName>,
    /// What the job is for.
    pub description: String,
    /// Which distinguish jobs.
    pub tags: Tags,
    /// Another version of the program, which runs the job.
    pub engine: Option<PathBuf>,
    /// Processes in which it runs.
    pub workers: usize,
    /// Whether its sinks have a process of their own under `seismic serve`.
    pub sink_process: bool,
    /// Slots of all workers together, at most.
    pub max_parallelism: Option<usize>,
    /// Which jobs work less when cores or memory are short: those of lower ones, from 0 to 9.
    pub priority: u8,
    /// What each of its workers may take.
    pub resources: Resources,
    /// Whose checkpoint it begins with.
    pub fork: Fork,
    /// When it is restarted.
    pub restart: RestartPolicy,
    /// Where and how much it logs.
    pub logs: Logs,
    /// What it tells when something is wrong.
    pub alarms: Alarms,
    /// How many workers and slots it should have.
    pub elastic: Elastic,
}

impl Default for Service {
    fn default() -> Self {
        Service {
            name: None,
            description: String::new(),
            tags: Tags::new(),
            engine: None,
            workers: 1,
            sink_process: false,
            max_parallelism: None,
            priority: 5,
            resources: Resources::default(),
            fork: Fork::default(),
            restart: RestartPolicy::default(),
            logs: Logs::default(),
            alarms: Alarms::default(),
            elastic: Elastic::default(),
        }
    }
}

impl Service {
    /// Whether the job has a process of its own for its sinks: there must be one that is not of each
    /// worker, as the console is.
    #[must_use]
    pub fn has_sink_process(&self, spec: &JobSpec) -> bool {
        self.sink_process && spec.sink.iter().any(|sink| !sink.entry().shows_only)
    }

    /// Slots of each worker, of that many that the job asks for on that many cores: all workers
    /// together have no more than `max_parallelism`.
    ///
    /// # Errors
    /// When it asks for more.
    pub fn slots_of_each(
        &self,
        asked: Option<usize>,
        cores: usize,
    ) -> Result<Option<usize>, String> {
        let Some(most) = self.max_parallelism else { return Ok(asked) };
        let workers = self.workers;
        let each = most / workers;
        match asked {
            _ if each == 0 => Err(format!("{workers} workers are more than {most}")),
            Some(slots) if slots > each => {
                Err(format!("{slots} slots in each of {workers} workers are more than {most}"))
            }
            // Without a number, a worker has a slot for each of its cores.
            None if (cores / workers).max(1) > each => Ok(Some(each)),
            asked => Ok(asked),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_workers_together_have_no_more_slots_than_they_may() {
        let of =
            |workers, max_parallelism| Service { workers, max_parallelism, ..Service::default() };
        assert_eq!(of(1, None).slots_of_each(Some(9), 2), Ok(Some(9)));
        assert_eq!(of(1, Some(4)).slots_of_each(Some(4), 2), Ok(Some(4)));
        assert_eq!(of(1, Some(4)).slots_of_each(None, 2), Ok(None));
        assert_eq!(of(1, Some(4)).slots_of_each(None, 8), Ok(Some(4)));
        assert_eq!(of(2, Some(4)).slots_of_each(None, 8), Ok(Some(2)));
        let refused = of(2, Some(4)).slots_of_each(Some(3), 8).unwrap_err();
        assert_eq!(refused, "3 slots in each of 2 workers are more than 4");
        assert_eq!(of(8, Some(4)).slots_of_each(None, 8).unwrap_err(), "8 workers are more than 4");
    }
}
