//! Rows as what the operation makes of them.

use seismic_proto::Schema;

use super::counts::CountFormat;
use super::operation::Operation;
use super::puts::PutFormat;
use super::target::Target;
use crate::{Error, Result};

/// How rows of one schema become rows of the table.
#[derive(Debug)]
pub(super) enum RowFormat {
    Put(PutFormat),
    Incr(CountFormat),
}

impl RowFormat {
    /// How rows of this schema do.
    ///
    /// # Errors
    /// [`Error::TableDiffers`] when key or fields are not those of the rows.
    pub(super) fn of(target: &Target, schema: &Schema) -> Result<RowFormat> {
        let format = match target.operation {
            Operation::Put => PutFormat::of(target, schema).map(RowFormat::Put),
            Operation::Incr => CountFormat::of(target, schema).map(RowFormat::Incr),
        };
        format.map_err(|what| Error::TableDiffers { place: target.name.clone(), what })
    }
}
