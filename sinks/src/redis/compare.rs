//! Whether the keys hold what the rows of the result topic up to the sink's position make of them.
//!
//! What each key should hold is computed from the topic and compared with what it holds. Keys that
//! expire, sums and lists whose first rows retention has deleted, and more than
//! [`limits::KEYS_COMPARED`] keys cannot be compared, and that is said.

use std::collections::{BTreeMap, BTreeSet};

use seismic_proto::Row;
use seismic_queue::{Offset, Partition};

use super::operation::Operation;
use super::position;
use super::resp::Reply;
use super::session::Session;
use super::target::Target;
use crate::compare::{Comparison, RowDifferenceKind};
use crate::{Context, Error, Result, SinkSpec, limits};

type Bytes = Vec<u8>;

/// What a key should hold.
#[derive(Debug)]
enum Held {
    Text(Bytes),
    Hash(BTreeMap<Bytes, Bytes>),
    Sum(i128),
    Float(f64),
    Members(BTreeSet<Bytes>),
    Scores(BTreeMap<Bytes, f64>),
    /// In any order across partitions.
    List(Vec<Bytes>),
}

/// A key, how many rows are in it, and the last of them.
struct Expected {
    held: Held,
    rows: u64,
    last: (Partition, Offset, Row),
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
    position::check_owner(&stored, &target, context)?;
    let mut keys: BTreeMap<Bytes, Expected> = BTreeMap::new();
    let plan = target.plan(&context.schema)?;
    for (partition, position) in into.topic.all().zip(&stored.positions) {
        let held = into.view.partitions[partition.0 as usize].outputs[0].span;
        if plan.operation.adds_up() && held.first > Offset(0) {
            return Err(nothing(
                "rows that its keys add up were deleted from the topic".to_owned(),
            ));
        }
        let mut rows = into.rows(partition, held.first, position.next)?;
        while let Some((offset, row)) = rows.next_row()? {
            let Ok((key, words)) = plan.words(&context.schema, &row) else { continue };
            add(&mut keys, plan.operation, key, words, (partition, offset, row));
            if keys.len() > limits::KEYS_COMPARED {
                return Err(nothing(format!("it has more than {} keys", limits::KEYS_COMPARED)));
            }
        }
    }
    let mut same = 0;
    for (key, expected) in keys {
        let Expected { held, rows, last: (partition, offset, row) } = expected;
        match difference(&mut session, &key, held)? {
            None => same += rows,
            Some(kind) => into.add(partition, kind, Some(&row), None, Some(offset)),
        }
    }
    Ok(same)
}

/// Does to a key what a row's command does.
fn add(
    keys: &mut BTreeMap<Bytes, Expected>,
    operation: Operation,
    key: Bytes,
    mut words: Vec<Bytes>,
    last: (Partition, Offset, Row),
) {
    let number = |word: &[u8]| std::str::from_utf8(word).ok()?.parse::<f64>().ok();
    let empty = match operation {
        Operation::HSet => Held::Hash(BTreeMap::new()),
        Operation::Set => Held::Text(Vec::new()),
        Operation::Incr => Held::Sum(0),
        Operation::IncrByFloat => Held::Float(0.0),
        Operation::SAdd => Held::Members(BTreeSet::new()),
        Operation::ZAdd => Held::Scores(BTreeMap::new()),
        Operation::RPush | Operation::LPush => Held::List(Vec::new()),
    };
    let expected =
        keys.entry(key).or_insert_with(|| Expected { held: empty, rows: 0, last: last.clone() });
    expected.rows += 1;
    expected.last = last;
    let first = words.first().cloned().unwrap_or_default();
    match &mut expected.held {
        Held::Text(text) => *text = first,
        Held::Hash(hash) => hash.extend(words.chunks_mut(2).filter_map(|pair| match pair {
            [name, value] => Some((std::mem::take(name), std::mem::take(value))),
            _ => None,
        })),
        Held::Sum(sum) => *sum += number_of(&first),
        Held::Float(sum) => *sum += number(&first).unwrap_or_default(),
        Held::Members(members) => drop(members.insert(first)),
        Held::Scores(scores) => {
            let member = words.pop().unwrap_or_default();
            scores.insert(member, number(&first).unwrap_or_default());
        }
        Held::List(list) => list.push(first),
    }
}

fn number_of(word: &[u8]) -> i128 {
    std::str::from_utf8(word).ok().and_then(|word| word.parse().ok()).unwrap_or_default()
}

/// How a key differs from what it should hold.
fn difference(session: &mut Session, key: &[u8], held: Held) -> Result<Option<RowDifferenceKind>> {
    let command: &[&[u8]] = match &held {
        Held::Hash(_) => &[b"HGETALL", key],
        Held::Members(_) => &[b"SMEMBERS", key],
        Held::Scores(_) => &[b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"],
        Held::List(_) => &[b"LRANGE", key, b"0", b"-1"],
        Held::Text(_) | Held::Sum(_) | Held::Float(_) => &[b"GET", key],
    };
    // A key of another type is refused: then it holds something else.
    let Some(found) = session.may_call("reading rows", command)? else {
        return Ok(Some(RowDifferenceKind::Differs));
    };
    if found == Reply::Nil || found == Reply::Array(Vec::new()) {
        return Ok(Some(RowDifferenceKind::Missing));
    }
    let is_same = match held {
        Held::Text(text) => found.bytes() == Some(text),
        Held::Sum(sum) => found.text() == Some(sum.to_string()),
        Held::Float(sum) => found.text().and_then(|it| it.parse::<f64>().ok()).is_some_and(|it| {
            // The server adds in another precision.
            (it - sum).abs() <= 1e-9 * sum.abs().max(1.0)
        }),
        Held::Hash(hash) => {
            let found = pairs(found);
            hash.iter().all(|(name, value)| found.get(name) == Some(value))
        }
        Held::Members(members) => {
            let found: BTreeSet<Bytes> =
                found.parts().into_iter().filter_map(Reply::bytes).collect();
            members.is_subset(&found)
        }
        Held::Scores(scores) => {
            let found = pairs(found);
            scores.iter().all(|(member, score)| {
                let is = found.get(member).and_then(|it| String::from_utf8(it.clone()).ok());
                is.and_then(|it| it.parse::<f64>().ok()) == Some(*score)
            })
        }
        Held::List(mut list) => {
            let mut found: Vec<Bytes> =
                found.parts().into_iter().filter_map(Reply::bytes).collect();
            found.sort_unstable();
            list.sort_unstable();
            found == list
        }
    };
    Ok((!is_same).then_some(RowDifferenceKind::Differs))
}

fn pairs(found: Reply) -> BTreeMap<Bytes, Bytes> {
    let mut parts = found.parts().into_iter().filter_map(Reply::bytes);
    let mut pairs = BTreeMap::new();
    while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
        pairs.insert(name, value);
    }
    pairs
}
