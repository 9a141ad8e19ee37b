//! The messages of a device that one import has seen, by their exact times.
//!
//! A clock that steps back makes new messages with times between old ones: with ranges they would
//! count as repeats.

use std::collections::HashSet;

use super::device_note::DeviceNote;

/// The times of the messages of one device, µs.
#[derive(Default)]
pub(super) struct SeenTimes {
    exact: HashSet<i64>,
    /// Those for which there was no room.
    ranges: DeviceNote,
}

impl SeenTimes {
    pub(super) fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.ranges.is_empty()
    }

    pub(super) fn has(&self, at_us: i64) -> bool {
        self.exact.contains(&at_us) || self.ranges.has(at_us)
    }

    /// Adds the time of a message that lasts so long, while there is room for exact times.
    pub(super) fn add(&mut self, at_us: i64, lasts_us: i64, room: &mut usize) {
        if *room > 0 {
            *room -= usize::from(self.exact.insert(at_us));
        } else {
            self.ranges.add(at_us, lasts_us);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_exact_while_there_is_room() {
        let (mut seen, mut room) = (SeenTimes::default(), 2);
        assert!(seen.is_empty());
        for at_us in [0, 100, 100, 1_000, 1_100] {
            seen.add(at_us, 100, &mut room);
        }
        assert!(!seen.is_empty() && room == 0);
        let has = [0, 50, 100, 1_000, 1_050, 1_100].map(|at_us| seen.has(at_us));
        assert_eq!(has, [true, false, true, true, true, true]);
    }
}
