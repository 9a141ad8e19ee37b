//! Compares a folder with the result topic up to its position, row by row.
//!
//! Rows of one spool are in files of several days; files of one number are read together, and their rows
//! put in the order of the topic. Then comes what is in the spool.

use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use parquet::record::Row as ParquetRow;
use seismic_proto::Row;
use seismic_queue::{Offset, Partition};

use super::table_file::{FileFormat, FoundRow};
use super::{folder, spool, target};
use crate::compare::Comparison;
use crate::compare::sides::{Sides, StoredRow, place_of};
use crate::position::ahead;
use crate::position::stored::{StoredPosition, next_of};
use crate::{Context, Error, Result, SinkSpec};

/// A row of the spool.
struct Spooled(Row);

impl StoredRow for Spooled {
    fn row(&self, _: Row) -> Row {
        self.0.clone()
    }

    fn has_constants(&self) -> bool {
        true
    }
}

/// Compares; the number of rows that are the same.
pub(super) fn compare(
    spec: &SinkSpec,
    context: &Context,
    into: &mut Comparison<'_>,
) -> Result<u64> {
    let at = Path::new(spec.target());
    let name = folder::name(at);
    let nothing =
        |what: &str| Error::NothingToCompare { sink: name.clone(), what: what.to_owned() };
    let format = target::format(spec, &context.schema)?;
    let mark = match folder::read_mark(at) {
        Ok(Some(mark)) => mark,
        Ok(None) => return Err(nothing("the folder holds no rows of a Parquet sink")),
        Err(error) => return Err(error),
    };
    if (&mark.store, &mark.topic) != (&into.view.id, &context.topic) {
        return Err(nothing("the folder holds the rows of another store"));
    }
    let next = next_of(&mark.positions);
    if let Some(ahead) = ahead::of_positions(&name, &context.topic, &next, &into.held) {
        return Err(ahead.into());
    }
    let stored = StoredPosition { store: mark.store, topic: mark.topic, positions: mark.positions };
    let refused = HashSet::new();
    let mut sides = Sides::new(into, &context.schema, &stored, &refused, false)?;
    let files = folder::files(at)?;
    // Those of the spool itself are written again.
    let counted: Vec<_> = files.into_iter().filter(|(number, _)| *number < mark.spool).collect();
    for files in counted.chunk_by(|(one, _), (other, _)| one == other) {
        for (place, found) in rows_of(&name, files)? {
            let (schema, columns) = (&*context.schema, &format.columns[..]);
            sides.see(place, &FoundRow { schema, columns, found: &found }, into)?;
        }
    }
    if let (path, Some(file)) = folder::open_spool(at, mark.spool)? {
        let mut rows = Vec::new();
        spool::read(&path, file, mark.bytes, &context.schema, |row| {
            rows.push(row);
            Ok(())
        })?;
        for row in rows {
            sides.see((row.partition, row.offset), &Spooled(row.row), into)?;
        }
    }
    sides.finish(into)
}

/// The rows of these files in the order of the topic.
fn rows_of(name: &str, files: &[(u64, PathBuf)]) -> Result<Vec<((Partition, Offset), ParquetRow)>> {
    let mut rows = Vec::new();
    for (_, at) in files {
        let file = File::open(at).map_err(Error::io(at, "reading the file"))?;
        let mut places = Vec::new();
        let read = FileFormat::read(file, |partition, offset, row| {
            places.push((place_of(name, partition, offset), row));
        });
        read.map_err(|error| Error::TableUnread {
            place: at.display().to_string(),
            what: error.to_string(),
        })?;
        for (place, row) in places {
            rows.push((place?, row));
        }
    }
    rows.sort_by_key(|(place, _)| *place);
    Ok(rows)
}
