//! The header of a CSV file.

use super::csv_fields::CsvFields;
use super::event_time::TimeFormat;
use super::field::RecordField;
use super::number::Decimal;
use super::read_options::{Named, ReadOptions};
use super::refusal::Refusal;
use crate::Hint;

/// The columns of one file, in order; `None` for those that are ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CsvHeader {
    pub(crate) columns: Vec<Option<RecordField>>,
    /// Whether amplitudes are there or set.
    pub(crate) has_amplitudes: bool,
}

/// What else parts columns of such files.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

impl CsvHeader {
    /// # Errors
    /// A column that is no field, is there twice or is missing.
    pub(crate) fn of(header: &CsvFields, options: &ReadOptions) -> Result<Self, Refusal> {
        let names: Vec<String> =
            header.iter().map(|name| String::from_utf8_lossy(name).trim().to_owned()).collect();
        let is_none_known = names.iter().all(|name| options.field(name) == Named::Unknown);
        if is_none_known && names.iter().any(|name| is_value(name)) {
            let what = "its first line has values, not the names of columns";
            return Err(Refusal::hinting(what, Hint::HeaderLine));
        }
        let mut columns = Vec::with_capacity(names.len());
        for name in &names {
            let field = match options.field(name) {
                Named::Field(field) => Some(field),
                Named::Other => None,
                // What a delimiter at the end of each line makes.
                Named::Unknown if name.is_empty() && columns.len() + 1 == names.len() => None,
                Named::Unknown => return Err(unknown(&names, name, options)),
            };
            if field.is_some() && columns.contains(&field) {
                return Err(format!("the header names {name:?} twice").into());
            }
            columns.push(field);
        }
        for (field, theirs) in &options.columns {
            if !columns.contains(&Some(*field)) && !is_set(*field, options) {
                let what = format!("there is no column {theirs:?} for {}", field.name());
                return Err(Refusal::hinting(what, Hint::Column(field.name())));
            }
        }
        let has = |field| columns.contains(&Some(field)) || is_set(field, options);
        for field in [RecordField::SensorId, RecordField::CollectTimestamp] {
            if !has(field) {
                let what =
                    format!("there is no column {}; there are {}", field.name(), names.join(", "));
                return Err(Refusal::hinting(what, Hint::Column(field.name())));
            }
        }
        let has_amplitudes = has(RecordField::SeismicAmplitude);
        Ok(CsvHeader { columns, has_amplitudes })
    }
}

/// Whether it is no name of a column, but a number or a time.
fn is_value(name: &str) -> bool {
    let is_utc = true;
    Decimal::parse(name).is_some() || TimeFormat { is_utc, unit: None }.parse(name).is_ok()
}

/// What else a file is than CSV, by its first line.
pub(crate) fn other_kind(line: &[u8]) -> Option<Refusal> {
    match line.trim_ascii_start().first() {
        Some(b'{' | b'[') => {
            Some(Refusal::hinting("it is JSON, not CSV", Hint::OtherFormat("jsonl")))
        }
        Some(b'<') => Some("it is HTML or XML, not CSV".into()),
        _ => None,
    }
}

fn is_set(field: RecordField, options: &ReadOptions) -> bool {
    options.set.iter().any(|(set, _)| *set == field)
}

fn unknown(names: &[String], name: &str, options: &ReadOptions) -> Refusal {
    if let [only] = names {
        let parts = |delimiter: &u8| only.contains(char::from(*delimiter));
        let other = DELIMITERS.into_iter().filter(|&byte| byte != options.delimiter).find(parts);
        if let Some(delimiter) = other {
            let shown =
                if delimiter == b'\t' { "tabs".into() } else { char::from(delimiter).to_string() };
            let what = format!("its columns are parted by {shown}");
            return Refusal::hinting(what, Hint::Delimiter(delimiter));
        }
    }
    let known = RecordField::ALL.map(|(_, name, _)| name).join(", ");
    let is_none_known = names.iter().all(|name| options.field(name) == Named::Unknown);
    let what = format!("there is no field {name:?}; fields are {known}");
    let hint = match names {
        [_] if is_none_known => Hint::SkipLines,
        _ => Hint::IgnoreOtherColumns,
    };
    Refusal::hinting(what, hint)
}
