//! The tables that a job looks things up in: each is read as the job would read it.

use seismic_derived::{DimensionDefinition, rows_of_version};
use seismic_queue::Finding;

use super::report::Section;
use crate::dimension::TableSpec;

/// Reads a table.
pub(super) fn examine((definition, spec): &(DimensionDefinition, TableSpec)) -> Section {
    let of = format!("table {} ({})", spec.table, spec.source);
    let read = spec.source.read(&definition.columns);
    let finding = match read.and_then(|rows| rows_of_version(definition, rows)) {
        Ok(rows) => Finding::fine(format!("it can be read, and has {rows} rows")),
        Err(why) => Finding::problem(
            format!("{}: {why}", spec.source),
            "correct it; a job that runs goes on with the version that it has, and one that begins waits",
        ),
    };
    Section { of, findings: vec![finding] }
}
