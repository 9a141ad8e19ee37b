//! The definitions of the sink's tables.

use seismic_proto::ColumnType;

use super::names::{quoted, quoted_list};
use super::target::Target;
use crate::rows::columns::{TableColumn, key_names};

/// Statements that make the table and that of positions, for people and for the sink itself.
pub(super) fn ddl(target: &Target, columns: &[TableColumn]) -> String {
    let mut all = format!("{}\n\n{}\n", table(target, columns), positions(target));
    if target.keeps_refused {
        all += &format!("\n{}\n", dead_letters(target));
    }
    all
}

/// The table of rows.
pub(super) fn table(target: &Target, columns: &[TableColumn]) -> String {
    let lines = columns.iter().map(|TableColumn { name, kind, nullable, .. }| {
        let sql_type = sql_type(*kind);
        // Ids are compared byte by byte, whatever language the database speaks.
        let order = if sql_type == "text" { " COLLATE \"C\"" } else { "" };
        let must = if *nullable { "" } else { " NOT NULL" };
        format!("    {} {sql_type}{order}{must},\n", quoted(name))
    });
    let lines: String = lines.collect();
    let key = quoted_list(key_names(columns));
    let table = target.quoted_table();
    format!("CREATE TABLE IF NOT EXISTS {table} (\n{lines}    PRIMARY KEY ({key})\n);")
}

/// The table of positions, one for all sinks of a schema.
pub(super) fn positions(target: &Target) -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS {} (\n    \
             sink text NOT NULL,\n    \
             part integer NOT NULL,\n    \
             store text NOT NULL,\n    \
             topic text NOT NULL,\n    \
             next bigint NOT NULL,\n    \
             last_offset bigint,\n    \
             last_append_ms bigint,\n    \
             last_crc bigint,\n    \
             written timestamp with time zone NOT NULL,\n    \
             PRIMARY KEY (sink, part)\n);",
        target.quoted_positions()
    )
}

/// The table of refused rows, one for all sinks of a schema: where each is from, why it was
/// refused, and its message.
fn dead_letters(target: &Target) -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS {} (\n    \
             sink text NOT NULL,\n    \
             part integer NOT NULL,\n    \
             row_offset bigint NOT NULL,\n    \
             reason text NOT NULL,\n    \
             message bytea NOT NULL,\n    \
             written timestamp with time zone NOT NULL,\n    \
             PRIMARY KEY (sink, part, row_offset)\n);",
        target.quoted_dead_letters()
    )
}

/// The type that a new table has for such values.
pub(super) fn sql_type(kind: ColumnType) -> &'static str {
    match kind {
        ColumnType::Text | ColumnType::Enum(_) => "text",
        ColumnType::Bool => "boolean",
        ColumnType::Int32 => "integer",
        ColumnType::UInt32 | ColumnType::Int64 => "bigint",
        ColumnType::TimestampMs => "timestamp with time zone",
        ColumnType::Float32 => "real",
        ColumnType::Float64 => "double precision",
    }
}
