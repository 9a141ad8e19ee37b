//! Rows that a sink has written and that its server may lose again: a server without a log on disk, or
//! a replica that takes over. The server then has an older position, and retention must have kept the
//! rows from there on.
//!
//! Two positions are enough: what is kept begins at one that the sink had [`Kept::span`] ago or earlier,
//! and at most twice as long ago. Both are stored, so that a restart forgets none.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use seismic_queue::{JobStore, Offset};
use serde::{Deserialize, Serialize};

use super::beginning::named;
use crate::Result;

/// Under which the state of a sink has them.
const KEY: &str = "hold_behind";

/// How often the clock is asked whether the time is over: a small part of any span that helps.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What is kept for a sink.
#[derive(Debug)]
pub(super) struct Kept {
    span: Duration,
    marks: Marks,
    looked: Instant,
}

/// Where the sink was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Marks {
    /// What is kept begins here.
    from: Vec<u64>,
    /// Where it begins once the span is over.
    then: Vec<u64>,
    /// When the sink was there, ms since 1970 UTC.
    since_ms: i64,
}

impl Marks {
    /// Of a sink that is at `next` now: its server may have less than when they were stored, and there
    /// may be more partitions.
    fn at(mut self, next: &[u64]) -> Marks {
        for marks in [&mut self.from, &mut self.then] {
            let known = marks.len().min(next.len());
            marks.truncate(known);
            marks.extend_from_slice(&next[known..]);
            marks.iter_mut().zip(next).for_each(|(mark, next)| *mark = *next.min(mark));
        }
        self
    }

    /// Moves on if the span is over; whether it did. A clock that was set back begins again.
    fn pass(&mut self, span: Duration, now_ms: i64, next: &[u64]) -> bool {
        self.since_ms = self.since_ms.min(now_ms);
        if u128::from(now_ms.abs_diff(self.since_ms)) < span.as_millis() {
            return false;
        }
        self.from = std::mem::replace(&mut self.then, next.to_vec());
        self.since_ms = now_ms;
        true
    }
}

impl Kept {
    /// What is kept for the sink of that name, which is at `next` of that output and wants rows of this
    /// span. `None` where it wants none, and nothing is kept any more; or where brokers decide.
    pub(super) fn begin(
        store: &dyn JobStore,
        (sink, output): (&str, usize),
        span: Duration,
        next: &[Offset],
    ) -> Result<Option<Kept>> {
        let known: Option<Marks> =
            store.sink_state(sink, KEY)?.and_then(|state| serde_json::from_slice(&state).ok());
        if span.is_zero() {
            if known.is_some() {
                store.keep_for_sink(sink, output, &[])?;
                store.put_sink_state(sink, KEY, b"")?;
            }
            return Ok(None);
        }
        let next = numbers(next);
        let new = || Marks { from: next.clone(), then: next.clone(), since_ms: now_ms() };
        let marks = known.unwrap_or_else(new).at(&next);
        let kept = Kept { span, marks, looked: Instant::now() };
        Ok(kept.store(store, (sink, output))?.then_some(kept))
    }

    /// Releases the rows that are older than `hold_behind`, now that the sink is durable up to `next`.
    pub(super) fn pass(
        &mut self,
        store: &dyn JobStore,
        of: (&str, usize),
        next: &[Offset],
    ) -> Result<()> {
        if self.looked.elapsed() < LOOK_EVERY.min(self.span) {
            return Ok(());
        }
        self.looked = Instant::now();
        let before = self.marks.clone();
        if self.marks.pass(self.span, now_ms(), &numbers(next))
            && let Err(error) = self.store(store, of)
        {
            self.marks = before;
            return Err(error);
        }
        Ok(())
    }

    /// Both are stored, what is kept first: marks that begin before it do no harm. `false` where the store
    /// keeps nothing for sinks.
    fn store(&self, store: &dyn JobStore, (sink, output): (&str, usize)) -> Result<bool> {
        let from: Vec<_> = self.marks.from.iter().map(|next| Offset(*next)).collect();
        if !store.keep_for_sink(sink, output, &named(&from))? {
            return Ok(false);
        }
        let state = serde_json::to_vec(&self.marks).expect("numbers are JSON");
        store.put_sink_state(sink, KEY, &state)?;
        Ok(true)
    }
}

fn numbers(next: &[Offset]) -> Vec<u64> {
    next.iter().map(|next| next.0).collect()
}

fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);
    const HOUR_MS: i64 = 3_600_000;

    fn at(from: u64, then: u64, since_ms: i64) -> Marks {
        Marks { from: vec![from], then: vec![then], since_ms }
    }

    #[test]
    fn what_a_sink_had_an_hour_ago_is_kept_and_at_most_that_of_two_hours_ago() {
        let mut marks = at(0, 0, 0);
        // A row a minute.
        for minute in 0..600 {
            let row = minute as u64;
            marks.pass(HOUR, minute * 60_000, &[row]);
            let kept_for = row - marks.from[0];
            assert!(marks.from[0] == 0 || (60..=120).contains(&kept_for), "{kept_for} at {row}");
        }
        assert!(marks.from[0] > 0);
    }

    #[test]
    fn a_sink_that_catches_up_keeps_what_it_wrote_in_the_last_hour_however_old_the_rows_are() {
        let mut marks = at(0, 0, 0);
        assert!(!marks.pass(HOUR, HOUR_MS - 1, &[1_000_000]));
        assert_eq!(marks.from, [0]);
        assert!(marks.pass(HOUR, HOUR_MS, &[2_000_000]));
        assert_eq!(marks, at(0, 2_000_000, HOUR_MS));
    }

    #[test]
    fn a_server_that_lost_rows_and_a_topic_that_grew_are_kept_from_where_the_sink_is() {
        let marks = at(5, 9, 1).at(&[7, 3]);
        assert_eq!(marks, Marks { from: vec![5, 3], then: vec![7, 3], since_ms: 1 });
        assert_eq!(at(5, 9, 1).at(&[2]), at(2, 2, 1));
    }

    #[test]
    fn a_clock_that_was_set_back_keeps_no_row_for_longer_than_twice_the_span() {
        let mut marks = at(0, 4, 100 * HOUR_MS);
        assert!(!marks.pass(HOUR, HOUR_MS, &[9]));
        assert!(marks.pass(HOUR, 2 * HOUR_MS, &[9]));
        assert_eq!(marks, at(4, 9, 2 * HOUR_MS));
    }
}
