//! How files of records are to be understood: options that `import` and `test` share, and
//! how lines and files that could not be read are reported.

use std::path::PathBuf;

use anyhow::bail;
use seismic_ingest::Hint;
use seismic_ingest::files::Remarks;
use seismic_ingest::files::records::{
    Defaults, ReadOptions, RecordField, RecordsSummary, Refusals, TimeUnit,
};

use crate::cli::format::count;

/// How lines of files are to be understood.
#[derive(clap::Args)]
pub struct ReadArgs {
    /// A field that has another name in the files, as sensor_id=station. Can be given several times
    #[arg(long, value_name = "FIELD=THEIRS", value_parser = field_and_text)]
    column: Vec<(RecordField, String)>,
    /// A field that has the same value in all records, as data_quality=1. Can be given several
    /// times
    #[arg(long, value_name = "FIELD=VALUE", value_parser = field_and_text)]
    set: Vec<(RecordField, String)>,
    /// Unit of times that are numbers [default: ms, where others are refused]
    #[arg(long, value_name = "s|ms|us|ns")]
    time_unit: Option<TimeUnit>,
    /// Times in ISO 8601 without an offset are UTC
    #[arg(long)]
    utc: bool,
    /// Decimals have a comma
    #[arg(long)]
    decimal_comma: bool,
    /// Lines to skip at the beginning of each file
    #[arg(long, value_name = "N", default_value_t = 0)]
    skip_lines: u64,
    /// Ignore columns that are no fields of a record
    #[arg(long)]
    ignore_other_columns: bool,
}

impl ReadArgs {
    /// The same for the reader, with what parts columns.
    #[must_use]
    pub fn options(&self, delimiter: u8) -> ReadOptions {
        ReadOptions {
            columns: self.column.clone(),
            set: self.set.clone(),
            time_unit: self.time_unit,
            is_utc: self.utc,
            delimiter,
            has_decimal_comma: self.decimal_comma,
            skip_lines: self.skip_lines,
            ignore_other_columns: self.ignore_other_columns,
        }
    }
}

/// Table that is applied to records.
#[derive(clap::Args)]
pub struct SensorTableArg {
    /// Table of sensors that is applied to records: CSV with id and any of alias, valid_from,
    /// valid_to, latitude, longitude, depth, gain, offset, unit; several rows per sensor in time
    #[arg(long, value_name = "FILE.csv")]
    pub sensors: Option<PathBuf>,
}

fn field_and_text(text: &str) -> Result<(RecordField, String), String> {
    let (name, value) = text.split_once('=').ok_or("it is not FIELD=TEXT")?;
    let field = RecordField::named(name).ok_or_else(|| format!("there is no field {name:?}"))?;
    Ok((field, value.to_owned()))
}

/// What parts columns.
///
/// # Errors
/// When it is not one character.
pub fn delimiter(text: &str) -> Result<u8, String> {
    match (text, text.as_bytes()) {
        ("tab" | "\\t", _) => Ok(b'\t'),
        (_, &[byte]) if byte.is_ascii() => Ok(byte),
        _ => Err("it is not one ASCII character, or tab".to_owned()),
    }
}

/// What was assumed of records, and what else should be known; a line each.
#[must_use]
pub fn assumptions(summary: &RecordsSummary) -> String {
    let mut text = String::new();
    let Defaults { data_quality, phase_type, seismic_amplitude } = summary.defaults;
    for (number, what) in [
        (data_quality, "have no data_quality: 1 was assumed"),
        (phase_type, "have no phase_type: N was assumed"),
        (
            seismic_amplitude,
            "have no seismic_amplitude, since there is no such column: a job rejects them; name the \
             column with --column seismic_amplitude=THEIRS",
        ),
    ] {
        if number > 0 {
            text += &format!("  {} records {what}\n", count(number));
        }
    }
    if summary.comments > 0 {
        let comments = count(summary.comments);
        text += &format!("  {comments} lines that begin with # were skipped\n");
    }
    text + &remarks(&summary.remarks)
}

/// A line for each remark.
#[must_use]
pub fn remarks(remarks: &Remarks) -> String {
    let mut text = String::new();
    for remark in &remarks.first {
        text += &format!("  {remark}\n");
    }
    match remarks.count - remarks.first.len() as u64 {
        0 => text,
        more => text + &format!("  and {} more remarks\n", count(more)),
    }
}

/// Which command reads files: options have other names.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// `seismic import`.
    Import,
    /// `seismic test`.
    Test,
}

impl Command {
    /// What was not read, with an option that may help; empty when all was.
    #[must_use]
    pub fn unread(self, refused: &Refusals, unread: &Refusals) -> String {
        let mut text = String::new();
        for (refusals, what) in [
            (refused, "lines are not records and were refused"),
            (unread, "files could not be read, or not to their end"),
        ] {
            if refusals.count == 0 {
                continue;
            }
            if !text.is_empty() {
                text += "\n";
            }
            text += &format!("{} {what}:", count(refusals.count));
            for line in &refusals.first {
                text += &format!("\n  {line}");
            }
            let more = refusals.count - refusals.first.len() as u64;
            if more > 0 {
                text += &format!("\n  and {} more", count(more));
            }
            for hint in &refusals.hints {
                text += &format!("\n  try {}", self.option_of(*hint));
            }
        }
        text
    }

    /// An error about how a file is read, with the option that might help.
    pub fn with_hint(self, error: seismic_ingest::Error) -> anyhow::Error {
        match error.hint() {
            Some(hint) => {
                let text = format!("{error}; try {}", self.option_of(hint));
                match error.kind() {
                    seismic_queue::Kind::Config => crate::error::Usage(text).into(),
                    _ => anyhow::Error::msg(text),
                }
            }
            None => error.into(),
        }
    }

    /// The option that a hint means.
    fn option_of(self, hint: Hint) -> String {
        match hint {
            Hint::TimeUnit(unit) => format!("--time-unit {unit}"),
            Hint::Utc => "--utc, if times are UTC".to_owned(),
            Hint::Delimiter(b'\t') => "--delimiter tab".to_owned(),
            Hint::Delimiter(byte) => format!("--delimiter '{}'", char::from(byte)),
            Hint::DecimalComma => "--decimal-comma".to_owned(),
            Hint::Column(field) => {
                format!("--column {field}=THEIRS, or --set {field}=VALUE for all records")
            }
            Hint::IgnoreOtherColumns => {
                "--ignore-other-columns, or --column FIELD=THEIRS for one that is a field"
                    .to_owned()
            }
            Hint::HeaderLine if self == Command::Test => {
                "a line with the names of its columns before the others".to_owned()
            }
            Hint::HeaderLine => "a line with the names of its columns before it, as in (echo \
                 sensor_id,collect_timestamp,seismic_amplitude; cat FILE) | seismic import csv -"
                .to_owned(),
            Hint::OtherFormat(format) if self == Command::Test => format!("--format {format}"),
            Hint::OtherFormat(format) => format!("seismic import {format}"),
            Hint::Again => "--again to add all of it".to_owned(),
            Hint::FollowAgain => {
                "--again, if that may be, or `tail -F FILE | seismic import csv -` for new \
                 lines alone"
                    .to_owned()
            }
            Hint::SkipLines => "--skip-lines N, if there are lines before the header".to_owned(),
        }
    }
}

/// Records that were imported stay, but a program must see that some are missing.
///
/// # Errors
/// With what was not read.
pub fn all_was_read(refused: &Refusals, unread: &Refusals) -> anyhow::Result<()> {
    match Command::Import.unread(refused, unread) {
        text if text.is_empty() => Ok(()),
        text => bail!(text),
    }
}
