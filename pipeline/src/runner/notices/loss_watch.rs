//! Reports losses while a job runs: within seconds, and then once a minute for each reason.
//!
//! Each slot counts the losses in its own commits ([`SlotLosses`]); all slots share when which
//! reason was reported last ([`LossWatch`]). Pure; time is an input.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use seismic_queue::Commit;

use crate::engine::loss_reader::{LossReader, LossReason};
use crate::engine::operator::Operator;
use crate::limits;
use crate::runner::notices::losses::Losses;
use crate::runner::notices::notice::Notice;

/// When each reason was last reported.
#[derive(Debug, Default)]
pub struct LossWatch {
    told: Mutex<BTreeMap<LossReason, Duration>>,
}

impl LossWatch {
    /// Whether a reason is to be reported now; then it counts as reported.
    fn is_to_tell(&self, reason: LossReason, now: Duration) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = told
            .get(&reason)
            .is_none_or(|at| now.saturating_sub(*at) >= limits::NOTICE_AGAIN_EVERY);
        if is_new {
            told.insert(reason, now);
        }
        is_new
    }
}

/// What the commits of a slot have lost since the count began.
#[derive(Debug, Default)]
pub struct SlotLosses {
    losses: Losses,
    /// Records that were read since the count began, of whichever partitions the slot had.
    read: u64,
    began: Option<Duration>,
    judged: Duration,
}

impl SlotLosses {
    /// Counts what a commit that is about to be made loses.
    pub fn see<'a>(
        &mut self,
        commit: &Commit,
        reader: &dyn LossReader,
        operators: impl Iterator<Item = &'a dyn Operator>,
    ) {
        if self.losses.see(commit, reader) {
            let operators: Vec<_> = operators.collect();
            self.losses.note_open(|id| open(&operators, id));
        }
    }

    /// Counts records that were read.
    pub fn read(&mut self, records: u64) {
        self.read += records;
    }

    /// The notices that are due, if it is time to ask, or if this is the last time.
    pub fn judge<'a>(
        &mut self,
        watch: &LossWatch,
        operators: impl Iterator<Item = &'a dyn Operator>,
        now: Duration,
        is_last: bool,
    ) -> Vec<Notice> {
        if !is_last && now.saturating_sub(self.judged) < limits::LOSSES_JUDGED_EVERY {
            return Vec::new();
        }
        self.judged = now;
        let operators: Vec<_> = operators.collect();
        let began = *self.began.get_or_insert(now);
        let lost = self.losses.judge(self.read, |id| open(&operators, id));
        let is_old = now.saturating_sub(began) >= limits::LOSSES_COUNTED_FOR;
        if is_old {
            // So what is lost from now on shows soon, however long all was well.
            *self = SlotLosses { judged: now, began: Some(now), ..SlotLosses::default() };
        }
        let lost = lost.into_iter().filter(|lost| watch.is_to_tell(lost.reason, now));
        lost.map(Notice::Rejected).collect()
    }
}

fn open(operators: &[&dyn Operator], id: &str) -> u64 {
    operators.iter().map(|operator| operator.open_records_of(id)).sum()
}

#[cfg(test)]
mod tests {
    use std::iter;

    use seismic_proto::{Message as _, SeismicDeadLetter};
    use seismic_queue::{Block, Partition, PartitionCommit};

    use super::*;
    use crate::engine::windows::readers::loss_reader::WindowLosses;
    use crate::engine::windows::reject_reason::RejectReason;

    /// A commit with that many dead letters without a sensor.
    fn commit_with(letters: u64) -> Commit {
        let letter = SeismicDeadLetter {
            reason: RejectReason::Unparseable.name().to_owned(),
            ..SeismicDeadLetter::default()
        };
        let mut block = Block::default();
        (0..letters).for_each(|_| block.push(b"", &letter.encode_to_vec()).unwrap());
        let outputs = vec![Block::default(), block];
        let commit = PartitionCommit::new(Partition(0));
        Commit { partitions: vec![PartitionCommit { outputs, ..commit }] }
    }

    fn told(losses: &mut SlotLosses, at_s: u64, is_last: bool) -> Vec<(u64, u64)> {
        let (watch, now) = (LossWatch::default(), Duration::from_secs(at_s));
        let notices = losses.judge(&watch, iter::empty(), now, is_last);
        let of = |notice| match notice {
            Notice::Rejected(lost) => (lost.rejected, lost.read),
            other => panic!("{other:?}"),
        };
        notices.into_iter().map(of).collect()
    }

    #[test]
    fn a_short_job_compares_its_losses_with_all_that_it_read() {
        let mut losses = SlotLosses::default();
        losses.read(1_000);
        losses.see(&commit_with(50), &WindowLosses, iter::empty());
        assert_eq!(told(&mut losses, 1, true), []);
        losses.see(&commit_with(1), &WindowLosses, iter::empty());
        assert_eq!(told(&mut losses, 1, true), [(51, 1_000)]);
    }

    #[test]
    fn what_was_read_before_the_count_began_again_hides_nothing() {
        let mut losses = SlotLosses::default();
        losses.read(1_000_000);
        assert_eq!(told(&mut losses, 3, false), []);
        assert_eq!(told(&mut losses, 64, false), []);
        losses.read(100);
        losses.see(&commit_with(10), &WindowLosses, iter::empty());
        assert_eq!(told(&mut losses, 67, false), [(10, 100)]);
    }
}
