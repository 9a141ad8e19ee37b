//! A version of a table: its rows in one order and one form, whatever the order in which they were
//! read. It is named by the SHA-256 of that form, so the same rows are the same version.
//!
//! ```text
//!  "seismic table 1\n"  columns and key as JSON  "\n"  cells, row by row ([`cells`])
//! ```

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use seismic_sql::{Batch, Cell, Kept};
use sha2::{Digest as _, Sha256};

use super::key;
use super::rows::TableRow;
use crate::cells;
use crate::definition::column::Column;
use crate::definition::dimension::DimensionDefinition;
use crate::limits;

const HEAD: &str = "seismic table 1\n";

/// A version of a table.
pub struct Version {
    hash: String,
    rows: Arc<Kept>,
    /// Every key that it has a row of.
    keys: HashSet<Box<[u8]>>,
}

impl Version {
    /// The version that some rows are, and its content.
    ///
    /// # Errors
    /// What of them cannot be, so that the table stays as it was.
    pub fn of_rows(
        table: &DimensionDefinition,
        mut rows: Vec<TableRow>,
    ) -> Result<(Version, Vec<u8>), String> {
        let most = limits::DIMENSION_ROWS;
        if rows.len() > most {
            return Err(format!("it has {} rows, more than {most}", rows.len()));
        }
        let key_places: Vec<usize> = table.key_places().flatten().collect();
        let order = |a: &TableRow, b: &TableRow| {
            let by = |place: &usize| a[*place].compare(&b[*place]);
            let of_key = key_places.iter().map(by).find(|it| it.is_ne());
            let all = a.iter().zip(b).map(|(a, b)| a.compare(b));
            of_key
                .or_else(|| all.into_iter().find(|it| it.is_ne()))
                .unwrap_or(std::cmp::Ordering::Equal)
        };
        rows.sort_by(order);
        let mut content = Vec::new();
        content.extend_from_slice(head(table).as_bytes());
        for cell in rows.iter().flatten() {
            cells::push(cell.cell(), &mut content);
        }
        let most = limits::DIMENSION_BYTES;
        if content.len() > most {
            let (bytes, most) = (content.len(), most >> 20);
            return Err(format!("it takes {bytes} bytes as it is stored, more than {most} MiB"));
        }
        let version = Version::decode(table, &content)?;
        Ok((version, content))
    }

    /// The version with that content.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn decode(table: &DimensionDefinition, content: &[u8]) -> Result<Version, String> {
        let mut rest = content
            .strip_prefix(head(table).as_bytes())
            .ok_or("it is no table with these columns and this key")?;
        let mut batch = Batch::new(table.columns.len());
        while !rest.is_empty() {
            for _ in &table.columns {
                batch.push(cells::pop(&mut rest).ok_or("it ends within a row")?);
            }
        }
        let key_places: Vec<usize> = table.key_places().flatten().collect();
        let (mut keys, mut bytes) = (HashSet::new(), Vec::new());
        for row in 0..batch.rows() {
            bytes.clear();
            for place in &key_places {
                if !key::push(batch.cell(row, *place), &mut bytes) {
                    let Column { name, .. } = &table.columns[*place];
                    return Err(format!("{name} of its key is NULL in a row"));
                }
            }
            if !keys.insert(bytes.clone().into_boxed_slice()) && table.unique {
                let shown = key_places.iter().map(|place| {
                    let cell = batch.cell(row, *place);
                    format!("{} = {}", table.columns[*place].name, Shown(cell))
                });
                let shown: Vec<_> = shown.collect();
                return Err(format!(
                    "two of its rows have {}: write unique = false where each of them is to give a row",
                    shown.join(", ")
                ));
            }
        }
        let digest = Sha256::digest(content);
        let hash = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Version { hash, rows: Arc::new(Kept::new(batch)), keys })
    }

    /// Its name: SHA-256 of its content, in hex.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Its rows.
    pub fn kept(&self) -> &Arc<Kept> {
        &self.rows
    }

    /// How many it has.
    pub fn rows(&self) -> usize {
        self.rows.rows().rows()
    }

    /// Whether it has a row with that key, as [`key::push`] writes it.
    pub fn has(&self, key: &[u8]) -> bool {
        self.keys.contains(key)
    }
}

/// How many rows the version has that these are.
///
/// # Errors
/// Why they cannot be one.
pub fn rows_of_version(table: &DimensionDefinition, rows: Vec<TableRow>) -> Result<u64, String> {
    Version::of_rows(table, rows).map(|(version, _)| version.rows() as u64)
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "version {} of {} rows", self.hash, self.rows())
    }
}

/// A value as people write it.
pub struct Shown<'a>(pub Cell<'a>);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Cell::Null => f.write_str("NULL"),
            Cell::Integer(value) => write!(f, "{value}"),
            Cell::Real(value) => write!(f, "{value:?}"),
            Cell::Text(text) => write!(f, "{:?}", &text[..text.floor_char_boundary(100)]),
            Cell::Blob(bytes) => write!(f, "{} bytes", bytes.len()),
        }
    }
}

fn head(table: &DimensionDefinition) -> String {
    let names = |all: &mut dyn Iterator<Item = String>| all.collect::<Vec<_>>();
    let columns = names(&mut table.columns.iter().map(|it| format!("{} {}", it.name, it.kind)));
    let both = serde_json::json!({ "columns": columns, "key": table.key });
    format!("{HEAD}{both}\n")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::definition::column::ColumnKind;
    use crate::definition::dimension::Missing;
    use crate::dimension::rows::Value;

    fn table(unique: bool) -> DimensionDefinition {
        let column = |name: &str, kind| Column { name: name.to_owned(), kind };
        DimensionDefinition {
            name: "t".to_owned(),
            columns: vec![
                column("kind", ColumnKind::Int),
                column("limit", ColumnKind::Real),
                column("unit", ColumnKind::Text),
            ],
            key: vec!["Kind".to_owned()],
            on: vec!["kind".to_owned()],
            unique,
            missing: Missing::DeadLetter,
        }
    }

    fn row(kind: i64, limit: f64, unit: &str) -> TableRow {
        vec![Value::Integer(kind), Value::Real(limit), Value::Text(unit.to_owned())]
    }

    proptest! {
        #[test]
        fn the_same_rows_are_the_same_version_in_any_order(
            rows in proptest::collection::vec((-9..9_i64, any::<f64>(), ".{0,3}"), 0..20),
            turn in 0..20_usize,
        ) {
            let rows: Vec<TableRow> = rows.iter()
                .map(|(kind, limit, unit)| row(*kind, if limit.is_finite() { *limit } else { 0.5 }, unit))
                .collect();
            let mut turned = rows.clone();
            turned.rotate_left(turn.min(rows.len()));
            let (a, content) = Version::of_rows(&table(false), rows).unwrap();
            let (b, same) = Version::of_rows(&table(false), turned).unwrap();
            prop_assert_eq!(a.hash(), b.hash());
            prop_assert_eq!(&content, &same);
            let again = Version::decode(&table(false), &content).unwrap();
            prop_assert_eq!(again.hash(), a.hash());
            for end in 0..content.len() {
                // Cut between two rows it is a table too, and another version.
                if let Ok(cut) = Version::decode(&table(false), &content[..end]) {
                    prop_assert_ne!(cut.hash(), a.hash());
                }
            }
        }

        #[test]
        fn bytes_that_are_no_version_are_refused_or_have_another_name(bytes: Vec<u8>) {
            let content = [head(&table(true)).as_bytes(), &bytes].concat();
            let _ = Version::decode(&table(true), &content);
            prop_assert!(Version::decode(&table(true), &bytes).is_err());
        }
    }

    #[test]
    fn a_key_twice_or_null_is_refused_with_its_values() {
        let twice = vec![row(1, 0.5, "a"), row(2, 1.0, ""), row(1, 0.7, "b")];
        let why = Version::of_rows(&table(true), twice.clone()).unwrap_err();
        assert!(why.contains("two of its rows have kind = 1: write unique = false"), "{why}");
        let (version, _) = Version::of_rows(&table(false), twice).unwrap();
        assert_eq!(version.rows(), 3);
        let null = vec![vec![Value::Null, Value::Real(1.0), Value::Null]];
        let why = Version::of_rows(&table(false), null).unwrap_err();
        assert_eq!(why, "kind of its key is NULL in a row");
    }

    #[test]
    fn a_table_beyond_its_bounds_is_refused_with_the_bound() {
        let rows = (0..=limits::DIMENSION_ROWS as i64).map(|i| row(i, 0.0, "")).collect();
        let why = Version::of_rows(&table(true), rows).unwrap_err();
        assert_eq!(why, "it has 200001 rows, more than 200000");
        let long = "x".repeat(limits::DIMENSION_BYTES / 2);
        let why = Version::of_rows(&table(true), vec![row(1, 0.0, &long), row(2, 0.0, &long)]);
        assert!(why.unwrap_err().ends_with("more than 16 MiB"));
    }
}
