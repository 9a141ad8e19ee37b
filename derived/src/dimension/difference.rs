//! How rows that were read just now differ from a version, by key.

use std::collections::BTreeMap;
use std::sync::Arc;

use seismic_sql::Batch;

use super::key;
use super::rows::TableRow;
use super::tables::{TableError, Tables};
use super::version::{Shown, Version};
use crate::cells;
use crate::definition::dimension::DimensionDefinition;
use crate::limits;

/// How rows that were read just now differ from the version that was stored last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableDifference {
    /// The version.
    pub version: String,
    /// Its rows.
    pub rows_then: u64,
    /// Those that were read now.
    pub rows_now: u64,
    /// Keys that have rows now and had none.
    pub added: u64,
    /// Keys that had rows and have none now.
    pub gone: u64,
    /// Keys whose rows are others.
    pub changed: u64,
    /// The first keys that differ, in words; at most [`limits::DIFFERENCES_TOLD`].
    pub first: Vec<String>,
}

impl TableDifference {
    /// Whether the rows are those of the version.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.added + self.gone + self.changed == 0
    }
}

impl Tables {
    /// How `rows` differ from the version of the table that was stored last; `None` where none ever
    /// was.
    ///
    /// # Errors
    /// [`TableError`]
    pub fn difference(
        &self,
        table: &DimensionDefinition,
        rows: Vec<TableRow>,
    ) -> Result<Option<TableDifference>, TableError> {
        let (now, _) = Version::of_rows(table, rows).map_err(TableError::Rows)?;
        let then = self.stored_last(table)?;
        Ok(then.map(|then: Arc<Version>| between(table, &then, &now)))
    }
}

/// The rows of each key, with a key's rows in the order of their version.
type RowsOfKeys = BTreeMap<Vec<u8>, Vec<usize>>;

fn between(table: &DimensionDefinition, then: &Version, now: &Version) -> TableDifference {
    let (old, new) = (then.kept().rows(), now.kept().rows());
    let (mut of_old, mut of_new) = (by_key(table, old), by_key(table, new));
    let keys: Vec<_> = of_old.keys().chain(of_new.keys()).cloned().collect();
    let mut difference = TableDifference {
        version: then.hash().to_owned(),
        rows_then: then.rows() as u64,
        rows_now: now.rows() as u64,
        ..TableDifference::default()
    };
    // In the order of the rows, which people know: that of the keys is the order of their bytes.
    let mut differing: Vec<((bool, usize), String)> = Vec::new();
    for key in keys {
        match (of_old.remove(&key), of_new.remove(&key)) {
            (Some(was), Some(is)) if content(old, &was) == content(new, &is) => {}
            (Some(was), Some(is)) => {
                difference.changed += 1;
                let (was_shown, is_shown) = (shown(table, old, &was), shown(table, new, &is));
                let name = name(table, old, was[0]);
                let words = format!("{name} had {was_shown}, and has {is_shown}");
                differing.push(((false, was[0]), words));
            }
            (Some(was), None) => {
                difference.gone += 1;
                let (name, was_shown) = (name(table, old, was[0]), shown(table, old, &was));
                differing.push(((false, was[0]), format!("{name} had {was_shown}, and is gone")));
            }
            (None, Some(is)) => {
                difference.added += 1;
                let (name, is_shown) = (name(table, new, is[0]), shown(table, new, &is));
                differing.push(((true, is[0]), format!("{name} is new: {is_shown}")));
            }
            // Both have had it before.
            (None, None) => {}
        }
    }
    differing.sort_unstable();
    let words = differing.into_iter().map(|(_, words)| words);
    difference.first = words.take(limits::DIFFERENCES_TOLD).collect();
    difference
}

fn by_key(table: &DimensionDefinition, rows: &Batch) -> RowsOfKeys {
    let places: Vec<usize> = table.key_places().flatten().collect();
    let mut all = RowsOfKeys::new();
    for row in 0..rows.rows() {
        let mut bytes = Vec::new();
        for place in &places {
            // A version has no row whose key is NULL.
            let _ = key::push(rows.cell(row, *place), &mut bytes);
        }
        all.entry(bytes).or_default().push(row);
    }
    all
}

/// The rows, byte by byte as a version has them.
fn content(rows: &Batch, places: &[usize]) -> Vec<u8> {
    let mut content = Vec::new();
    for row in places {
        (0..rows.width()).for_each(|column| cells::push(rows.cell(*row, column), &mut content));
    }
    content
}

fn is_key(table: &DimensionDefinition, column: usize) -> bool {
    table.key_places().flatten().any(|place| place == column)
}

/// The key of a row.
fn name(table: &DimensionDefinition, rows: &Batch, row: usize) -> String {
    let columns = (0..table.columns.len()).filter(|column| is_key(table, *column));
    let shown = columns.map(|column| {
        format!("{} = {}", table.columns[column].name, Shown(rows.cell(row, column)))
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// What a key's first row has beside the key, and how many more there are.
fn shown(table: &DimensionDefinition, rows: &Batch, places: &[usize]) -> String {
    let columns = (0..table.columns.len()).filter(|column| !is_key(table, *column));
    let values = columns.map(|column| {
        format!("{} {}", table.columns[column].name, Shown(rows.cell(places[0], column)))
    });
    let values = values.collect::<Vec<_>>().join(", ");
    let first = if values.is_empty() { "a row".to_owned() } else { values };
    match places.len() - 1 {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::definition::column::{Column, ColumnKind};
    use crate::definition::dimension::Missing;
    use crate::dimension::rows::Value;

    fn table() -> DimensionDefinition {
        let column = |name: &str, kind| Column { name: name.to_owned(), kind };
        DimensionDefinition {
            name: "t".to_owned(),
            columns: vec![column("kind", ColumnKind::Int), column("most", ColumnKind::Real)],
            key: vec!["kind".to_owned()],
            on: vec!["kind".to_owned()],
            unique: false,
            missing: Missing::DeadLetter,
        }
    }

    fn difference(then: &[(i64, f64)], now: &[(i64, f64)]) -> TableDifference {
        let version = |rows: &[(i64, f64)]| {
            let row = |(kind, most): &(i64, f64)| vec![Value::Integer(*kind), Value::Real(*most)];
            Version::of_rows(&table(), rows.iter().map(row).collect()).unwrap().0
        };
        between(&table(), &version(then), &version(now))
    }

    #[test]
    fn what_was_added_is_gone_and_has_changed_is_counted_and_said() {
        let found = difference(
            &[(1, 0.5), (2, 0.5), (10, 1.0), (10, 2.0)],
            &[(-3, 9.0), (2, 0.5), (10, 2.0), (1, 0.75)],
        );
        assert_eq!((found.added, found.gone, found.changed), (1, 0, 2));
        assert_eq!((found.rows_then, found.rows_now), (4, 4));
        assert_eq!(
            found.first,
            [
                "kind = 1 had most 0.5, and has most 0.75",
                "kind = 10 had most 1.0 and 1 more, and has most 2.0",
                "kind = -3 is new: most 9.0",
            ]
        );
        let gone = difference(&[(1, 0.5), (2, 0.5)], &[(2, 0.5)]);
        assert_eq!(gone.first, ["kind = 1 had most 0.5, and is gone"]);
    }

    proptest! {
        #[test]
        fn rows_differ_from_a_version_exactly_where_they_are_another_one(
            then in proptest::collection::vec((0..4_i64, 0..3_i32), 0..8),
            now in proptest::collection::vec((0..4_i64, 0..3_i32), 0..8),
        ) {
            let rows = |all: &[(i64, i32)]| {
                let mut rows: Vec<_> = all.iter().map(|(key, most)| (*key, f64::from(*most))).collect();
                rows.sort_by(|a, b| a.partial_cmp(b).unwrap());
                rows
            };
            let (then, now) = (rows(&then), rows(&now));
            let found = difference(&then, &now);
            prop_assert_eq!(found.is_none(), then == now);
            let of = |rows: &[(i64, f64)], key| rows.iter().copied().filter(|row| row.0 == key).collect::<Vec<_>>();
            let differ = (0..4).filter(|key| of(&then, *key) != of(&now, *key)).count();
            prop_assert_eq!((found.added + found.gone + found.changed) as usize, differ);
        }
    }
}
