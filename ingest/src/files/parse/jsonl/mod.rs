//! Records as JSON lines. A line is one of:
//!
//! * an object with fields of `SeismicRecord`, by the names of `seismic.proto` or as in protobuf
//!   JSON (`sensorId`, 64-bit numbers as strings). Numbers that JSON cannot express are `"NaN"`,
//!   `"Infinity"` and `"-Infinity"`, or the same without quotes, as Python writes them;
//! * a line of `seismic read --format json`: an object with the `value` of a message, which is such
//!   a record, or `{"records": [...]}`, or `null` beside the `bytes` in base64, and with its `key`.
//!   Its fields are taken literally, since it is a copy of a message.
//!
//! Unknown and duplicate names are refused, and so is a record without sensor, time or amplitude: a
//! missing measurement must not become a zero.

mod object;
mod printed;

use self::object::{fields, probe, value_text};
use self::printed::message;
use super::field::{Draft, RecordField};
use super::item::{Item, Next, ParsedLine};
use super::read_options::ReadOptions;
use super::refusal::Refusal;
use crate::Result as IngestResult;
use crate::files::lines::{LineRead, Lines};

/// The objects of one file.
pub(crate) struct JsonReader {
    lines: Lines,
    options: ReadOptions,
    /// Whether a line had a quality: then protobuf left a zero out where there is none.
    has_quality: bool,
}

impl JsonReader {
    pub(crate) fn new(lines: Lines, options: &ReadOptions) -> Self {
        JsonReader { lines, options: options.clone(), has_quality: false }
    }

    pub(crate) fn lines(&self) -> &Lines {
        &self.lines
    }

    pub(crate) fn lines_mut(&mut self) -> &mut Lines {
        &mut self.lines
    }

    /// The next line that is not blank.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn next(&mut self) -> IngestResult<Next> {
        loop {
            let (text, is_whole) = match self.lines.read()? {
                LineRead::End => return Ok(Next::End),
                LineRead::Pending => return Ok(Next::Pending),
                LineRead::TooLong(too_long) => {
                    let item = Err(too_long.to_string().into());
                    return Ok(Next::Line(ParsedLine::new(self.lines.number(), true, item)));
                }
                LineRead::Line(line) if line.trim_ascii().is_empty() => continue,
                LineRead::Line(line) => (line, line.ends_with(b"\n")),
            };
            let parsed = parse(text, &self.options);
            let number = self.lines.number();
            if number <= self.options.skip_lines {
                continue;
            }
            let mut line = ParsedLine::new(number, is_whole, Err("".into()));
            line.item = match parsed {
                Ok(Parsed::Item(item)) => Ok(item),
                Ok(Parsed::Draft(draft)) => self.finish(draft, &mut line),
                Err(refusal) => Err(refusal),
            };
            return Ok(Next::Line(line));
        }
    }

    fn finish(&mut self, draft: Draft, line: &mut ParsedLine) -> Result<Item, Refusal> {
        let has_quality = draft.has(RecordField::DataQuality);
        if self.has_quality && !has_quality {
            return Err(
                "data_quality is missing, and lines above have one; protobuf JSON omits zeros \
                 unless it is configured to print them"
                    .into(),
            );
        }
        self.has_quality |= has_quality;
        let (record, defaulted) = draft.finish(true)?;
        line.defaulted = defaulted;
        Ok(Item::Record(record))
    }
}

/// What a line says, before it is known what is missing.
pub(crate) enum Parsed {
    Item(Item),
    Draft(Draft),
}

/// What a line says.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn parse(line: &[u8], options: &ReadOptions) -> Result<Parsed, Refusal> {
    let line = std::str::from_utf8(line).map_err(|_| "it is not UTF-8")?.trim_ascii();
    match parse_text(line, options) {
        Err(refusal) => match with_quoted_words(line) {
            Some(quoted) => parse_text(&quoted, options),
            None => Err(refusal),
        },
        parsed => parsed,
    }
}

fn parse_text(line: &str, options: &ReadOptions) -> Result<Parsed, Refusal> {
    let is_field = |name: &str| options.columns.iter().any(|(_, theirs)| theirs == name);
    let probed = probe(line)?;
    let is_packed =
        probed.records.is_some() && !is_field("records") && !options.ignore_other_columns;
    match probed.value.filter(|_| !is_field("value")) {
        None if is_packed => {
            let what = "it is a packed message; one record on each line is read, as \
                        `jq -c '.records[]' FILE` writes them";
            Err(what.into())
        }
        None => {
            let mut draft = draft(line, options)?;
            options.apply_set(&mut draft)?;
            Ok(Parsed::Draft(draft))
        }
        Some(_) => Ok(Parsed::Item(message(line)?)),
    }
}

/// The line with `NaN`, `Infinity` and `-Infinity` in quotes; `None` when they are nowhere bare.
fn with_quoted_words(line: &str) -> Option<String> {
    let mut quoted = String::with_capacity(line.len() + 16);
    let (mut rest, mut is_in_string, mut is_changed) = (line, false, false);
    while let Some(next) = rest.chars().next() {
        let words = ["NaN", "-Infinity", "Infinity"];
        let word = words.into_iter().find(|word| !is_in_string && rest.starts_with(word));
        let taken = match (word, next) {
            (Some(word), _) => {
                is_changed = true;
                quoted.extend(["\"", word, "\""]);
                rest = &rest[word.len()..];
                continue;
            }
            (None, '\\') if is_in_string => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
            (None, '"') => {
                is_in_string = !is_in_string;
                1
            }
            (None, other) => other.len_utf8(),
        };
        quoted.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    is_changed.then_some(quoted)
}

/// The fields of an object that means a record of its own.
fn draft(text: &str, options: &ReadOptions) -> Result<Draft, Refusal> {
    let format = options.format();
    let mut draft = Draft::default();
    for (field, value) in fields(text, options)?.into_iter().flatten() {
        let text =
            value_text(field, value).map_err(|what| Refusal::from(what).of_field(field.name()))?;
        draft.set(field, &text, &format)?;
    }
    Ok(draft)
}

#[cfg(test)]
mod tests;
