//! The engine's part in idle closes: finds silent sensors without checking every sensor each time.
//!
//! Sensors with open state are grouped in cohorts, by an offset at or after which they had a
//! record:
//!
//! ```text
//!   log     ──0────────128────────256────────384──► position
//!   cohorts   [ from 0 ][ from 128 ][ from 256 …
//! ```
//!
//! A record moves no sensor. To close everything below an offset, only cohorts below that offset
//! can contain a silent sensor; they are searched, and sensors that had a record since are moved to
//! the cohort of their last offset. A cohort spans a sixteenth of the messages of an idle timeout,
//! so each sensor is checked about once per idle timeout, and a sensor without open state never. A
//! silent sensor whose roll-up waits for the time of the log is set aside until the first such
//! roll-up ends.
//!
//! All of this is derived from the sensors and not part of snapshots; a restored engine puts all
//! sensors into the cohort of offset 0. Tests compare it with checking every sensor.

use std::collections::BTreeMap;

use seismic_queue::Offset;

use crate::limits;

/// Where a sensor is filed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Filing {
    /// Nowhere: nothing is open.
    #[default]
    No,
    /// In a cohort.
    InCohort,
    /// Set aside: it is silent, and only roll-ups are open that the log's own time has not passed.
    Aside,
}

/// Numbers of the sensors with something open.
#[derive(Debug)]
pub(crate) struct IdleSensors {
    /// By the offset from which on each of them has a record.
    cohorts: BTreeMap<u64, Vec<u32>>,
    /// The cohort that was filed in last, taken out of the others: mostly it is also the next one.
    at_hand: Option<(u64, Vec<u32>)>,
    /// Offsets that share a cohort have the same bits from here on, and never fewer than that.
    shift: u32,
    least_shift: u32,
    /// Those set aside, some of whom may have been filed since.
    aside: Vec<u32>,
    /// End of the first roll-up of those.
    wake_ms: i64,
}

impl Default for IdleSensors {
    fn default() -> Self {
        IdleSensors {
            cohorts: BTreeMap::new(),
            at_hand: None,
            shift: 63,
            least_shift: limits::COHORT_MESSAGES.ilog2(),
            aside: Vec::new(),
            wake_ms: i64::MAX,
        }
    }
}

impl IdleSensors {
    /// Files a sensor that spoke last at `spoke`.
    #[inline]
    pub fn file(&mut self, number: u32, spoke: Offset) {
        let from = spoke.0 >> self.shift << self.shift;
        match &mut self.at_hand {
            Some((at_hand, numbers)) if *at_hand == from => numbers.push(number),
            _ => self.turn_to(from).push(number),
        }
    }

    #[cold]
    fn turn_to(&mut self, from: u64) -> &mut Vec<u32> {
        self.put_back();
        let numbers = self.cohorts.remove(&from).unwrap_or_default();
        &mut self.at_hand.insert((from, numbers)).1
    }

    fn put_back(&mut self) {
        self.cohorts.extend(self.at_hand.take());
    }

    /// Takes out who may have said nothing from `below` on. What is filed from now on is filed as
    /// finely as the messages from there to `position` make sensible.
    pub fn take_cohorts(&mut self, below: Offset, position: Offset) -> Vec<Vec<u32>> {
        self.put_back();
        let messages = (position.0 - below.0) / limits::COHORTS;
        self.shift = messages.checked_ilog2().unwrap_or(0).max(self.least_shift);
        let rest = self.cohorts.split_off(&below.0);
        std::mem::replace(&mut self.cohorts, rest).into_values().collect()
    }

    /// Takes out those set aside, if one of them has a roll-up that ends until `until_ms`.
    pub fn wake(&mut self, until_ms: i64) -> Vec<u32> {
        if until_ms < self.wake_ms {
            return Vec::new();
        }
        self.wake_ms = i64::MAX;
        std::mem::take(&mut self.aside)
    }

    /// Sets a sensor aside until the log's own time passes `end_ms`, the end of its first roll-up.
    pub fn set_aside(&mut self, sensor: u32, end_ms: i64) {
        self.aside.push(sensor);
        self.wake_ms = self.wake_ms.min(end_ms);
    }

    /// Forgets doubles among those set aside: a sensor that was filed and set aside again is in the
    /// list twice. Called when the list is long enough to pay for it.
    pub fn drop_doubles(&mut self, sensors: usize) {
        if self.aside.len() > 2 * sensors {
            self.aside.sort_unstable();
            self.aside.dedup();
        }
    }

    /// Makes cohorts as small as a test needs them.
    #[cfg(test)]
    pub fn with_small_cohorts(&mut self) {
        self.least_shift = 0;
    }

    /// Sensors that a call for `below` would look at, for tests.
    #[cfg(test)]
    pub fn candidates(&self, below: Offset) -> usize {
        let at_hand = self.at_hand.iter().map(|(from, sensors)| (from, sensors));
        let cohorts = self.cohorts.iter().chain(at_hand);
        cohorts.filter(|&(&from, _)| from < below.0).map(|(_, sensors)| sensors.len()).sum()
    }

    /// Cohorts, and sensors set aside, for tests.
    #[cfg(test)]
    pub fn sizes(&self) -> (usize, usize) {
        (self.cohorts.len(), self.aside.len())
    }
}
