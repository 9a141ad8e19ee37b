//! The database, table and credentials, from the target and options of a sink.

use std::ops::Deref;

use super::address::Address;
use super::names::quoted;
use crate::sql::names::{DEAD_LETTERS, POSITIONS};
use crate::sql::table_target::TableTarget;
use crate::{Result, SinkSpec};

/// A table of a database, and how the sink writes there.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) address: Address,
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
            // So that nothing else is said of it.
            Address { database: "none".to_owned(), ..Address::default() }
        });
        let mut at = TableTarget::read(spec, &address.database, &mut faults);
        let nan_is_null = spec.text("nan") == "null";
        if nan_is_null && at.merges_panes {
            faults.push(
                "merge_panes=true adds numbers up, and nan=null has none: leave it out".to_owned(),
            );
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let Address { host, port, database, .. } = &address;
        at.name = format!("mysql://{host}:{port}/{database},table={}.{}", at.schema, at.table);
        Ok(Target { address, nan_is_null, at })
    }

    /// As [`Target::read`], for a spec that was checked when it was made.
    pub(super) fn of(spec: &SinkSpec) -> Result<Target> {
        Target::read(spec).map_err(|faults| spec.refusal(&faults))
    }

    /// A table of the schema, as statements name it.
    pub(super) fn quoted(&self, table: &str) -> String {
        format!("{}.{}", quoted(&self.schema), quoted(table))
    }

    /// The same under another name in messages.
    pub(super) fn named(mut self, name: &str) -> Target {
        name.clone_into(&mut self.at.name);
        self
    }

    /// The table, as statements name it.
    pub(super) fn quoted_table(&self) -> String {
        self.quoted(&self.table)
    }

    /// The table of positions, as statements name it.
    pub(super) fn quoted_positions(&self) -> String {
        self.quoted(POSITIONS)
    }

    /// The table of refused rows, as statements name it.
    pub(super) fn quoted_dead_letters(&self) -> String {
        self.quoted(DEAD_LETTERS)
    }
}
