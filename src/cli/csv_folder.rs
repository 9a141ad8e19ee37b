//! `seismic read csv:FOLDER`: prints the committed rows in the folder of a CSV sink, which may be
//! running.

use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::bail;
use seismic_proto::{Message as _, Row, Schema, SeismicAggRecord};
use seismic_sinks::csv::{CsvLines, CsvReader, Times};

use crate::cli::event_range::EventRange;
use crate::cli::json::{self, Content};
use crate::cli::merged_rows::MergedRows;

/// What the name of such a place begins with.
pub(crate) const PREFIX: &str = "csv:";

/// Which rows of a folder are printed, and how.
pub(crate) struct FolderRows {
    /// Only those of this partition.
    pub partition: Option<u32>,
    /// Only those of windows in this range.
    pub events: EventRange,
    /// So many at most.
    pub max: Option<u64>,
    /// Whether the panes of a window are added up.
    pub merged: bool,
    /// Lines of CSV, or else JSON.
    pub is_csv: bool,
}

/// Prints the rows of a folder, in the order in which they were written.
pub(crate) fn print(args: &FolderRows, folder: &Path, stop: &AtomicBool) -> anyhow::Result<()> {
    let Some(reader) = CsvReader::open(folder, Schema::windows())? else {
        bail!(
            "{} has no windows.mark, so no CSV sink wrote there, or not all of its folder was copied",
            folder.display()
        );
    };
    let rows = || {
        let rows = reader.rows().map(|row| match row {
            Ok(Row::Window(row)) => Ok(row),
            Ok(Row::Values(_)) => unreachable!("the reader was given the schema of windows"),
            Err(error) => Err(anyhow::Error::from(error)),
        });
        rows.take_while(|_| !stop.load(Ordering::Relaxed))
    };
    let mut merged = MergedRows::default();
    if args.merged {
        merged = MergedRows::of(rows)?;
    }
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut lines = CsvLines::new(Schema::windows(), Times::Ms);
    if args.is_csv {
        out.write_all(&lines.header())?;
    }
    let mut left = args.max.unwrap_or(u64::MAX);
    let is_wanted = |row: &SeismicAggRecord| {
        let of_partition = |partition| i64::from(row.input_partition) == i64::from(partition);
        args.partition.is_none_or(of_partition)
            && args.events.has(&row.encode_to_vec(), Content::Rows)
    };
    for row in rows() {
        let row = row?;
        if !is_wanted(&row) {
            continue;
        }
        let Some(row) = merged.row(row) else { continue };
        if left == 0 {
            break;
        }
        left -= 1;
        if args.is_csv {
            out.write_all(lines.row(&Row::Window(row)))?;
        } else {
            // A write error keeps its kind: a closed pipe is no failure.
            serde_json::to_writer(&mut out, &json::Row(row)).map_err(io::Error::from)?;
            writeln!(out)?;
        }
    }
    Ok(out.flush()?)
}
