//! The properties of every message of the sink, and the rule by which readers decide which messages
//! count.
//!
//! > Of each queue keep the highest (epoch, fence) seen so far, in messages of the job. A FENCE sets
//! > it when its epoch is not lower: its fence is its own offset. A row whose (epoch, fence) is lower
//! > is dropped, and so is one whose number is not above the last row kept.
//!
//! The last half only matters to readers that see rows which the broker lost and the sink wrote
//! again.

use seismic_queue::{Offset, Partition};
use seismic_rocketmq::Properties;

/// Property: id of the store whose rows these are.
pub(super) const JOB: &str = "seismic_job";
/// Property: partition of the result topic.
pub(super) const PARTITION: &str = "seismic_partition";
/// Property: offset in the result topic; a FENCE has none.
pub(super) const ROW: &str = "seismic_row";
/// Property: epoch of the writer.
pub(super) const EPOCH: &str = "seismic_epoch";
/// Property of a row: offset of its epoch's FENCE in this queue.
pub(super) const FENCE: &str = "seismic_fence";
/// Tag of rows and of fences, so that consumers may subscribe to `ROW` alone.
pub(super) const TAGS: &str = "TAGS";
pub(super) const TAG_ROW: &str = "ROW";
pub(super) const TAG_FENCE: &str = "FENCE";

/// The properties of a message of the sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowHeader {
    /// Id of the store whose rows these are.
    pub job: String,
    /// Partition of the result topic.
    pub partition: Partition,
    /// Epoch of the writer.
    pub epoch: u64,
    /// Row or fence.
    pub kind: MessageKind,
}

/// A row or a fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// From here on this epoch writes.
    Fence,
    /// A row of the result topic, written under the epoch's fence at that offset of the queue.
    Row {
        /// Its offset in the result topic.
        row: Offset,
        /// Offset of the epoch's fence in the queue.
        fence: Offset,
    },
}

impl RowHeader {
    /// Parses a message's properties; `None` when the message is not one of a sink.
    #[must_use]
    pub fn of(properties: Properties<'_>) -> Option<RowHeader> {
        let number = |name| properties.get(name)?.parse::<u64>().ok();
        let kind = match (number(ROW), number(FENCE)) {
            (Some(row), Some(fence)) => MessageKind::Row { row: Offset(row), fence: Offset(fence) },
            (None, None) if properties.get(TAGS) == Some(TAG_FENCE) => MessageKind::Fence,
            _ => return None,
        };
        Some(RowHeader {
            job: properties.get(JOB)?.to_owned(),
            partition: Partition(u32::try_from(number(PARTITION)?).ok()?),
            epoch: number(EPOCH)?,
            kind,
        })
    }
}

/// The rule, for one queue. See the module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReaderRule {
    highest: Option<(u64, Offset)>,
    /// Row after the last one kept.
    next: Option<Offset>,
}

impl ReaderRule {
    /// Applies the rule to the next message of the queue, at `offset`. Returns its row if it
    /// counts.
    pub fn accept(&mut self, offset: Offset, header: &RowHeader) -> Option<Offset> {
        match header.kind {
            MessageKind::Fence => {
                self.highest = self.highest.max(Some((header.epoch, offset)));
                None
            }
            MessageKind::Row { row, fence } => {
                let of = Some((header.epoch, fence));
                if of < self.highest || self.next.is_some_and(|next| row < next) {
                    return None;
                }
                // A reader that began after the fence learns of it here.
                (self.highest, self.next) = (of, Some(row.next()));
                Some(row)
            }
        }
    }

    /// The highest epoch seen, and its fence.
    #[must_use]
    pub fn highest(&self) -> Option<(u64, Offset)> {
        self.highest
    }

    /// The row after the last one kept.
    #[must_use]
    pub fn next(&self) -> Option<Offset> {
        self.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fence(epoch: u64) -> RowHeader {
        RowHeader { job: "j".to_owned(), partition: Partition(0), epoch, kind: MessageKind::Fence }
    }

    fn row(epoch: u64, fence: u64, row: u64) -> RowHeader {
        let kind = MessageKind::Row { row: Offset(row), fence: Offset(fence) };
        RowHeader { job: "j".to_owned(), partition: Partition(0), epoch, kind }
    }

    /// The rows that count of a queue that holds these messages from offset `from` on.
    fn kept(from: u64, marks: &[RowHeader]) -> Vec<u64> {
        let mut rule = ReaderRule::default();
        let keep = |(at, mark)| rule.accept(Offset(at), mark).map(|row: Offset| row.0);
        (from..).zip(marks).filter_map(keep).collect()
    }

    #[test]
    fn what_a_zombie_appends_behind_the_fence_is_dropped() {
        let marks = [
            fence(1),
            row(1, 0, 0),
            row(1, 0, 1),
            fence(2),
            row(1, 0, 2),
            row(2, 3, 2),
            row(1, 0, 3),
        ];
        assert_eq!(kept(0, &marks), [0, 1, 2]);
    }

    #[test]
    fn of_two_fences_of_one_epoch_the_later_counts() {
        let marks = [fence(2), row(2, 0, 0), fence(2), row(2, 0, 1), row(2, 2, 1)];
        assert_eq!(kept(0, &marks), [0, 1]);
        assert_eq!(kept(0, &[fence(3), fence(2), row(2, 1, 7), row(3, 0, 0)]), [0]);
    }

    #[test]
    fn a_reader_that_begins_behind_the_fence_learns_of_it_from_the_rows() {
        let marks = [row(1, 0, 4), row(2, 5, 5), row(1, 0, 5), row(2, 5, 6)];
        assert_eq!(kept(6, &marks), [4, 5, 6]);
    }

    #[test]
    fn a_row_written_again_after_a_loss_counts_once() {
        let marks = [fence(1), row(1, 0, 0), row(1, 0, 1), fence(2), row(2, 3, 1), row(2, 3, 2)];
        assert_eq!(kept(0, &marks), [0, 1, 2]);
    }
}
