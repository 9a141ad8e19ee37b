//! The note about a device: its position at rest, and which of its messages are in the topic.
//!
//! Messages are identified by their device time, stored as ranges of consecutive messages. A
//! repeated message is within a range, whichever file contains it. So is a new message of a device
//! whose clock was set back between imports, which then counts as a repeat.

use serde::{Deserialize, Serialize};

use crate::limits;

/// What is known of a device. Stored as JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct DeviceNote {
    /// Mean of each axis over the first message that was imported, gal.
    pub(crate) rest: Option<[f64; 3]>,
    /// First and last `device_t` of each range, µs, rising.
    ranges: Vec<(i64, i64)>,
    /// Messages up to there may have been forgotten, µs.
    pub(crate) forgotten_us: Option<i64>,
}

impl DeviceNote {
    pub(crate) fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("numbers are JSON")
    }

    /// `None` for what is none: then the device counts as unknown.
    pub(crate) fn decode(bytes: &[u8]) -> Option<DeviceNote> {
        serde_json::from_slice(bytes).ok()
    }

    /// Whether no message is in.
    pub(crate) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Whether a message of that time is in.
    pub(crate) fn has(&self, at_us: i64) -> bool {
        let after = self.ranges.partition_point(|(first, _)| *first <= at_us);
        after.checked_sub(1).is_some_and(|place| at_us <= self.ranges[place].1)
    }

    /// A message of that time, which lasts so long, is in. `false` when an older range had to be
    /// forgotten for it.
    pub(crate) fn add(&mut self, at_us: i64, lasts_us: i64) -> bool {
        if self.has(at_us) {
            return true;
        }
        // Clocks of devices are not steady, but a message that is missing leaves a gap twice as
        // long.
        let apart = lasts_us.saturating_add(lasts_us / 4);
        let is_next = |from: i64, to: i64| to.saturating_sub(from) <= apart;
        let place = self.ranges.partition_point(|(first, _)| *first <= at_us);
        let follows = place > 0 && is_next(self.ranges[place - 1].1, at_us);
        let precedes = place < self.ranges.len() && is_next(at_us, self.ranges[place].0);
        match (follows, precedes) {
            (true, true) => {
                self.ranges[place - 1].1 = self.ranges[place].1;
                self.ranges.remove(place);
            }
            (true, false) => self.ranges[place - 1].1 = at_us,
            (false, true) => self.ranges[place].0 = at_us,
            (false, false) => self.ranges.insert(place, (at_us, at_us)),
        }
        if self.ranges.len() <= limits::DEVICE_RANGES {
            return true;
        }
        let (_, last_us) = self.ranges.remove(0);
        self.forgotten_us = Some(self.forgotten_us.unwrap_or(i64::MIN).max(last_us));
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn exactly_what_was_added_is_in_whatever_its_order(
            order in prop::sample::subsequence((0i64..40).collect::<Vec<_>>(), 0..40)
                .prop_shuffle(),
        ) {
            let mut note = DeviceNote::default();
            for &place in &order {
                prop_assert!(!note.has(place * 1_000));
                prop_assert!(note.add(place * 1_000, 1_000));
            }
            for place in 0..40 {
                prop_assert_eq!(note.has(place * 1_000), order.contains(&place));
            }
            prop_assert_eq!(DeviceNote::decode(&note.encode()), Some(note));
        }
    }

    #[test]
    fn when_there_are_too_many_gaps_the_oldest_is_forgotten_and_that_is_said() {
        let mut note = DeviceNote::default();
        let most = limits::DEVICE_RANGES as i64;
        assert!((0..most).all(|place| note.add(place * 10_000, 1_000)));
        assert!(!note.add(most * 10_000, 1_000));
        assert_eq!((note.forgotten_us, note.has(0), note.has(10_000)), (Some(0), false, true));
    }
}
