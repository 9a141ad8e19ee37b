//! Looks at what is short once a second, and has jobs of lower priorities yield.

use std::time::{Duration, Instant};

use super::look::PressureLimits;
use super::{Pressure, Seen, Step};
use crate::serve::life::state::State;
use crate::serve::life::{Input, Intent};
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

    /// Looks, if it is time, and has a job work less or more.
    pub fn look(&mut self, server: &mut Supervisor) {
        if self.looked.is_some_and(|at| at.elapsed() < EVERY) {
            return;
        }
        self.looked = Some(Instant::now());
        let jobs: Vec<Seen> =
            server.jobs().filter_map(|job| self.seen(server, job.name())).collect();
        let short = self.limits.look();
        let Some(Step { name, level, why }) = self.pressure.see(now_ms(), short, &jobs) else {
            return;
        };
        let all: Vec<String> =
            server.workers_of(&name).iter().map(|it| it.name().to_owned()).collect();
        for entry in all {
            // A worker that can do neither works on, as one of an older version.
            if server.can_pause(&entry) {
                server.apply(&entry, Input::Yield(level, why.clone()));
            }
        }
    }

    /// The job, if somebody wants it to run and it does.
    fn seen(&self, server: &Supervisor, name: &str) -> Option<Seen> {
        let job = server.job(name)?;
        let works = matches!(job.life.standing().state, State::Running | State::Degraded);
        let is_wanted = job.life.saved().intent == Intent::Run && works;
        is_wanted.then(|| Seen {
            name: name.to_owned(),
            priority: job.service.priority,
            level: job.life.level(),
            lags: workers::numbers(&server.workers_of(name))
                .is_some_and(|(_, numbers)| self.limits.is_behind(numbers.wait_ms)),
        })
    }
}
