//! Rows that a trial is expected to give: CSV with a header, JSON lines, or what `seismic test
//! --json` prints. A file names the columns that it is about; others are not compared.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use seismic_proto::{Column, ColumnType, Schema, Value};
use seismic_sinks::nearest;

use super::limits;
use crate::error::Usage;
use crate::time::parse_ms;

/// Expected rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expected {
    /// The columns that all of them have, by their places in the schema of windows.
    pub columns: Vec<usize>,
    /// The rows.
    pub rows: Vec<ExpectedRow>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpectedRow {
    /// Where it is: `line 3` or `row 3`.
    pub place: String,
    /// A value for each column of the schema, where it has one.
    pub values: Vec<Option<Value>>,
}

impl Expected {
    /// Reads a file.
    ///
    /// # Errors
    /// [`Usage`] with the place of the first thing that is no row.
    pub fn read(path: &Path) -> Result<Expected, Usage> {
        let named = |why: String| Usage(format!("{}: {why}", path.display()));
        let mut text = String::new();
        let file = File::open(path).map_err(|error| named(error.to_string()))?;
        let read = file.take(limits::EXPECTED_BYTES + 1).read_to_string(&mut text);
        read.map_err(|error| named(error.to_string()))?;
        if text.len() as u64 > limits::EXPECTED_BYTES {
            let most = limits::EXPECTED_BYTES >> 20;
            return Err(named(format!("it is longer than {most} MiB: compare a part of it")));
        }
        Expected::parse(text.trim_start_matches('\u{feff}')).map_err(named)
    }

    /// What a text says.
    fn parse(text: &str) -> Result<Expected, String> {
        let mut expected = Expected::default();
        match text.trim_start().chars().next() {
            Some('{' | '[') => expected.parse_json(text)?,
            Some(_) => expected.parse_csv(text)?,
            None => {
                return Err("it is empty; a header alone says that no row is expected".to_owned());
            }
        }
        expected.columns.sort_unstable();
        Ok(expected)
    }

    fn parse_csv(&mut self, text: &str) -> Result<(), String> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(text.as_bytes());
        let mut columns: Vec<usize> = Vec::new();
        let mut lines = LineNumbers { text, line: 1, at: 0 };
        for (number, record) in reader.records().enumerate() {
            let record = record.map_err(|error| error.to_string())?;
            if number == 0 {
                for name in &record {
                    let column =
                        column_named(name.trim()).map_err(|why| format!("line 1: {why}"))?;
                    if columns.contains(&column) {
                        return Err(format!("line 1: the column {name} is there twice"));
                    }
                    columns.push(column);
                }
                self.columns.clone_from(&columns);
                continue;
            }
            let place = format!("line {}", lines.of(record.position().map_or(0, position_of)));
            if record.len() != columns.len() {
                let (cells, names) = (record.len(), columns.len());
                return Err(format!("{place}: it has {cells} cells, and the header {names}"));
            }
            let mut values = vec![None; Schema::windows().columns().len()];
            for (&column, cell) in columns.iter().zip(&record) {
                let of = &Schema::windows().columns()[column];
                // As the CSV sink writes texts that a spreadsheet would compute.
                let cell = match of.kind {
                    ColumnType::Text => cell.strip_prefix('\'').unwrap_or(cell),
                    _ => cell.trim(),
                };
                let value = value_of(of, cell).ok_or_else(|| not_of(&place, of, cell))?;
                values[column] = Some(value);
            }
            self.rows.push(ExpectedRow { place, values });
        }
        Ok(())
    }

    fn parse_json(&mut self, text: &str) -> Result<(), String> {
        let all = serde_json::Deserializer::from_str(text).into_iter::<serde_json::Value>();
        for value in all {
            let value = value.map_err(|error| error.to_string())?;
            let rows = match &value {
                serde_json::Value::Array(rows) => rows.iter().collect(),
                // What `seismic test --json` prints.
                _ if value["rows"].is_array() => {
                    value["rows"].as_array().into_iter().flatten().collect()
                }
                _ => vec![&value],
            };
            for row in rows {
                self.add_object(row)?;
            }
        }
        Ok(())
    }

    fn add_object(&mut self, row: &serde_json::Value) -> Result<(), String> {
        let place = format!("row {}", self.rows.len() + 1);
        // As `seismic read --format json` prints it.
        let row = if row["value"].is_object() { &row["value"] } else { row };
        let fields = row.as_object().ok_or_else(|| format!("{place}: it is no JSON object"))?;
        let mut values = vec![None; Schema::windows().columns().len()];
        for (name, value) in fields {
            let column = column_named(name).map_err(|why| format!("{place}: {why}"))?;
            let of = &Schema::windows().columns()[column];
            let text = match value {
                serde_json::Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            values[column] = Some(value_of(of, &text).ok_or_else(|| not_of(&place, of, &text))?);
        }
        let has = |column: &usize| values[*column].is_some();
        match self.rows.is_empty() {
            true => self.columns = (0..values.len()).filter(has).collect(),
            false => self.columns.retain(has),
        }
        self.rows.push(ExpectedRow { place, values });
        Ok(())
    }
}

fn position_of(position: &csv::Position) -> usize {
    usize::try_from(position.byte()).unwrap_or(usize::MAX)
}

/// Numbers of lines at places that rise. The reader's own is one less behind a CRLF.
struct LineNumbers<'a> {
    text: &'a str,
    line: usize,
    at: usize,
}

impl LineNumbers<'_> {
    /// Number of the line of the first letter from there on that ends none.
    fn of(&mut self, from: usize) -> usize {
        let bytes = self.text.as_bytes();
        let from = from.min(bytes.len());
        let is_end = |at: usize| matches!(bytes.get(at), Some(b'\r' | b'\n'));
        while self.at < from || is_end(self.at) {
            self.line += usize::from(bytes.get(self.at) == Some(&b'\n'));
            self.at += 1;
        }
        self.line
    }
}

fn not_of(place: &str, column: &Column, text: &str) -> String {
    format!("{place}: {}: {text:?} is no value of this column", column.name)
}

fn column_named(name: &str) -> Result<usize, String> {
    let schema = Schema::windows();
    schema.index_of(name).ok_or_else(|| {
        let names = schema.columns().iter().map(|column| &*column.name);
        match nearest(name, names) {
            Some(meant) => format!("there is no column {name:?}; did you mean {meant:?}?"),
            None => format!("there is no column {name:?}"),
        }
    })
}

/// The value that a text says, with times also in ISO 8601.
fn value_of(column: &Column, text: &str) -> Option<Value> {
    match column.kind {
        ColumnType::TimestampMs if text.parse::<i64>().is_err() => {
            parse_ms(text).ok().map(Value::Int64)
        }
        _ => column.parse(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place_of(name: &str) -> usize {
        Schema::windows().index_of(name).unwrap()
    }

    #[test]
    fn csv_and_json_say_the_same() {
        let csv =
            "window_start_ts,sensor_id,avg_amplitude\n1000,S1,4.2\n1970-01-01T00:00:02Z,'=S,NaN\n";
        let json = "{\"sensor_id\":\"S1\",\"window_start_ts\":1000,\"avg_amplitude\":4.2}\n\
                    {\"value\":{\"sensor_id\":\"=S\",\"window_start_ts\":\"2000\",\"avg_amplitude\":\"NaN\"}}";
        let whole = format!("{{\"rows\":[{}],\"counts\":{{}}}}", json.replace('\n', ","));
        let csv = Expected::parse(csv).unwrap();
        assert_eq!(csv.rows[1].values[place_of("window_start_ts")], Some(Value::Int64(2_000)));
        assert_eq!(csv.rows[1].values[place_of("sensor_id")], Some(Value::Text("=S".to_owned())));
        assert_eq!(csv.rows[0].place, "line 2");
        for json in [json, &whole] {
            let json = Expected::parse(json).unwrap();
            assert_eq!((&json.columns, json.rows.len()), (&csv.columns, 2));
            assert_eq!(json.rows[0].values, csv.rows[0].values);
        }
        assert_eq!(csv.columns.len(), 3);
    }

    #[test]
    fn columns_are_those_that_all_rows_have() {
        let json = "{\"sensor_id\":\"a\",\"pane\":0}\n{\"record_count\":2,\"sensor_id\":\"a\"}";
        let expected = Expected::parse(json).unwrap();
        assert_eq!(expected.columns, [place_of("sensor_id")]);
        assert!(Expected::parse("[]").unwrap().columns.is_empty());
    }

    #[test]
    fn rows_are_named_by_their_lines_whatever_ends_these() {
        for text in ["sensor_id\na\n\"b\nc\"\n\nd\n", "sensor_id\r\na\r\n\"b\nc\"\r\n\r\nd\r\n"] {
            let rows = Expected::parse(text).unwrap().rows;
            let places: Vec<_> = rows.iter().map(|row| &*row.place).collect();
            assert_eq!(places, ["line 2", "line 3", "line 6"], "{text:?}");
        }
    }

    #[test]
    fn what_is_no_row_is_named_with_its_place() {
        for (text, says) in [
            ("", "it is empty"),
            ("sensor\nS1\n", "did you mean \"sensor_id\""),
            ("sensor_id,sensor_id\n", "twice"),
            ("record_count\nmany\n", "line 2: record_count: \"many\""),
            ("sensor_id,pane\nS1\n", "line 2: it has 1 cells, and the header 2"),
            ("{\"pane\":1.5}", "row 1: pane: \"1.5\""),
            ("[1]", "row 1: it is no JSON object"),
            ("{\"a\":", "EOF"),
        ] {
            let why = Expected::parse(text).unwrap_err();
            assert!(why.contains(says), "{text}: {why}");
        }
        assert_eq!(Expected::parse("sensor_id\n").unwrap().rows.len(), 0);
    }
}
