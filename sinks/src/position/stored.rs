//! The position of a sink on its server, written atomically with the rows: this makes each row
//! appear exactly once.

use seismic_queue::{Finding, Fingerprint, Offset};

use crate::position::mark::SinkMark;
use crate::{Context, Error, Result, Rows};

/// Where a sink is in one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) next: Offset,
    /// The row before it, where it is known.
    pub(crate) last: Option<Fingerprint>,
}

impl Position {
    /// Of a partition of which there are no rows yet.
    pub(crate) fn beginning(next: Offset) -> Position {
        Position { next, last: None }
    }

    /// Moves on after these rows.
    ///
    /// # Panics
    /// When they are not those that come next.
    pub(crate) fn pass(&mut self, rows: &Rows<'_>) {
        let first = rows.messages().next().map_or(rows.next(), |message| message.offset);
        assert!(first >= self.next, "rows come in order, from where recovery said");
        let last = rows.messages().last().map(Fingerprint::of);
        *self = Position { next: rows.next(), last: last.or(self.last) };
    }
}

/// Which row of each partition comes next.
pub(crate) fn next_of(positions: &[Position]) -> Vec<Offset> {
    positions.iter().map(|position| position.next).collect()
}

/// What a server says of a sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredPosition {
    /// Id of the store whose rows these are.
    pub(crate) store: String,
    /// The result topic.
    pub(crate) topic: String,
    /// In order of partitions.
    pub(crate) positions: Vec<Position>,
}

impl StoredPosition {
    /// Refuses the rows of another store, or of another topic. `place` is the name of the sink.
    pub(crate) fn check_owner(&self, place: &str, context: &Context) -> Result<()> {
        let of = |store: &str, topic: &str| format!("{store}, topic {topic}");
        if (&self.store, &self.topic) == (&context.store_id, &context.topic) {
            return Ok(());
        }
        Err(Error::OtherRowsThere {
            place: place.to_owned(),
            stored: of(&self.store, &self.topic),
            asked: of(&context.store_id, &context.topic),
        })
    }

    /// What `doctor` says of it.
    pub(crate) fn finding(&self) -> Finding {
        let rows: u64 = self.positions.iter().map(|position| position.next.0).sum();
        Finding::fine(format!("its position is that of store {}, {rows} rows", self.store))
    }
}

impl From<StoredPosition> for SinkMark {
    fn from(StoredPosition { store, topic, positions }: StoredPosition) -> SinkMark {
        SinkMark { store_id: store, topic: Some(topic), next: next_of(&positions) }
    }
}
