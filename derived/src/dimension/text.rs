//! Files with a table: CSV with a header, and JSON objects, in lines or in one list.
//!
//! Types are those of the columns. In CSV an empty cell is NULL and `""` is empty text; JSON has its
//! own NULL, and nothing of another type is cast. Columns that are not declared are left out.

use serde_json::Value as Json;

use super::rows::{TableRow, Value};
use crate::definition::column::Column;
use crate::limits;

/// The form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextFormat {
    /// Values separated by commas, as RFC 4180 has them.
    Csv,
    /// JSON objects.
    Json,
}

impl TextFormat {
    /// That of a file of this name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<TextFormat> {
        match name.rsplit_once('.')?.1.to_ascii_lowercase().as_str() {
            "csv" => Some(TextFormat::Csv),
            "json" | "jsonl" | "ndjson" => Some(TextFormat::Json),
            _ => None,
        }
    }

    /// The rows of a file with these columns.
    ///
    /// # Errors
    /// What is wrong with it, with the line.
    pub fn rows(self, text: &[u8], columns: &[Column]) -> Result<Vec<TableRow>, String> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let text = str::from_utf8(text).map_err(|error| {
            let line = line_of(text, error.valid_up_to());
            format!("line {line}: it is not UTF-8")
        })?;
        match self {
            TextFormat::Csv => of_csv(text, columns),
            TextFormat::Json => of_json(text, columns),
        }
    }
}

fn line_of(text: &[u8], at: usize) -> usize {
    text[..at.min(text.len())].iter().filter(|byte| **byte == b'\n').count() + 1
}

pub(super) fn too_many() -> String {
    format!("it has more than {} rows", limits::DIMENSION_ROWS)
}

pub(super) fn near<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    match seismic_sql::nearest(name, known) {
        Some(near) => format!("; did you mean {near}?"),
        None => String::new(),
    }
}

fn of_csv(text: &str, columns: &[Column]) -> Result<Vec<TableRow>, String> {
    let mut lines = CsvLines { text, at: 0, line: 1 };
    let Some(header) = lines.next_record()? else {
        return Err("it is empty, and a CSV file begins with the names of its columns".to_owned());
    };
    let names: Vec<String> =
        header.cells.into_iter().map(|cell| cell.text.trim().to_owned()).collect();
    let place = |column: &Column| {
        let mut found = (0..).zip(&names).filter(|(_, it)| it.eq_ignore_ascii_case(&column.name));
        match (found.next(), found.next()) {
            (Some((place, _)), None) => Ok(place),
            (Some(_), Some(_)) => Err(format!("line 1: column {} is there twice", column.name)),
            (None, _) => {
                let near = near(&column.name, names.iter().map(String::as_str));
                Err(format!("line 1: there is no column {}{near}", column.name))
            }
        }
    };
    let places: Vec<usize> = columns.iter().map(place).collect::<Result<_, _>>()?;
    let mut rows = Vec::new();
    while let Some(CsvRecord { line, cells }) = lines.next_record()? {
        if cells.len() != names.len() {
            let (found, wanted) = (cells.len(), names.len());
            return Err(format!("line {line}: it has {found} values, and the header {wanted}"));
        }
        let value = |(column, place): (&Column, &usize)| match &cells[*place] {
            CsvCell { text, is_quoted: false } if text.is_empty() => Ok(Value::Null),
            CsvCell { text, .. } => Value::parse(text, column),
        };
        let row = columns.iter().zip(&places).map(value).collect::<Result<_, _>>();
        rows.push(row.map_err(|why| format!("line {line}: {why}"))?);
        if rows.len() > limits::DIMENSION_ROWS {
            return Err(too_many());
        }
    }
    Ok(rows)
}

/// Reads records of CSV.
struct CsvLines<'t> {
    text: &'t str,
    at: usize,
    line: usize,
}

struct CsvRecord {
    /// The line in which it begins.
    line: usize,
    cells: Vec<CsvCell>,
}

#[derive(Default)]
struct CsvCell {
    text: String,
    is_quoted: bool,
}

impl CsvLines<'_> {
    /// The next record; `None` at the end. Empty lines are none.
    fn next_record(&mut self) -> Result<Option<CsvRecord>, String> {
        while let Some(rest) =
            self.text.get(self.at..).filter(|rest| rest.starts_with(['\r', '\n']))
        {
            self.line += usize::from(rest.starts_with('\n'));
            self.at += 1;
        }
        if self.at >= self.text.len() {
            return Ok(None);
        }
        let (line, mut cells) = (self.line, Vec::new());
        loop {
            cells.push(self.cell(line)?);
            match self.text.as_bytes().get(self.at) {
                Some(b',') => self.at += 1,
                _ => return Ok(Some(CsvRecord { line, cells })),
            }
        }
    }

    /// The cell that begins here, up to its comma or the end of the line.
    fn cell(&mut self, line: usize) -> Result<CsvCell, String> {
        let rest = &self.text[self.at..];
        let Some(mut quoted) = rest.strip_prefix('"') else {
            let end = rest.find([',', '\r', '\n']).unwrap_or(rest.len());
            self.at += end;
            return Ok(CsvCell { text: rest[..end].to_owned(), is_quoted: false });
        };
        let mut text = String::new();
        loop {
            let Some(end) = quoted.find('"') else {
                return Err(format!("line {line}: a quoted value is never closed"));
            };
            text += &quoted[..end];
            quoted = &quoted[end + 1..];
            match quoted.strip_prefix('"') {
                Some(behind) => {
                    text.push('"');
                    quoted = behind;
                }
                None => break,
            }
        }
        self.line += text.matches('\n').count();
        self.at = self.text.len() - quoted.len();
        match quoted.chars().next() {
            None | Some(',' | '\r' | '\n') => Ok(CsvCell { text, is_quoted: true }),
            Some(other) => Err(format!("line {line}: {other:?} stands behind a quoted value")),
        }
    }
}

fn of_json(text: &str, columns: &[Column]) -> Result<Vec<TableRow>, String> {
    let mut all = serde_json::Deserializer::from_str(text).into_iter::<Json>();
    let (mut rows, mut were_seen) = (Vec::new(), vec![false; columns.len()]);
    let mut take = |object: &Json, line: usize| {
        let row = of_object(object, columns, &mut were_seen);
        rows.push(row.map_err(|why| format!("line {line}: {why}"))?);
        if rows.len() > limits::DIMENSION_ROWS { Err(too_many()) } else { Ok(()) }
    };
    loop {
        let from = all.byte_offset();
        let begins = text[from..].len() - text[from..].trim_start().len();
        let line = line_of(text.as_bytes(), from + begins);
        match all.next() {
            None => break,
            Some(Ok(Json::Array(objects))) => {
                let number = |(i, object)| {
                    take(object, line).map_err(|why| format!("object {i} of the list in {why}"))
                };
                (1..).zip(&objects).try_for_each(number)?;
            }
            Some(Ok(object)) => take(&object, line)?,
            Some(Err(error)) => return Err(format!("line {}: it is no JSON", error.line())),
        }
    }
    if let Some((column, _)) = columns.iter().zip(were_seen).find(|(_, was_seen)| !was_seen)
        && !rows.is_empty()
    {
        return Err(format!("none of its objects has a key {}", column.name));
    }
    Ok(rows)
}

pub(super) fn of_object(
    object: &Json,
    columns: &[Column],
    were_seen: &mut [bool],
) -> Result<TableRow, String> {
    let Json::Object(pairs) = object else { return Err("it is no JSON object".to_owned()) };
    let mut row = Vec::with_capacity(columns.len());
    for (column, was_seen) in columns.iter().zip(were_seen) {
        let mut found = pairs.iter().filter(|(key, _)| key.eq_ignore_ascii_case(&column.name));
        let value = match (found.next(), found.next()) {
            (None, _) => Value::Null,
            (Some((_, value)), None) => {
                *was_seen = true;
                of_json_value(value, column)?
            }
            (Some(_), Some(_)) => return Err(format!("{} is there twice", column.name)),
        };
        row.push(value);
    }
    Ok(row)
}

fn of_json_value(value: &Json, column: &Column) -> Result<Value, String> {
    let Column { name, kind } = column;
    match value {
        Json::Null => Ok(Value::Null),
        Json::String(text) => Value::Text(text.clone()).of_column(column),
        Json::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(value), ..) => Value::Integer(value).of_column(column),
            (None, None, Some(value)) => Value::Real(value).of_column(column),
            _ => Err(format!("{name} is to be {kind}, and is {number}, beyond 64 bits")),
        },
        Json::Bool(value) => Err(format!("{name} is to be {kind}, and is {value}")),
        Json::Array(_) => Err(format!("{name} is to be {kind}, and is a list")),
        Json::Object(_) => Err(format!("{name} is to be {kind}, and is an object")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::definition::column::ColumnKind;

    fn columns() -> Vec<Column> {
        let column = |name: &str, kind| Column { name: name.to_owned(), kind };
        vec![
            column("Type", ColumnKind::Int),
            column("Value", ColumnKind::Real),
            column("Unit", ColumnKind::Text),
        ]
    }

    fn read(format: TextFormat, text: &str) -> Result<Vec<TableRow>, String> {
        format.rows(text.as_bytes(), &columns())
    }

    fn row(kind: i64, value: Value, unit: Value) -> TableRow {
        vec![Value::Integer(kind), value, unit]
    }

    #[test]
    fn a_csv_file_is_read_by_the_names_in_its_header() {
        let text = "\u{feff}unit,other,TYPE,Value\r\n\"a \"\"b\"\",\nc\",x,7,0.25\r\n\r\n,,8,\r\n\"\",, 9 ,1e2";
        let of = |value: &str| Value::Text(value.to_owned());
        let expected = vec![
            row(7, Value::Real(0.25), of("a \"b\",\nc")),
            row(8, Value::Null, Value::Null),
            row(9, Value::Real(100.0), of("")),
        ];
        assert_eq!(read(TextFormat::Csv, text), Ok(expected));
    }

    #[test]
    fn what_is_wrong_with_a_csv_file_is_named_with_its_line() {
        for (text, why) in [
            ("", "it is empty"),
            ("Type,Values,Unit\n", "line 1: there is no column Value; did you mean Values?"),
            ("Type,Value,Unit,type\n", "line 1: column Type is there twice"),
            ("Type,Value,Unit\n1,2\n", "line 2: it has 2 values, and the header 3"),
            (
                "Type,Value,Unit\n1,2,\"a\nb\"\nx,2,c\n",
                "line 4: Type is to be int, and is the text \"x\"",
            ),
            ("Type,Value,Unit\n1,NaN,c\n", "line 2: Value is to be real, and is no finite number"),
            ("Type,Value,Unit\n1,2,\"c\n", "line 2: a quoted value is never closed"),
            ("Type,Value,Unit\n1,2,\"c\"d\n", "line 2: 'd' stands behind a quoted value"),
            ("Type,Value,Unit\n1.5,2,c\n", "line 2: Type is to be int, and is the text \"1.5\""),
        ] {
            let error = read(TextFormat::Csv, text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
        let error = TextFormat::Csv.rows(b"a\nb\xff", &columns()).unwrap_err();
        assert_eq!(error, "line 2: it is not UTF-8");
    }

    #[test]
    fn json_is_read_from_lines_and_from_a_list() {
        let lines =
            "{\"Type\":1,\"value\":2,\"Unit\":\"g\",\"x\":[1]}\n\n{\"Type\":2,\"Value\":null}";
        let expected = vec![
            row(1, Value::Real(2.0), Value::Text("g".to_owned())),
            row(2, Value::Null, Value::Null),
        ];
        assert_eq!(read(TextFormat::Json, lines), Ok(expected.clone()));
        let list = format!("[{}]", lines.trim().replace("\n\n", ",\n"));
        assert_eq!(read(TextFormat::Json, &list), Ok(expected));
        assert_eq!(read(TextFormat::Json, " \n"), Ok(vec![]));
    }

    #[test]
    fn what_is_wrong_with_json_is_named_with_its_line() {
        for (text, why) in [
            (
                "{\"Type\":1,\"Value\":1,\"Unit\":null}\n{\"Type\":\"1\"}",
                "line 2: Type is to be int",
            ),
            ("[{\"Type\":1}, 5]", "object 2 of the list in line 1: it is no JSON object"),
            ("{\"Type\":1,\"Type \":1}\n{", "line 2: it is no JSON"),
            ("{\"Type\":1,\"type\":1}", "line 1: Type is there twice"),
            ("{\"Type\":1,\"Valu\":1,\"Unit\":\"\"}", "none of its objects has a key Value"),
            ("{\"Type\":18446744073709551615}", "beyond 64 bits"),
            ("{\"Type\":true}", "Type is to be int, and is true"),
            ("{\"Value\":9007199254740993}", "which no real number is exactly"),
        ] {
            let error = read(TextFormat::Json, text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange(bytes: Vec<u8>, words in "[\",\r\na1{}:\\[\\]]{0,40}") {
            for format in [TextFormat::Csv, TextFormat::Json] {
                let _ = format.rows(&bytes, &columns());
                let _ = format.rows(words.as_bytes(), &columns());
            }
        }
    }
}
