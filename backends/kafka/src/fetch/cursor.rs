//! The position of a fetcher in one partition.

use super::backoff::Backoff;
use super::request::FetchPosition;
use seismic_queue::{Offset, Partition};

/// Where a partition is read on, and from whom.
#[derive(Debug)]
pub(super) struct Cursor {
    /// What is asked for next: everything before it came.
    pub(super) at: FetchPosition,
    /// `None`: to be looked for.
    pub(super) leader: Option<i32>,
    /// The end that was said last.
    reported: Option<u64>,
    /// When something came last, in a count of all partitions': who had nothing for longest is
    /// asked for first, since a leader fills its answer in the order of the question.
    pub(super) turn: u64,
    /// Nothing more is asked for.
    pub(super) is_paused: bool,
    pub(super) backoff: Backoff,
}

impl Cursor {
    pub(super) fn new(partition: Partition, from: Offset) -> Cursor {
        let at = FetchPosition { partition, offset: from.0, epoch: -1 };
        let backoff = Backoff::default();
        Cursor { at, leader: None, reported: None, turn: 0, is_paused: false, backoff }
    }

    /// Everything before `offset` came. Its end is reported once, and again when it has moved.
    pub(super) fn move_to(&mut self, offset: u64, settled_end: i64) -> Option<Offset> {
        self.at.offset = self.at.offset.max(offset);
        let offset = self.at.offset;
        let is_end = u64::try_from(settled_end).is_ok_and(|end| offset >= end);
        (is_end && self.reported.replace(offset) != Some(offset)).then_some(Offset(offset))
    }

    /// What came from `offset` on was of no use.
    pub(super) fn go_back(&mut self, offset: u64) {
        (self.at.offset, self.reported) = (offset, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_told_once_and_again_when_it_has_moved() {
        let mut cursor = Cursor::new(Partition(1), Offset(3));
        assert_eq!(cursor.move_to(3, -1), None, "it is not known");
        assert_eq!(cursor.move_to(5, 6), None);
        assert_eq!(cursor.move_to(6, 6), Some(Offset(6)));
        assert_eq!(cursor.move_to(0, 6), None);
        assert_eq!(cursor.move_to(8, 9), None);
        assert_eq!(cursor.move_to(9, 9), Some(Offset(9)));
        cursor.go_back(8);
        assert_eq!(cursor.move_to(9, 9), Some(Offset(9)));
    }
}
