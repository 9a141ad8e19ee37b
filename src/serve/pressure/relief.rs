//! Measures pressure once a second, and makes jobs with lower priorities yield.

use std::time::{Duration, Instant};

use super::look::PressureLimits;
use super::{Level, Pressure, Step, WantedJob};
use crate::serve::life::state::State;
use crate::serve::life::{Input, Intent};
use crate::serve::served_job::ServedJob;
use crate::serve::supervisor::Supervisor;
use crate::serve::workers;
use crate::time::now_ms;

/// How often it looks.
const EVERY: Duration = Duration::from_secs(1);

/// What is known of pressure.
pub struct Relief {
    limits: PressureLimits,
    pressure: Pressure,
    looked: Option<Instant>,
}

impl Relief {
    /// Has seen nothing yet.
    #[must_use]
    pub fn new(limits: PressureLimits) -> Relief {
        let pressure = Pressure::new(
            Duration::from_secs(limits.hold_s.max(1)),
            Duration::from_secs(limits.calm_s.max(1)),
        );
        Relief { limits, pressure, looked: None }
    }

    /// Looks by other limits from now on.
    pub fn set(&mut self, limits: PressureLimits) {
        if limits != self.limits {
            *self = Relief::new(limits);
        }
    }

    /// Looks, if it is time, and has a job work less or more.
    pub fn look(&mut self, server: &mut Supervisor) {
        if self.looked.is_some_and(|at| at.elapsed() < EVERY) {
            return;
        }
        self.looked = Some(Instant::now());
        let jobs: Vec<WantedJob> =
            server.jobs().filter_map(|job| self.seen(server, job.name())).collect();
        let short = self.limits.look();
        let Some(Step { name, level, why }) = self.pressure.see(now_ms(), short, &jobs) else {
            return;
        };
        let before = jobs.iter().find(|job| job.name == name).map_or(Level::Full, |job| job.level);
        for (entry, its_level) in levels(&server.workers_of(&name)) {
            let steps = match level < before {
                // A return makes no one work less, and reaches also a worker that is not there now.
                true => its_level > level,
                // A worker that can do neither works on, as one of an older version.
                false => server.can_pause(&entry),
            };
            if steps {
                server.apply(&entry, Input::Yield(level, why.clone()));
            }
        }
    }

    /// The job, if someone wants it to run.
    fn seen(&self, server: &Supervisor, name: &str) -> Option<WantedJob> {
        let processes = server.processes_of(name);
        let lags = || {
            workers::numbers(&processes)
                .is_some_and(|(_, numbers)| self.limits.is_behind(numbers.wait_ms))
        };
        let writes = || {
            workers::numbers(&processes).is_some_and(|(_, numbers)| {
                numbers.sinks.iter().any(|sink| sink.lag_rows.is_some_and(|rows| rows > 0))
            })
        };
        WantedJob::of(&server.workers_of(name)).map(|seen| WantedJob {
            lags: lags(),
            has_rows_to_write: writes(),
            ..seen
        })
    }
}

impl WantedJob {
    /// The job of these workers, if someone wants one of them to run: also while it is restarted.
    #[must_use]
    pub fn of(workers: &[&ServedJob]) -> Option<WantedJob> {
        let job = workers.first()?;
        let wanted = || workers.iter().filter(|it| it.life.saved().intent == Intent::Run);
        let works =
            |it: &&ServedJob| matches!(it.life.standing().state, State::Running | State::Degraded);
        wanted().next().map(|_| WantedJob {
            name: job.job_name().to_owned(),
            priority: job.service.priority,
            level: workers::level(workers),
            works: wanted().any(works),
            lags: false,
            has_rows_to_write: false,
        })
    }
}

/// The workers, and how much of each works.
fn levels(workers: &[&ServedJob]) -> Vec<(String, Level)> {
    workers.iter().map(|it| (it.name().to_owned(), it.life.level())).collect()
}
