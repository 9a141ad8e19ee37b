//! Tells while a job runs what it loses: within seconds, and then once a minute for each reason.
//!
//! Each slot counts what its own commits have ([`SlotLosses`]); what is told, and when, is agreed
//! on by all of them ([`LossWatch`]). Pure; time is an input.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use seismic_queue::Commit;

use crate::engine::operator::Operator;
use crate::engine::windows::reject_reason::RejectReason;
use crate::limits;
use crate::runner::notices::losses::Losses;
use crate::runner::notices::notice::Notice;

/// When each reason was told last.
#[derive(Debug, Default)]
pub struct LossWatch {
    told: Mutex<BTreeMap<RejectReason, Duration>>,
}

impl LossWatch {
    /// Whether a reason is to be told now; then it counts as told.
    fn is_to_tell(&self, reason: RejectReason, now: Duration) -> bool {
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
    /// When the count began, and how many records had been read by then.
    began: Option<(Duration, u64)>,
    judged: Duration,
}

impl SlotLosses {
    /// Takes a commit that is about to be made; dead letters are the second output of a kind of job
    /// that has them.
    pub fn see<'a>(&mut self, commit: &Commit, operators: impl Iterator<Item = &'a dyn Operator>) {
        let mut has_letters = false;
        for part in &commit.partitions {
            if let [rows, letters, ..] = &part.outputs[..] {
                self.losses.rows(rows);
                has_letters |= letters.count() > 0;
                self.losses.letters(letters);
            }
        }
        if has_letters {
            let operators: Vec<_> = operators.collect();
            self.losses.note_open(|id| open(&operators, id));
        }
    }

    /// What is to be told now, if it is time to ask, or if this is the last time.
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
        let read = operators.iter().map(|operator| operator.records_read()).sum::<u64>();
        let (began, read_before) = *self.began.get_or_insert((now, read));
        let read_since = read.saturating_sub(read_before);
        let lost = self.losses.judge(read_since, |id| open(&operators, id));
        let is_old = now.saturating_sub(began) >= limits::LOSSES_COUNTED_FOR;
        if is_old {
            // So what is lost from now on shows soon, however long all was well.
            *self = SlotLosses { judged: now, began: Some((now, read)), ..SlotLosses::default() };
        }
        let lost = lost.into_iter().filter(|lost| watch.is_to_tell(lost.reason, now));
        lost.map(Notice::Rejected).collect()
    }
}

fn open(operators: &[&dyn Operator], id: &str) -> u64 {
    operators.iter().map(|operator| operator.open_records_of(id)).sum()
}
