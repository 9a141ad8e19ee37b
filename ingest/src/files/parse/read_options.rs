//! Options for reading foreign files.

use super::event_time::{TimeFormat, TimeUnit};
use super::field::{Draft, RecordField, ValueFormat};
use super::refusal::Refusal;

/// How files are to be understood.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadOptions {
    /// Fields that have another name in the files.
    pub columns: Vec<(RecordField, String)>,
    /// Fields that have the same value in all records, whatever the files say.
    pub set: Vec<(RecordField, String)>,
    /// Unit of times that are numbers; `None`: milliseconds, and what looks like another unit is
    /// refused.
    pub time_unit: Option<TimeUnit>,
    /// Whether ISO times without an offset are UTC.
    pub is_utc: bool,
    /// What parts columns of CSV.
    pub delimiter: u8,
    /// Whether decimals have a comma.
    pub has_decimal_comma: bool,
    /// Lines to skip before the header of CSV, or before the first line of JSON.
    pub skip_lines: u64,
    /// Whether columns that are no fields are ignored, and not refused.
    pub ignore_other_columns: bool,
}

impl Default for ReadOptions {
    fn default() -> Self {
        ReadOptions {
            columns: Vec::new(),
            set: Vec::new(),
            time_unit: None,
            is_utc: false,
            delimiter: b',',
            has_decimal_comma: false,
            skip_lines: 0,
            ignore_other_columns: false,
        }
    }
}

impl ReadOptions {
    pub(crate) fn format(&self) -> ValueFormat {
        let time = TimeFormat { unit: self.time_unit, is_utc: self.is_utc };
        ValueFormat { time, has_decimal_comma: self.has_decimal_comma }
    }

    /// The field that a file calls so; `None` for what is no field, or is set anyway.
    pub(crate) fn field(&self, name: &str) -> Named {
        let mapped = self.columns.iter().find(|(_, theirs)| theirs == name);
        let own = || RecordField::named(name).filter(|field| !self.is_mapped(*field));
        match mapped.map(|&(field, _)| field).or_else(own) {
            Some(field) if self.set.iter().any(|(set, _)| *set == field) => Named::Other,
            Some(field) => Named::Field(field),
            None if self.ignore_other_columns => Named::Other,
            // The name of a field that is taken from another column.
            None if RecordField::named(name).is_some() => Named::Other,
            None => Named::Unknown,
        }
    }

    fn is_mapped(&self, field: RecordField) -> bool {
        self.columns.iter().any(|(mapped, _)| *mapped == field)
    }

    /// Sets what is the same in all records.
    ///
    /// # Errors
    /// A value that is none of its field.
    pub(crate) fn apply_set(&self, draft: &mut Draft) -> Result<(), Refusal> {
        let format = self.format();
        self.set.iter().try_for_each(|(field, text)| draft.set(*field, text, &format))
    }

    /// What is wrong with the values that are set.
    pub(crate) fn faults(&self) -> Vec<String> {
        let format = self.format();
        let mut faults = Vec::new();
        for (field, text) in &self.set {
            let mut draft = Draft::default();
            match draft.set(*field, text, &format) {
                Err(refusal) => faults.push(refusal.what),
                Ok(()) if !draft.has(*field) => faults.push(format!("{}: no value", field.name())),
                Ok(()) => {}
            }
        }
        for (place, (field, theirs)) in self.columns.iter().enumerate() {
            let mut others = self.columns[..place].iter();
            if others.any(|(other, name)| other == field || name == theirs) {
                faults.push(format!("{} or {theirs:?} is named twice", field.name()));
            }
        }
        if matches!(self.delimiter, b'"' | b'\n' | b'\r') {
            faults.push("a quote or the end of a line cannot part columns".to_owned());
        }
        faults
    }
}

/// What a name in a file means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    Field(RecordField),
    /// Nothing that is wanted.
    Other,
    Unknown,
}
