//! Finds sensors that are spread over the partitions of a job while it runs: messages without keys,
//! or two producers with different partitioners.
//!
//! Nothing is done per record. An operator numbers its sensors in order of appearance, so a slot
//! reports only new ones, with the commit of their first records: a hash of the id and the
//! partition where it was first seen, 16 bytes per sensor. A sensor seen in a second partition is a
//! candidate, and only for candidates the times of their records are compared, now and then:
//!
//! ```text
//!   partition 0   ├──────────────┤                      closer than lateness + idle timeout
//!   partition 2                    ├──────────┤         anywhere: spread
//!   partition 0   ├──────┤
//!   partition 2                          ├─────┤        further apart: moved
//! ```
//!
//! A slot that has ended leaves its operators here, since others may still find its sensors in
//! their partitions. Pure; time is an input.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::BuildHasher as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use compact_str::CompactString;
use foldhash::quality::FixedState;
use seismic_queue::Partition;

use crate::engine::operator::Operator;
use crate::limits;
use crate::runner::notices::notice::{MovedSensors, Notice, SpreadSensor, SpreadSensors};
use crate::runner::settings::{OnSpread, Settings};
use crate::{Error, Result};

/// Watches all partitions that one process has of a job.
#[derive(Debug)]
pub struct SpreadWatch {
    /// Records in two partitions are of a spread sensor when they are at most so far apart.
    reach_ms: i64,
    on_spread: OnSpread,
    is_needed: bool,
    state: Mutex<Watched>,
}

/// Of a job with the default settings and several partitions.
impl Default for SpreadWatch {
    fn default() -> Self {
        SpreadWatch::new(0, &Settings::default(), 2)
    }
}

#[derive(Debug, Default)]
struct Watched {
    /// Where each sensor was seen first, by the hash of its id, and whether it was there before the
    /// job was started.
    homes: HashMap<u64, (Partition, bool), foldhash::fast::FixedState>,
    /// Sensors in several partitions, of which it is not known whether they are spread.
    candidates: BTreeMap<CompactString, Candidate>,
    spread: SensorGroup,
    moved: SensorGroup,
    /// When candidates were asked about last.
    asked: Option<Duration>,
    /// Whether there are candidates that no one was asked about.
    has_news: bool,
    /// Operators of slots that have ended.
    retired: Vec<Box<dyn Operator>>,
}

#[derive(Debug)]
struct Candidate {
    since: Duration,
    /// Whether it came into a second partition since the job was started.
    is_new: bool,
    /// Event times of its records, as far as they are known.
    times: BTreeMap<Partition, Option<(i64, i64)>>,
}

/// Sensors of which the same is to be said.
#[derive(Debug, Default)]
struct SensorGroup {
    sensors: BTreeMap<CompactString, BTreeSet<Partition>>,
    /// When it was said last, and of how many.
    told: Option<(Duration, u64)>,
}

impl SpreadWatch {
    /// A watch over a topic with that many partitions, of a kind of job with that lateness.
    #[must_use]
    pub fn new(lateness_ms: i64, settings: &Settings, partitions: u32) -> Self {
        let idle_ms = i64::try_from(settings.idle_timeout.as_millis()).unwrap_or(i64::MAX);
        SpreadWatch {
            reach_ms: lateness_ms.saturating_add(idle_ms),
            on_spread: settings.on_spread,
            is_needed: partitions > 1,
            state: Mutex::default(),
        }
    }

    /// Whether there are partitions over which a sensor could be spread.
    #[must_use]
    pub fn is_needed(&self) -> bool {
        self.is_needed
    }

    /// Takes the keys of an operator from the one numbered `from` on; `is_restored` when it had
    /// them before the job was started.
    pub(crate) fn see(&self, operator: &dyn Operator, from: u64, is_restored: bool, now: Duration) {
        let mut state = self.state();
        let partition = operator.partition();
        operator.keys_from(from, &mut |id| state.see(id, partition, is_restored, now));
    }

    /// Whether it is time to ask about candidates.
    pub(crate) fn is_due(&self, now: Duration) -> bool {
        let state = self.state();
        !state.candidates.is_empty()
            && (state.has_news
                || state
                    .asked
                    .is_none_or(|asked| now.saturating_sub(asked) >= limits::SPREAD_ASKED_EVERY))
    }

    /// Asks operators about the candidates. The notices about them.
    ///
    /// # Errors
    /// [`Error::Spread`] when the job is to end for a spread sensor.
    pub(crate) fn ask<'a>(
        &self,
        operators: impl Iterator<Item = &'a dyn Operator>,
        now: Duration,
    ) -> Result<Vec<Notice>> {
        let mut state = self.state();
        operators.for_each(|operator| state.ask(operator));
        let retired = std::mem::take(&mut state.retired);
        retired.iter().for_each(|operator| state.ask(&**operator));
        state.retired = retired;
        (state.asked, state.has_news) = (Some(now), false);
        state.judge(self.reach_ms, now, false);
        self.tell(&mut state, now, false)
    }

    /// Takes the operators of a slot that has ended.
    pub(crate) fn retire(&self, operators: impl Iterator<Item = Box<dyn Operator>>) {
        if self.is_needed {
            self.state().retired.extend(operators);
        }
    }

    /// What is left to tell when all slots have ended.
    ///
    /// # Errors
    /// As [`SpreadWatch::ask`].
    pub(crate) fn finish(&self, now: Duration) -> Result<Vec<Notice>> {
        let notices = self.ask(std::iter::empty(), now)?;
        let mut state = self.state();
        state.judge(self.reach_ms, now, true);
        let last = self.tell(&mut state, now, true)?;
        Ok(notices.into_iter().chain(last).collect())
    }

    fn tell(&self, state: &mut Watched, now: Duration, is_last: bool) -> Result<Vec<Notice>> {
        let mut notices = Vec::new();
        if let Some((named, total)) = state.spread.tell(now, is_last) {
            let spread = SpreadSensors { named, total, reach_ms: self.reach_ms };
            if self.on_spread == OnSpread::Refuse {
                return Err(Error::Spread(spread));
            }
            notices.push(Notice::Spread(spread));
        }
        if let Some((named, total)) = state.moved.tell(now, is_last) {
            notices.push(Notice::Moved(MovedSensors { named, total }));
        }
        Ok(notices)
    }

    fn state(&self) -> MutexGuard<'_, Watched> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watched {
    fn see(&mut self, id: &str, partition: Partition, is_restored: bool, now: Duration) {
        let hash = FixedState::default().hash_one(id);
        let (home, was_there) = *self.homes.entry(hash).or_insert((partition, is_restored));
        if home == partition {
            return;
        }
        if let Some(partitions) = self.spread.sensors.get_mut(id) {
            partitions.insert(partition);
            return;
        }
        if let Some(candidate) = self.candidates.get_mut(id) {
            candidate.times.entry(partition).or_insert(None);
        } else if self.candidates.len() + self.spread.sensors.len() < limits::SPREAD_CANDIDATES {
            let times = BTreeMap::from([(home, None), (partition, None)]);
            let candidate = Candidate { since: now, is_new: !(is_restored && was_there), times };
            self.candidates.insert(id.into(), candidate);
        }
        self.has_news = true;
    }

    /// Takes what an operator knows of the candidates.
    fn ask(&mut self, operator: &dyn Operator) {
        let partition = operator.partition();
        for (id, candidate) in &mut self.candidates {
            if let Some(times) = candidate.times.get_mut(&partition) {
                *times = operator.event_times_of(id).or(*times);
            }
        }
    }

    /// Decides of candidates what is known by now.
    fn judge(&mut self, reach_ms: i64, now: Duration, is_last: bool) {
        let Watched { candidates, spread, moved, .. } = self;
        candidates.retain(|id, candidate| {
            let times: Vec<_> = candidate.times.values().flatten().collect();
            let partitions = candidate.times.keys().copied();
            if are_close(&times, reach_ms) {
                spread.sensors.insert(id.clone(), partitions.collect());
                moved.sensors.remove(id);
                return false;
            }
            let is_old = is_last || now.saturating_sub(candidate.since) >= limits::MOVED_AFTER;
            if candidate.is_new && is_old && times.len() > 1 {
                candidate.is_new = false;
                moved.sensors.insert(id.clone(), partitions.collect());
            }
            true
        });
    }
}

/// Whether two spans of time are at most `reach_ms` apart. Sorted by their beginnings, neighbours
/// are closest: what overlaps is not apart at all.
pub(crate) fn are_close(times: &[&(i64, i64)], reach_ms: i64) -> bool {
    let mut times = times.to_vec();
    times.sort_unstable();
    times.windows(2).any(|pair| pair[1].0.saturating_sub(pair[0].1) <= reach_ms)
}

impl SensorGroup {
    /// What is to be reported, if there is more than before: at once the first time, and then not
    /// too often.
    fn tell(&mut self, now: Duration, is_last: bool) -> Option<(Vec<SpreadSensor>, u64)> {
        let (is_time, before) = match self.told {
            None => (true, 0),
            Some((at, of)) => (is_last || now.saturating_sub(at) >= limits::NOTICE_AGAIN_EVERY, of),
        };
        let total = self.sensors.len() as u64;
        if total <= before || !is_time {
            return None;
        }
        self.told = Some((now, total));
        let first = self.sensors.iter().take(limits::NAMED_IN_NOTICE);
        let named = first.map(|(sensor, partitions)| SpreadSensor {
            sensor: sensor.to_string(),
            partitions: partitions.iter().copied().collect(),
        });
        Some((named.collect(), total))
    }
}

#[cfg(test)]
mod tests {
    use seismic_proto::{Message as _, SeismicRecord};
    use seismic_queue::{Message, Offset, Topic};

    use super::*;
    use crate::Rules;
    use crate::engine::operator::OperatorKind as _;

    const NOW: Duration = Duration::from_secs(1);

    fn input() -> Topic {
        Topic { name: "t".to_owned(), id: "t".to_owned(), partitions: 4 }
    }

    /// An operator of a partition that has seen records of the sensor "S" at these times.
    fn operator(partition: u32, times_ms: &[i64]) -> Box<dyn Operator> {
        let mut operator = Rules::default().start(&[input()], Partition(partition), &[Offset(0)]);
        for (offset, &collect_timestamp) in (0..).zip(times_ms) {
            let record = SeismicRecord {
                sensor_id: "S".to_owned(),
                collect_timestamp,
                seismic_amplitude: 1.0,
                data_quality: 1,
                phase_type: "P".to_owned(),
                ..SeismicRecord::default()
            };
            let value = record.encode_to_vec();
            operator.apply_message(
                0,
                Message {
                    offset: Offset(offset),
                    append_ms: collect_timestamp,
                    key: b"",
                    value: &value,
                },
            );
        }
        operator
    }

    fn watch(on_spread: OnSpread) -> SpreadWatch {
        let settings = Settings { on_spread, ..Settings::default() };
        SpreadWatch::new(Rules::default().lateness_ms, &settings, 4)
    }

    /// What is told of operators that are seen one after the other and then asked.
    fn told(operators: &[Box<dyn Operator>], is_restored: bool) -> Vec<Notice> {
        let watch = watch(OnSpread::Warn);
        operators.iter().for_each(|it| watch.see(&**it, 0, is_restored, NOW));
        let mut notices = watch.ask(operators.iter().map(|it| &**it), NOW).unwrap();
        notices.extend(watch.finish(NOW).unwrap());
        notices
    }

    const START: i64 = 1_600_000_000_000;

    #[test]
    fn a_sensor_in_two_partitions_at_a_time_is_spread_and_named_once() {
        let operators = [operator(0, &[START, START + 900]), operator(3, &[START + 3_300])];
        let notices = told(&operators, false);
        let [Notice::Spread(spread)] = &notices[..] else { panic!("{notices:?}") };
        let partitions = vec![Partition(0), Partition(3)];
        assert_eq!(spread.named, [SpreadSensor { sensor: "S".into(), partitions }]);
        assert_eq!((spread.total, spread.reach_ms), (1, 2_500));
        assert!(spread.to_string().starts_with("sensor \"S\" has records in partitions 0 and 3, "));
    }

    #[test]
    fn a_sensor_that_changed_its_partition_once_has_moved() {
        let times = [START, START + 900];
        let notices = told(&[operator(0, &times), operator(3, &[START + 3_401])], false);
        let [Notice::Moved(moved)] = &notices[..] else { panic!("{notices:?}") };
        assert_eq!(moved.total, 1);
        let again = told(&[operator(0, &times), operator(3, &[START + 3_401])], true);
        assert_eq!(again, [], "it had moved before the job was started");
    }

    #[test]
    fn a_sensor_in_one_partition_is_neither() {
        let operators = [operator(0, &[START]), operator(1, &[])];
        assert_eq!(told(&operators, false), []);
    }

    #[test]
    fn a_job_that_is_to_refuse_ends() {
        let operators = [operator(0, &[START]), operator(3, &[START])];
        let watch = watch(OnSpread::Refuse);
        operators.iter().for_each(|it| watch.see(&**it, 0, false, NOW));
        assert!(watch.is_due(NOW));
        let asked = watch.ask(operators.iter().map(|it| &**it), NOW);
        assert!(matches!(asked, Err(Error::Spread(_))));
    }

    #[test]
    fn a_slot_that_has_ended_is_still_compared_with() {
        let watch = watch(OnSpread::Warn);
        let (first, second) = (operator(0, &[START]), operator(3, &[START]));
        watch.see(&*first, 0, false, NOW);
        watch.retire([first].into_iter());
        watch.see(&*second, 0, false, NOW);
        let notices = watch.ask(std::iter::once(&*second), NOW).unwrap();
        assert!(matches!(notices[..], [Notice::Spread(_)]), "{notices:?}");
    }

    #[test]
    fn what_moved_apart_and_comes_close_again_is_spread() {
        let watch = watch(OnSpread::Warn);
        let (ahead, mut behind) = (operator(0, &[START + 60_000]), operator(3, &[START]));
        watch.see(&*ahead, 0, true, NOW);
        watch.see(&*behind, 0, true, NOW);
        assert_eq!(watch.ask([&*ahead, &*behind].into_iter(), NOW).unwrap(), []);
        behind = operator(3, &[START, START + 59_000]);
        let later = NOW + limits::SPREAD_ASKED_EVERY;
        assert!(watch.is_due(later));
        let notices = watch.ask([&*ahead, &*behind].into_iter(), later).unwrap();
        assert!(matches!(notices[..], [Notice::Spread(_)]), "{notices:?}");
    }
}
