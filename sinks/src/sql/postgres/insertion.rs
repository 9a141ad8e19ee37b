//! How the rows of a batch are inserted: with one COPY, or, if their keys may exist already,
//! through a temporary table.

use seismic_queue::Kind;

use super::connection::{Client, Trouble};
use super::failure::{self, failure};
use super::merge;
use super::names::{INCOMING, quoted, quoted_list};
use super::target::Target;
use super::wire::{self, Wire};
use crate::rows::columns::{self, TableColumn};
use crate::sql::batch::Batch;
use crate::sql::table_target::OnConflict;
use crate::{Error, Result};

/// What is handed to the connection at once, in bytes: more only waits there.
const CHUNK: usize = 64 << 10;

/// The rows of a batch on their way into the table.
pub(super) struct Insertion<'a> {
    pub(super) target: &'a Target,
    pub(super) columns: &'a [TableColumn],
    /// How each column takes its values.
    pub(super) wires: &'a [Wire],
    /// Whether one statement would meet a key twice: then the newer row counts.
    pub(super) has_repeats: bool,
    pub(super) batch: &'a Batch,
}

impl Insertion<'_> {
    /// Brings the rows of the batch into the table.
    pub(super) fn insert(&self, client: &mut Client) -> Result<()> {
        let table = self.target.quoted_table();
        let names = quoted_list(self.columns.iter().map(|column| &*column.name));
        let set = match self.target.on_conflict {
            _ if self.target.merges_panes => return self.merge(client, &table, &names),
            OnConflict::Error => return self.copy(client, &table, &names),
            OnConflict::Ignore => "NOTHING".to_owned(),
            OnConflict::Update => self.assignments(),
        };
        let failed = |doing| move |e: Trouble| failure(&self.target.name, doing, e);
        self.copy_beside(client, &table, &names)?;
        let key = quoted_list(columns::key_names(self.columns));
        let distinct = match self.has_repeats {
            true => (
                format!("DISTINCT ON ({key}) "),
                format!(" ORDER BY {key}, {} DESC", columns::OFFSET),
            ),
            false => (String::new(), String::new()),
        };
        let insert = format!(
            "INSERT INTO {table} ({names}) SELECT {}{names} FROM pg_temp.{INCOMING}{} \
             ON CONFLICT ({key}) DO {set}",
            distinct.0, distinct.1
        );
        client.execute(&insert, &[]).map_err(failed("inserting rows"))?;
        Ok(())
    }

    /// Brings the rows of the batch into a temporary table.
    fn copy_beside(&self, client: &mut Client, table: &str, names: &str) -> Result<()> {
        let failed = |e| failure(&self.target.name, "making a temporary table", e);
        let make = format!(
            "CREATE TEMPORARY TABLE {INCOMING} ON COMMIT DROP AS SELECT {names} FROM {table} \
             WITH NO DATA"
        );
        client.batch_execute(&make).map_err(failed)?;
        self.copy(client, &format!("pg_temp.{INCOMING}"), names)
    }

    /// Adds the rows of the batch to those of their windows, of each window one after the other.
    fn merge(&self, client: &mut Client, table: &str, names: &str) -> Result<()> {
        let failed = |e| failure(&self.target.name, "adding rows up", e);
        self.copy_beside(client, table, names)?;
        let insert = merge::insert(table, names, self.columns, self.wires);
        for turn in 1i64.. {
            if client.execute(&insert, &[&turn]).map_err(failed)? == 0 {
                break;
            }
        }
        Ok(())
    }

    /// What an update sets: every column but the key's.
    fn assignments(&self) -> String {
        let others = self.columns.iter().filter(|column| !column.is_key);
        let set: Vec<String> = others
            .map(|column| quoted(&column.name))
            .map(|name| format!("{name} = excluded.{name}"))
            .collect();
        if set.is_empty() { "NOTHING".to_owned() } else { format!("UPDATE SET {}", set.join(", ")) }
    }

    fn copy(&self, client: &mut Client, into: &str, names: &str) -> Result<()> {
        let failed = |e: Trouble| {
            self.refused(failure::line(&e), failure(&self.target.name, "copying rows", e))
        };
        let copy = format!("COPY {into} ({names}) FROM STDIN (FORMAT binary)");
        client.copy(&copy, self.parts()).map(drop).map_err(failed)
    }

    /// The bytes of a whole COPY, in order.
    fn parts(&self) -> impl Iterator<Item = &[u8]> {
        let tuples = self.batch.bytes().chunks(CHUNK);
        std::iter::once(wire::HEADER).chain(tuples).chain(std::iter::once(wire::TRAILER))
    }

    /// Names the row that the server does not take, where it says which.
    fn refused(&self, number: Option<usize>, error: Error) -> Error {
        match error {
            Error::Database { place, what, kind: Kind::Data, .. } => {
                match number.and_then(|number| self.batch.place(number)) {
                    Some((partition, offset)) => {
                        Error::RowRefused { place, partition, offset, what }
                    }
                    None => Error::RowsRefused { place, what },
                }
            }
            other => other,
        }
    }
}
