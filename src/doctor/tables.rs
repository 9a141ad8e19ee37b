//! The tables that a job looks things up in: each is read as the job would read it.

use seismic_derived::{DimensionDefinition, rows_of_version};
use seismic_queue::Finding;

use super::report::Section;
use crate::dimension::TableSpec;
use crate::dimension::database::Unread;

/// What to do where the reason says what is wrong.
const REMEDY: &str =
    "correct it; a job that runs goes on with the version that it has, and one that begins waits";

/// Reads a table.
pub(super) fn examine((definition, spec): &(DimensionDefinition, TableSpec)) -> Section {
    let of = format!("table {} ({})", spec.table, spec.source);
    let read = spec.source.read(&definition.columns, &definition.key);
    let version = |rows| rows_of_version(definition, rows).map_err(Unread::for_good);
    let finding = match read.and_then(version) {
        Ok(rows) => Finding::fine(format!("it can be read, and has {rows} rows")),
        Err(Unread { why, remedy, .. }) => {
            let why = format!("{}: {why}", spec.source);
            Finding::problem(why, if remedy.is_empty() { REMEDY.to_owned() } else { remedy })
        }
    };
    Section { of, findings: vec![finding] }
}
