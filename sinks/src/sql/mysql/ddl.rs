//! The definitions of the sink's tables.

use seismic_proto::ColumnType;

use super::names::{quoted, quoted_list};
use super::target::Target;
use crate::rows::columns::{Source, TableColumn, key_names};

/// Ids are compared letter by letter, whatever language the database speaks. Any engine without
/// transactions would break the promise.
const CHARACTERS: &str = "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin";

/// Statements that make the table and that of positions, for people and for the sink itself.
pub(super) fn statements(target: &Target, columns: &[TableColumn]) -> Vec<String> {
    let mut all = vec![table(target, columns), positions(target)];
    all.extend(target.keeps_refused.then(|| dead_letters(target)));
    all
}

/// The table of rows.
fn table(target: &Target, columns: &[TableColumn]) -> String {
    let lines = columns.iter().map(|column| {
        let is_float = matches!(column.kind, ColumnType::Float32 | ColumnType::Float64);
        let is_of_rows = matches!(column.source, Source::Field(_));
        let may_lack = column.nullable || target.nan_is_null && is_float && is_of_rows;
        let must = if may_lack { " NULL" } else { " NOT NULL" };
        format!("    {} {}{must},\n", quoted(&column.name), sql_type(column.kind, column.is_key))
    });
    let lines: String = lines.collect();
    let key = quoted_list(key_names(columns));
    let table = target.quoted_table();
    format!(
        "CREATE TABLE IF NOT EXISTS {table} (\n{lines}    PRIMARY KEY ({key})\n) ENGINE=InnoDB;"
    )
}

/// The type that a new table has for such values.
pub(super) fn sql_type(kind: ColumnType, is_key: bool) -> String {
    let name = match kind {
        // No id is longer; a key takes no text without a length.
        ColumnType::Text if is_key => return format!("varchar(256) {CHARACTERS}"),
        ColumnType::Text => return format!("text {CHARACTERS}"),
        ColumnType::Enum(_) => return format!("varchar(64) {CHARACTERS}"),
        ColumnType::Bool => "tinyint(1)",
        ColumnType::Int32 => "int",
        ColumnType::UInt32 | ColumnType::Int64 => "bigint",
        ColumnType::TimestampMs => "datetime(3)",
        // A `float` is whole in the table, and has six digits in dumps.
        ColumnType::Float32 | ColumnType::Float64 => "double",
    };
    name.to_owned()
}

/// The table of positions, one for all sinks of a database.
fn positions(target: &Target) -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS {} (\n    \
             sink varchar(64) {CHARACTERS} NOT NULL,\n    \
             part int NOT NULL,\n    \
             store varchar(255) {CHARACTERS} NOT NULL,\n    \
             topic varchar(255) {CHARACTERS} NOT NULL,\n    \
             next bigint NOT NULL,\n    \
             last_offset bigint NULL,\n    \
             last_append_ms bigint NULL,\n    \
             last_crc bigint NULL,\n    \
             writer varchar(255) {CHARACTERS} NOT NULL,\n    \
             written datetime(3) NOT NULL,\n    \
             PRIMARY KEY (sink, part)\n) ENGINE=InnoDB;",
        target.quoted_positions()
    )
}

/// The table of refused rows, one for all sinks of a database: where each is from, why it was
/// refused, and its message.
fn dead_letters(target: &Target) -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS {} (\n    \
             sink varchar(64) {CHARACTERS} NOT NULL,\n    \
             part int NOT NULL,\n    \
             row_offset bigint NOT NULL,\n    \
             reason text {CHARACTERS} NOT NULL,\n    \
             message longblob NOT NULL,\n    \
             written datetime(3) NOT NULL,\n    \
             PRIMARY KEY (sink, part, row_offset)\n) ENGINE=InnoDB;",
        target.quoted_dead_letters()
    )
}
