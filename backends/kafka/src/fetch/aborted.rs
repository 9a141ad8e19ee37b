//! Which record batches of a partition belong to aborted transactions, found as Java's client does
//! (`CompletedFetch.nextFetchedRecord`): a transaction in the list of the response starts at its
//! first offset and ends with the marker of its producer.

use std::collections::BTreeSet;

use super::record_batch::RecordBatch;
use super::response;

/// What is known while batches are gone through in order.
#[derive(Debug, Default)]
pub(super) struct Aborted {
    /// That did not begin yet, the first one last.
    ahead: Vec<response::Aborted>,
    /// Producers whose transactions have begun.
    open: BTreeSet<i64>,
}

impl Aborted {
    /// Of the list of an answer, in any order.
    pub(super) fn new(mut ahead: Vec<response::Aborted>) -> Aborted {
        ahead.sort_unstable_by_key(|aborted| std::cmp::Reverse(aborted.first));
        Aborted { ahead, open: BTreeSet::new() }
    }

    /// Whether the messages of the next batch count. Those of a marker never do.
    pub(super) fn counts(&mut self, batch: &RecordBatch<'_>) -> bool {
        while let Some(next) = self.ahead.pop_if(|next| next.first < batch.end as i64) {
            self.open.insert(next.producer);
        }
        if batch.is_control() {
            if batch.is_abort() {
                self.open.remove(&batch.producer);
            }
            return false;
        }
        !(batch.is_transactional() && self.open.contains(&batch.producer))
    }
}

#[cfg(test)]
mod tests {
    use super::super::record_batch::tests::Written;
    use super::super::record_batch::{Next, next};
    use super::*;

    const ABORT: u8 = 0;
    const COMMIT: u8 = 1;

    /// First offsets of the batches that count, where these transactions (producer, first offset)
    /// do not.
    fn counted(aborted: &[(i64, i64)], batches: &[Written]) -> Vec<u64> {
        let of = |&(producer, first): &(i64, i64)| response::Aborted { producer, first };
        let mut aborted = Aborted::new(aborted.iter().map(of).collect());
        let counts = |written: &&Written| {
            let bytes = written.bytes();
            let Next::Batch(batch, _) = next(&bytes) else { panic!("{written:?}") };
            aborted.counts(&batch)
        };
        batches.iter().filter(counts).map(|written| written.base).collect()
    }

    #[test]
    fn an_abort_ends_the_transaction_and_the_producers_next_one_counts() {
        let batches = [
            Written::of(0, &["a"]).by(7),
            Written::end(1, 7, ABORT),
            Written::of(2, &["b"]).by(7),
            Written::end(3, 7, COMMIT),
        ];
        assert_eq!(counted(&[(7, 0)], &batches), [2]);
        assert_eq!(counted(&[], &batches), [0, 2]);
    }

    #[test]
    fn transactions_of_two_producers_may_lie_among_each_other() {
        let batches = [
            Written::of(0, &["a"]).by(7),
            Written::of(1, &["b"]).by(8),
            Written::of(2, &["nobody's"]),
            Written::end(3, 7, ABORT),
            Written::of(4, &["c"]).by(8),
            Written::of(5, &["d"]).by(7),
            Written::end(6, 8, COMMIT),
            Written::end(7, 7, ABORT),
        ];
        assert_eq!(counted(&[(7, 5), (7, 0)], &batches), [1, 2, 4]);
    }

    #[test]
    fn a_transaction_that_began_before_what_was_asked_for_does_not_count_either() {
        let batches = [Written::of(9, &["z"]).by(7), Written::end(10, 7, ABORT)];
        assert!(counted(&[(7, 2)], &batches).is_empty());
    }

    #[test]
    fn what_a_producer_sent_before_its_aborted_transaction_counts() {
        let batches = [Written::of(0, &["a"]).by(7), Written::of(5, &["b"]).by(7)];
        assert_eq!(counted(&[(7, 5)], &batches), [0]);
    }
}
