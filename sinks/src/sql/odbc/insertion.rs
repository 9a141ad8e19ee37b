//! How the rows of a batch are inserted: by one statement that is done for arrays of rows.
//!
//! Few drivers say which row of an array was refused. Then the transaction is taken back, and the rows
//! are inserted one by one until one is refused; nothing of that stays.

use seismic_queue::Kind;

use super::merge;
use super::parameter::{Parameter, Value};
use super::session::Session;
use super::statement::Want;
use super::target::Target;
use super::trouble::{Outcome, Trouble, failure};
use super::upsert::{Shape, insert_one, parameters};
use super::wire::{self, Wire};
use crate::rows::columns::TableColumn;
use crate::sql::batch::Batch;
use crate::sql::table_target::OnConflict;
use crate::{Error, Result};

/// Rows of an array at most: more are not faster.
const ROWS: usize = 512;

/// Memory of the arrays of a statement, in bytes: each cell has room for the longest of its column.
const ARRAY_BYTES: usize = 8 << 20;

/// The rows of a batch on their way into the table.
pub(super) struct Insertion<'a> {
    pub(super) target: &'a Target,
    pub(super) columns: &'a [TableColumn],
    /// How each column takes its values.
    pub(super) wires: &'a [Wire],
    pub(super) batch: &'a Batch,
}

impl Insertion<'_> {
    /// Brings the rows of the batch into the table.
    pub(super) fn insert(&self, session: &mut Session) -> Result<()> {
        let rows: Vec<&[u8]> = self.batch.rows().collect();
        let mut from = 0;
        while from < rows.len() {
            let count = self.array_rows(&rows[from..]);
            match self.array(session, &rows[from..from + count]) {
                Ok(()) => from += count,
                Err(trouble) => return Err(self.explained(session, (&rows, from, count), trouble)),
            }
        }
        Ok(())
    }

    /// How many of these rows the next statement takes.
    fn array_rows(&self, rows: &[&[u8]]) -> usize {
        let mut longest = 1;
        for (before, row) in rows.iter().take(ROWS).enumerate() {
            // A letter has two bytes there.
            longest = longest.max(row.len() * 2);
            if before > 0 && longest * (before + 1) > ARRAY_BYTES {
                return before;
            }
        }
        rows.len().min(ROWS)
    }

    fn array(&self, session: &mut Session, rows: &[&[u8]]) -> Outcome<()> {
        let names = session.names.clone();
        let Insertion { target, columns, .. } = *self;
        let shape = Shape { names: &names, table: &target.table, columns };
        if target.merges_panes {
            return rows.iter().try_for_each(|row| merge::add(session, &shape, self.wires, row));
        }
        match shape.upsert(target.on_conflict) {
            Some(sql) => {
                let rows: Vec<_> = rows.iter().map(|row| wire::values(self.wires, row)).collect();
                let mut parameters: Vec<Parameter> = (0..self.wires.len())
                    .map(|at| Parameter::new(self.wires[at].form(), rows.iter().map(|row| row[at])))
                    .collect();
                session.prepared(&sql)?.execute(&mut parameters).map(drop)
            }
            None => rows.iter().try_for_each(|row| {
                one_by_one(
                    session,
                    &shape,
                    self.wires,
                    &wire::values(self.wires, row),
                    target.on_conflict,
                )
            }),
        }
    }

    /// The error of a statement with `count` of the rows from one on; it names the row where its
    /// content is refused.
    fn explained(
        &self,
        session: &mut Session,
        (rows, from, count): (&[&[u8]], usize, usize),
        trouble: Trouble,
    ) -> Error {
        let name = &self.target.name;
        let error = failure(name, "inserting rows", trouble);
        let Error::Database { what, kind: Kind::Data, .. } = error else { return error };
        if count == 1 {
            return self.refused(from, what);
        }
        // What was inserted before in this transaction may be what a row is refused for.
        let again = session.link.rollback().and_then(|()| session.link.begin());
        if let Err(trouble) = again {
            return failure(name, "taking the transaction back", trouble);
        }
        for (i, row) in rows.iter().enumerate().take(from + count) {
            let Err(trouble) = self.array(session, &[row]) else { continue };
            let error = failure(name, "inserting a row", trouble);
            let Error::Database { what, kind: Kind::Data, .. } = error else { return error };
            return self.refused(i, what);
        }
        Error::RowsRefused { place: name.clone(), what }
    }

    fn refused(&self, at: usize, what: String) -> Error {
        let place = self.target.name.clone();
        match self.batch.place(at + 1) {
            Some((partition, offset)) => Error::RowRefused { place, partition, offset, what },
            None => Error::RowsRefused { place, what },
        }
    }
}

/// A row of a dialect that has no statement for keys that are there: the position's lock keeps others
/// out meanwhile.
fn one_by_one(
    session: &mut Session,
    shape: &Shape<'_>,
    wires: &[Wire],
    row: &[Value<'_>],
    on_conflict: OnConflict,
) -> Outcome<()> {
    let key = || parameters(shape, wires, row, true);
    let is_there = match (on_conflict, shape.update()) {
        (OnConflict::Update, Some(update)) => {
            let mut values = parameters(shape, wires, row, false);
            values.extend(key());
            session.link.execute(&update, values)? > 0
        }
        _ => !session.link.query(&shape.select("1"), key(), &[Want::Int])?.is_empty(),
    };
    if is_there {
        return Ok(());
    }
    insert_one(session, shape, wires, row)
}
