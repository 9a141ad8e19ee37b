//! Alarms about single sensors: missing rows of expected sensors, and wrong clocks.
//!
//! Pure: observations and the time are inputs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::keeper::Judged;
use super::kind::Kind;

/// Sensors with an alarm each; of more there is one for all, so that an outage is no storm.
const MOST: usize = 50;

/// Names that such an alarm has.
const NAMED: usize = 5;

/// What is wrong, by sensor: those without a row for longer than `limit`. `last_ms` says when each
/// had its newest one, and `since_ms` since when there may have been some. Of one that had none
/// since then, nothing is known until the limit is over.
#[must_use]
pub fn silent(
    now_ms: i64,
    (sensors, limit): (&[String], Duration),
    since_ms: i64,
    last_ms: &BTreeMap<String, i64>,
) -> Judged {
    let limit_ms = limit.as_millis() as i64;
    if limit_ms == 0 {
        return Judged::of_job(Kind::SensorNoData, None);
    }
    let is_new = |sensor: &&String| {
        now_ms - since_ms <= limit_ms && last_ms.get(*sensor).is_none_or(|&at| at <= since_ms)
    };
    let undecided = sensors.iter().filter(is_new).cloned().collect();
    let wrong = sensors.iter().filter_map(|sensor| {
        let newest_ms = last_ms.get(sensor).map_or(since_ms, |&last_ms| last_ms.max(since_ms));
        let silent_ms = now_ms - newest_ms;
        let text = format!("there is no row of sensor {sensor:?} for {} s", silent_ms / 1_000);
        (silent_ms > limit_ms).then(|| (sensor.clone(), text))
    });
    bounded(Kind::SensorNoData, wrong.collect(), undecided, "have no rows")
}

/// What is wrong, by sensor: those whose clock is wrong by more than `limit`. The offsets are those
/// of clocks that are wrong by more than chance, ms; positive: slow.
#[must_use]
pub fn wrong_clocks(limit: Duration, offsets: &BTreeMap<String, i64>) -> Judged {
    let limit_ms = limit.as_millis() as u64;
    if limit_ms == 0 {
        return Judged::of_job(Kind::ClockOffset, None);
    }
    let wrong = offsets.iter().filter(|(_, offset)| offset.unsigned_abs() > limit_ms);
    let text = |(sensor, offset_ms): (&String, &i64)| {
        let way = if *offset_ms > 0 { "slow" } else { "fast" };
        let seconds = offset_ms.unsigned_abs() as f64 / 1e3;
        (sensor.clone(), format!("the clock of sensor {sensor:?} is {seconds:.1} s {way}"))
    };
    bounded(Kind::ClockOffset, wrong.map(text).collect(), BTreeSet::new(), "have wrong clocks")
}

/// All of them, or one for all where they are too many: then those that have an alarm of their own
/// keep it as long as they are wrong.
fn bounded(
    kind: Kind,
    wrong: BTreeMap<String, String>,
    mut undecided: BTreeSet<String>,
    what: &str,
) -> Judged {
    if wrong.len() <= MOST {
        if wrong.len() + undecided.len() > MOST {
            // Nor is it known of all of them.
            undecided.insert(String::new());
        }
        return Judged { kind, wrong, undecided };
    }
    let named: Vec<&str> = wrong.keys().take(NAMED).map(String::as_str).collect();
    let more = wrong.len() - named.len();
    let text = format!("{} sensors {what}: {} and {more} more", wrong.len(), named.join(", "));
    undecided.extend(wrong.into_keys());
    Judged { kind, wrong: BTreeMap::from([(String::new(), text)]), undecided }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sensor_is_silent_when_it_has_no_row_for_too_long_or_never_had_one() {
        let sensors = ["A".to_owned(), "B".to_owned(), "C".to_owned()];
        let last = BTreeMap::from([("A".to_owned(), 99_000), ("B".to_owned(), 30_000)]);
        let judged = |since| silent(100_000, (&sensors, Duration::from_secs(60)), since, &last);
        assert!(judged(90_000).wrong.is_empty());
        assert_eq!(judged(0).wrong.into_keys().collect::<Vec<_>>(), ["B", "C"]);
        // Of those without a row since then nothing is known yet.
        assert_eq!(Vec::from_iter(judged(90_000).undecided), ["B", "C"]);
        assert!(judged(0).undecided.is_empty());
        assert!(silent(100_000, (&sensors, Duration::ZERO), 0, &last).wrong.is_empty());
    }

    #[test]
    fn clocks_are_judged_both_ways_and_very_many_are_one_alarm() {
        let offsets: BTreeMap<String, i64> =
            [("A", 6_000), ("B", -5_001), ("C", 5_000)].map(|(id, ms)| (id.to_owned(), ms)).into();
        let wrong = wrong_clocks(Duration::from_secs(5), &offsets).wrong;
        assert_eq!(wrong["A"], "the clock of sensor \"A\" is 6.0 s slow");
        assert_eq!(wrong["B"], "the clock of sensor \"B\" is 5.0 s fast");
        assert_eq!(wrong.len(), 2);
        let many = (0..100_000).map(|n| (format!("S{n:05}"), 9_000)).collect();
        let Judged { wrong, undecided, .. } = wrong_clocks(Duration::from_secs(5), &many);
        assert_eq!((wrong.len(), undecided.len()), (1, 100_000));
        assert!(wrong[""].starts_with("100000 sensors have wrong clocks: S00000, "), "{wrong:?}");
    }

    #[test]
    fn very_many_of_which_nothing_is_known_keep_the_alarm_of_all() {
        let sensors: Vec<String> = (0..60).map(|n| format!("S{n:02}")).collect();
        let limit = Duration::from_secs(60);
        let judged = silent(10_000, (&sensors, limit), 0, &BTreeMap::new());
        assert!(judged.wrong.is_empty() && judged.undecided.contains(""), "{judged:?}");
        let few = silent(10_000, (&sensors[..5], limit), 0, &BTreeMap::new());
        assert!(!few.undecided.contains("") && few.undecided.len() == 5, "{few:?}");
    }
}
