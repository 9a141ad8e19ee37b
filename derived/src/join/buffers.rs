//! The rows of both sides that wait for others, and the clocks that say for how long.

use std::collections::BTreeMap;

use super::limits::JoinLimits;
use super::side::{KeySide, RowPosition, Waiting};
use crate::definition::join::{JoinDefinition, JoinKind};
use crate::output::reason::{Fault, Reason};
use crate::state::Counts;
use crate::timed::clocks::of_key;

/// The buffers of a partition. Sides are named by their place: 0 is the left one.
#[derive(Debug)]
pub struct Buffers {
    definition: JoinDefinition,
    pub(super) keys: BTreeMap<Box<str>, [KeySide; 2]>,
    /// Rows of each side before this offset have waited for the idle timeout.
    pub(super) waited: [u64; 2],
    /// Whether a side is held.
    pub held: [bool; 2],
    pub(super) rows: [u64; 2],
    pub(super) bytes: [u64; 2],
}

/// Rows that are joined, or one of the left side that has found no other.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    pub key: &'a str,
    pub left: Option<(RowPosition, &'a [u8])>,
    pub right: Option<(RowPosition, &'a [u8])>,
    /// The row by which they came to be: its side, its place, and when it was appended.
    pub by: (usize, RowPosition, i64),
}

/// Takes what is found.
pub type Emit<'a> = &'a mut dyn FnMut(Found<'_>);

impl Buffers {
    /// Without rows.
    pub fn new(definition: JoinDefinition) -> Self {
        Buffers {
            definition,
            keys: BTreeMap::new(),
            waited: [0; 2],
            held: [false; 2],
            rows: [0; 2],
            bytes: [0; 2],
        }
    }

    /// Rows of each side that wait.
    pub fn rows(&self) -> [u64; 2] {
        self.rows
    }

    /// Keys that were seen.
    pub fn keys(&self) -> u64 {
        self.keys.len() as u64
    }

    /// Whether a side has at least that many times as much as a limit.
    pub fn exceeds(&self, side: usize, limits: JoinLimits, times: u64) -> bool {
        self.rows[side] >= limits.rows.saturating_mul(times)
            || self.bytes[side] >= limits.bytes.saturating_mul(times)
    }

    /// Whether a side has less than half of both limits.
    pub fn has_room(&self, side: usize, limits: JoinLimits) -> bool {
        self.rows[side] <= limits.rows / 2 && self.bytes[side] <= limits.bytes / 2
    }

    /// Joins a row with those of the other side, and keeps it as long as more may come.
    ///
    /// # Errors
    /// Why it is a dead letter: it is late, or there are too many keys. Then nothing was joined.
    pub fn insert(
        &mut self,
        (side, key): (usize, &str),
        (time_ms, place): (i64, RowPosition),
        mut row: Waiting,
        (counts, emit): (&mut Counts, Emit<'_>),
    ) -> Result<(), Fault> {
        let Buffers { definition, keys, rows, bytes, .. } = self;
        let sides: &mut [KeySide; 2] = of_key(keys, key)?;
        let other = 1 - side;
        sides[side].clock.see(place.offset);
        if let Some(late_ms) = sides[side].clock.late_ms(time_ms) {
            let why = format!("{key} is closed there, and it is {late_ms} ms too late");
            return Err((Reason::Late, why));
        }
        counts.waiting += 1;
        let [own, mates] = definition_range(definition, side, time_ms);
        for ((_, of_mate), mate) in
            sides[other].rows.range_mut((own, RowPosition::FIRST)..=(mates, RowPosition::LAST))
        {
            join(mate, counts);
            join(&mut row, counts);
            let (this, that) = ((place, &*row.cells), (*of_mate, &*mate.cells));
            let (left, right) = if side == 0 { (this, that) } else { (that, this) };
            let by = (side, place, row.append_ms);
            emit(Found { key, left: Some(left), right: Some(right), by });
        }
        if sides[side].clock.move_to(time_ms, definition.lateness_ms) {
            let mut of = Leaving { definition, rows, bytes, counts, emit };
            of.evict(key, sides, other);
        }
        if definition.last_mate_ms(side, time_ms) >= sides[other].clock.closed_ms {
            rows[side] += 1;
            bytes[side] += row.bytes();
            sides[side].rows.insert((time_ms, place), row);
        } else {
            let mut of = Leaving { definition, rows, bytes, counts, emit };
            of.leave(key, side, place, &row);
        }
        Ok(())
    }

    /// Closes keys that had no message of a side at or after `below` there, for rows of the other
    /// side that have waited long enough. Whether that changed something.
    pub fn close_idle(
        &mut self,
        (side, below): (usize, u64),
        (counts, emit): (&mut Counts, Emit<'_>),
    ) -> bool {
        let Buffers { definition, keys, waited, held, rows, bytes } = self;
        let (from, other) = (waited[side], 1 - side);
        let is_between =
            |(_, place): &(i64, RowPosition)| place.offset >= from && place.offset < below;
        let mut has_changed = false;
        if below > from && keys.values().any(|sides| sides[side].rows.keys().any(is_between)) {
            waited[side] = below;
            has_changed = true;
        }
        for (key, sides) in keys.iter_mut() {
            if !sides[side].clock.is_idle(below) {
                continue;
            }
            let has_waited = |it: &&(i64, RowPosition)| held[other] || it.1.offset < waited[other];
            let until = sides[other].rows.keys().filter(has_waited);
            let until = until.map(|(time_ms, _)| definition.last_mate_ms(other, *time_ms)).max();
            let Some(until_ms) = until else { continue };
            sides[side].clock.close_before(until_ms.saturating_add(1));
            let mut of = Leaving { definition, rows, bytes, counts, emit };
            of.evict(key, sides, other);
            has_changed = true;
        }
        has_changed
    }

    /// Closes all keys on both sides. Whether something waited.
    pub fn drain(&mut self, counts: &mut Counts, emit: Emit<'_>) -> bool {
        let Buffers { definition, keys, rows, bytes, .. } = self;
        let has_waited = rows.iter().any(|rows| *rows > 0);
        for (key, sides) in keys.iter_mut() {
            for side in [1, 0] {
                let other = 1 - side;
                let Some(((last_ms, _), _)) = sides[other].rows.last_key_value() else { continue };
                let until_ms = definition.last_mate_ms(other, *last_ms).saturating_add(1);
                sides[side].clock.close_before(until_ms);
                let mut of = Leaving { definition, rows, bytes, counts, emit };
                of.evict(key, sides, other);
            }
        }
        has_waited
    }
}

/// First and last event time of rows of the other side that one of this side is joined with.
fn definition_range(definition: &JoinDefinition, side: usize, time_ms: i64) -> [i64; 2] {
    [definition.first_mate_ms(side, time_ms), definition.last_mate_ms(side, time_ms)]
}

/// A row has found another one.
fn join(row: &mut Waiting, counts: &mut Counts) {
    if !std::mem::replace(&mut row.is_joined, true) {
        counts.waiting -= 1;
        counts.gave += 1;
    }
}

/// What is needed where rows leave.
struct Leaving<'a, 'e> {
    definition: &'a JoinDefinition,
    rows: &'a mut [u64; 2],
    bytes: &'a mut [u64; 2],
    counts: &'a mut Counts,
    emit: &'a mut (dyn FnMut(Found<'_>) + 'e),
}

impl Leaving<'_, '_> {
    /// Takes out the rows of a side that nothing can be joined with any more.
    fn evict(&mut self, key: &str, sides: &mut [KeySide; 2], side: usize) {
        let closed_ms = sides[1 - side].clock.closed_ms;
        while let Some(first) = sides[side].rows.first_entry() {
            let (time_ms, place) = *first.key();
            if self.definition.last_mate_ms(side, time_ms) >= closed_ms {
                break;
            }
            let row = first.remove();
            self.rows[side] -= 1;
            self.bytes[side] -= row.bytes();
            self.leave(key, side, place, &row);
        }
    }

    /// A row waits no more.
    fn leave(&mut self, key: &str, side: usize, place: RowPosition, row: &Waiting) {
        if row.is_joined {
            return;
        }
        self.counts.waiting -= 1;
        if side == 0 && self.definition.kind == JoinKind::Left {
            self.counts.gave += 1;
            let (left, by) = (Some((place, &*row.cells)), (side, place, row.append_ms));
            (self.emit)(Found { key, left, right: None, by });
        } else {
            self.counts.filtered += 1;
        }
    }
}
