//! Rows against rows that were expected: which are equal, and of the others what differs.
//!
//! Rows belong together when sensor, window, pane and era of the clock are the same, as far as the
//! expectation has these columns in all of its rows. One that stays alone is shown with the one that is
//! nearest to it: the same sensor first, then time. However rows differ, comparing takes little more
//! than reading them: what is looked for long is bounded.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::fmt;

use seismic_proto::{Column, ColumnType, Row, Schema, SeismicAggRecord, Value};
use serde::Serialize;

use super::expected::Expected;
use super::limits;
use super::nearest::{Nearest, RowKey};
use crate::time::show_ms;

/// Columns that tell which rows belong together.
const KEY: [&str; 5] = ["sensor_id", "window_start_ts", "window_end_ts", "clock_era", "pane"];

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Comparison {
    /// Rows that were expected.
    pub expected: u64,
    /// Rows that there are.
    pub found: u64,
    /// Rows that are as expected.
    pub equal: u64,
    /// Rows of which a field differs.
    pub differing: u64,
    /// Expected rows that are not there.
    pub missing: u64,
    /// Rows that nobody expected.
    pub unexpected: u64,
    /// The first of all differences.
    pub differences: Vec<Difference>,
}

/// One row that is not as it should be.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// `differs`, `missing` or `unexpected`.
    pub kind: &'static str,
    /// Sensor and window.
    pub row: String,
    /// Where the expected row is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// The row that is nearest to one that stays alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nearest: Option<String>,
    /// Fields that differ, also from the nearest row.
    pub fields: Vec<FieldDifference>,
}

/// One field that is not as it should be.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FieldDifference {
    /// The column.
    pub field: String,
    /// What was expected.
    pub expected: String,
    /// What is there.
    pub found: String,
}

/// A row with a value for each column.
type Values = Vec<Option<Value>>;

impl Comparison {
    /// Compares rows with those that were expected. Numbers with decimals may differ by
    /// `tolerance`, absolutely up to 1 and relatively above.
    #[must_use]
    pub fn of(rows: &[SeismicAggRecord], expected: &Expected, tolerance: f64) -> Comparison {
        let found: Vec<Values> = rows.iter().map(values).collect();
        let mut comparer = Comparer { expected, found: &found, tolerance };
        comparer.compare()
    }

    /// Whether every row is as expected.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.equal == self.expected && self.equal == self.found
    }
}

struct Comparer<'a> {
    expected: &'a Expected,
    found: &'a [Values],
    tolerance: f64,
}

impl Comparer<'_> {
    fn compare(&mut self) -> Comparison {
        let mut result = Comparison {
            expected: self.expected.rows.len() as u64,
            found: self.found.len() as u64,
            ..Comparison::default()
        };
        let mut groups: BTreeMap<Vec<String>, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
        for (place, row) in self.expected.rows.iter().enumerate() {
            groups.entry(self.key(&row.values)).or_default().0.push(place);
        }
        for (place, row) in self.found.iter().enumerate() {
            groups.entry(self.key(row)).or_default().1.push(place);
        }
        let (mut alone, mut unexpected) = (Vec::new(), Vec::new());
        for (wanted, there) in groups.into_values() {
            self.pair(wanted, there, &mut result, (&mut alone, &mut unexpected));
        }
        (result.missing, result.unexpected) = (alone.len() as u64, unexpected.len() as u64);
        self.add_missing(&mut result, &alone, &unexpected);
        self.add_unexpected(&mut result, &alone, &unexpected);
        result
    }

    /// Pairs rows of one key: equal ones first, the rest in their order.
    fn pair(
        &self,
        wanted: Vec<usize>,
        there: Vec<usize>,
        result: &mut Comparison,
        (alone, unexpected): (&mut Vec<usize>, &mut Vec<usize>),
    ) {
        let (mut wanted, mut there) = match wanted.len().saturating_mul(there.len()) {
            0..=limits::PAIRS => self.without_equal(wanted, there, result),
            _ => self.without_same(wanted, there, result),
        };
        let pairs = wanted.len().min(there.len());
        for (want, is) in wanted.drain(..pairs).zip(there.drain(..pairs)) {
            let (want, is) = (&self.expected.rows[want], &self.found[is]);
            // Many were not compared yet.
            if self.is_same(&want.values, is) {
                result.equal += 1;
                continue;
            }
            result.differing += 1;
            result.add(|| Difference {
                kind: "differs",
                row: shown(is),
                place: Some(want.place.clone()),
                nearest: None,
                fields: self.fields(&want.values, is),
            });
        }
        alone.extend(wanted);
        unexpected.extend(there);
    }

    /// Those of a few rows that are equal to none. Rows that say more choose first.
    fn without_equal(
        &self,
        mut wanted: Vec<usize>,
        mut there: Vec<usize>,
        result: &mut Comparison,
    ) -> (Vec<usize>, Vec<usize>) {
        let mut by_columns = wanted.clone();
        let said = |&want: &usize| self.expected.rows[want].values.iter().flatten().count();
        by_columns.sort_by_key(|want| std::cmp::Reverse(said(want)));
        by_columns.retain(|&want| {
            let want = &self.expected.rows[want].values;
            let same = there.iter().position(|&is| self.is_same(want, &self.found[is]));
            same.map(|same| there.remove(same)).is_some()
        });
        result.equal += by_columns.len() as u64;
        wanted.retain(|want| !by_columns.contains(want));
        (wanted, there)
    }

    /// Those of many rows that are the same to the bit as none, in the columns that all have.
    fn without_same(
        &self,
        mut wanted: Vec<usize>,
        there: Vec<usize>,
        result: &mut Comparison,
    ) -> (Vec<usize>, Vec<usize>) {
        let texts = |row: &Values| {
            let columns = self.expected.columns.iter();
            columns.map(|&column| text(column, row[column].as_ref())).collect::<Vec<_>>()
        };
        let mut by_text: HashMap<Vec<String>, VecDeque<usize>> = HashMap::new();
        for &is in &there {
            by_text.entry(texts(&self.found[is])).or_default().push_back(is);
        }
        let mut taken = HashSet::new();
        wanted.retain(|&want| {
            let want = &self.expected.rows[want].values;
            let same = by_text.get_mut(&texts(want)).and_then(|same| {
                // Where rows say more than all do, that counts, too.
                let is = *same.front()?;
                self.is_same(want, &self.found[is]).then(|| same.pop_front())?
            });
            let Some(same) = same else { return true };
            taken.insert(same);
            result.equal += 1;
            false
        });
        (wanted, there.into_iter().filter(|is| !taken.contains(is)).collect())
    }

    /// Expected rows that are not there, each with the nearest that is: rather one that nobody
    /// expected.
    fn add_missing(&self, result: &mut Comparison, alone: &[usize], unexpected: &[usize]) {
        if alone.is_empty() || result.is_full() {
            return;
        }
        let place = |at: usize| (at, place(&self.found[at]));
        let mine = Nearest::of(unexpected.iter().map(|&at| place(at)));
        let all = Nearest::of((0..self.found.len()).map(place));
        for &at in alone.iter().take(limits::DIFFERENCES_KEPT) {
            let row = &self.expected.rows[at];
            let to = self::place(&row.values);
            let nearest = mine.to(to).or_else(|| all.to(to)).map(|at| &self.found[at]);
            result.add(|| Difference {
                kind: "missing",
                row: shown(&row.values),
                place: Some(row.place.clone()),
                nearest: nearest.map(shown),
                fields: nearest.map(|is| self.fields(&row.values, is)).unwrap_or_default(),
            });
        }
    }

    /// The same the other way round.
    fn add_unexpected(&self, result: &mut Comparison, alone: &[usize], unexpected: &[usize]) {
        if unexpected.is_empty() || result.is_full() {
            return;
        }
        let place = |at: usize| (at, place(&self.expected.rows[at].values));
        let mine = Nearest::of(alone.iter().map(|&at| place(at)));
        let all = Nearest::of((0..self.expected.rows.len()).map(place));
        for &at in unexpected.iter().take(limits::DIFFERENCES_KEPT) {
            let row = &self.found[at];
            let to = self::place(row);
            let nearest = mine.to(to).or_else(|| all.to(to)).map(|at| &self.expected.rows[at]);
            result.add(|| Difference {
                kind: "unexpected",
                row: shown(row),
                place: None,
                nearest: nearest.map(|want| format!("{} ({})", shown(&want.values), want.place)),
                fields: nearest.map(|want| self.fields(&want.values, row)).unwrap_or_default(),
            });
        }
    }

    fn key(&self, row: &Values) -> Vec<String> {
        let columns = KEY.iter().filter_map(|name| Schema::windows().index_of(name));
        let of_file = columns.filter(|column| self.expected.columns.contains(column));
        of_file.map(|column| text(column, row[column].as_ref())).collect()
    }

    /// Fields of an expected row that are other in a row that there is.
    fn fields(&self, want: &Values, is: &Values) -> Vec<FieldDifference> {
        let mut fields = Vec::new();
        for (place, column) in Schema::windows().columns().iter().enumerate() {
            let (Some(expected), Some(found)) = (&want[place], &is[place]) else { continue };
            if self.is_equal(expected, found) {
                continue;
            }
            let words = |value: &Value| in_words(column, value);
            let (field, expected) = (column.name.to_string(), words(expected));
            fields.push(FieldDifference { field, expected, found: words(found) });
        }
        fields
    }

    /// Whether nothing that is expected of a row is other.
    fn is_same(&self, want: &Values, is: &Values) -> bool {
        want.iter().zip(is).all(|two| match two {
            (Some(expected), Some(found)) => self.is_equal(expected, found),
            _ => true,
        })
    }

    fn is_equal(&self, a: &Value, b: &Value) -> bool {
        match (a, b) {
            (Value::Float32(a), Value::Float32(b)) => self.is_near(f64::from(*a), f64::from(*b)),
            (Value::Float64(a), Value::Float64(b)) => self.is_near(*a, *b),
            _ => a == b,
        }
    }

    fn is_near(&self, a: f64, b: f64) -> bool {
        a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= self.tolerance * a.abs().max(1.0)
    }
}

impl Comparison {
    /// Adds a difference, as long as so many are told.
    fn add(&mut self, difference: impl FnOnce() -> Difference) {
        if !self.is_full() {
            self.differences.push(difference());
        }
    }

    fn is_full(&self) -> bool {
        self.differences.len() >= limits::DIFFERENCES_KEPT
    }
}

fn values(row: &SeismicAggRecord) -> Values {
    Row::Window(row.clone()).values().map(|value| Some(value.to_value())).collect()
}

fn place_of(name: &str) -> usize {
    Schema::windows().index_of(name).expect("it is a column of windows")
}

fn text(column: usize, value: Option<&Value>) -> String {
    let of = &Schema::windows().columns()[column];
    value.map(|value| of.show(value.as_ref())).unwrap_or_default()
}

fn in_words(column: &Column, value: &Value) -> String {
    match (column.kind, value) {
        (ColumnType::TimestampMs, Value::Int64(ms)) => format!("{} ({ms})", show_ms(*ms)),
        (ColumnType::Text, Value::Text(text)) => format!("{text:?}"),
        _ => column.show(value.as_ref()),
    }
}

/// Sensor and window of a row, as far as it has them.
fn shown(row: &Values) -> String {
    let start = match &row[place_of("window_start_ts")] {
        Some(Value::Int64(ms)) => format!("window {}", show_ms(*ms)),
        _ => String::new(),
    };
    let sensor = match &row[place_of("sensor_id")] {
        Some(Value::Text(sensor)) => format!("{}", seismic_proto::Shown(sensor)),
        _ => String::new(),
    };
    let pane = match &row[place_of("pane")] {
        Some(Value::Int32(pane)) if *pane > 0 => format!("pane {pane}"),
        _ => String::new(),
    };
    let parts: Vec<_> = [sensor, start, pane].into_iter().filter(|it| !it.is_empty()).collect();
    if parts.is_empty() { "a row".to_owned() } else { parts.join(" ") }
}

/// Sensor and start of the window of a row.
fn place(row: &Values) -> RowKey<'_> {
    let sensor = match &row[place_of("sensor_id")] {
        Some(Value::Text(sensor)) => Some(&**sensor),
        _ => None,
    };
    let start = match &row[place_of("window_start_ts")] {
        Some(Value::Int64(ms)) => Some(*ms),
        _ => None,
    };
    (sensor, start)
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Comparison { expected, found, equal, .. } = self;
        if self.is_equal() {
            return write!(f, "all {expected} rows are as expected");
        }
        write!(
            f,
            "{expected} rows were expected and {found} are there: {equal} are equal, {} differ, {} are \
             missing, {} are unexpected",
            self.differing, self.missing, self.unexpected
        )?;
        for difference in self.differences.iter().take(limits::DIFFERENCES_SHOWN) {
            write!(f, "\n  {difference}")?;
        }
        let all = self.differing + self.missing + self.unexpected;
        match all.saturating_sub(limits::DIFFERENCES_SHOWN as u64) {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.row)?;
        if let Some(place) = &self.place {
            write!(f, " (expected in {place})")?;
        }
        match (&self.nearest, self.kind) {
            (Some(nearest), "missing") => write!(f, "; the nearest row is {nearest}")?,
            (Some(nearest), _) => write!(f, "; the nearest expected row is {nearest}")?,
            (None, "differs") => {}
            (None, _) => write!(f, "; there is no other row of this sensor")?,
        }
        for FieldDifference { field, expected, found } in &self.fields {
            write!(f, "\n      {field}: expected {expected}, found {found}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::expected::ExpectedRow;
    use super::*;

    fn row(sensor: &str, start: i64, count: i64, mean: f64) -> SeismicAggRecord {
        SeismicAggRecord {
            sensor_id: sensor.to_owned(),
            window_start_ts: start,
            window_end_ts: start + 1_000,
            record_count: count,
            mean_amplitude: mean,
            ..SeismicAggRecord::default()
        }
    }

    fn expected(rows: &[(&str, i64, i64, f64)]) -> Expected {
        let names = ["sensor_id", "window_start_ts", "record_count", "mean_amplitude"];
        let columns: Vec<usize> = names.map(place_of).to_vec();
        let one = |(number, (sensor, start, count, mean)): (usize, &(&str, i64, i64, f64))| {
            let mut all = values(&row(sensor, *start, *count, *mean));
            for (place, value) in all.iter_mut().enumerate() {
                if !columns.contains(&place) {
                    *value = None;
                }
            }
            ExpectedRow { place: format!("line {}", number + 2), values: all }
        };
        Expected { rows: rows.iter().enumerate().map(one).collect(), columns }
    }

    #[test]
    fn equal_rows_in_any_order_are_equal_and_other_columns_are_not_looked_at() {
        let rows = [row("a", 0, 2, 1.5), row("b", 0, 2, f64::NAN)];
        let found =
            Comparison::of(&rows, &expected(&[("b", 0, 2, f64::NAN), ("a", 0, 2, 1.5)]), 0.0);
        assert!(found.is_equal(), "{found}");
        assert_eq!(found.to_string(), "all 2 rows are as expected");
    }

    #[test]
    fn a_difference_is_told_field_by_field() {
        let found = Comparison::of(&[row("a", 0, 3, 1.5)], &expected(&[("a", 0, 2, 1.4)]), 0.0);
        assert!(!found.is_equal());
        let text = found.to_string();
        assert!(text.contains("differs: a window 1970-01-01T00:00:00"), "{text}");
        assert!(text.contains("(expected in line 2)"), "{text}");
        assert!(text.contains("record_count: expected 2, found 3"), "{text}");
        assert!(text.contains("mean_amplitude: expected 1.4, found 1.5"), "{text}");
    }

    #[test]
    fn rows_that_stay_alone_name_the_nearest() {
        let rows = [row("a", 1_000, 2, 1.5), row("c", 0, 1, 0.0)];
        let want = expected(&[("a", 0, 2, 1.5), ("b", 0, 1, 0.0)]);
        let found = Comparison::of(&rows, &want, 0.0);
        assert_eq!((found.missing, found.unexpected, found.equal), (2, 2, 0));
        let text = found.to_string();
        assert!(text.contains("the nearest row is a window 1970-01-01T00:00:01"), "{text}");
        assert!(
            text.contains("the nearest expected row is a window 1970-01-01T00:00:00"),
            "{text}"
        );
        assert!(text.contains("missing: b window"), "{text}");
        assert!(text.contains("there is no other row of this sensor"), "{text}");
    }

    #[test]
    fn decimals_may_differ_by_the_tolerance() {
        let near = |tolerance| {
            let want = expected(&[("a", 0, 2, 1.0)]);
            Comparison::of(&[row("a", 0, 2, 1.001)], &want, tolerance).is_equal()
        };
        assert!(near(0.01) && !near(0.0001));
    }

    #[test]
    fn the_same_row_twice_is_once_too_many() {
        let rows = [row("a", 0, 2, 1.5), row("a", 0, 2, 1.5)];
        let found = Comparison::of(&rows, &expected(&[("a", 0, 2, 1.5)]), 0.0);
        assert_eq!((found.equal, found.unexpected), (1, 1));
    }
    /// Expected rows with these columns of a row each.
    fn saying(rows: &[(SeismicAggRecord, &[&str])]) -> Expected {
        let one = |(number, (row, names)): (usize, &(SeismicAggRecord, &[&str]))| {
            let mut all = values(row);
            for (place, column) in Schema::windows().columns().iter().enumerate() {
                if !names.contains(&&*column.name) {
                    all[place] = None;
                }
            }
            ExpectedRow { place: format!("row {}", number + 1), values: all }
        };
        let rows: Vec<_> = rows.iter().enumerate().map(one).collect();
        let has = |at: &usize| rows.iter().all(|row| row.values[*at].is_some());
        let columns = (0..Schema::windows().columns().len()).filter(has).collect();
        Expected { columns, rows }
    }

    #[test]
    fn rows_that_say_different_things_are_compared_by_what_each_says() {
        let rows = [row("a", 0, 2, 1.5), row("a", 1_000, 3, 2.5)];
        let want = saying(&[
            (rows[1].clone(), &["sensor_id", "mean_amplitude"]),
            (rows[0].clone(), &["sensor_id", "window_start_ts", "record_count"]),
        ]);
        let found = Comparison::of(&rows, &want, 0.0);
        assert!(found.is_equal(), "{found}");
        // The one that says less does not take the row of the other.
        let want = saying(&[
            (rows[1].clone(), &["sensor_id"]),
            (rows[0].clone(), &["sensor_id", "window_start_ts"]),
        ]);
        assert!(Comparison::of(&rows, &want, 0.0).is_equal());
    }

    #[test]
    fn many_rows_that_nothing_tells_apart_are_compared_in_a_moment() {
        let many = 50_000;
        let rows: Vec<_> = (0..many).map(|at| row("a", at, at, 1.5)).collect();
        let names: &[&str] = &["record_count", "mean_amplitude"];
        let mut wanted: Vec<_> = rows.iter().map(|row| (row.clone(), names)).collect();
        wanted.reverse();
        assert!(Comparison::of(&rows, &saying(&wanted), 0.0).is_equal(), "in any order");
        wanted.iter_mut().for_each(|(row, _)| row.record_count += many);
        let found = Comparison::of(&rows, &saying(&wanted), 0.0);
        assert_eq!((found.differing, found.differences.len()), (many as u64, 1_000));
        // And that many which belong to none.
        let names: &[&str] = &["sensor_id", "window_start_ts"];
        let others: Vec<_> = (0..many).map(|at| (row("a", many + at, 1, 1.5), names)).collect();
        let found = Comparison::of(&rows, &saying(&others), 0.0);
        assert_eq!((found.missing, found.unexpected), (many as u64, many as u64));
        assert_eq!(found.differences.len(), limits::DIFFERENCES_KEPT);
    }
}
