//! What follows when a worker has ended, and timeouts: restarts, and stopping workers that take too
//! long.

use super::Life;
use super::ending::Ending;
use super::input::{Act, Intent};
use super::state::{Standing, State};
use crate::serve::limits;

pub(super) const HOUR_MS: i64 = 3_600_000;

impl Life {
    pub(super) fn ended(&mut self, now_ms: i64, ending: &Ending, again: &str) -> Vec<Act> {
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
                true => self.enter(now_ms, State::Stopped, "it was stopped"),
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
            (None, true) => "something other than this server asked the worker to end".to_owned(),
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

    pub(super) fn tick(&mut self, now_ms: i64) -> Vec<Act> {
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
}
