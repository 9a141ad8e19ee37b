//! The life of a served job: a pure state machine.
//!
//! It is told what happens and when, and says what is to be done; it knows no clock, no process
//! and no file. Everything that it needs to go on after a restart of the server is in [`Saved`],
//! which is stored before anything is done.

pub mod ending;
pub mod state;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use self::ending::Ending;
use self::state::{Standing, State};
use crate::job::service::restart::RestartPolicy;
use crate::serve::limits;
use crate::serve::pressure::Level;

/// Why a job is paused that has its worker.
const PAUSED: &str = "somebody paused it; its worker stays, keeps its partitions and reads nothing";

const HOUR_MS: i64 = 3_600_000;

/// What somebody wants the job to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Intent {
    /// Run.
    Run,
    /// Read nothing until it is resumed.
    Pause,
    /// Not run.
    Stop,
}

/// What has happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// Somebody wants it to run.
    Start,
    /// Somebody wants it to end.
    Stop,
    /// Somebody wants it to read nothing; whether its worker can stay meanwhile.
    Pause {
        /// A worker of an older version cannot.
        worker_can_stay: bool,
    },
    /// Somebody wants it to read again.
    Resume,
    /// The server that had its worker is gone, and so is the worker.
    Orphaned(Ending),
    /// A worker of an earlier server is there and answers.
    Adopted,
    /// Its worker says what it does.
    Reported(Doing),
    /// Something is wrong with a running worker, or is so no more.
    Trouble(Option<String>),
    /// It is to work less, or more again, for jobs of higher priorities.
    Yield(Level, String),
    /// Its worker has ended.
    Ended(Ending),
    /// The server ends and takes the workers with it; the next one starts them.
    ServerEnds,
    /// Time has passed.
    Tick,
}

/// What a worker says it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// Opens what it needs.
    Starting,
    /// Reads, computes and commits.
    Running,
    /// Reads nothing, and keeps its members.
    Paused,
    /// Makes its last commits.
    Draining,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Start a worker.
    Spawn,
    /// Ask the worker to end.
    Stop,
    /// End the worker at once.
    Kill,
    /// Have the worker read nothing.
    Pause,
    /// Have the worker read again, at its full speed.
    Resume,
    /// Have the worker read a part of the time.
    Slow,
}

/// What is stored of a life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    /// What somebody wants.
    pub intent: Intent,
    /// What it does, and why.
    pub standing: Standing,
    /// Automatic starts of the last hour, ms since 1970 UTC.
    pub restarts: VecDeque<i64>,
    /// Automatic starts in a row, none of which ran well.
    pub in_a_row: u32,
    /// Automatic starts so far.
    pub restarts_total: u64,
    /// When it is to be started again.
    pub restart_at_ms: Option<i64>,
    /// Whether a worker is there, or about to be.
    pub has_worker: bool,
    /// When its worker was started.
    pub started_ms: i64,
    /// When its worker was asked to end.
    pub stop_asked_ms: Option<i64>,
    /// Why its worker was ended although somebody wants it to run.
    pub overdue: Option<String>,
    /// Whether a paused job has a worker, which keeps its members.
    #[serde(default)]
    pub pauses_in_place: bool,
    /// How much of it works, and why; it gives the rest to jobs of higher priorities.
    #[serde(default)]
    pub yields: Option<(Level, String)>,
}

/// The life of one job.
#[derive(Clone, Debug)]
pub struct Life {
    policy: RestartPolicy,
    is_bounded: bool,
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
        };
        Life { policy, is_bounded, saved }
    }

    /// A job as an earlier server stored it.
    #[must_use]
    pub fn restore(policy: RestartPolicy, is_bounded: bool, saved: Saved) -> Life {
        Life { policy, is_bounded, saved }
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

    /// Takes in what has happened; what is to be done, in this order, once the life is stored.
    pub fn step(&mut self, now_ms: i64, input: Input) -> Vec<Act> {
        match input {
            Input::Start => self.start(now_ms),
            Input::Stop => self.stop(now_ms),
            Input::Pause { worker_can_stay } => self.pause(now_ms, worker_can_stay),
            Input::Resume => self.resume(now_ms),
            Input::Orphaned(ending) => self.ended(now_ms, &ending, "the server was started again"),
            Input::Ended(ending) => self.ended(now_ms, &ending, "somebody started it"),
            Input::Adopted => Vec::new(),
            Input::ServerEnds => self.server_ends(now_ms),
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
        self.begin(now_ms, "somebody started it")
    }

    fn stop(&mut self, now_ms: i64) -> Vec<Act> {
        self.saved.intent = Intent::Stop;
        self.saved.restart_at_ms = None;
        if self.saved.has_worker {
            let is_asked = self.saved.stop_asked_ms.replace(now_ms).is_some();
            self.enter(now_ms, State::Draining, "somebody stopped it");
            return if is_asked { vec![] } else { vec![Act::Stop] };
        }
        if !matches!(self.saved.standing.state, State::Created | State::Finished | State::Failed) {
            self.enter(now_ms, State::Stopped, "somebody stopped it");
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
        self.enter(now_ms, State::Paused, "somebody paused it");
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
            self.enter(now_ms, State::Starting, "somebody resumed it");
            return vec![Act::Resume];
        }
        self.begin(now_ms, "somebody resumed it")
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
                self.enter(now_ms, State::Running, "it reads and commits");
            }
            Doing::Draining if state != State::Draining => {
                self.enter(now_ms, State::Draining, "it makes its last commits");
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

    /// What a running worker is to be told that says whether it is slowed, if that is not as it is to be:
    /// what it was told may not have arrived.
    #[must_use]
    pub fn mends_slowed(&self, is_slowed: bool) -> Option<bool> {
        let saved = &self.saved;
        let wanted = saved.intent == Intent::Run && self.level() == Level::Slowed;
        (is_slowed != wanted && saved.stop_asked_ms.is_none()).then_some(wanted)
    }

    /// What a worker is to be told that says whether its sinks write nothing, if that is not as it is to
    /// be. It is told so by this alone: with its next report, within a second.
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

    /// What somebody wants stays, for the next server.
    fn server_ends(&mut self, now_ms: i64) -> Vec<Act> {
        if !self.saved.has_worker || self.saved.stop_asked_ms.is_some() {
            return vec![];
        }
        self.saved.stop_asked_ms = Some(now_ms);
        self.enter(now_ms, State::Draining, "the server ends");
        vec![Act::Stop]
    }

    fn ended(&mut self, now_ms: i64, ending: &Ending, again: &str) -> Vec<Act> {
        let was_asked = self.saved.stop_asked_ms.take().is_some();
        let overdue = self.saved.overdue.take();
        let ran_ms = now_ms - self.saved.started_ms;
        self.saved.has_worker = false;
        if was_asked && overdue.is_none() && self.wants_worker() {
            return self.spawn(now_ms, again);
        }
        if self.saved.intent == Intent::Pause && !self.saved.pauses_in_place {
            if !ending.is_good() {
                self.saved.standing.last_error = Some(ending.to_string());
            }
            return vec![];
        }
        if overdue.is_none() && (was_asked || self.saved.intent == Intent::Stop) {
            match ending.is_good() || matches!(ending, Ending::Killed { .. } | Ending::Vanished) {
                true => self.enter(now_ms, State::Stopped, "somebody stopped it"),
                false => self.fail(now_ms, ending.to_string(), "the error of its stop is shown"),
            }
            return vec![];
        }
        if overdue.is_none() && ending.is_good() && self.is_bounded {
            self.saved.intent = Intent::Stop;
            self.enter(now_ms, State::Finished, "its bounded work is done");
            return vec![];
        }
        if ran_ms >= limits::RAN_WELL.as_millis() as i64 {
            self.saved.in_a_row = 0;
        }
        let what = match (&overdue, ending.is_good()) {
            (Some(overdue), _) => overdue.clone(),
            (None, true) => {
                "the worker was asked to end by somebody else than this server".to_owned()
            }
            (None, false) => ending.to_string(),
        };
        let remedy = match (&overdue, ending.remedy()) {
            (Some(_), _) if !self.policy.retry_on_timeout => {
                Some("`retry_on_timeout` is false: start the job, or allow more time")
            }
            (Some(_), _) => None,
            (None, remedy) => remedy,
        };
        match remedy {
            Some(remedy) => self.fail(now_ms, what, remedy),
            None => self.plan_restart(now_ms, what),
        }
        vec![]
    }

    /// Starts it again later, if its policy has a start left.
    fn plan_restart(&mut self, now_ms: i64, what: String) {
        let saved = &mut self.saved;
        // The clock may have been set back: what lies ahead was not within this hour.
        saved.restarts.retain(|&at| at > now_ms - HOUR_MS && at <= now_ms);
        if !self.policy.retry {
            return self.fail(now_ms, what, "[restart] retry is false: start the job");
        }
        if self.policy.max_retries.is_some_and(|most| saved.in_a_row >= most) {
            let why = "[restart] max_retries are used up: mend what it says, then start the job";
            return self.fail(now_ms, what, why);
        }
        if self.policy.max_per_hour.is_some_and(|most| saved.restarts.len() as u64 >= most.into()) {
            let why = "[restart] max_per_hour is used up: mend what it says, then start the job";
            return self.fail(now_ms, what, why);
        }
        let pause = self.policy.pause(saved.in_a_row);
        saved.restart_at_ms = Some(now_ms.saturating_add(pause.as_millis() as i64));
        saved.standing.last_error = Some(what.clone());
        self.enter(now_ms, State::Restarting, &what);
    }

    fn fail(&mut self, now_ms: i64, what: String, remedy: &str) {
        self.saved.intent = Intent::Stop;
        self.saved.restart_at_ms = None;
        let why = format!("{what}; {remedy}");
        self.saved.standing.last_error = Some(what);
        self.enter(now_ms, State::Failed, &why);
    }

    fn tick(&mut self, now_ms: i64) -> Vec<Act> {
        let longest = self.policy.pause(u32::MAX).as_millis() as i64;
        // Further ahead than any pause, it was planned before the clock was set back.
        let is_due = |at: i64| now_ms >= at || at.saturating_sub(now_ms) > longest;
        if self.saved.restart_at_ms.is_some_and(is_due) {
            self.saved.restarts.push_back(now_ms);
            self.saved.in_a_row += 1;
            self.saved.restarts_total += 1;
            let why = format!("restart {} in a row", self.saved.in_a_row);
            return self.spawn(now_ms, &why);
        }
        if !self.saved.has_worker {
            return vec![];
        }
        if let Some(asked) = self.saved.stop_asked_ms {
            let is_late = now_ms - asked >= limits::STOP_PATIENCE.as_millis() as i64;
            return if is_late { vec![Act::Kill] } else { vec![] };
        }
        let is_over = |since_ms: i64, limit: Option<std::time::Duration>| {
            limit.is_some_and(|limit| now_ms - since_ms >= limit.as_millis() as i64)
        };
        // One that is resumed starts with a worker that has run for long.
        let Standing { state, since_ms, .. } = self.saved.standing;
        let overdue = if state == State::Starting && is_over(since_ms, self.policy.start_timeout) {
            "it did not start within [restart] start_timeout_s"
        } else if self.is_bounded && is_over(self.saved.started_ms, self.policy.run_timeout) {
            "it did not end within [restart] run_timeout_s"
        } else {
            return vec![];
        };
        self.saved.overdue = Some(overdue.to_owned());
        self.saved.stop_asked_ms = Some(now_ms);
        self.enter(now_ms, State::Draining, overdue);
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
            // Somebody wants something else of it now.
            self.saved.yields = None;
        }
    }
}

/// Why a job works less.
fn in_words(level: Level, why: &str) -> String {
    match level {
        Level::Full => why.to_owned(),
        Level::Slowed => format!("it is slowed: {why}; it returns by itself, and loses nothing"),
        Level::Paused => format!("it is paused: {why}; it returns by itself, and loses nothing"),
        Level::Held => {
            format!(
                "it and its sinks are paused: {why}; they return by themselves, and lose nothing"
            )
        }
    }
}
