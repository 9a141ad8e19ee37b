//! The rows of a table by the value of one column, for a join that looks them up for each row of
//! another table.
//!
//! A lookup finds every row that SQLite may take for equal, and perhaps some more: SQLite compares
//! again. So a text that reads as a number and the number are one key, whatever the column's type.

use std::collections::HashMap;

use crate::batch::{Batch, Cell};

/// A value as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    /// The bits of a number.
    Number(u64),
    Text(String),
    Blob(Vec<u8>),
}

/// Where the rows of a table are that have each value of a column.
#[derive(Debug)]
pub struct Index {
    /// Place of the column.
    pub column: usize,
    places: HashMap<Key, Vec<usize>>,
    keyed: usize,
}

impl Index {
    /// Without rows.
    pub fn new(column: usize) -> Self {
        Index { column, places: HashMap::new(), keyed: 0 }
    }

    /// Takes over the rows that were appended to `rows`, which are those of the table.
    pub fn key_new_rows(&mut self, rows: &Batch) {
        for row in self.keyed..rows.rows() {
            if let Some(key) = key(rows.cell(row, self.column)) {
                self.places.entry(key).or_default().push(row);
            }
        }
        self.keyed = rows.rows();
    }

    /// Places of the rows that may be equal to the value; none for NULL.
    pub fn find(&self, value: Cell<'_>) -> &[usize] {
        key(value).and_then(|key| self.places.get(&key)).map_or(&[], Vec::as_slice)
    }

    /// Bytes that it holds, roughly.
    pub fn bytes(&self) -> u64 {
        // A key with its place in the map, and the place of its row.
        let places = self.places.len() * 80 + self.keyed * size_of::<usize>();
        places as u64
    }
}

fn key(value: Cell<'_>) -> Option<Key> {
    let number = |value: f64| Key::Number((value + 0.0).to_bits());
    Some(match value {
        Cell::Null => return None,
        Cell::Real(value) if value.is_nan() => return None,
        Cell::Real(value) => number(value),
        Cell::Integer(value) => number(value as f64),
        Cell::Text(text) => match text.trim().parse::<f64>() {
            Ok(value) => number(value),
            Err(_) => Key::Text(text.to_owned()),
        },
        Cell::Blob(bytes) => Key::Blob(bytes.to_vec()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sqlite_may_take_for_equal_is_found() {
        let (mut index, mut rows) = (Index::new(0), Batch::new(1));
        let cells = [
            Cell::Text("S1"),
            Cell::Integer(5),
            Cell::Text("5.0"),
            Cell::Null,
            Cell::Real(f64::NAN),
            Cell::Text("S1"),
            Cell::Real(-0.0),
        ];
        for cell in cells {
            rows.push_row(&[cell]);
            index.key_new_rows(&rows);
        }
        for (value, places) in [
            (Cell::Text("S1"), &[0, 5][..]),
            (Cell::Text("s1"), &[]),
            (Cell::Real(5.0), &[1, 2]),
            (Cell::Text(" 5 "), &[1, 2]),
            (Cell::Null, &[]),
            (Cell::Real(f64::NAN), &[]),
            (Cell::Integer(0), &[6]),
        ] {
            assert_eq!(index.find(value), places, "{value:?}");
        }
        assert!(index.bytes() > 100);
    }
}
