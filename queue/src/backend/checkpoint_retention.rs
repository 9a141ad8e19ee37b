//! Which checkpoints of a partition are kept. Pure, and the same in every backend.
//!
//! * The newest ones, as many as the newest of all says: recovery can fall back to them, and they
//!   hold the log.
//! * The newest of each hour and of each day: for rewinds and forks as long as the log still
//!   reaches back to them. They do not hold it.
//! * Named ones, until their last name is deleted. They do not hold it either.
//!
//! Only hours and days that had a checkpoint count, so nothing expires while the job does not run;
//! age is the order of numbers, so a clock that is set back does not matter. The newest of an hour
//! stays the newest when others are deleted, so pruning step by step keeps the same checkpoints as
//! pruning once.

use std::collections::HashSet;

use crate::limits;

/// Why a checkpoint is kept, the strongest reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// One of the newest, which hold the log.
    Newest,
    /// The newest of its hour.
    Hourly,
    /// The newest of its day.
    Daily,
    /// Only for its name.
    Named,
}

impl Class {
    /// For people and programs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Class::Newest => "newest",
            Class::Hourly => "hourly",
            Class::Daily => "daily",
            Class::Named => "named",
        }
    }
}

/// A checkpoint as far as this is concerned.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    /// Its number.
    pub number: u64,
    /// ms since 1970 UTC.
    pub created_ms: i64,
    /// How many of the newest it has kept while it is the newest.
    pub keeps: u32,
    /// Whether a person named it.
    pub is_named: bool,
}

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Why each checkpoint is kept; `None`: it is not. In the order given, which is by number.
pub fn classes(all: &[Candidate]) -> Vec<Option<Class>> {
    debug_assert!(all.is_sorted_by(|a, b| a.number < b.number), "oldest first");
    let (mut hours, mut days) = (HashSet::new(), HashSet::new());
    let first_of = |seen: &mut HashSet<i64>, at_most: usize, span: i64| {
        seen.len() < at_most && seen.insert(span)
    };
    let newest = all.last().map_or(0, |last| last.keeps as usize);
    let mut classes = Vec::with_capacity(all.len());
    for (place, one) in all.iter().rev().enumerate() {
        // Both are asked: a newest one uses up its hour and its day.
        let hour = one.created_ms.div_euclid(HOUR_MS);
        let is_hourly = first_of(&mut hours, limits::CHECKPOINTS_HOURLY, hour);
        let day = one.created_ms.div_euclid(DAY_MS);
        let is_daily = first_of(&mut days, limits::CHECKPOINTS_DAILY, day);
        classes.push(match one {
            _ if place < newest => Some(Class::Newest),
            _ if is_hourly => Some(Class::Hourly),
            _ if is_daily => Some(Class::Daily),
            Candidate { is_named: true, .. } => Some(Class::Named),
            _ => None,
        });
    }
    classes.reverse();
    classes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BOUND: usize = limits::CHECKPOINTS_HOURLY + limits::CHECKPOINTS_DAILY;
    const USUAL: u32 = limits::CHECKPOINTS_NEWEST as u32;

    /// What is left when a checkpoint is made at each of these times and the rest goes each time.
    fn step_by_step(times: &[(i64, bool)], keeps: u32) -> Vec<Candidate> {
        let mut kept: Vec<Candidate> = Vec::new();
        for (number, &(created_ms, is_named)) in (1..).zip(times) {
            kept.push(Candidate { number, created_ms, keeps, is_named });
            let classes = classes(&kept);
            let mut class = classes.iter();
            kept.retain(|_| class.next().is_some_and(|class| class.is_some()));
        }
        kept
    }

    /// Times of a clock that mostly advances, in steps from seconds to days, and sometimes back.
    fn times() -> impl Strategy<Value = Vec<(i64, bool)>> {
        let step = prop_oneof![
            6 => 0i64..20_000,
            3 => 0i64..3 * HOUR_MS,
            1 => 0i64..3 * DAY_MS,
            1 => -3 * DAY_MS..0,
        ];
        let named = prop::bool::weighted(0.05);
        prop::collection::vec((step, named), 0..400).prop_map(|steps| {
            let mut now = 1_600_000_000_000;
            let mut at = |step| {
                now += step;
                now
            };
            steps.into_iter().map(|(step, named)| (at(step), named)).collect()
        })
    }

    proptest! {
        #[test]
        fn they_are_bounded_and_the_newest_and_named_ones_are_among_them(
            times in times(), keeps in 2_u32..100,
        ) {
            let kept = step_by_step(&times, keeps);
            let named = times.iter().filter(|(_, named)| *named).count();
            prop_assert!(kept.len() <= BOUND + keeps as usize + named);
            prop_assert_eq!(kept.iter().filter(|one| one.is_named).count(), named);
            let newest = kept.iter().rev().take(keeps as usize).map(|one| one.number);
            let last = (1..=times.len() as u64).rev().take(keeps as usize);
            prop_assert!(newest.eq(last));
        }

        #[test]
        fn each_of_the_last_hours_and_days_that_had_one_keeps_one(times in times()) {
            let kept = step_by_step(&times, USUAL);
            for (span, at_most) in
                [(HOUR_MS, limits::CHECKPOINTS_HOURLY), (DAY_MS, limits::CHECKPOINTS_DAILY)]
            {
                let mut wanted = HashSet::new();
                for (place, (at, _)) in times.iter().enumerate().rev() {
                    if wanted.len() < at_most && wanted.insert(at.div_euclid(span)) {
                        let number = place as u64 + 1;
                        prop_assert!(kept.iter().any(|one| one.number == number));
                    }
                }
            }
        }

        #[test]
        fn step_by_step_keeps_what_once_would(times in times(), keeps in 2_u32..100) {
            let all: Vec<_> = (1..).zip(&times).map(|(number, &(created_ms, is_named))| {
                Candidate { number, created_ms, keeps, is_named }
            }).collect();
            let once = all.iter().zip(classes(&all)).filter(|(_, class)| class.is_some());
            let kept = step_by_step(&times, keeps);
            prop_assert!(once.map(|(one, _)| one.number).eq(kept.iter().map(|one| one.number)));
        }
    }

    #[test]
    fn a_month_of_one_every_minute_leaves_each_class_full() {
        let times: Vec<_> =
            (0..30 * 24 * 60).map(|minute| (minute * 60_000, minute == 77)).collect();
        let kept = step_by_step(&times, USUAL);
        let count = |class| classes(&kept).iter().filter(|&&one| one == Some(class)).count();
        // The newest ones hold the newest hour; the 24 hours hold two days.
        assert_eq!(count(Class::Newest), 10);
        assert_eq!(count(Class::Hourly), 23);
        assert_eq!(count(Class::Daily), 6);
        assert_eq!(count(Class::Named), 1);
    }

    #[test]
    fn the_newest_one_says_how_many_are_kept_and_a_named_one_is_not_among_them() {
        let of = |number: u64, keeps| Candidate {
            number,
            // All in one hour, which the newest one uses up.
            created_ms: 1_600_000_000_000 + number as i64,
            keeps,
            is_named: number == 1,
        };
        let newest = |keeps| {
            let all: Vec<_> =
                (1..=20).map(|number| of(number, if number < 20 { 50 } else { keeps })).collect();
            let classes = classes(&all);
            let is = |class| classes.iter().filter(|&&it| it == Some(class)).count();
            (is(Class::Newest), is(Class::Named))
        };
        assert_eq!(newest(3), (3, 1));
        assert_eq!(newest(19), (19, 1));
        assert_eq!(newest(50), (20, 0));
    }
}
