//! How the rows of a batch come into the table: as one COPY, or, where their keys may be there
//! already, by way of a temporary table.

use seismic_queue::Kind;

use super::connection::{Transaction, Trouble};
use super::failure::{self, failure};
use super::names::{quoted, quoted_list};
use super::target::OnConflict;
use super::{Postgres, columns, ddl};
use crate::{Error, Result};

impl Postgres {
    /// Brings the rows of the batch into the table.
    pub(super) fn insert(&self, transaction: &mut Transaction<'_>) -> Result<()> {
        let table = self.target.quoted_table();
        let names = quoted_list(self.columns.iter().map(|column| &*column.name));
        let set = match self.target.on_conflict {
            OnConflict::Error => return self.copy(transaction, &table, &names),
            OnConflict::Ignore => "NOTHING".to_owned(),
            OnConflict::Update => self.assignments(),
        };
        let failed = |doing| move |e: Trouble| failure(&self.target.name, doing, e);
        let make = format!(
            "CREATE TEMPORARY TABLE seismic_incoming ON COMMIT DROP AS SELECT {names} FROM {table} \
             WITH NO DATA"
        );
        transaction.batch_execute(&make).map_err(failed("making a temporary table"))?;
        self.copy(transaction, "pg_temp.seismic_incoming", &names)?;
        let key = quoted_list(ddl::key(&self.columns));
        let distinct = match self.has_repeats {
            true => (
                format!("DISTINCT ON ({key}) "),
                format!(" ORDER BY {key}, {} DESC", columns::OFFSET),
            ),
            false => (String::new(), String::new()),
        };
        let insert = format!(
            "INSERT INTO {table} ({names}) SELECT {}{names} FROM pg_temp.seismic_incoming{} \
             ON CONFLICT ({key}) DO {set}",
            distinct.0, distinct.1
        );
        transaction.execute(&insert, &[]).map_err(failed("inserting rows"))?;
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
