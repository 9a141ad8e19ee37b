//! Which jobs yield under pressure: a pure state machine.
//!
//! ```text
//!  full ─► slowed ─► paused ─► held    a step at a time, the lowest job first, while there is pressure
//!  full ◄─ slowed ◄─ paused ◄─ held    and back, the highest first, when there was none for a while
//! ```
//!
//! There is pressure when cores or memory are short, or when a job is too far behind its input.
//! Only jobs with a lower priority than the affected one yield, so none yields on a server whose
//! jobs have equal priority. What a job has not read stays in its queue: nothing is lost. It is
//! told what is seen and when; it knows no clock, no process and no file.

pub mod look;
pub mod relief;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The longest time without pressure that a return waits for, in multiples of the shortest: jobs
/// that cannot have more are tried every few minutes, and the one that they yield to notices little
/// of it.
const MOST_CALM: u32 = 16;

/// How much of a job works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// All of it.
    #[default]
    Full,
    /// It reads a quarter of the time.
    Slowed,
    /// It reads nothing; its sinks write what is committed.
    Paused,
    /// It reads nothing, and its sinks write nothing.
    Held,
}

impl Level {
    /// Whether it reads nothing.
    #[must_use]
    pub fn reads_nothing(self) -> bool {
        self >= Level::Paused
    }

    /// The next one that takes less; `None` when nothing is left to take. Sinks that have nothing
    /// to write take nothing.
    fn below(self, has_rows_to_write: bool) -> Option<Level> {
        match self {
            Level::Full => Some(Level::Slowed),
            Level::Slowed => Some(Level::Paused),
            Level::Paused => has_rows_to_write.then_some(Level::Held),
            Level::Held => None,
        }
    }

    /// The next one that takes more.
    fn above(self) -> Level {
        match self {
            Level::Full | Level::Slowed => Level::Full,
            Level::Paused => Level::Slowed,
            Level::Held => Level::Paused,
        }
    }
}

/// A job that someone wants to run, also while it is restarted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedJob {
    /// Its name.
    pub name: String,
    /// From 0 to 9; the highest yields last.
    pub priority: u8,
    /// How much of it works.
    pub level: Level,
    /// Whether it works now. One that does not can neither yield nor return, and counts for the
    /// rest.
    pub works: bool,
    /// Whether it is too far behind its input.
    pub lags: bool,
    /// Whether its sinks have rows to write.
    pub has_rows_to_write: bool,
}

/// What is short.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Short {
    /// Cores.
    pub cpu: bool,
    /// Memory.
    pub memory: bool,
}

/// What is remembered between two looks.
#[derive(Clone, Debug)]
pub struct Pressure {
    /// Pressure must last so long before a job yields, and from one step to the next: what one of
    /// them changes must be seen first.
    hold: Duration,
    /// There must have been no pressure for that long before a job gets back what it had ...
    calm: Duration,
    /// ... and for this long by now: longer where a return brought the pressure back.
    patience: Duration,
    /// When a job got something back last.
    returned_ms: Option<i64>,
    pressed_since_ms: Option<i64>,
    calm_since_ms: Option<i64>,
    stepped_ms: Option<i64>,
}

/// A job that is to work at another level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The job.
    pub name: String,
    /// How much of it is to work.
    pub level: Level,
    /// Why, as text.
    pub why: String,
}

impl Pressure {
    /// Nothing was seen yet.
    #[must_use]
    pub fn new(hold: Duration, calm: Duration) -> Pressure {
        Pressure {
            hold,
            calm,
            patience: calm,
            returned_ms: None,
            pressed_since_ms: None,
            calm_since_ms: None,
            stepped_ms: None,
        }
    }

    /// What is to change, given what is seen now.
    pub fn see(&mut self, now_ms: i64, short: Short, jobs: &[WantedJob]) -> Option<Step> {
        // Whom no one is above yields to no one: the one that it made room for is gone.
        let highest = jobs.iter().map(|job| job.priority).max()?;
        let alone = jobs.iter().find(|job| job.level != Level::Full && job.priority >= highest);
        if let Some(job) = alone {
            let why = "no job of a higher priority runs".to_owned();
            return Some(Step { name: job.name.clone(), level: Level::Full, why });
        }
        let helped = helped(short, jobs);
        match helped.is_some() {
            true => {
                self.pressed_since_ms.get_or_insert(now_ms);
                self.calm_since_ms = None;
            }
            false => {
                self.calm_since_ms.get_or_insert(now_ms);
                self.pressed_since_ms = None;
            }
        }
        // A clock that was set back must not stop it for as long.
        let long = |since: Option<i64>, least: Duration| {
            since.is_some_and(|since| (now_ms - since).abs() >= least.as_millis() as i64)
        };
        if self.stepped_ms.is_some() && !long(self.stepped_ms, self.hold) {
            return None;
        }
        let step = match helped {
            Some((helped, what)) if long(self.pressed_since_ms, self.hold) => {
                let (job, level) = yields(helped, jobs)?;
                if self.returned_ms.is_some() && !long(self.returned_ms, self.patience) {
                    // There was pressure because of the return: the next one waits longer.
                    self.patience = (self.patience * 2).min(self.calm * MOST_CALM);
                    self.returned_ms = None;
                }
                let why = format!("{what}, and its priority {} is below {helped}", job.priority);
                Step { name: job.name.clone(), level, why }
            }
            None if long(self.calm_since_ms, self.patience) => {
                let Some((job, level)) = returns(jobs) else {
                    // All have what they had, and there is no pressure from that.
                    self.patience = self.calm;
                    return None;
                };
                self.returned_ms = Some(now_ms);
                let why = format!("there was no pressure for {} s", self.patience.as_secs());
                Step { name: job.name.clone(), level, why }
            }
            _ => return None,
        };
        self.stepped_ms = Some(now_ms);
        Some(step)
    }
}

/// The priority below which jobs yield, and what is short, as text.
fn helped(short: Short, jobs: &[WantedJob]) -> Option<(u8, String)> {
    let highest = jobs.iter().map(|job| job.priority).max()?;
    // A job that yields is behind because it does.
    let lagging = jobs.iter().filter(|job| job.lags && job.level == Level::Full);
    let behind = lagging.max_by_key(|job| job.priority);
    match (short, behind) {
        (Short { memory: true, .. }, _) => Some((highest, "memory is short".to_owned())),
        (Short { cpu: true, .. }, _) => Some((highest, "cores are short".to_owned())),
        (_, Some(job)) => Some((job.priority, format!("job {} is behind its input", job.name))),
        _ => None,
    }
}

/// The job that yields next, and how far: the lowest one that still can.
fn yields(helped: u8, jobs: &[WantedJob]) -> Option<(&WantedJob, Level)> {
    let works = jobs.iter().filter(|job| job.works);
    let below = works.filter(|job| job.priority < helped);
    let steps = below.filter_map(|job| Some((job, job.level.below(job.has_rows_to_write)?)));
    steps.min_by_key(|(job, _)| (job.priority, &job.name))
}

/// The job that gets something back next: the highest one that yields.
fn returns(jobs: &[WantedJob]) -> Option<(&WantedJob, Level)> {
    let yielding = jobs.iter().filter(|job| job.works && job.level != Level::Full);
    let job = yielding.max_by_key(|job| (job.priority, Reverse(&job.name), Reverse(job.level)))?;
    Some((job, job.level.above()))
}
