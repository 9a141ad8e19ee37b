//! Rows of HBase as its REST gateway has them: JSON in which every key, column and value is base64.
//!
//! ```text
//! {"Row":[{"key":"…","Cell":[{"column":"…","$":"…"},…]},…]}
//! ```

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

/// A column as requests have it: `family:name`, in base64.
#[derive(Clone, Debug)]
pub(super) struct CellColumn(String);

impl CellColumn {
    pub(super) fn of(family: &str, name: &str) -> CellColumn {
        CellColumn(STANDARD.encode(format!("{family}:{name}")))
    }
}

/// Appends the beginning of a row; its cells and [`end_row`] follow.
pub(super) fn begin_row(key: &[u8], into: &mut String) {
    into.push_str("{\"key\":\"");
    STANDARD.encode_string(key, into);
    into.push_str("\",\"Cell\":[");
}

/// Appends a cell of a row.
pub(super) fn put_cell(column: &CellColumn, value: &[u8], into: &mut String) {
    if into.ends_with('}') {
        into.push(',');
    }
    into.push_str("{\"column\":\"");
    into.push_str(&column.0);
    into.push_str("\",\"$\":\"");
    STANDARD.encode_string(value, into);
    into.push_str("\"}");
}

/// Appends the end of a row.
pub(super) fn end_row(into: &mut String) {
    into.push_str("]}");
}

/// What is around rows, with commas between them.
pub(super) const BEGIN: &str = "{\"Row\":[";
/// See [`BEGIN`].
pub(super) const END: &str = "]}";

/// A request with one row.
pub(super) fn one_row(key: &[u8], cells: &[(&CellColumn, &[u8])]) -> String {
    let mut body = BEGIN.to_owned();
    begin_row(key, &mut body);
    for (column, value) in cells {
        put_cell(column, value, &mut body);
    }
    end_row(&mut body);
    body.push_str(END);
    body
}

/// A row as the gateway gives it: the newest value of each column, `family:name`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct FoundRow {
    pub(super) key: Vec<u8>,
    pub(super) cells: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl FoundRow {
    /// The value of a column.
    pub(super) fn value(&self, family: &str, name: &str) -> Option<&[u8]> {
        self.cells.get(format!("{family}:{name}").as_bytes()).map(Vec::as_slice)
    }

    /// A value that is a text.
    pub(super) fn text(&self, family: &str, name: &str) -> Option<&str> {
        self.value(family, name).and_then(|value| std::str::from_utf8(value).ok())
    }
}

#[derive(Deserialize)]
struct CellSet {
    #[serde(rename = "Row", default)]
    rows: Vec<JsonRow>,
}

#[derive(Deserialize)]
struct JsonRow {
    key: String,
    #[serde(rename = "Cell", default)]
    cells: Vec<JsonCell>,
}

#[derive(Deserialize)]
struct JsonCell {
    column: String,
    #[serde(rename = "$", default)]
    value: Option<String>,
}

/// The rows of an answer; `None` when it is none that the gateway should give.
pub(super) fn read(body: &[u8]) -> Option<Vec<FoundRow>> {
    // A list would be taken for a set without names.
    let set = body.trim_ascii_start().starts_with(b"{").then_some(body)?;
    let set: CellSet = serde_json::from_slice(set).ok()?;
    let bytes = |text: &str| STANDARD.decode(text).ok();
    let row = |row: JsonRow| {
        let mut found = FoundRow { key: bytes(&row.key)?, cells: BTreeMap::new() };
        for JsonCell { column, value } in row.cells {
            // The newest comes first.
            let value = bytes(&value.unwrap_or_default())?;
            found.cells.entry(bytes(&column)?).or_insert(value);
        }
        Some(found)
    };
    set.rows.into_iter().map(row).collect()
}

/// A text as a part of a path or query: all but letters and digits are escaped.
pub(super) fn escaped(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => text.push(byte.into()),
            _ => write!(text, "%{byte:02X}").expect("memory takes every byte"),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_as_they_were_written() {
        let (a, b) = (CellColumn::of("w", "a"), CellColumn::of("w", "b:c"));
        let body = one_row(b"key\0", &[(&a, b"1"), (&b, b"")]);
        let found = read(body.as_bytes()).unwrap();
        assert_eq!((found.len(), &*found[0].key), (1, &b"key\0"[..]));
        assert_eq!((found[0].text("w", "a"), found[0].text("w", "b:c")), (Some("1"), Some("")));
        assert_eq!(found[0].value("w", "c"), None);
    }

    #[test]
    fn an_answer_that_is_none_is_refused() {
        for body in ["", "[]", "{", r#"{"Row":[{}]}"#, r#"{"Row":[{"key":"?"}]}"#] {
            assert_eq!(read(body.as_bytes()), None, "{body}");
        }
        assert_eq!(read(b"{}"), Some(Vec::new()));
    }

    #[test]
    fn of_several_versions_of_a_cell_the_newest_counts() {
        let (column, [one, two]) =
            (STANDARD.encode("w:a"), ["1", "2"].map(|it| STANDARD.encode(it)));
        let body = format!(
            r#"{{"Row":[{{"key":"","Cell":[{{"column":"{column}","timestamp":2,"$":"{two}"}},{{"column":"{column}","timestamp":1,"$":"{one}"}}]}}]}}"#
        );
        assert_eq!(read(body.as_bytes()).unwrap()[0].text("w", "a"), Some("2"));
    }

    #[test]
    fn keys_are_escaped_for_the_path() {
        assert_eq!(escaped("S1/é *".as_bytes()), "S1%2F%C3%A9%20%2A");
    }
}
