//! Which alarms of a job are raised: once for each occurrence, and once more when it is over.
//!
//! An occurrence is over when its condition has not held for a while, so that what comes and goes
//! is one alarm and not a storm.

use std::collections::BTreeMap;

use super::kind::Kind;
use crate::serve::limits;

/// The raised alarms of one job.
#[derive(Clone, Debug, Default)]
pub struct Keeper {
    raised: BTreeMap<Kind, Raised>,
}

#[derive(Clone, Debug)]
struct Raised {
    since_ms: i64,
    text: String,
    /// Since when its condition does not hold.
    clear_since_ms: Option<i64>,
}

/// A change of an alarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What the alarm is about.
    pub kind: Kind,
    /// Whether it is raised now, or over.
    pub is_raised: bool,
    /// What is, or was, wrong.
    pub text: String,
    /// Since when, ms since 1970 UTC.
    pub since_ms: i64,
}

impl Keeper {
    /// With alarms that an earlier server raised.
    #[must_use]
    pub fn restore(raised: impl IntoIterator<Item = (Kind, i64, String)>) -> Keeper {
        let one = |(kind, since_ms, text)| (kind, Raised { since_ms, text, clear_since_ms: None });
        Keeper { raised: raised.into_iter().map(one).collect() }
    }

    /// What changes, given what is wrong now: each kind that was looked at, and its text if it is.
    pub fn see(&mut self, now_ms: i64, looked_at: Vec<(Kind, Option<String>)>) -> Vec<Change> {
        let mut changes = Vec::new();
        for (kind, wrong) in looked_at {
            match (wrong, self.raised.get_mut(&kind)) {
                (Some(_), Some(raised)) => raised.clear_since_ms = None,
                (Some(text), None) => {
                    let raised =
                        Raised { since_ms: now_ms, text: text.clone(), clear_since_ms: None };
                    self.raised.insert(kind, raised);
                    changes.push(Change { kind, is_raised: true, text, since_ms: now_ms });
                }
                (None, Some(raised)) => {
                    let clear_since_ms = *raised.clear_since_ms.get_or_insert(now_ms);
                    if now_ms - clear_since_ms >= limits::CLEAR_FOR.as_millis() as i64
                        && let Some(Raised { since_ms, text, .. }) = self.raised.remove(&kind)
                    {
                        changes.push(Change { kind, is_raised: false, text, since_ms });
                    }
                }
                (None, None) => {}
            }
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_and_goes_is_one_alarm_with_one_end() {
        let mut keeper = Keeper::default();
        let wrong = |is_wrong: bool| vec![(Kind::Restart, is_wrong.then(|| "died".to_owned()))];
        let clear = limits::CLEAR_FOR.as_millis() as i64;
        assert_eq!(keeper.see(0, wrong(false)), []);
        let raised = keeper.see(1, wrong(true));
        assert!(raised.len() == 1 && raised[0].is_raised, "{raised:?}");
        for at in 2..50 {
            assert_eq!(keeper.see(at, wrong(at % 2 == 0)), []);
        }
        assert_eq!(keeper.see(49 + clear - 1, wrong(false)), []);
        let over = keeper.see(49 + clear, wrong(false));
        assert_eq!(over.len(), 1);
        assert!(!over[0].is_raised && over[0].since_ms == 1, "{over:?}");
        assert!(keeper.see(50 + clear, wrong(true))[0].is_raised);
    }

    #[test]
    fn an_alarm_of_an_earlier_server_is_not_raised_again() {
        let mut keeper = Keeper::restore([(Kind::Lag, 5, "old".to_owned())]);
        assert_eq!(keeper.see(10, vec![(Kind::Lag, Some("more".to_owned()))]), []);
    }
}
