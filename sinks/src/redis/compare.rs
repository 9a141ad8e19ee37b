//! Compares the keys with the values that follow from the result topic up to the position of the
//! sink.
//!
//! The expected value of each key is computed from the topic and compared. Keys that expire, sums
//! and lists whose first rows retention has deleted, keys whose last row may be of one partition or
//! another, more than [`limits::KEYS_COMPARED`] keys or [`limits::COMPARED_BYTES`] bytes in them
//! cannot be compared, which is reported.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use seismic_proto::{Row, Schema, SeismicAggRecord};
use seismic_queue::{Offset, Partition};

use super::operation::{Operation, Plan};
use super::position;
use super::resp::Reply;
use super::session::Session;
use super::target::Target;
use crate::compare::{Comparison, RowDifferenceKind};
use crate::rows::text as row_text;
use crate::{Context, Error, Result, SinkSpec, limits};

type Bytes = Vec<u8>;

/// What a key should hold.
#[derive(Debug)]
enum ExpectedValue {
    Text(Bytes),
    Hash(BTreeMap<Bytes, Bytes>),
    /// The rows of a window, added up.
    Merged(Box<SeismicAggRecord>),
    Sum(i128),
    Float(f64),
    Members(BTreeSet<Bytes>),
    /// Each with the partition that it is of.
    Scores(BTreeMap<Bytes, (f64, Partition)>),
    /// In any order across partitions.
    List(Vec<Bytes>),
}

/// A key, how many rows are in it, and the last of them.
struct Expected {
    held: ExpectedValue,
    rows: u64,
    last: (Partition, Offset, Row),
}

/// Keys, and how long all words in them are.
#[derive(Default)]
struct Keys {
    keys: BTreeMap<Bytes, Expected>,
    bytes: usize,
}

/// Compares; the number of rows whose keys are as they should be.
pub(super) fn compare(
    spec: &SinkSpec,
    context: &Context,
    into: &mut Comparison<'_>,
) -> Result<u64> {
    let target = Target::of(spec)?;
    let nothing = |what: String| Error::NothingToCompare { sink: target.name.clone(), what };
    if target.expire_ms > 0 {
        return Err(nothing("its keys expire".to_owned()));
    }
    let mut session = Session::connect(&target, limits::CONNECT_PATIENCE)?.patient()?;
    let Some(stored) = position::read(&mut session, &target)? else {
        return Err(nothing("no sink has ever written there".to_owned()));
    };
    stored.position.check_owner(&target.name, context)?;
    let mut keys = Keys::default();
    let plan = target.plan(&context.schema)?;
    for (partition, position) in into.topic.all().zip(&stored.position.positions) {
        let held = into.held[partition.0 as usize];
        if plan.adds_up() && held.first > Offset(0) {
            return Err(nothing(
                "rows that its keys add up were deleted from the topic".to_owned(),
            ));
        }
        let mut rows = into.rows(partition, held.first, position.next)?;
        while let Some((offset, row)) = rows.next_row()? {
            let Ok((key, words)) = plan.words(&context.schema, &row) else { continue };
            let last = (partition, offset, row);
            let is_known = match plan.merges_panes {
                true => keys.merge(key, last),
                false => keys.add(plan.operation, key, words, last),
            };
            if !is_known {
                let what = "rows of several partitions share a key, whose last row is unknown";
                return Err(nothing(what.to_owned()));
            }
            if keys.keys.len() > limits::KEYS_COMPARED {
                return Err(nothing(format!("it has more than {} keys", limits::KEYS_COMPARED)));
            }
            if keys.bytes > limits::COMPARED_BYTES {
                let gib = limits::COMPARED_BYTES >> 30;
                return Err(nothing(format!("it has more than {gib} GiB of values")));
            }
        }
    }
    let (mut same, mut differing) = (0, Vec::new());
    for (key, expected) in keys.keys {
        let Expected { held, rows, last: (partition, offset, row) } = expected;
        match difference(&mut session, &key, held, &plan, &context.schema)? {
            None => same += rows,
            Some(kind) => differing.push((partition, kind, row, offset)),
        }
    }
    if !differing.is_empty() && position::read(&mut session, &target)?.as_ref() != Some(&stored) {
        let what = "its sink wrote meanwhile: compare again, or stop it first";
        return Err(nothing(what.to_owned()));
    }
    for (partition, kind, row, offset) in differing {
        into.add(partition, kind, Some(&row), None, Some(offset));
    }
    Ok(same)
}

impl Keys {
    /// Adds a row to that of its window; `false` where one of another partition has the same key.
    fn merge(&mut self, key: Bytes, last: (Partition, Offset, Row)) -> bool {
        let Row::Window(row) = &last.2 else { return true };
        match self.keys.entry(key) {
            Entry::Vacant(place) => {
                self.bytes += place.key().len() + size_of::<SeismicAggRecord>();
                let held = ExpectedValue::Merged(Box::new(row.clone()));
                place.insert(Expected { held, rows: 1, last });
            }
            Entry::Occupied(place) => {
                let expected = place.into_mut();
                if expected.last.0 != last.0 {
                    return false;
                }
                if let ExpectedValue::Merged(sum) = &mut expected.held {
                    sum.add_pane(row);
                }
                expected.rows += 1;
                expected.last = last;
            }
        }
        true
    }

    /// Does to a key what a row's command does; `false` where a row of another partition did the
    /// same, and nothing says which of them was the last.
    fn add(
        &mut self,
        operation: Operation,
        key: Bytes,
        mut words: Vec<Bytes>,
        last: (Partition, Offset, Row),
    ) -> bool {
        let number = |word: &[u8]| std::str::from_utf8(word).ok()?.parse::<f64>().ok();
        let partition = last.0;
        let expected = match self.keys.entry(key) {
            Entry::Vacant(place) => {
                self.bytes += place.key().len();
                let held = ExpectedValue::none(operation);
                place.insert(Expected { held, rows: 0, last })
            }
            Entry::Occupied(place) => {
                let expected = place.into_mut();
                let is_replaced = matches!(operation, Operation::Set | Operation::HSet);
                if is_replaced && expected.last.0 != partition {
                    return false;
                }
                expected.last = last;
                expected
            }
        };
        expected.rows += 1;
        let first = words.first().cloned().unwrap_or_default();
        match &mut expected.held {
            ExpectedValue::Text(text) => {
                self.bytes = self.bytes + first.len() - text.len();
                *text = first;
            }
            ExpectedValue::Hash(hash) => {
                for pair in words.chunks_mut(2) {
                    let [name, value] = pair else { continue };
                    self.bytes += name.len() + value.len();
                    let name_bytes = name.len();
                    let replaced = hash.insert(std::mem::take(name), std::mem::take(value));
                    self.bytes -= replaced.map_or(0, |value| name_bytes + value.len());
                }
            }
            ExpectedValue::Sum(sum) => *sum += number_of(&first),
            ExpectedValue::Float(sum) => *sum += number(&first).unwrap_or_default(),
            ExpectedValue::Members(members) => {
                let bytes = first.len();
                if members.insert(first) {
                    self.bytes += bytes;
                }
            }
            ExpectedValue::Scores(scores) => {
                let (member, score) = (words.pop().unwrap_or_default(), number(&first));
                let bytes = member.len();
                match scores.insert(member, (score.unwrap_or_default(), partition)) {
                    None => self.bytes += bytes,
                    Some((_, other)) => return other == partition,
                }
            }
            ExpectedValue::List(list) => {
                self.bytes += first.len();
                list.push(first);
            }
            ExpectedValue::Merged(_) => {}
        }
        true
    }
}

impl ExpectedValue {
    /// What a key holds before its first row.
    fn none(operation: Operation) -> ExpectedValue {
        match operation {
            Operation::HSet => ExpectedValue::Hash(BTreeMap::new()),
            Operation::Set => ExpectedValue::Text(Vec::new()),
            Operation::Incr => ExpectedValue::Sum(0),
            Operation::IncrByFloat => ExpectedValue::Float(0.0),
            Operation::SAdd => ExpectedValue::Members(BTreeSet::new()),
            Operation::ZAdd => ExpectedValue::Scores(BTreeMap::new()),
            Operation::RPush | Operation::LPush => ExpectedValue::List(Vec::new()),
        }
    }
}

fn number_of(word: &[u8]) -> i128 {
    std::str::from_utf8(word).ok().and_then(|word| word.parse().ok()).unwrap_or_default()
}

/// How a key differs from what it should hold.
fn difference(
    session: &mut Session,
    key: &[u8],
    held: ExpectedValue,
    plan: &Plan,
    schema: &Schema,
) -> Result<Option<RowDifferenceKind>> {
    let command: &[&[u8]] = match &held {
        ExpectedValue::Hash(_) | ExpectedValue::Merged(_) => &[b"HGETALL", key],
        ExpectedValue::Members(_) => &[b"SMEMBERS", key],
        ExpectedValue::Scores(_) => &[b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"],
        ExpectedValue::List(_) => &[b"LRANGE", key, b"0", b"-1"],
        ExpectedValue::Text(_) | ExpectedValue::Sum(_) | ExpectedValue::Float(_) => &[b"GET", key],
    };
    // A key of another type is refused: then it holds something else.
    let Some(found) = session.may_call("reading rows", command)? else {
        return Ok(Some(RowDifferenceKind::Differs));
    };
    if found == Reply::Nil || found == Reply::Array(Vec::new()) {
        return Ok(Some(RowDifferenceKind::Missing));
    }
    let is_same = match held {
        ExpectedValue::Text(text) => found.bytes() == Some(text),
        ExpectedValue::Sum(sum) => found.text() == Some(sum.to_string()),
        ExpectedValue::Float(sum) => {
            found.text().and_then(|it| it.parse::<f64>().ok()).is_some_and(|it| {
                // The server adds in another precision.
                (it - sum).abs() <= 1e-9 * sum.abs().max(1.0)
            })
        }
        ExpectedValue::Hash(hash) => {
            let found = pairs(found);
            hash.iter().all(|(name, value)| found.get(name) == Some(value))
        }
        ExpectedValue::Merged(row) => {
            let (row, found) = (Row::Window(*row), pairs(found));
            plan.value.iter().all(|(place, name)| {
                let expected = row_text::text(&schema.columns()[*place], row.get(*place));
                is_same_value(expected.as_deref(), found.get(name.as_bytes()))
            })
        }
        ExpectedValue::Members(members) => {
            let found: BTreeSet<Bytes> =
                found.parts().into_iter().filter_map(Reply::bytes).collect();
            members.is_subset(&found)
        }
        ExpectedValue::Scores(scores) => {
            let found = pairs(found);
            scores.iter().all(|(member, (score, _))| {
                let is = found.get(member).and_then(|it| String::from_utf8(it.clone()).ok());
                is.and_then(|it| it.parse::<f64>().ok()) == Some(*score)
            })
        }
        ExpectedValue::List(mut list) => {
            let mut found: Vec<Bytes> =
                found.parts().into_iter().filter_map(Reply::bytes).collect();
            found.sort_unstable();
            list.sort_unstable();
            found == list
        }
    };
    Ok((!is_same).then_some(RowDifferenceKind::Differs))
}

/// Whether both are the same text, or texts of the same number: the server's scripts write some in
/// another form.
fn is_same_value(expected: Option<&str>, found: Option<&Bytes>) -> bool {
    let found = found.and_then(|it| std::str::from_utf8(it).ok());
    let number = |text: Option<&str>| text.and_then(|it| it.parse::<f64>().ok());
    expected == found || number(expected).is_some_and(|it| number(found) == Some(it))
}

fn pairs(found: Reply) -> BTreeMap<Bytes, Bytes> {
    let mut parts = found.parts().into_iter().filter_map(Reply::bytes);
    let mut pairs = BTreeMap::new();
    while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
        pairs.insert(name, value);
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::row;

    fn add(keys: &mut Keys, operation: Operation, partition: u32, words: &[&str]) -> bool {
        let words = words.iter().map(|word| word.as_bytes().to_vec()).collect();
        let last = (Partition(partition), Offset(0), Row::Window(row(partition, 0)));
        keys.add(operation, b"key".to_vec(), words, last)
    }

    #[test]
    fn only_what_a_later_row_replaces_must_be_of_one_partition() {
        use Operation::{HSet, Incr, RPush, SAdd, Set, ZAdd};
        for (operation, words, other, may_be) in [
            (Set, &["a"][..], &["b"][..], false),
            (HSet, &["name", "a"], &["name", "b"], false),
            (ZAdd, &["1", "a"], &["2", "a"], false),
            (ZAdd, &["1", "a"], &["2", "b"], true),
            (Incr, &["1"], &["2"], true),
            (SAdd, &["a"], &["a"], true),
            (RPush, &["a"], &["a"], true),
        ] {
            let mut keys = Keys::default();
            assert!(add(&mut keys, operation, 0, words));
            assert!(add(&mut keys, operation, 0, other));
            let mut keys = Keys::default();
            assert!(add(&mut keys, operation, 0, words));
            assert_eq!(add(&mut keys, operation, 1, other), may_be, "{operation:?}");
        }
    }

    #[test]
    fn bytes_are_those_that_are_held() {
        for (operation, words, bytes) in [
            (Operation::Set, &["value"][..], 5),
            (Operation::HSet, &["name", "value"], 9),
            (Operation::ZAdd, &["1", "member"], 6),
            (Operation::SAdd, &["member"], 6),
            (Operation::Incr, &["1"], 0),
        ] {
            let mut keys = Keys::default();
            for _ in 0..3 {
                add(&mut keys, operation, 0, words);
                assert_eq!(keys.bytes, "key".len() + bytes, "{operation:?}");
            }
        }
        let mut keys = Keys::default();
        add(&mut keys, Operation::RPush, 0, &["12"]);
        add(&mut keys, Operation::RPush, 1, &["34"]);
        assert_eq!(keys.bytes, 7);
    }
}
