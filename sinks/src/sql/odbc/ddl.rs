//! The definitions of the sink's tables, as each dialect has them.

use seismic_proto::ColumnType;

use super::dialect::Names;
use super::target::Target;
use crate::rows::columns::{Source, TableColumn, key_names};
use crate::sql::names::{DEAD_LETTERS, POSITIONS};

/// Statements that make the tables, for people and for the sink itself: each with its table's name.
pub(super) fn statements(
    target: &Target,
    names: &Names,
    columns: &[TableColumn],
) -> Vec<(String, String)> {
    let mut all = vec![
        (target.table.clone(), table(target, names, columns)),
        (POSITIONS.to_owned(), positions(names)),
    ];
    if target.keeps_refused {
        all.push((DEAD_LETTERS.to_owned(), dead_letters(names)));
    }
    all
}

/// The table of rows.
fn table(target: &Target, names: &Names, columns: &[TableColumn]) -> String {
    let dialect = names.dialect;
    let lines = columns.iter().map(|column| {
        let is_float = matches!(column.kind, ColumnType::Float32 | ColumnType::Float64);
        let is_text = matches!(column.kind, ColumnType::Text | ColumnType::Enum(_));
        let is_of_rows = matches!(column.source, Source::Field(_));
        let may_lack = column.nullable
            || target.nan_is_null && is_float && is_of_rows
            || dialect.has_no_empty_text() && is_text && !column.is_key;
        let sql_type = dialect.type_of(column.kind, column.is_key);
        (column.name.as_str(), sql_type, may_lack)
    });
    let lines: Vec<_> = lines.collect();
    let key: Vec<_> = key_names(columns).collect();
    define(names, &target.table, &lines, &key)
}

/// The table of positions, one for all sinks of a schema.
fn positions(names: &Names) -> String {
    let dialect = names.dialect;
    let (text, long) = (dialect.short_text(), dialect.long_type());
    let int = dialect.type_of(ColumnType::Int32, false);
    let time = dialect.type_of(ColumnType::TimestampMs, false);
    let lines = [
        ("sink", text, false),
        ("part", int, false),
        ("store", text, false),
        ("topic", text, false),
        ("next", long, false),
        ("last_offset", long, true),
        ("last_append_ms", long, true),
        ("last_crc", long, true),
        ("writer", text, false),
        ("written", time, false),
    ];
    define(names, POSITIONS, &lines, &["sink", "part"])
}

/// The table of refused rows, one for all sinks of a schema: where each is from, why it was refused,
/// and its message.
fn dead_letters(names: &Names) -> String {
    let dialect = names.dialect;
    let lines = [
        ("sink", dialect.short_text(), false),
        ("part", dialect.type_of(ColumnType::Int32, false), false),
        ("row_offset", dialect.long_type(), false),
        ("reason", dialect.long_text(), false),
        ("message", dialect.bytes(), false),
        ("written", dialect.type_of(ColumnType::TimestampMs, false), false),
    ];
    define(names, DEAD_LETTERS, &lines, &["sink", "part", "row_offset"])
}

fn define(names: &Names, table: &str, lines: &[(&str, &str, bool)], key: &[&str]) -> String {
    let lines: String = lines
        .iter()
        .map(|(name, sql_type, may_lack)| {
            let must = if *may_lack { "" } else { " NOT NULL" };
            format!("    {} {sql_type}{must},\n", names.quoted(name))
        })
        .collect();
    let (table, key) = (names.table(table), names.list(key.iter().copied()));
    let end = names.dialect.table_end();
    format!("CREATE TABLE {table} (\n{lines}    PRIMARY KEY ({key})\n){end};")
}
