//! Reads a table as a whole, for jobs that look things up in it: the row's key is one column, and cells of
//! the family with the names of the others are their values, written as text.
//!
//! Rows come page by page, each as it is when its page is read.

use std::collections::BTreeSet;

use super::target::Target;
use super::{scan, tables};
use crate::entry::TableReading;
use crate::table_source::keyed::KeyedReader;
use crate::table_source::{TableQuestion, TableRows};
use crate::{Result, SinkSpec, limits};

/// How tables of such servers are read.
pub(super) const READING: TableReading =
    TableReading { has_queries: false, table: "NAME", has_one_key: true, load_all: read_table };

fn read_table(spec: &SinkSpec, question: &TableQuestion<'_>) -> Result<TableRows> {
    let target = Target::of(spec)?.named(question.place);
    let server = target.server(limits::SILENT_PATIENCE)?;
    tables::check_rows(&server, &target)?;
    let mut reader = KeyedReader::new(question)?;
    let columns: Vec<String> =
        reader.values().map(|name| format!("{}:{name}", target.family)).collect();
    let known: BTreeSet<&[u8]> = columns.iter().map(String::as_bytes).collect();
    // Base64, and names with each cell.
    let page = 2 * question.bytes as u64;
    scan::each(&server, &target, page, |row| {
        let others = row.cells.keys().filter(|name| !known.contains(name.as_slice()));
        for name in others.filter_map(|name| std::str::from_utf8(name).ok()) {
            reader.see_name(name.split_once(':').map_or(name, |(_, name)| name));
        }
        let values = columns.iter().map(|name| row.cells.get(name.as_bytes()).cloned());
        reader.row(&row.key, values)
    })?;
    reader.rows()
}
