//! The life of a served job: a pure state machine.
//!
//! Its inputs are events and times, its outputs are actions; it knows no clock, process or file.
//! Everything that it needs after a restart of the server is in [`Saved`], which is stored before
//! any action.

pub mod ending;
pub mod input;
mod restart;
pub mod saved;
pub mod state;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

pub use self::input::{Act, Doing, Input, Intent};
pub use self::saved::{Archived, Saved};
use self::state::{Standing, State};
use crate::job::service::restart::RestartPolicy;
use crate::serve::pressure::Level;

/// Why a job is paused that has its worker.
const PAUSED: &str = "it was paused; its worker keeps its partitions and reads nothing";

/// The life of one job.
#[derive(Clone, Debug)]
pub struct Life {
    policy: RestartPolicy,
    is_bounded: bool,
    /// Whether it is that of a process of sinks, which reads what is committed.
    is_of_sinks: bool,
    /// Whether it began under this server.
    is_new: bool,
    saved: Saved,
}

impl Life {
    /// A job that was submitted just now.
    #[must_use]
    pub fn new(policy: RestartPolicy, is_bounded: bool, now_ms: i64) -> Life {
        let standing = Standing {
            state: State::Created,
            since_ms: now_ms,
            why: "it was submitted".to_owned(),
            last_error: None,
        };
        let saved = Saved {
            intent: Intent::Stop,
            standing,
            restarts: VecDeque::new(),
            in_a_row: 0,
            restarts_total: 0,
            restart_at_ms: None,
            has_worker: false,
            started_ms: 0,
            stop_asked_ms: None,
            overdue: None,
            pauses_in_place: false,
            yields: None,
            archived: None,
        };
        Life { policy, is_bounded, is_of_sinks: false, is_new: true, saved }
    }

    /// A job as an earlier server stored it.
    #[must_use]
    pub fn restore(policy: RestartPolicy, is_bounded: bool, saved: Saved) -> Life {
        Life { policy, is_bounded, is_of_sinks: false, is_new: false, saved }
    }

    /// It is that of a process of sinks.
    pub fn set_of_sinks(&mut self) {
        self.is_of_sinks = true;
    }

    /// Whether the job was submitted to this server, and not to an earlier one: all its restarts are of this
    /// server's time.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Another policy counts from now on.
    pub fn set_policy(&mut self, policy: RestartPolicy, is_bounded: bool) {
        (self.policy, self.is_bounded) = (policy, is_bounded);
    }

    /// What is to be stored.
    #[must_use]
    pub fn saved(&self) -> &Saved {
        &self.saved
    }

    /// What the job does, and why.
    #[must_use]
    pub fn standing(&self) -> &Standing {
        &self.saved.standing
    }

    /// Applies an input; returns the actions, in order, for after the life is stored.
    pub fn step(&mut self, now_ms: i64, input: Input) -> Vec<Act> {
        match input {
            Input::Start | Input::Resume if self.saved.archived.is_some() => vec![],
            Input::Start => self.start(now_ms),
            Input::Stop => self.stop(now_ms),
            Input::Pause { worker_can_stay } => self.pause(now_ms, worker_can_stay),
            Input::Resume => self.resume(now_ms),
            Input::Archive(by) => {
                self.saved.archived.get_or_insert(Archived { at_ms: now_ms, by });
                self.stop(now_ms)
            }
            Input::Unarchive => {
                self.saved.archived = None;
                vec![]
            }
            Input::Orphaned(ending) => self.ended(now_ms, &ending, "the server was started again"),
            Input::Ended(ending) => self.ended(now_ms, &ending, "it was started"),
            Input::Adopted => Vec::new(),
            Input::ServerEnds => self.end_worker(now_ms, "the server ends"),
            Input::Replace if self.saved.intent == Intent::Run => {
                self.end_worker(now_ms, "a worker with other slots takes its place")
            }
            Input::Replace => vec![],
            Input::Reported(doing) => self.reported(now_ms, doing),
            Input::Trouble(trouble) => self.trouble(now_ms, trouble),
            Input::Yield(level, why) => self.yields(now_ms, level, &why),
            Input::Tick => self.tick(now_ms),
        }
    }

    fn start(&mut self, now_ms: i64) -> Vec<Act> {
        if self.pauses_here() {
            return self.resume(now_ms);
        }
        self.saved.intent = Intent::Run;
        self.begin(now_ms, "it was started")
    }

    fn stop(&mut self, now_ms: i64) -> Vec<Act> {
        self.saved.intent = Intent::Stop;
        self.saved.restart_at_ms = None;
        if self.saved.has_worker {
            let is_asked = self.saved.stop_asked_ms.replace(now_ms).is_some();
            self.enter(now_ms, State::Draining, "it was stopped");
            return if is_asked { vec![] } else { vec![Act::Stop] };
        }
        if !matches!(self.saved.standing.state, State::Created | State::Finished | State::Failed) {
            self.enter(now_ms, State::Stopped, "it was stopped");
        }
        vec![]
    }

    /// Whether it has a worker that reads nothing, or is about to.
    fn pauses_here(&self) -> bool {
        let saved = &self.saved;
        saved.intent == Intent::Pause
            && saved.pauses_in_place
            && saved.has_worker
            && saved.stop_asked_ms.is_none()
    }

    /// Whether it is to have a worker.
    fn wants_worker(&self) -> bool {
        match self.saved.intent {
            Intent::Run => true,
            Intent::Pause => self.saved.pauses_in_place,
            Intent::Stop => false,
        }
    }

    fn pause(&mut self, now_ms: i64, worker_can_stay: bool) -> Vec<Act> {
        if self.saved.intent != Intent::Run {
            return vec![];
        }
        self.saved.intent = Intent::Pause;
        self.saved.pauses_in_place =
            worker_can_stay && self.saved.has_worker && self.saved.stop_asked_ms.is_none();
        if self.saved.pauses_in_place {
            self.enter(now_ms, State::Paused, PAUSED);
            return vec![Act::Pause];
        }
        self.saved.restart_at_ms = None;
        self.enter(now_ms, State::Paused, "it was paused");
        let is_asked = self.saved.stop_asked_ms.is_some();
        if !self.saved.has_worker || is_asked {
            return vec![];
        }
        self.saved.stop_asked_ms = Some(now_ms);
        vec![Act::Stop]
    }

    fn resume(&mut self, now_ms: i64) -> Vec<Act> {
        if self.saved.intent != Intent::Pause {
            return vec![];
        }
        let is_here = self.pauses_here();
        self.saved.intent = Intent::Run;
        self.saved.pauses_in_place = false;
        if is_here {
            self.enter(now_ms, State::Starting, "it was resumed");
            return vec![Act::Resume];
        }
        self.begin(now_ms, "it was resumed")
    }

    /// Starts it now, or when the worker has ended that makes its last commits.
    fn begin(&mut self, now_ms: i64, why: &str) -> Vec<Act> {
        self.saved.in_a_row = 0;
        if !self.saved.has_worker {
            return self.spawn(now_ms, why);
        }
        if self.saved.stop_asked_ms.is_some() {
            self.saved.overdue = None;
            let why = "it makes its last commits, and is started again then";
            self.enter(now_ms, State::Draining, why);
        }
        vec![]
    }

    fn spawn(&mut self, now_ms: i64, why: &str) -> Vec<Act> {
        let saved = &mut self.saved;
        (saved.has_worker, saved.started_ms) = (true, now_ms);
        (saved.restart_at_ms, saved.stop_asked_ms, saved.overdue) = (None, None, None);
        self.enter(now_ms, State::Starting, why);
        vec![Act::Spawn]
    }

    fn reported(&mut self, now_ms: i64, doing: Doing) -> Vec<Act> {
        if !self.saved.has_worker || self.saved.stop_asked_ms.is_some() {
            return vec![];
        }
        let state = self.saved.standing.state;
        let is_to_pause = self.saved.intent == Intent::Pause || self.level().reads_nothing();
        match doing {
            // As a server left it that died before it could tell.
            Doing::Running if is_to_pause => return vec![Act::Pause],
            Doing::Paused if !is_to_pause => return vec![Act::Resume],
            _ => {}
        }
        if let (Some((level, why)), Intent::Run) = (self.saved.yields.clone(), self.saved.intent)
            && state == State::Starting
            && matches!(doing, Doing::Running | Doing::Paused)
        {
            // A worker that was started meanwhile.
            self.enter(now_ms, State::Degraded, &in_words(level, &why));
            return if level == Level::Slowed { vec![Act::Slow] } else { vec![] };
        }
        match doing {
            Doing::Paused if self.level().reads_nothing() && self.saved.intent == Intent::Run => {}
            Doing::Starting => {}
            Doing::Paused if state != State::Paused => {
                self.enter(now_ms, State::Paused, PAUSED);
            }
            Doing::Running if state == State::Starting => {
                let why = match self.is_of_sinks {
                    true => "it writes the rows that are committed",
                    false => "it reads and commits",
                };
                self.enter(now_ms, State::Running, why);
            }
            Doing::Draining if state != State::Draining => {
                let why = match self.is_of_sinks {
                    true => "it writes what is committed, and ends",
                    false => "it makes its last commits",
                };
                self.enter(now_ms, State::Draining, why);
            }
            Doing::Running | Doing::Draining | Doing::Paused => {}
        }
        vec![]
    }

    /// How much of it works, as far as it is up to the server.
    #[must_use]
    pub fn level(&self) -> Level {
        self.saved.yields.as_ref().map_or(Level::Full, |(level, _)| *level)
    }

    /// What a running worker is to be reported that says whether it is slowed, if that is not as it
    /// is to be: what it was told may not have arrived.
    #[must_use]
    pub fn mends_slowed(&self, is_slowed: bool) -> Option<bool> {
        let saved = &self.saved;
        let wanted = saved.intent == Intent::Run && self.level() == Level::Slowed;
        (is_slowed != wanted && saved.stop_asked_ms.is_none()).then_some(wanted)
    }

    /// What a worker is to be reported that says whether its sinks write nothing, if that is not as
    /// it is to be. It is told so by this alone: with its next report, within a second.
    #[must_use]
    pub fn mends_sinks(&self, are_held: bool) -> Option<bool> {
        let wanted = self.saved.intent == Intent::Run && self.level() == Level::Held;
        (are_held != wanted && self.saved.stop_asked_ms.is_none()).then_some(wanted)
    }

    fn yields(&mut self, now_ms: i64, level: Level, why: &str) -> Vec<Act> {
        let saved = &self.saved;
        let works =
            saved.has_worker && matches!(saved.standing.state, State::Running | State::Degraded);
        let before = self.level();
        if saved.intent != Intent::Run || level == before || (!works && level > before) {
            return vec![];
        }
        self.saved.yields = (level != Level::Full).then(|| (level, why.to_owned()));
        if !works {
            // The worker that is to come is told what holds then.
            return vec![];
        }
        match level {
            Level::Full => self.enter(now_ms, State::Running, why),
            level => self.enter(now_ms, State::Degraded, &in_words(level, why)),
        }
        match level {
            Level::Full => vec![Act::Resume],
            Level::Slowed if before.reads_nothing() => vec![Act::Resume, Act::Slow],
            Level::Slowed => vec![Act::Slow],
            Level::Paused | Level::Held if before.reads_nothing() => vec![],
            Level::Paused | Level::Held => vec![Act::Pause],
        }
    }

    fn trouble(&mut self, now_ms: i64, trouble: Option<String>) -> Vec<Act> {
        if let (None, Some((level, why))) = (&trouble, &self.saved.yields) {
            // What is over is another trouble.
            self.saved.standing.why = in_words(*level, why);
            return vec![];
        }
        match (self.saved.standing.state, trouble) {
            (State::Running, Some(why)) => self.enter(now_ms, State::Degraded, &why),
            (State::Degraded, Some(why)) if self.saved.standing.why != why => {
                self.saved.standing.why = why;
            }
            (State::Degraded, None) => self.enter(now_ms, State::Running, "the trouble is over"),
            _ => {}
        }
        vec![]
    }

    /// Ends its worker. What someone wants stays, for the next worker.
    fn end_worker(&mut self, now_ms: i64, why: &str) -> Vec<Act> {
        if !self.saved.has_worker || self.saved.stop_asked_ms.is_some() {
            return vec![];
        }
        self.saved.stop_asked_ms = Some(now_ms);
        self.enter(now_ms, State::Draining, why);
        vec![Act::Stop]
    }

    fn enter(&mut self, now_ms: i64, state: State, why: &str) {
        let standing = &mut self.saved.standing;
        if standing.state != state {
            standing.since_ms = now_ms;
        }
        (standing.state, standing.why) = (state, why.to_owned());
        if !matches!(state, State::Starting | State::Running | State::Degraded | State::Restarting)
        {
            // Someone wants something else of it now.
            self.saved.yields = None;
        }
    }
}

/// Why a job works less.
fn in_words(level: Level, why: &str) -> String {
    match level {
        Level::Full => why.to_owned(),
        Level::Slowed => format!(
            "it is slowed: {why}; it resumes automatically, and loses \
                                  nothing"
        ),
        Level::Paused => format!(
            "it is paused: {why}; it resumes automatically, and loses \
                                  nothing"
        ),
        Level::Held => {
            format!(
                "it and its sinks are paused: {why}; they resume automatically, and lose nothing"
            )
        }
    }
}
