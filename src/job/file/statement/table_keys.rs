//! The tables `[input]` and `[output]`.

use seismic_derived::{Column, InputFormat, TimeDefinition, TimeFormat};
use toml::de::DeValue;

use super::super::columns::{columns, of_table};
use super::super::nearest::nearest;
use super::super::value::{parsed, text};

/// Keys of the tables, for both.
pub const OF_INPUT: [&str; 7] = ["name", "topic", "of", "format", "columns", "time", "key"];
/// Of an input of a join, which has its name and its key elsewhere.
pub const OF_SIDE: [&str; 5] = ["topic", "of", "format", "columns", "time"];
pub const OF_OUTPUT: [&str; 4] = ["name", "topic", "key", "columns"];

/// What `[input]` or `[output]` says.
#[derive(Clone, Debug, Default)]
pub struct TableKeys {
    pub name: Option<String>,
    pub topic: Option<String>,
    pub of: Option<String>,
    pub key: Option<String>,
    pub format: Option<InputFormat>,
    pub columns: Vec<Column>,
    /// Of an input.
    pub time: Option<TimeDefinition>,
}

impl TableKeys {
    /// Sets a key.
    ///
    /// # Errors
    /// What to write instead.
    pub fn set(
        &mut self,
        known: &[&str],
        written: &str,
        value: &DeValue<'_>,
    ) -> Result<(), String> {
        if !known.contains(&written) {
            return Err(match nearest(written, known.iter().copied()) {
                Some(name) => format!("there is no such key; did you mean {name:?}?"),
                None => format!("there is no such key; the keys are {}", known.join(", ")),
            });
        }
        match written {
            "columns" => self.columns = columns(value)?,
            "time" => self.time = Some(time(value)?),
            "format" => {
                self.format = Some(match text(value)?.as_str() {
                    "json" => InputFormat::Json,
                    "windows" => InputFormat::Windows,
                    other => return Err(format!("{other:?} is none of \"json\", \"windows\"")),
                });
            }
            "name" => self.name = Some(text(value)?),
            "topic" => self.topic = Some(text(value)?),
            "of" => self.of = Some(text(value)?),
            _ => self.key = Some(text(value)?),
        }
        Ok(())
    }
}

/// `{ column = "at", format = "rfc3339" }`, or a column with ms since 1970 UTC.
fn time(value: &DeValue<'_>) -> Result<TimeDefinition, String> {
    let DeValue::Table(pairs) = value else {
        let column = text(value)?;
        return match column.as_str() {
            "event" | "ingest" => {
                Err(format!("time = {column:?} stands at the top of the file; here it is a column"))
            }
            _ => Ok(TimeDefinition { column, format: TimeFormat::MS }),
        };
    };
    let (mut column, mut format) = (None, TimeFormat::MS);
    for (name, value) in of_table(pairs) {
        match name {
            "column" => column = Some(text(value)?),
            "format" => format = parsed(value)?,
            _ => return Err(format!("there is no key {name}; the keys are column, format")),
        }
    }
    let column = column.ok_or("column is missing: the column with the event time")?;
    Ok(TimeDefinition { column, format })
}
