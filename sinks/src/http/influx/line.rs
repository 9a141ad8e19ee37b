//! Rows as lines of InfluxDB's line protocol: `MEASUREMENT,TAG=VALUE FIELD=VALUE TIME`, see "Line
//! protocol" in its manual.

use std::fmt::Write as _;

use seismic_proto::{Column, Row, Schema, ValueRef};

use crate::rows::text as row_text;

/// How the rows of one schema become lines.
#[derive(Clone, Debug)]
pub(super) struct LineFormat {
    measurement: String,
    /// Columns that are tags, by their places.
    tags: Vec<usize>,
    /// Columns that are fields.
    fields: Vec<usize>,
    /// The column with the time.
    time: usize,
    /// What a millisecond is in the precision that is asked for: times that many, divided by that
    /// many.
    scale: (i64, i64),
}

impl LineFormat {
    /// Tags are those named, time is the column of that name, and all others are fields.
    pub(super) fn of(
        schema: &Schema,
        measurement: &str,
        tags: &str,
        time: &str,
        precision: &str,
    ) -> Result<LineFormat, String> {
        let named = tags.split(',').map(str::trim).filter(|tag| !tag.is_empty());
        let tags = named.map(|tag| row_text::place(schema, "tags", tag));
        let tags = tags.collect::<Result<Vec<_>, _>>()?;
        let time = row_text::place(schema, "time", time)?;
        let is_field = |place: &usize| *place != time && !tags.contains(place);
        let fields = (0..schema.columns().len()).filter(is_field).collect();
        let scale = match precision {
            "s" => (1, 1_000),
            "us" => (1_000, 1),
            "ns" => (1_000_000, 1),
            _ => (1, 1),
        };
        Ok(LineFormat { measurement: escaped(measurement, ", "), tags, fields, time, scale })
    }

    /// Appends the line of a row; what cannot be written of it otherwise.
    pub(super) fn put(&self, schema: &Schema, row: &Row, into: &mut String) -> Result<(), String> {
        let begun = into.len();
        self.try_put(schema, row, into).inspect_err(|_| into.truncate(begun))
    }

    fn try_put(&self, schema: &Schema, row: &Row, into: &mut String) -> Result<(), String> {
        let column = |place: usize| &schema.columns()[place];
        *into += &self.measurement;
        for &place in &self.tags {
            // A tag without a value cannot be written, and says the same by not being there.
            let value = row_text::text(column(place), row.get(place)).unwrap_or_default();
            if value.contains(['\n', '\r']) {
                return Err(format!(
                    "its {} has a line break, which a tag cannot have",
                    column(place).name
                ));
            }
            if !value.is_empty() {
                let (name, value) = (escaped(&column(place).name, ",= "), escaped(&value, ",= "));
                write!(into, ",{name}={value}").expect("memory takes every byte");
            }
        }
        let mut separator = ' ';
        for &place in &self.fields {
            if let Some(value) = field(column(place), row.get(place)) {
                let name = escaped(&column(place).name, ",= ");
                write!(into, "{separator}{name}={value}").expect("memory takes every byte");
                separator = ',';
            }
        }
        if separator == ' ' {
            return Err("none of its fields has a value".to_owned());
        }
        let ValueRef::Int64(ms) = row.get(self.time) else {
            return Err(format!("its {} is no time", column(self.time).name));
        };
        let time = ms.checked_mul(self.scale.0).ok_or("its time is beyond what can be written")?;
        writeln!(into, " {}", time.div_euclid(self.scale.1)).expect("memory takes every byte");
        Ok(())
    }
}

/// The value of a field; `None` where there is none, or a number that is none.
fn field(column: &Column, value: ValueRef<'_>) -> Option<String> {
    Some(match value {
        ValueRef::Null => return None,
        ValueRef::Float32(value) if !value.is_finite() => return None,
        ValueRef::Float64(value) if !value.is_finite() => return None,
        ValueRef::Float32(value) => value.to_string(),
        ValueRef::Float64(value) => value.to_string(),
        ValueRef::Bool(value) => value.to_string(),
        ValueRef::Int32(value) => format!("{value}i"),
        ValueRef::UInt32(value) => format!("{value}i"),
        ValueRef::Int64(value) => format!("{value}i"),
        ValueRef::Text(text) => quoted(text),
        ValueRef::Enum(number) => quoted(column.word(number)),
    })
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A text with a backslash before each of these letters, and before none else but itself at its
/// end, where it would be read with what comes next.
fn escaped(text: &str, letters: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '\\' || letters.contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{row, three};

    #[test]
    fn a_row_is_a_line_with_its_tags_fields_and_time() {
        let schema = Schema::windows();
        let format =
            LineFormat::of(schema, "w x", "sensor_id,pane", "window_start_ts", "ns").unwrap();
        let mut lines = String::new();
        format.put(schema, &Row::Window(row(0, 1)), &mut lines).unwrap();
        assert!(lines.starts_with("w\\ x,sensor_id=S0\\,\",pane=1 "), "{lines}");
        assert!(lines.ends_with(" 1000000000\n"), "{lines}");
        for part in
            ["max_amplitude=1,", "record_count=6i", "closed_by=\"time\"", "rms_amplitude=0.0000001"]
        {
            assert!(lines.contains(part), "{part}: {lines}");
        }
        let error = format.put(schema, &Row::Window(row(0, 2)), &mut lines).unwrap_err();
        assert!(error.contains("line break"), "{error}");
        assert_eq!(lines.lines().count(), 1, "nothing is left of it");
    }

    #[test]
    fn what_has_no_value_is_not_written() {
        let schema = three::schema();
        let error = LineFormat::of(&schema, "m", "plaice", "magnitude", "ms").unwrap_err();
        assert!(error.contains("did you mean place?"), "{error}");
        let column = &schema.columns()[2];
        for value in [ValueRef::Null, ValueRef::Float64(f64::NAN), ValueRef::Float32(f32::INFINITY)]
        {
            assert_eq!(field(column, value), None);
        }
    }
}
