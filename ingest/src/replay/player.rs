//! Plays a timeline: delivers each message when it is due.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::clock::Clock;
use super::pace::Pace;
use super::time_shift::TimeShift;
use super::timeline::{TimedMessage, Timeline};
use crate::{Result, limits};

/// What a player delivers.
pub(crate) enum Step<'a> {
    /// A message that is due.
    Message(TimedMessage<'a>),
    /// Nothing is due for a while: send what was delivered so far.
    Pause,
}

/// A timeline with its pace.
pub(crate) struct Player<'a> {
    pub(crate) timeline: Timeline,
    pub(crate) pace: Pace,
    pub(crate) shift: Option<TimeShift>,
    pub(crate) clock: &'a mut dyn Clock,
    pub(crate) stop: &'a AtomicBool,
}

/// What was played.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Played {
    pub(crate) messages: u64,
    /// The longest delay of a message after it was due.
    pub(crate) behind_max: Duration,
    /// Whether a stop ended it early.
    pub(crate) stopped: bool,
}

impl Player<'_> {
    /// Plays to the end, or until a stop, or until `out` returns `false`.
    pub(crate) fn play(mut self, mut out: impl FnMut(Step<'_>) -> bool) -> Result<Played> {
        let mut played = Played::default();
        while let Some(mut next) = self.timeline.head() {
            let due = self.pace.due(next.time_ms);
            if !wait(due, self.clock, self.stop, &mut out) {
                played.stopped = self.stop.load(Ordering::Relaxed);
                break;
            }
            if !due.is_zero() {
                let behind = self.clock.elapsed().saturating_sub(due);
                played.behind_max = played.behind_max.max(behind);
            }
            if let Some(shift) = &mut self.shift {
                next.message.value = shift.apply(next.message.key, next.message.value);
            }
            if !out(Step::Message(next)) {
                break;
            }
            played.messages += 1;
            self.timeline.advance()?;
        }
        Ok(played)
    }
}

/// Waits until `due`. `false` when it must not be waited for any longer.
fn wait(
    due: Duration,
    clock: &mut dyn Clock,
    stop: &AtomicBool,
    out: &mut impl FnMut(Step<'_>) -> bool,
) -> bool {
    loop {
        if stop.load(Ordering::Relaxed) {
            return false;
        }
        // Reading the clock is not free, and at full speed everything is due at zero.
        let left = if due.is_zero() { due } else { due.saturating_sub(clock.elapsed()) };
        if left.is_zero() {
            return true;
        }
        if !out(Step::Pause) {
            return false;
        }
        // Not so briefly that every message is a commit of its own, and not so long that a stop
        // would go unnoticed.
        clock.sleep(left.clamp(limits::SHORTEST_SLEEP, limits::LONGEST_SLEEP));
    }
}
