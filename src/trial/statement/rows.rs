//! Rows of a statement's output that are expected, and how those that came differ.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde_json::{Map, Value};

use crate::error::Usage;
use crate::trial::limits;

/// How many rows a difference is looked past for the next ones that are equal.
const LOOK_AHEAD: usize = 100;

/// Objects of a file: in lines, in a list, as `seismic test --json` prints them, or as `seismic read
/// --format json` does.
///
/// # Errors
/// [`Usage`] with the place of the first thing that is no row.
pub fn expected(path: &Path) -> Result<Vec<Map<String, Value>>, Usage> {
    let named = |why: String| Usage(format!("{}: {why}", path.display()));
    let (mut text, most) = (String::new(), limits::EXPECTED_BYTES);
    let file = File::open(path).map_err(|error| named(error.to_string()))?;
    let read = file.take(most + 1).read_to_string(&mut text);
    read.map_err(|error| named(error.to_string()))?;
    if text.len() as u64 > most {
        return Err(named(format!("it is longer than {} MiB: compare a part of it", most >> 20)));
    }
    rows_of(&text).map_err(named)
}

fn rows_of(text: &str) -> Result<Vec<Map<String, Value>>, String> {
    let mut all = Vec::new();
    for value in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
        match value.map_err(|error| format!("it is no JSON: {error}"))? {
            Value::Array(rows) => all.extend(rows),
            Value::Object(mut it) if it.get("rows").is_some_and(Value::is_array) => {
                let rows = it.remove("rows");
                all.extend(rows.iter().filter_map(Value::as_array).flatten().cloned());
            }
            Value::Object(mut it) if it.get("value").is_some_and(Value::is_object) => {
                all.extend(it.remove("value"));
            }
            value => all.push(value),
        }
    }
    let object = |(number, row)| match row {
        Value::Object(row) => Ok(row),
        _ => Err(format!("row {number}: it is no JSON object")),
    };
    (1..).zip(all).map(object).collect()
}

/// How rows differ from those that are expected, both in the order of the input. Columns that an
/// expected row does not name are not compared.
///
/// # Errors
/// An expected row has a column that no row can have.
pub fn differences(
    expected: &[Map<String, Value>],
    found: &[Value],
    (columns, tolerance): (&[String], f64),
) -> Result<Vec<String>, Usage> {
    for (number, row) in (1..).zip(expected) {
        let is_known = |name: &&String| columns.contains(name) || name.as_str() == "_id";
        if let Some(name) = row.keys().find(|name| !is_known(name)) {
            let near = seismic_sinks::nearest(name, columns.iter().map(String::as_str));
            let near = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
            return Err(Usage(format!(
                "--expect: row {number}: the output has no column {name}{near}"
            )));
        }
    }
    let is_same = |wanted: &Map<String, Value>, row: &Value| {
        wanted.iter().all(|(name, value)| is_equal(value, &row[name.as_str()], tolerance))
    };
    let (mut i, mut k, mut all) = (0, 0, Vec::new());
    while i < expected.len() || k < found.len() {
        let (Some(wanted), Some(row)) = (expected.get(i), found.get(k)) else {
            let lacking = expected[i..].iter().map(missing);
            let further = found[k..].iter().map(|row| unexpected(k, row));
            all.extend(lacking.chain(further));
            break;
        };
        if is_same(wanted, row) {
            (i, k) = (i + 1, k + 1);
            continue;
        }
        // Whichever side has fewer rows that the other one lacks.
        let ahead = (1..=LOOK_AHEAD).find_map(|by| {
            let is_missing = expected.get(i + by).is_some_and(|wanted| is_same(wanted, row));
            let is_further = found.get(k + by).is_some_and(|row| is_same(wanted, row));
            (is_missing || is_further).then_some((by, is_missing))
        });
        match ahead {
            Some((by, true)) => {
                all.extend(expected[i..i + by].iter().map(missing));
                i += by;
            }
            Some((by, false)) => {
                let further = (k..).zip(&found[k..k + by]);
                all.extend(further.map(|(place, row)| unexpected(place, row)));
                k += by;
            }
            None => {
                for (name, value) in wanted {
                    let found = &row[name.as_str()];
                    if !is_equal(value, found, tolerance) {
                        let number = k + 1;
                        all.push(format!("row {number}: {name} is {found}, expected {value}"));
                    }
                }
                (i, k) = (i + 1, k + 1);
            }
        }
    }
    Ok(all)
}

fn missing(row: &Map<String, Value>) -> String {
    format!("missing: {}", Value::Object(row.clone()))
}

fn unexpected(place: usize, row: &Value) -> String {
    format!("row {} was not expected: {row}", place + 1)
}

/// Whether a value is the expected one: numbers as `--tolerance` says.
fn is_equal(wanted: &Value, found: &Value, tolerance: f64) -> bool {
    match (wanted.as_f64(), found.as_f64()) {
        (Some(a), Some(b)) => a == b || (a - b).abs() <= tolerance * a.abs().max(1.0),
        _ => wanted == found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(expected: &str, found: &str, tolerance: f64) -> Vec<String> {
        let found: Vec<Value> = rows_of(found).unwrap().into_iter().map(Value::Object).collect();
        let columns = ["a".to_owned(), "b".to_owned()];
        differences(&rows_of(expected).unwrap(), &found, (&columns, tolerance)).unwrap()
    }

    #[test]
    fn a_row_too_few_or_too_many_is_one_difference() {
        let all = r#"{"a":1}{"a":2}{"a":3}{"a":4}"#;
        assert_eq!(of(all, all, 0.0), [""; 0]);
        assert_eq!(of(all, r#"{"a":1}{"a":3}{"a":4}"#, 0.0), [r#"missing: {"a":2}"#]);
        assert_eq!(
            of(r#"{"a":1}{"a":4}"#, r#"[{"a":1},{"a":2},{"a":4}]"#, 0.0),
            [r#"row 2 was not expected: {"a":2}"#]
        );
        assert_eq!(of(all, r#"{"a":1}{"a":2}"#, 0.0).len(), 2);
        assert_eq!(of("", all, 0.0).len(), 4);
    }

    #[test]
    fn what_differs_in_a_row_is_named_with_both_values() {
        let found = r#"{"a":1.05,"b":"x"}"#;
        assert_eq!(of(r#"{"a":1,"b":"x"}"#, found, 0.0), ["row 1: a is 1.05, expected 1"]);
        assert_eq!(of(r#"{"a":1}"#, found, 0.1), [""; 0]);
        assert_eq!(of(r#"{"b":null}"#, found, 0.0), ["row 1: b is \"x\", expected null"]);
        assert_eq!(of(r#"{"b":null}"#, r#"{"a":1}"#, 0.0), [""; 0], "NULL and nothing are one");
    }

    #[test]
    fn rows_are_taken_from_whatever_prints_them() {
        for text in [
            r#"{"a":1}"#,
            r#"[{"a":1}]"#,
            r#"{"rows":[{"a":1}],"counts":{}}"#,
            r#"{"partition":0,"offset":0,"value":{"a":1}}"#,
        ] {
            assert_eq!(rows_of(text).unwrap().len(), 1, "{text}");
            assert_eq!(rows_of(text).unwrap()[0]["a"], 1, "{text}");
        }
        assert!(rows_of("[1]").unwrap_err().contains("row 1: it is no JSON object"));
        assert!(rows_of("a,b\n").unwrap_err().contains("it is no JSON"));
    }

    #[test]
    fn a_column_that_the_output_has_not_is_refused_with_the_nearest() {
        let columns = ["UsedRatio".to_owned()];
        let expected = rows_of(r#"{"UsedRation":1}"#).unwrap();
        let Usage(why) = differences(&expected, &[], (&columns, 0.0)).unwrap_err();
        assert!(why.contains("has no column UsedRation; did you mean UsedRatio?"), "{why}");
    }
}
