//! When a message is due. Pure: times in, times out.

use std::time::Duration;

/// The pace of a replay.
pub(crate) struct Pace {
    /// How many times the original pace; 0: everything is due at once.
    speed: f64,
    /// No pause of the original is longer than this, ms.
    max_gap_ms: i64,
    newest_ms: Option<i64>,
    /// How much of the original, pauses cut, was played, ms.
    played_ms: i64,
}

impl Pace {
    pub(crate) fn new(speed: f64, max_gap: Option<Duration>) -> Self {
        let max_gap = max_gap.map(|gap| i64::try_from(gap.as_millis()).unwrap_or(i64::MAX));
        let max_gap_ms = max_gap.unwrap_or(i64::MAX);
        Pace { speed, max_gap_ms, newest_ms: None, played_ms: 0 }
    }

    /// When the next message, of that time, is due after the start. A time that goes back is due
    /// with the one before it.
    pub(crate) fn due(&mut self, time_ms: i64) -> Duration {
        let newest_ms = *self.newest_ms.get_or_insert(time_ms);
        let gap_ms = time_ms.saturating_sub(newest_ms).clamp(0, self.max_gap_ms);
        self.newest_ms = Some(newest_ms.max(time_ms));
        self.played_ms = self.played_ms.saturating_add(gap_ms);
        if self.speed == 0.0 {
            return Duration::ZERO;
        }
        let seconds = self.played_ms as f64 / 1_000.0 / self.speed;
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due_ms(speed: f64, max_gap_ms: Option<u64>, times_ms: &[i64]) -> Vec<u128> {
        let mut pace = Pace::new(speed, max_gap_ms.map(Duration::from_millis));
        times_ms.iter().map(|&time_ms| pace.due(time_ms).as_millis()).collect()
    }

    #[test]
    fn gaps_are_kept_and_divided_by_the_speed() {
        let times = [5_000, 5_100, 5_100, 7_000];
        assert_eq!(due_ms(1.0, None, &times), [0, 100, 100, 2_000]);
        assert_eq!(due_ms(4.0, None, &times), [0, 25, 25, 500]);
        assert_eq!(due_ms(0.5, None, &times), [0, 200, 200, 4_000]);
        assert_eq!(due_ms(0.0, None, &times), [0; 4]);
    }

    #[test]
    fn a_time_that_goes_back_is_due_at_once_and_its_gap_is_not_played_twice() {
        assert_eq!(due_ms(1.0, None, &[1_000, 1_500, 1_200, 1_600]), [0, 500, 500, 600]);
    }

    #[test]
    fn long_gaps_are_cut_only_when_that_is_asked_for() {
        let times = [0, 10_000, 10_100, 3_610_100];
        assert_eq!(due_ms(1.0, Some(2_000), &times), [0, 2_000, 2_100, 4_100]);
        assert_eq!(due_ms(1.0, None, &times), [0, 10_000, 10_100, 3_610_100]);
    }

    #[test]
    fn times_at_the_ends_of_the_numbers_do_not_overflow() {
        let due = due_ms(0.001, None, &[i64::MIN, i64::MAX, i64::MIN, 0]);
        assert!(due.is_sorted());
    }
}
