//! What is wrong with the join of a definition.

use crate::definition::column::{Column, ColumnKind};
use crate::definition::fault::DefinitionFault;
use crate::definition::join::PAIRS;
use crate::definition::{Definition, check_columns};
use crate::input::{RowDecoder, columns};
use crate::limits;

/// Everything that is wrong with it; nothing where there is none.
pub fn faults(definition: &Definition) -> Vec<DefinitionFault> {
    let Some(join) = &definition.join else { return Vec::new() };
    let (left, right) = (&definition.input, &join.right);
    let mut whys = Vec::new();
    if left.name.eq_ignore_ascii_case(&right.name) {
        whys.push(format!("both inputs are named {}", left.name));
    }
    if left.topic == right.topic && !left.topic.is_empty() {
        whys.push(format!(
            "both inputs are topic {}: a join reads two topics, and what is in one is filtered into \
             two by jobs before it",
            left.topic
        ));
    }
    if left.of != right.of {
        whys.push(format!(
            "{} and {} are read from two places: both are topics of the queue, or results of one job",
            left.name, right.name
        ));
    }
    let mut kinds = Vec::new();
    for (side, input) in [left, right].into_iter().enumerate() {
        let columns = RowDecoder::new(input).columns();
        if input.time.as_ref().is_some_and(|time| time.column != join.time[side]) {
            let (name, time) = (&input.name, &join.time[side]);
            whys.push(format!("time: {name} has its time in another column than {time}"));
        }
        for (key, name) in [("key", &join.key[side]), ("time", &join.time[side])] {
            if key == "time" && input.time.is_some() {
                // It is checked with its format.
                continue;
            }
            let Some(found) = columns.iter().find(|it| it.name.eq_ignore_ascii_case(name)) else {
                let near = seismic_sql::nearest(name, columns.iter().map(|it| it.name.as_str()));
                let near = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
                whys.push(format!("{key}: {} has no column {name}{near}", input.name));
                continue;
            };
            let is_right = match key {
                "key" => found.kind != seismic_sql::Kind::Real,
                _ => found.kind == seismic_sql::Kind::Integer,
            };
            if !is_right {
                let (of, kind) = (&input.name, found.kind.word().to_lowercase());
                whys.push(match key {
                    "key" => format!("key: {name} of {of} is {kind}, and a key is text or int"),
                    _ => format!(
                        "time: {name} of {of} is {kind}, and a time is int, ms since 1970 UTC"
                    ),
                });
            }
            if key == "key" {
                kinds.push(found.kind == seismic_sql::Kind::Text);
            }
        }
    }
    if kinds.len() == 2 && kinds[0] != kinds[1] {
        let [a, b] = &join.key;
        whys.push(format!("key: of {a} and {b} one is text: text and numbers are never equal"));
    }
    let [from, to] = join.within_ms;
    let most = limits::JOIN_WITHIN_MS;
    if from > to {
        whys.push(format!("within: {from} ms is after {to} ms: write the smaller one first"));
    } else if from < -most || to > most {
        whys.push(format!("within: it reaches further than {} hours", most / 3_600_000));
    }
    for (key, ms) in [("lateness", join.lateness_ms), ("max_ahead", join.max_ahead_ms)] {
        if !(0..=most).contains(&ms) {
            whys.push(format!("{key}: {ms} ms is not between 0 and {} hours", most / 3_600_000));
        }
    }
    let all: Vec<Column> = columns(definition).into_iter().map(as_declared).collect();
    whys.extend(check_columns(&all).err().map(|why| format!("columns of {PAIRS}: {why}")));
    whys.into_iter().map(|why| DefinitionFault::new("join", why)).collect()
}

fn as_declared(column: seismic_sql::Column) -> Column {
    let kind = match column.kind {
        seismic_sql::Kind::Integer => ColumnKind::Int,
        seismic_sql::Kind::Real => ColumnKind::Real,
        _ => ColumnKind::Text,
    };
    Column { name: column.name, kind }
}
