//! How the rows of a batch are inserted: with one COPY, or, if their keys may exist already,
//! through a temporary table.

use seismic_queue::Kind;

use super::connection::{Transaction, Trouble};
use super::failure::{self, failure};
use super::names::{INCOMING, quoted, quoted_list};
use super::target::OnConflict;
use super::{Postgres, columns, merge};
use crate::{Error, Result};

impl Postgres {
    /// Brings the rows of the batch into the table.
    pub(super) fn insert(&self, transaction: &mut Transaction<'_>) -> Result<()> {
        let table = self.target.quoted_table();
        let names = quoted_list(self.columns.iter().map(|column| &*column.name));
        let set = match self.target.on_conflict {
            _ if self.target.merges_panes => return self.merge(transaction, &table, &names),
            OnConflict::Error => return self.copy(transaction, &table, &names),
            OnConflict::Ignore => "NOTHING".to_owned(),
            OnConflict::Update => self.assignments(),
        };
        let failed = |doing| move |e: Trouble| failure(&self.target.name, doing, e);
        self.copy_beside(transaction, &table, &names)?;
        let key = quoted_list(columns::key_names(&self.columns));
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
        transaction.execute(&insert, &[]).map_err(failed("inserting rows"))?;
        Ok(())
    }

    /// Brings the rows of the batch into a temporary table.
    fn copy_beside(
        &self,
        transaction: &mut Transaction<'_>,
        table: &str,
        names: &str,
    ) -> Result<()> {
        let failed = |e| failure(&self.target.name, "making a temporary table", e);
        let make = format!(
            "CREATE TEMPORARY TABLE {INCOMING} ON COMMIT DROP AS SELECT {names} FROM {table} \
             WITH NO DATA"
        );
        transaction.batch_execute(&make).map_err(failed)?;
        self.copy(transaction, &format!("pg_temp.{INCOMING}"), names)
    }

    /// Adds the rows of the batch to those of their windows, of each window one after the other.
    fn merge(&self, transaction: &mut Transaction<'_>, table: &str, names: &str) -> Result<()> {
        let failed = |e| failure(&self.target.name, "adding rows up", e);
        self.copy_beside(transaction, table, names)?;
        let insert = merge::insert(table, names, &self.columns, &self.wires);
        for turn in 1i64.. {
            if transaction.execute(&insert, &[&turn]).map_err(failed)? == 0 {
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

    fn copy(&self, transaction: &mut Transaction<'_>, into: &str, names: &str) -> Result<()> {
        let failed = |e: Trouble| {
            self.refused(failure::line(&e), failure(&self.target.name, "copying rows", e))
        };
        let copy = format!("COPY {into} ({names}) FROM STDIN (FORMAT binary)");
        transaction.copy(&copy, self.batch.parts()).map(drop).map_err(failed)
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
