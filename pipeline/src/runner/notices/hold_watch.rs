//! Detects transactions left open in the input that hold back what is behind them.
//!
//! The transaction of a working producer ends within moments. One that stays open longer is
//! reported once, with what is known about it.
#![allow(clippy::disallowed_methods, reason = "shell: waiting is its job")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use seismic_queue::{Offset, OpenTransaction, Partition, Queue, Topic, clock};

use super::notice::{HeldBack, Notice};
use crate::limits;
use crate::runner::job::JobContext;
use crate::runner::metrics::Metrics;

/// How often.
const EVERY: Duration = Duration::from_secs(1);

/// Looks until `is_over`. What cannot be asked is asked again.
pub(crate) fn watch(job: JobContext<'_>, metrics: &Metrics, is_over: &AtomicBool) {
    let mut watches: Vec<_> = job.job.inputs.iter().map(|_| HoldWatch::default()).collect();
    while !is_over.load(Ordering::Relaxed) {
        for (input, watch) in job.job.inputs.iter().zip(&mut watches) {
            for held in watch.look(job.queue, input, Instant::now()) {
                metrics.notice(&Notice::HeldBack(held));
            }
        }
        thread::park_timeout(EVERY);
    }
}

/// What is open in one topic.
#[derive(Default)]
struct HoldWatch {
    /// Where each open transaction begins, since when that is known, and whether it was reported.
    open: BTreeMap<Partition, (Offset, Instant, bool)>,
    /// Those that were reported while an older one held their partition back. Each goes
    /// when it is the oldest, or nothing is open there.
    reported_behind: BTreeSet<(Partition, Offset)>,
}

impl HoldWatch {
    /// The notices that are due.
    fn look(&mut self, queue: &dyn Queue, topic: &Topic, now: Instant) -> Vec<HeldBack> {
        let found = match queue.open_transactions(topic) {
            Ok(found) => found,
            Err(error) => {
                tracing::debug!("looking for open transactions: {error}");
                return Vec::new();
            }
        };
        let mut due = self.due(found, now);
        if due.is_empty() {
            return Vec::new();
        }
        queue.look_at(&mut due);
        let (least, now_ms) = (limits::HELD_BACK.as_millis() as i64, clock::now_ms());
        let mut reported = Vec::new();
        for (place, transaction) in due.into_iter().flat_map(|it| it.each().enumerate()) {
            let age_ms = transaction.age_ms(now_ms);
            // One behind it may be that of a producer that works.
            if place == 0 || age_ms >= Some(least) {
                if place > 0 {
                    self.reported_behind.insert((transaction.partition, transaction.first));
                }
                reported.push(HeldBack { transaction, age_ms: age_ms.unwrap_or(least) });
            }
        }
        reported
    }

    /// Those that have been there long enough and were not reported yet.
    fn due(&mut self, found: Vec<OpenTransaction>, now: Instant) -> Vec<OpenTransaction> {
        self.open.retain(|partition, _| found.iter().any(|it| it.partition == *partition));
        let open = &self.open;
        self.reported_behind.retain(|(partition, first)| {
            open.get(partition).is_some_and(|(oldest, ..)| oldest < first)
        });
        let mut due = Vec::new();
        for transaction in found {
            let fresh = (transaction.first, now, false);
            let known = self.open.entry(transaction.partition).or_insert(fresh);
            if known.0 != transaction.first {
                let is_told =
                    self.reported_behind.remove(&(transaction.partition, transaction.first));
                *known = (transaction.first, now, is_told);
            }
            let (_, since, is_told) = known;
            if !*is_told && now.duration_since(*since) >= limits::HELD_BACK {
                *is_told = true;
                due.push(transaction);
            }
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(first: u64) -> Vec<OpenTransaction> {
        vec![OpenTransaction {
            topic: "in".to_owned(),
            partition: Partition(1),
            first: Offset(first),
            end: Offset(first + 10),
            since_ms: None,
            producer: None,
            behind: Vec::new(),
        }]
    }

    #[test]
    fn a_transaction_is_told_once_when_it_has_hung_and_again_when_it_is_another_one() {
        let (mut watch, now) = (HoldWatch::default(), Instant::now());
        assert!(watch.due(open(5), now).is_empty());
        assert!(watch.due(open(5), now + limits::HELD_BACK / 2).is_empty());
        assert_eq!(watch.due(open(5), now + limits::HELD_BACK), open(5));
        assert!(watch.due(open(5), now + 2 * limits::HELD_BACK).is_empty());
        let later = now + 3 * limits::HELD_BACK;
        assert!(watch.due(open(9), later).is_empty(), "transactions that come and go are no hang");
        assert_eq!(watch.due(open(9), later + limits::HELD_BACK), open(9));
        assert!(watch.due(Vec::new(), later + limits::HELD_BACK).is_empty());
        assert!(watch.due(open(9), later + limits::HELD_BACK).is_empty());
    }

    #[test]
    fn one_that_was_reported_behind_another_is_not_reported_again_when_it_becomes_the_first() {
        let (mut watch, now) = (HoldWatch::default(), Instant::now());
        assert!(watch.due(open(5), now).is_empty());
        watch.reported_behind.insert((Partition(1), Offset(9)));
        assert_eq!(watch.due(open(5), now + limits::HELD_BACK), open(5));
        assert!(watch.due(open(9), now + 2 * limits::HELD_BACK).is_empty());
        assert!(watch.due(open(9), now + 4 * limits::HELD_BACK).is_empty());
        assert!(watch.due(Vec::new(), now + 4 * limits::HELD_BACK).is_empty());
        assert!(watch.reported_behind.is_empty());
    }
}
