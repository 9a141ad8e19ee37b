//! The sink of a table: rows and position in one transaction, whatever database it is.
//!
//! ```text
//! write: rows ─► batch, encoded as the database takes them              nothing is sent yet
//! sync:  begin
//!        position: next = new where next = old                          the fence; others wait here
//!        rows
//!        commit
//! ```
//!
//! * **Unknown outcome.** If the connection is lost after the commit was sent, the outcome is
//!   unknown. The next attempt reconnects and reads the position: if it is the new one, the commit
//!   succeeded; if it is the old one, the batch is written again. The fence stops anything that the
//!   lost connection still does later.
//! * **Zombies.** A writer with an old position changes nothing. A lock of the session detects a
//!   second sink early and names the first.
//! * **Restored backups.** Rows and position are restored together, so a restored database
//!   continues from its own position. A database with rows that the store does not have is refused,
//!   like a CSV folder.
//!
//! The batch is kept until it is committed, so a server outage only costs time.
//!
//! With several connections ([`Lane`]), each has some of the partitions, with their positions and
//! transactions of its own, and works on a thread of its own while further rows are encoded:
//!
//! ```text
//! write ─► partition 0, 2, …  ─► batch that waits ─► lane 0: transaction      sync waits for all
//!          partition 1, 3, …  ─► batch that waits ─► lane 1: transaction
//! ```

use std::panic::resume_unwind;
use std::thread::{self, JoinHandle};

use seismic_queue::{Fingerprint, Kind, Offset, Partition, Span};

use super::batch::Batch;
use super::database::Database;
use super::lane::Lane;
use crate::position::stored::{Position, next_of};
use crate::rows::RowAt;
use crate::run::bare::KeepsEncoded;
use crate::{Context, Error, Result, Rows, Sink};

/// Writes rows to one table.
pub(super) struct TableSink<D: Database> {
    /// Encodes rows, while connections are at work.
    database: D,
    context: Context,
    parallelism: usize,
    /// The connections, once it has recovered: at most one for each partition.
    slots: Vec<Slot<D>>,
}

/// A lane, and what waits for it.
struct Slot<D: Database> {
    place: LaneState<D>,
    batch: Batch,
    /// Where its partitions are once the batch is there.
    pending: Vec<Position>,
}

/// Where a lane is.
enum LaneState<D: Database> {
    Here(Box<Lane<D>>),
    /// On its thread, which gives it back.
    Away(JoinHandle<(Box<Lane<D>>, Result<()>)>),
    /// Its thread has panicked.
    Lost,
}

impl<D: Database> Slot<D> {
    fn new(mut lane: Lane<D>, positions: &[Position]) -> Self {
        lane.begin(positions);
        let (place, pending) = (LaneState::Here(Box::new(lane)), positions.to_vec());
        Slot { place, batch: Batch::default(), pending }
    }

    /// The lane with all that waits for it, if it is here.
    fn here(&mut self) -> Option<&mut Lane<D>> {
        let LaneState::Here(lane) = &mut self.place else { return None };
        lane.add(&mut self.batch, &self.pending);
        Some(lane)
    }

    /// Has the lane begin with what waits, if it is here.
    fn send_off(&mut self) {
        if !self.here().is_some_and(|lane| lane.is_behind()) {
            return;
        }
        if let LaneState::Here(mut lane) = std::mem::replace(&mut self.place, LaneState::Lost) {
            self.place = LaneState::Away(thread::spawn(move || {
                let flushed = lane.flush();
                (lane, flushed)
            }));
        }
    }

    fn is_away(&self) -> bool {
        matches!(self.place, LaneState::Away(_))
    }

    /// Waits for the lane, and says what became of its rows.
    fn wait(&mut self) -> Result<()> {
        match std::mem::replace(&mut self.place, LaneState::Lost) {
            LaneState::Away(thread) => {
                let (lane, flushed) = thread.join().unwrap_or_else(|panic| resume_unwind(panic));
                self.place = LaneState::Here(lane);
                flushed
            }
            place => {
                self.place = place;
                Ok(())
            }
        }
    }

    /// What is known of a lane that is done.
    fn look(&mut self) -> Result<()> {
        match &self.place {
            LaneState::Away(thread) if thread.is_finished() => self.wait(),
            _ => Ok(()),
        }
    }
}

impl<D: Database> TableSink<D> {
    /// The sink of that database. It does not connect yet.
    pub(super) fn new(database: D, context: &Context) -> Self {
        let (parallelism, context) = (database.target().parallelism, context.clone());
        TableSink { database, context, parallelism, slots: Vec::new() }
    }

    /// The same with one connection, whatever its options say.
    pub(super) fn alone(self) -> Self {
        TableSink { parallelism: 1, ..self }
    }

    /// Which slot has a partition.
    fn slot(&mut self, partition: Partition) -> &mut Slot<D> {
        let of = self.slots.len();
        &mut self.slots[partition.0 as usize % of]
    }

    /// The positions of this sink for these rows: those that are there, and for partitions that are
    /// new the oldest row. A store or topic that is not the table's is refused.
    fn positions(&self, session: &mut D::Session, rows: &[Span]) -> Result<Vec<Position>> {
        let target = self.database.target();
        let stored = self.database.read_position(session)?;
        if let Some(stored) = &stored {
            stored.check_owner(&target.name, &self.context)?;
            if stored.positions.len() > rows.len() {
                return Err(Error::PositionDamaged { place: target.name.clone() });
            }
        }
        let mut positions = stored.map_or_else(Vec::new, |stored| stored.positions);
        let new = &rows[positions.len()..];
        if new.is_empty() {
            return Ok(positions);
        }
        // A table with rows of a sink, and no position: someone deleted the position, or put the
        // table back without it. Rows would come twice.
        if positions.is_empty()
            && target.on_conflict == super::table_target::OnConflict::Error
            && self.database.has_rows(session)?
        {
            return Err(Error::PositionMissing { place: target.name.clone() });
        }
        self.database.begin_position(session, &self.context, positions.len(), new)?;
        positions.extend(new.iter().map(|span| Position::beginning(span.first)));
        Ok(positions)
    }

    fn moved(&self) -> Error {
        Error::Moved { place: self.database.target().name.clone() }
    }
}

/// Connections begin by themselves where there are several; one writes when it is synced.
impl<D: Database> KeepsEncoded for TableSink<D> {
    type Encoded = Vec<(Batch, Vec<Position>)>;

    fn take_encoded(&mut self) -> Self::Encoded {
        let take = |slot: &mut Slot<D>| (std::mem::take(&mut slot.batch), slot.pending.clone());
        self.slots.iter_mut().map(take).collect()
    }

    fn put_encoded(&mut self, encoded: Self::Encoded) {
        for (slot, (batch, pending)) in self.slots.iter_mut().zip(encoded) {
            (slot.batch, slot.pending) = (batch, pending);
        }
    }
}

impl<D: Database> Sink for TableSink<D> {
    fn name(&self) -> &str {
        &self.database.target().name
    }

    /// A new table begins with the oldest row that the topic still has.
    fn recover(&mut self, rows: &[Span]) -> Result<Vec<Offset>> {
        // What they were at is done before the position is read.
        self.slots.iter_mut().for_each(|slot| drop(slot.wait()));
        // Sessions that are there would keep the place from the next.
        self.slots.clear();
        let of = self.parallelism.min(rows.len()).max(1);
        let mut lanes = Vec::with_capacity(of);
        for number in 0..of {
            let database = self.database.of_lane(number);
            let mut lane = Lane::new(database, &self.context, number, of);
            lane.session = Some(lane.database.open()?);
            lanes.push(lane);
        }
        let session = lanes[0].session.as_mut().expect("it was opened");
        self.database.prepare(session)?;
        let positions = self.positions(session, rows)?;
        for lane in &mut lanes {
            lane.database = self.database.of_lane(lane.number());
        }
        self.slots = lanes.into_iter().map(|lane| Slot::new(lane, &positions)).collect();
        Ok(next_of(&positions))
    }

    fn last_rows(&self) -> Vec<Option<Fingerprint>> {
        let Some(Slot { pending, .. }) = self.slots.first() else { return Vec::new() };
        pending.iter().map(|position| position.last).collect()
    }

    fn take_back(&mut self, partition: Partition, first: Offset) -> Result<bool> {
        if self.database.target().merges_panes {
            // What was added up cannot be taken apart.
            return Ok(false);
        }
        let moved = self.moved();
        let slot = self.slot(partition);
        let Some(lane) = slot.here() else { return Err(moved) };
        let Some(mut session) = lane.session.take() else { return Err(moved) };
        let mut back = lane.committed.clone();
        back[partition.0 as usize] = Position::beginning(first);
        lane.database.begin(&mut session)?;
        if !lane.database.advance(&mut session, &lane.committed, &back)? {
            return Err(moved);
        }
        lane.database.remove(&mut session, partition, first)?;
        lane.database.commit(&mut session)?;
        lane.begin(&back);
        lane.session = Some(session);
        // Each knows where all begin.
        for slot in &mut self.slots {
            slot.pending[partition.0 as usize] = back[partition.0 as usize];
            if let LaneState::Here(lane) = &mut slot.place {
                lane.begin(&slot.pending);
            }
        }
        Ok(true)
    }

    fn write(&mut self, rows: &Rows<'_>) -> Result<()> {
        let of = self.slots.len();
        let (database, target) = (&self.database, self.database.target());
        let slot = &mut self.slots[rows.partition().0 as usize % of];
        slot.look()?;
        if slot.batch.length_bytes() >= target.batch_bytes {
            slot.wait()?;
            match slot.here() {
                Some(lane) if of == 1 => lane.flush()?,
                _ => slot.send_off(),
            }
        }
        let encode = |at: RowAt<'_>, into: &mut Vec<u8>| database.encode(rows, at, into);
        slot.batch.add(&target.name, rows, target.keeps_refused, encode)?;
        slot.pending[rows.partition().0 as usize].pass(rows);
        if of > 1 && slot.batch.count() >= target.batch_rows {
            slot.send_off();
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        if let [only] = &mut self.slots[..] {
            return only.here().map_or(Ok(()), Lane::flush);
        }
        loop {
            self.slots.iter_mut().for_each(Slot::send_off);
            if !self.slots.iter().any(Slot::is_away) {
                return Ok(());
            }
            let mut outcome = Ok(());
            for slot in &mut self.slots {
                match slot.wait() {
                    // What passes comes again; what does not has to be known.
                    Err(error) if outcome.is_ok() || error.kind() != Kind::Retry => {
                        outcome = Err(error);
                    }
                    _ => {}
                }
            }
            outcome?;
        }
    }
}
