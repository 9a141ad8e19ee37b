//! Which rows of the result topic a sink receives: the option `where`.
//!
//! One comparison of a column with a value, or several joined by `and`:
//!
//! ```text
//! sensor_id = 'IV.ABC' and max_amplitude >= 2.5 and pane = 0 and place is not null
//! ```
//!
//! * `=`, `!=` (or `<>`), `<`, `<=`, `>`, `>=`; `is null`, `is not null`.
//! * A value is a number, a word, or a text in quotes, in which a quote is written twice. It must
//!   be one of the column's: times are ms since 1970 or as `'2026-01-31T12:00:00Z'`.
//! * Texts are compared by their bytes, words of an enum on their own. A row with no value in a
//!   column, or with NaN, matches only `!=` or `is null`.

use std::cmp::Ordering;

use seismic_proto::{Column, ColumnType, Row, Schema, Value, ValueRef};

use crate::{Error, Result, nearest};

/// A condition that rows meet or do not.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Filter(Vec<Comparison>);

/// A comparison with a column of the schema.
#[derive(Clone, Debug, PartialEq)]
struct Comparison {
    /// Its place in the schema.
    column: usize,
    test: Test,
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    IsNull(bool),
    Is(Operator, Value),
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    Other,
    Less,
    AtMost,
    More,
    AtLeast,
}

/// A comparison as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Term {
    column: String,
    /// The operator and the value; `None`: whether there is one.
    with: Option<(Operator, String)>,
    is_null: bool,
}

/// Longest operators first: one is the beginning of another.
const OPERATORS: [(&str, Operator); 7] = [
    ("<=", Operator::AtMost),
    (">=", Operator::AtLeast),
    ("!=", Operator::Other),
    ("<>", Operator::Other),
    ("=", Operator::Equal),
    ("<", Operator::Less),
    (">", Operator::More),
];

/// Reads the words of a condition; empty: every row.
///
/// # Errors
/// What is not as it should be.
pub(crate) fn read(text: &str) -> std::result::Result<Vec<Term>, String> {
    let mut terms = Vec::new();
    let mut rest = text.trim();
    if rest.is_empty() {
        return Ok(terms);
    }
    loop {
        let (term, after) = term(rest)
            .map_err(|what| format!("where has {what} at {rest:?}; write COLUMN = VALUE and …"))?;
        terms.push(term);
        if after.is_empty() {
            return Ok(terms);
        }
        rest = keyword(after, "and").ok_or_else(|| {
            format!("where has {after:?} after a comparison; only `and` is allowed there")
        })?;
    }
}

/// The first comparison, and what stands behind it.
fn term(text: &str) -> std::result::Result<(Term, &str), &'static str> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let end = text.find(|c| !is_name(c)).unwrap_or(text.len());
    let (column, rest) = (text[..end].to_owned(), text[end..].trim_start());
    if column.is_empty() {
        return Err("no name of a column");
    }
    if let Some(rest) = keyword(rest, "is") {
        let (is_null, rest) = match keyword(rest, "not") {
            Some(rest) => (false, rest),
            None => (true, rest),
        };
        let rest = keyword(rest, "null").ok_or("`is` without `null`")?;
        return Ok((Term { column, with: None, is_null }, rest));
    }
    let found = OPERATORS.iter().find_map(|(word, it)| Some((*it, rest.strip_prefix(word)?)));
    let (operator, rest) = found.ok_or("no comparison")?;
    let (value, rest) = value(rest.trim_start())?;
    Ok((Term { column, with: Some((operator, value)), is_null: false }, rest))
}

/// What stands behind a word, if the text begins with it.
fn keyword<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let begin = text.get(..word.len())?;
    let rest = &text[word.len()..];
    let is_whole = !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    (begin.eq_ignore_ascii_case(word) && is_whole).then(|| rest.trim_start())
}

/// A value, and what stands behind it.
fn value(text: &str) -> std::result::Result<(String, &str), &'static str> {
    let Some(quoted) = text.strip_prefix('\'') else {
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        let word = &text[..end];
        if word.is_empty() || word.contains('\'') {
            return Err("no value");
        }
        return Ok((word.to_owned(), text[end..].trim_start()));
    };
    let (mut value, mut rest) = (String::new(), quoted);
    loop {
        let end = rest.find('\'').ok_or("a quote that is not closed")?;
        value += &rest[..end];
        rest = &rest[end + 1..];
        match rest.strip_prefix('\'') {
            Some(more) => {
                value.push('\'');
                rest = more;
            }
            None => return Ok((value, rest.trim_start())),
        }
    }
}

impl Filter {
    /// The condition of a sink for rows of this schema; `None`: it is given every row.
    ///
    /// # Errors
    /// [`Error::Condition`] when the rows have no such column, or a value is none of its column's.
    pub(crate) fn of(condition: &str, schema: &Schema) -> Result<Option<Filter>> {
        let filter = read(condition).and_then(|terms| Filter::new(&terms, schema));
        let filter = filter.map_err(|why| Error::Condition { why })?;
        Ok(if filter.0.is_empty() { None } else { Some(filter) })
    }

    fn new(terms: &[Term], schema: &Schema) -> std::result::Result<Filter, String> {
        let comparisons = terms.iter().map(|term| comparison(term, schema));
        comparisons.collect::<std::result::Result<_, _>>().map(Filter)
    }

    /// Whether a row meets the condition.
    pub(crate) fn matches(&self, row: &Row) -> bool {
        self.0.iter().all(|comparison| comparison.test.holds(row.get(comparison.column)))
    }
}

fn comparison(term: &Term, schema: &Schema) -> std::result::Result<Comparison, String> {
    let known = || schema.columns().iter().map(|column| &*column.name);
    let place = schema.index_of(&term.column).ok_or_else(|| {
        let advice = nearest(&term.column, known()).map_or_else(
            || format!("they have {}", known().collect::<Vec<_>>().join(", ")),
            |near| format!("did you mean {near}?"),
        );
        format!("where has the column {:?}, which the rows do not have: {advice}", term.column)
    })?;
    let column = &schema.columns()[place];
    let test = match &term.with {
        None => Test::IsNull(term.is_null),
        Some((operator, text)) => Test::Is(*operator, value_of(column, *operator, text)?),
    };
    Ok(Comparison { column: place, test })
}

/// The value of a column that a text means.
fn value_of(column: &Column, operator: Operator, text: &str) -> std::result::Result<Value, String> {
    let is_ordered = !matches!(column.kind, ColumnType::Bool | ColumnType::Enum(_));
    if !is_ordered && !matches!(operator, Operator::Equal | Operator::Other) {
        return Err(format!("where compares {}, which is only equal or not", column.name));
    }
    let of_time = || {
        let time: jiff::Timestamp = text.parse().ok()?;
        (column.kind == ColumnType::TimestampMs).then(|| Value::Int64(time.as_millisecond()))
    };
    let is_number = |value: &Value| match value {
        Value::Float32(value) => !value.is_nan(),
        Value::Float64(value) => !value.is_nan(),
        _ => true,
    };
    column.parse(text).or_else(of_time).filter(is_number).ok_or_else(|| {
        let like = match column.kind {
            ColumnType::Bool => "true or false".to_owned(),
            ColumnType::Enum(words) => format!("one of {}", words.join(", ")),
            ColumnType::TimestampMs => "ms since 1970 or '2026-01-31T12:00:00Z'".to_owned(),
            ColumnType::Float32 | ColumnType::Float64 => "a number".to_owned(),
            _ => "a whole number in its range".to_owned(),
        };
        format!("where compares {} with {text:?}; it must be {like}", column.name)
    })
}

impl Test {
    fn holds(&self, found: ValueRef<'_>) -> bool {
        match self {
            Test::IsNull(is_null) => (found == ValueRef::Null) == *is_null,
            Test::Is(operator, value) => operator.holds(order(found, value.as_ref())),
        }
    }
}

impl Operator {
    fn holds(self, order: Option<Ordering>) -> bool {
        match self {
            Operator::Equal => order == Some(Ordering::Equal),
            Operator::Other => order != Some(Ordering::Equal),
            Operator::Less => order == Some(Ordering::Less),
            Operator::AtMost => order.is_some_and(Ordering::is_le),
            Operator::More => order == Some(Ordering::Greater),
            Operator::AtLeast => order.is_some_and(Ordering::is_ge),
        }
    }
}

/// How two values of a column are ordered; `None` where they are not.
fn order(one: ValueRef<'_>, other: ValueRef<'_>) -> Option<Ordering> {
    match (one, other) {
        (ValueRef::Text(one), ValueRef::Text(other)) => Some(one.as_bytes().cmp(other.as_bytes())),
        (ValueRef::Bool(one), ValueRef::Bool(other)) => Some(one.cmp(&other)),
        (ValueRef::Int32(one), ValueRef::Int32(other)) => Some(one.cmp(&other)),
        (ValueRef::UInt32(one), ValueRef::UInt32(other)) => Some(one.cmp(&other)),
        (ValueRef::Int64(one), ValueRef::Int64(other)) => Some(one.cmp(&other)),
        (ValueRef::Float32(one), ValueRef::Float32(other)) => one.partial_cmp(&other),
        (ValueRef::Float64(one), ValueRef::Float64(other)) => one.partial_cmp(&other),
        (ValueRef::Enum(one), ValueRef::Enum(other)) => Some(one.cmp(&other)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{row, three};

    fn filter(text: &str, schema: &Schema) -> std::result::Result<Filter, String> {
        read(text).and_then(|terms| Filter::new(&terms, schema))
    }

    /// Which of the first six rows of partition 0 match.
    fn matching(text: &str) -> Vec<u64> {
        let filter = filter(text, Schema::windows()).unwrap();
        (0..6).filter(|&i| filter.matches(&Row::Window(row(0, i)))).collect()
    }

    #[test]
    fn comparisons_choose_rows_by_every_type() {
        for (text, rows) in [
            ("", &[0, 1, 2, 3, 4, 5][..]),
            ("max_amplitude >= 2", &[2, 3, 4, 5]),
            ("max_amplitude>2 and max_amplitude<5", &[3, 4]),
            ("max_amplitude != 0 AND clock_era = 0", &[2, 4]),
            ("sensor_id = 'S0'", &[0, 4]),
            ("sensor_id = S0", &[0, 4]),
            ("sensor_id <> 'S0' and sensor_id < 'S0,'", &[2]),
            ("window_start_ts <= '1970-01-01T00:00:02Z'", &[0, 1, 2]),
            ("window_start_ts > 3999", &[4, 5]),
            ("closed_by = time and rejected_count = 1", &[1, 4]),
            ("closed_by != time", &[]),
            ("sensor_id is null", &[]),
            ("sensor_id is not null and pane = 1 and max_amplitude = 3", &[3]),
        ] {
            assert_eq!(matching(text), rows, "{text}");
        }
    }

    #[test]
    fn a_value_that_is_missing_or_nan_matches_only_what_says_so() {
        let schema = three::schema();
        let empty = three::row(0, 1);
        for (text, holds) in [
            ("place is null", true),
            ("place is not null", false),
            ("magnitude = 0", false),
            ("magnitude < 5", false),
            ("magnitude != 0", true),
        ] {
            assert_eq!(filter(text, &schema).unwrap().matches(&empty), holds, "{text}");
        }
    }

    #[test]
    fn quotes_and_words_are_read_as_they_stand() {
        let terms = read("a = 'it''s = and' and b>=-1.5e3 and andy is not null").unwrap();
        let values: Vec<_> =
            terms.iter().map(|term| term.with.as_ref().map(|(_, value)| &**value)).collect();
        assert_eq!(values, [Some("it's = and"), Some("-1.5e3"), None]);
        assert_eq!(terms[2].column, "andy");
    }

    #[test]
    fn what_is_no_condition_is_named_with_what_was_meant() {
        for (text, why) in [
            ("max_amplitude", "no comparison"),
            ("= 3", "no name"),
            ("pane =", "no value"),
            ("pane = 'a", "not closed"),
            ("pane = 1 or pane = 2", "only `and`"),
            ("pane = 1 and", "no name"),
            ("pane is 3", "without `null`"),
            ("maxamplitude > 1", "did you mean max_amplitude?"),
            ("pane = 1.5", "whole number"),
            ("rsam = NaN", "a number"),
            ("closed_by = never", "one of unknown, time"),
            ("closed_by < time", "only equal or not"),
            ("window_start_ts > 'noon'", "ms since 1970"),
        ] {
            let error = filter(text, Schema::windows()).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
