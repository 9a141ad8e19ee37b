//! The database, table and credentials, from the target and options of a sink.

use std::ops::Deref;

use super::address::Address;
use super::dialect::{Dialect, Names};
use crate::sql::table_target::TableTarget;
use crate::{Result, SinkSpec};

/// A table of a database, and how the sink writes there.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) address: Address,
    /// Whose SQL is spoken; `None`: the database says.
    dialect: Option<Dialect>,
    /// What the tables are in; `None`: what the connection is in.
    schema: Option<String>,
    /// Whether NULL is written for a number that is none.
    pub(super) nan_is_null: bool,
    at: TableTarget,
}

impl Deref for Target {
    type Target = TableTarget;

    fn deref(&self) -> &TableTarget {
        &self.at
    }
}

impl Target {
    /// Reads a spec; every fault at once. Secrets are not read yet.
    pub(super) fn read(spec: &SinkSpec) -> std::result::Result<Target, Vec<String>> {
        let mut faults = Vec::new();
        let address = Address::read(spec.target()).unwrap_or_else(|fault| {
            faults.push(fault);
            Address::default()
        });
        let mut at = TableTarget::read(spec, "default", &mut faults);
        let schema = spec.text("table").contains('.').then(|| at.schema.clone());
        let nan_is_null = spec.text("nan") == "null";
        if nan_is_null && at.merges_panes {
            faults.push(
                "merge_panes=true adds numbers up, and nan=null has none: leave it out".to_owned(),
            );
        }
        let dialect = Dialect::of_option(spec.text("dialect"));
        let by_driver = dialect.unwrap_or_else(|| Dialect::of_name(address.driver()));
        if by_driver == Dialect::Sqlite && at.parallelism > 1 {
            faults.push(
                "a file of SQLite takes one writer at a time: leave parallelism out".to_owned(),
            );
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        at.name = format!("odbc:{},table={}", address.place(), spec.text("table"));
        Ok(Target { address, dialect, schema, nan_is_null, at })
    }

    /// As [`Target::read`], for a spec that was checked when it was made.
    pub(super) fn of(spec: &SinkSpec) -> Result<Target> {
        Target::read(spec).map_err(|faults| spec.refusal(&faults))
    }

    /// How names are written where the database says that it is of this name.
    pub(super) fn names(&self, database: &str) -> Names {
        let dialect = self.dialect.unwrap_or_else(|| Dialect::of_name(database));
        Names::of(dialect, self.schema.as_deref())
    }

    /// The same without asking the database: its driver's name tells.
    pub(super) fn names_by_driver(&self) -> Names {
        self.names(self.address.driver())
    }

    /// The same under another name in messages.
    pub(super) fn named(mut self, name: &str) -> Target {
        name.clone_into(&mut self.at.name);
        self
    }
}
