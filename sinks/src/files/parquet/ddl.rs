//! The table of Hive, Spark and Trino over the folder.

use std::path::Path;

use seismic_proto::{ColumnType, Schema};

use super::target;
use crate::{Result, SinkSpec};

/// What makes the table, and has it find its days.
pub(super) fn ddl(spec: &SinkSpec, schema: &Schema) -> Result<String> {
    let format = target::format(spec, schema)?;
    let columns = format.columns.iter().map(|column| {
        let kind = match column.kind {
            ColumnType::Text | ColumnType::Enum(_) => "string",
            ColumnType::Bool => "boolean",
            ColumnType::Int32 => "int",
            ColumnType::UInt32 | ColumnType::Int64 => "bigint",
            ColumnType::TimestampMs => "timestamp",
            ColumnType::Float32 => "float",
            ColumnType::Float64 => "double",
        };
        format!("  `{}` {kind}", column.name)
    });
    let columns = columns.collect::<Vec<_>>().join(",\n");
    let folder = Path::new(spec.target());
    let place = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let name = place.file_name().map_or("rows".into(), |name| name.to_string_lossy());
    let name = name.replace('`', "``");
    let place = place.display().to_string().replace('\\', "\\\\").replace('\'', "\\'");
    Ok(format!(
        "CREATE EXTERNAL TABLE `{name}` (\n{columns}\n)\nPARTITIONED BY (`dt` string)\nSTORED AS PARQUET\n\
         LOCATION '{place}';\n\nMSCK REPAIR TABLE `{name}`;\n"
    ))
}
