//! Rows against rows that were expected: which are equal, and of the others what differs.
//!
//! Rows belong together when sensor, window, pane and era of the clock are the same, as far as the
//! expectation has these columns. One that stays alone is shown with the one that is nearest to it:
//! the same sensor first, then time.

use std::collections::BTreeMap;
use std::fmt;

use seismic_proto::{Column, ColumnType, Row, Schema, SeismicAggRecord, Value};
use serde::Serialize;

use super::expected::{Expected, ExpectedRow};
use super::limits;
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
        for &place in &alone {
            let row = &self.expected.rows[place];
            let nearest = self.nearest_found(&row.values, &unexpected);
            self.add_alone(&mut result, "missing", row, nearest);
        }
        for &place in &unexpected {
            let row = &self.found[place];
            let nearest = self.nearest_expected(row, &alone);
            self.add_unexpected(&mut result, row, nearest);
        }
        result
    }

    /// Pairs rows of one key: equal ones first, the rest in their order.
    fn pair(
        &self,
        mut wanted: Vec<usize>,
        mut there: Vec<usize>,
        result: &mut Comparison,
        (alone, unexpected): (&mut Vec<usize>, &mut Vec<usize>),
    ) {
        wanted.retain(|&want| {
            let want = &self.expected.rows[want].values;
            let same = there.iter().position(|&is| self.fields(want, &self.found[is]).is_empty());
            let Some(same) = same else { return true };
            there.remove(same);
            result.equal += 1;
            false
        });
        let pairs = wanted.len().min(there.len());
        for (want, is) in wanted.drain(..pairs).zip(there.drain(..pairs)) {
            let want = &self.expected.rows[want];
            result.differing += 1;
            result.add(Difference {
                kind: "differs",
                row: shown(&self.found[is]),
                place: Some(want.place.clone()),
                nearest: None,
                fields: self.fields(&want.values, &self.found[is]),
            });
        }
        alone.extend(wanted);
        unexpected.extend(there);
    }

    fn add_alone(
        &self,
        result: &mut Comparison,
        kind: &'static str,
        row: &ExpectedRow,
        nearest: Option<usize>,
    ) {
        let nearest = nearest.map(|place| &self.found[place]);
        result.add(Difference {
            kind,
            row: shown(&row.values),
            place: Some(row.place.clone()),
            nearest: nearest.map(shown),
            fields: nearest.map(|is| self.fields(&row.values, is)).unwrap_or_default(),
        });
    }

    fn add_unexpected(&self, result: &mut Comparison, row: &Values, nearest: Option<usize>) {
        let nearest = nearest.map(|place| &self.expected.rows[place]);
        result.add(Difference {
            kind: "unexpected",
            row: shown(row),
            place: None,
            nearest: nearest.map(|want| format!("{} ({})", shown(&want.values), want.place)),
            fields: nearest.map(|want| self.fields(&want.values, row)).unwrap_or_default(),
        });
    }

    /// The row that there is nearest to an expected one: rather one that nobody expected.
    fn nearest_found(&self, row: &Values, unexpected: &[usize]) -> Option<usize> {
        let all = || (0..self.found.len()).filter(|&at| is_same_sensor(row, &self.found[at]));
        let mine = unexpected.iter().copied().filter(|&at| is_same_sensor(row, &self.found[at]));
        let near = |at: &usize| distance(row, &self.found[*at]);
        mine.min_by_key(near).or_else(|| all().min_by_key(near))
    }

    fn nearest_expected(&self, row: &Values, alone: &[usize]) -> Option<usize> {
        let of = |at: usize| &self.expected.rows[at].values;
        let all = || (0..self.expected.rows.len()).filter(|&at| is_same_sensor(row, of(at)));
        let mine = alone.iter().copied().filter(|&at| is_same_sensor(row, of(at)));
        let near = |at: &usize| distance(row, of(*at));
        mine.min_by_key(near).or_else(|| all().min_by_key(near))
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
    fn add(&mut self, difference: Difference) {
        if self.differences.len() < limits::DIFFERENCES_KEPT {
            self.differences.push(difference);
        }
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

fn is_same_sensor(a: &Values, b: &Values) -> bool {
    let sensor = place_of("sensor_id");
    a[sensor].is_none() || b[sensor].is_none() || a[sensor] == b[sensor]
}

fn distance(a: &Values, b: &Values) -> u64 {
    let start = place_of("window_start_ts");
    match (&a[start], &b[start]) {
        (Some(Value::Int64(a)), Some(Value::Int64(b))) => a.abs_diff(*b),
        _ => 0,
    }
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
}
