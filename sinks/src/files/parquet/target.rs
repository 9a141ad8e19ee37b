//! Columns, time and files, from the options of a sink.

use seismic_proto::{ColumnType, Schema};

use super::table_file::FileFormat;
use crate::options::{OptionKind, SinkOption};
use crate::rows::columns::Choice;
use crate::rows::text;
use crate::{Error, Result, SinkSpec};

pub(super) const OPTIONS: &[SinkOption] = &[
    SinkOption {
        name: "columns",
        kind: OptionKind::Text("FIELD[:NAME],…"),
        default: "",
        doc: "fields to write, as FIELD or FIELD:NAME, and 'TEXT':NAME for a constant; empty: all",
    },
    SinkOption {
        name: "time",
        kind: OptionKind::Text("FIELD"),
        default: "window_start_ts",
        doc: "field with the time whose day (UTC) names the folder of a row; empty: rows have no day",
    },
    SinkOption {
        name: "compression",
        kind: OptionKind::Word(&["snappy", "none"]),
        default: "snappy",
        doc: "how columns are compressed",
    },
    SinkOption {
        name: "file_bytes",
        kind: OptionKind::Bytes { min: 1, max: 256 << 20 },
        default: "64MiB",
        doc: "bytes of rows after which files are made before the hour is over; they are in memory then",
    },
];

/// How the sink writes.
#[derive(Clone, Debug)]
pub(super) struct Target {
    choice: Choice,
    time: String,
    compression: String,
    pub(super) file_bytes: u64,
}

impl Target {
    /// Reads a spec; every fault at once.
    pub(super) fn read(spec: &SinkSpec) -> std::result::Result<Target, Vec<String>> {
        let choice = Choice::read(spec.text("columns")).map_err(|fault| vec![fault])?;
        Ok(Target {
            choice,
            time: spec.text("time").to_owned(),
            compression: spec.text("compression").to_owned(),
            file_bytes: spec.number("file_bytes"),
        })
    }

    /// As [`Target::read`], for a spec that was checked when it was made.
    pub(super) fn of(spec: &SinkSpec) -> Result<Target> {
        Target::read(spec).map_err(|faults| spec.refusal(&faults))
    }

    /// The column with the time that names days, by its place; `None` where none is named.
    pub(super) fn time(&self, schema: &Schema) -> std::result::Result<Option<usize>, String> {
        if self.time.is_empty() {
            return Ok(None);
        }
        let place = text::place(schema, "time", &self.time)?;
        match schema.columns()[place].kind {
            ColumnType::TimestampMs | ColumnType::Int64 => Ok(Some(place)),
            _ => Err(format!("time names {:?}, which has no times in ms", self.time)),
        }
    }

    /// How rows of this schema become files; else what is wrong.
    pub(super) fn format(&self, schema: &Schema) -> std::result::Result<FileFormat, String> {
        self.time(schema)?;
        let columns = self.choice.columns(schema, false)?;
        if let Some(column) = columns.iter().find(|column| column.name == "dt") {
            return Err(format!("a column may not be called {:?}: folders are", column.name));
        }
        FileFormat::of(columns, &self.compression).map_err(|error| error.to_string())
    }
}

/// For those who only look.
pub(super) fn format(spec: &SinkSpec, schema: &Schema) -> Result<FileFormat> {
    let refuse = |what| Error::Config { at: spec.target().into(), what };
    Target::of(spec)?.format(schema).map_err(refuse)
}
