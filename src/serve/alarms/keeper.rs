//! Which alarms of a job are raised: once for each occurrence, and once more when it is over.
//!
//! An occurrence ends when its condition has not held for a while, so that a flapping condition is
//! one alarm and not a storm.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::kind::Kind;

/// The raised alarms of one job.
#[derive(Clone, Debug, Default)]
pub struct Keeper {
    raised: BTreeMap<(Kind, String), Raised>,
}

#[derive(Clone, Debug)]
struct Raised {
    since_ms: i64,
    text: String,
    /// Since when its condition does not hold.
    clear_since_ms: Option<i64>,
}

/// What was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// Alarms of this kind.
    pub kind: Kind,
    /// What is wrong: text by subject, as a sensor; the job itself has no name.
    pub wrong: BTreeMap<String, String>,
    /// Of what is not known yet whether it is wrong: an alarm of it that is raised stays so.
    pub undecided: BTreeSet<String>,
}

impl Judged {
    /// Of the job itself.
    #[must_use]
    pub fn of_job(kind: Kind, wrong: Option<String>) -> Judged {
        let wrong = wrong.map(|text| (String::new(), text)).into_iter().collect();
        Judged { kind, wrong, undecided: BTreeSet::new() }
    }
}

/// A change of an alarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What the alarm is about.
    pub kind: Kind,
    /// What of the job, as a sensor; empty: the job itself.
    pub subject: String,
    /// Whether it is raised now, or over.
    pub is_raised: bool,
    /// What is, or was, wrong.
    pub text: String,
    /// Since when, ms since 1970 UTC.
    pub since_ms: i64,
}

impl Keeper {
    /// With alarms that an earlier server raised: kind, subject, since when, and text.
    #[must_use]
    pub fn restore(raised: impl IntoIterator<Item = (Kind, String, i64, String)>) -> Keeper {
        let one = |(kind, subject, since_ms, text)| {
            ((kind, subject), Raised { since_ms, text, clear_since_ms: None })
        };
        Keeper { raised: raised.into_iter().map(one).collect() }
    }

    /// Whether that alarm is raised.
    #[must_use]
    pub fn is_raised(&self, kind: Kind, subject: &str) -> bool {
        self.raised.contains_key(&(kind, subject.to_owned()))
    }

    /// What changes, given what is wrong now. An alarm is over when what is wrong has not been so
    /// for as long as `clear`.
    pub fn see(&mut self, now_ms: i64, clear: Duration, looked_at: Vec<Judged>) -> Vec<Change> {
        let mut changes = Vec::new();
        let clear_ms = clear.as_millis() as i64;
        for Judged { kind, wrong, undecided } in looked_at {
            let known = self.raised.iter_mut().filter(|((of, _), _)| *of == kind);
            let mut over = Vec::new();
            for ((_, subject), raised) in known {
                if wrong.contains_key(subject) || undecided.contains(subject) {
                    raised.clear_since_ms = None;
                } else if now_ms - *raised.clear_since_ms.get_or_insert(now_ms) >= clear_ms {
                    over.push(subject.clone());
                }
            }
            for (subject, text) in wrong {
                let key = (kind, subject.clone());
                if let Entry::Vacant(place) = self.raised.entry(key) {
                    let since_ms = now_ms;
                    place.insert(Raised { since_ms, text: text.clone(), clear_since_ms: None });
                    changes.push(Change { kind, subject, is_raised: true, text, since_ms });
                }
            }
            for subject in over {
                if let Some(Raised { since_ms, text, .. }) =
                    self.raised.remove(&(kind, subject.clone()))
                {
                    changes.push(Change { kind, subject, is_raised: false, text, since_ms });
                }
            }
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLEAR: Duration = Duration::from_secs(30);

    #[test]
    fn what_comes_and_goes_is_one_alarm_with_one_end() {
        let mut keeper = Keeper::default();
        let wrong = |is_wrong: bool| {
            vec![Judged::of_job(Kind::Restart, is_wrong.then(|| "died".to_owned()))]
        };
        let clear = CLEAR.as_millis() as i64;
        assert_eq!(keeper.see(0, CLEAR, wrong(false)), []);
        let raised = keeper.see(1, CLEAR, wrong(true));
        assert!(raised.len() == 1 && raised[0].is_raised, "{raised:?}");
        for at in 2..50 {
            assert_eq!(keeper.see(at, CLEAR, wrong(at % 2 == 0)), []);
        }
        assert_eq!(keeper.see(49 + clear - 1, CLEAR, wrong(false)), []);
        let over = keeper.see(49 + clear, CLEAR, wrong(false));
        assert_eq!(over.len(), 1);
        assert!(!over[0].is_raised && over[0].since_ms == 1, "{over:?}");
        assert!(keeper.see(50 + clear, CLEAR, wrong(true))[0].is_raised);
    }

    #[test]
    fn each_kind_recovers_and_each_sensor_by_itself() {
        for (kind, name) in super::super::kind::KINDS {
            let mut keeper = Keeper::default();
            let judged = |all: &[&str]| {
                let wrong = all.iter().map(|it| ((*it).to_owned(), format!("{it} is wrong")));
                vec![Judged { kind, wrong: wrong.collect(), undecided: BTreeSet::new() }]
            };
            assert_eq!(keeper.see(0, CLEAR, judged(&["A", "B"])).len(), 2, "{name}");
            assert_eq!(keeper.see(1, CLEAR, judged(&["B"])), [], "{name}");
            let over = keeper.see(30_001, CLEAR, judged(&["B"]));
            assert_eq!(over.len(), 1, "{name}");
            assert!(!over[0].is_raised && over[0].subject == "A", "{name}: {over:?}");
            assert!(keeper.is_raised(kind, "B") && !keeper.is_raised(kind, "A"));
            keeper.see(30_002, CLEAR, judged(&[]));
            assert_eq!(keeper.see(60_002, CLEAR, judged(&[])).len(), 1, "{name}");
        }
    }

    #[test]
    fn what_is_not_known_yet_ends_no_alarm_and_begins_none() {
        let mut keeper = Keeper::restore([(Kind::NoData, String::new(), 5, "old".to_owned())]);
        let undecided = |name: &str| {
            let undecided = [name.to_owned()].into();
            vec![Judged { undecided, ..Judged::of_job(Kind::NoData, None) }]
        };
        for at in 0..100 {
            assert_eq!(keeper.see(at * 1_000, CLEAR, undecided("")), []);
        }
        // The time of its end begins when it is known not to be wrong.
        let fine = || vec![Judged::of_job(Kind::NoData, None)];
        assert_eq!(keeper.see(100_000, CLEAR, fine()), []);
        assert_eq!(keeper.see(129_999, CLEAR, fine()), []);
        let over = keeper.see(130_000, CLEAR, undecided("other"));
        assert!(over.len() == 1 && !over[0].is_raised && over[0].since_ms == 5, "{over:?}");
    }

    #[test]
    fn an_alarm_of_an_earlier_server_is_not_raised_again() {
        let mut keeper = Keeper::restore([(Kind::Lag, String::new(), 5, "old".to_owned())]);
        let more = vec![Judged::of_job(Kind::Lag, Some("more".to_owned()))];
        assert_eq!(keeper.see(10, CLEAR, more), []);
    }
}
