//! Rate limit of alarms on rows: a maximum per minute; rows in between are counted and reported
//! with the next alarm.
//!
//! Pure: findings and times are inputs.

use std::collections::VecDeque;

use crate::job::service::RowAlarm;

/// Rows that a text quotes.
pub const QUOTED: usize = 3;

const MINUTE_MS: i64 = 60_000;

/// Rows that were found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matched {
    /// How many.
    pub count: u64,
    /// The first of them as text, at most [`QUOTED`].
    pub quoted: Vec<String>,
}

impl Matched {
    /// Adds others.
    pub fn add(&mut self, other: Matched) {
        self.count += other.count;
        let room = QUOTED.saturating_sub(self.quoted.len());
        self.quoted.extend(other.quoted.into_iter().take(room));
    }
}

/// When one alarm was raised, and what was not reported yet.
#[derive(Clone, Debug, Default)]
pub struct Teller {
    told: VecDeque<i64>,
    waiting: Matched,
}

impl Teller {
    /// Takes in what was found since the last time; the text that is to be reported now.
    pub fn see(&mut self, now_ms: i64, alarm: &RowAlarm, found: Matched) -> Option<String> {
        self.waiting.add(found);
        // The clock may have been set back: what lies ahead was not within this minute.
        self.told.retain(|&at| at > now_ms - MINUTE_MS && at <= now_ms);
        if self.waiting.count == 0 || self.told.len() >= alarm.max_per_minute as usize {
            return None;
        }
        self.told.push_back(now_ms);
        let Matched { count, quoted } = std::mem::take(&mut self.waiting);
        let more = count - quoted.len() as u64;
        let rows = if count == 1 { "1 row".to_owned() } else { format!("{count} rows") };
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        Some(format!("{rows} of {}: {}{more}", alarm.subject(), quoted.join("; ")))
    }

    /// Whether something was found that is not reported yet.
    #[must_use]
    pub fn has_waiting(&self) -> bool {
        self.waiting.count > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(count: u64) -> Matched {
        Matched { count, quoted: (0..count.min(3)).map(|n| format!("row {n}")).collect() }
    }

    #[test]
    fn no_minute_has_more_messages_than_are_allowed_and_no_row_is_uncounted() {
        let alarm = RowAlarm::new("topic:shakes", "", 2).unwrap();
        let (mut teller, mut told, mut rows) = (Teller::default(), Vec::new(), 0);
        for second in 0..300 {
            rows += 7;
            if let Some(text) = teller.see(second * 1_000, &alarm, found(7)) {
                let count: u64 = text.split(' ').next().unwrap().parse().unwrap();
                told.push((second, count));
            }
        }
        let in_minute = |from: i64| told.iter().filter(move |it| (from..from + 60).contains(&it.0));
        assert!((0..240).all(|from| in_minute(from).count() <= 2), "{told:?}");
        assert_eq!(told.len(), 10);
        let last = teller.see(400_000, &alarm, found(0)).unwrap();
        let all: u64 = told.iter().map(|it| it.1).sum();
        assert!(last.starts_with(&format!("{} rows of shakes: ", rows - all)), "{last}");
        assert!(!teller.has_waiting());
    }

    #[test]
    fn one_row_is_told_at_once_with_its_values() {
        let alarm = RowAlarm::new("topic:shakes", "pane > 0", 6).unwrap();
        let text = Teller::default().see(0, &alarm, found(1)).unwrap();
        assert_eq!(text, "1 row of shakes where pane > 0: row 0");
    }
}
