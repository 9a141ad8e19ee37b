//! A join by a plain nested loop over both logs, and its definition.

use std::collections::BTreeMap;

use seismic_derived::{
    Definition, InputDefinition, InputFormat, JoinDefinition, JoinKind, OutputDefinition,
};

use crate::stage::columns;

/// A record of a side: key and event time. Its offset is its place.
pub type Record = (String, i64);

/// The vertical and the horizontal channel of stations, at most so far apart.
pub fn vector(kind: JoinKind, within_ms: [i64; 2], lateness_ms: i64) -> Definition {
    let input = |name: &str| InputDefinition {
        name: name.to_owned(),
        topic: name.to_owned(),
        of: None,
        format: InputFormat::Json,
        key: None,
        time: None,
        columns: columns(&["station text", "ts int", "amplitude real"]),
    };
    let output = OutputDefinition {
        name: "output".to_owned(),
        topic: "ratio".to_owned(),
        key: None,
        columns: columns(&["station text", "v real", "h real"]),
    };
    let sql = "select vertical_station as station, vertical_amplitude as v, horizontal_amplitude as h \
               from pairs";
    let both = |name: &str| [name.to_owned(), name.to_owned()];
    let join = JoinDefinition {
        right: input("horizontal"),
        kind,
        key: both("station"),
        time: both("ts"),
        within_ms,
        lateness_ms,
        max_ahead_ms: 5_000,
    };
    Definition::new(input("vertical"), output, sql.to_owned()).joined(join)
}

/// A record as a line.
pub fn line((station, ts): &Record) -> String {
    format!("{{\"station\":\"{station}\",\"ts\":{ts},\"amplitude\":{}.5}}\n", ts % 7)
}

/// Whether each record is late by the clock of its key on its side.
pub fn late(records: &[Record], lateness_ms: i64) -> Vec<bool> {
    let mut clocks: BTreeMap<&str, i64> = BTreeMap::new();
    let of = |(key, ts): &'_ Record, clocks: &mut BTreeMap<_, _>| {
        let newest: &mut i64 = clocks.entry(key.clone()).or_insert(i64::MIN);
        let is_late = *ts < newest.saturating_sub(lateness_ms);
        *newest = (*newest).max(*ts);
        is_late
    };
    let mut all = BTreeMap::new();
    clocks.clear();
    records.iter().map(|record| of(record, &mut all)).collect()
}

/// Identities of the rows that a drained join gives of one partition, sorted.
pub fn joined(definition: &Definition, partition: u32, sides: [&[Record]; 2]) -> Vec<String> {
    let join = definition.join.as_ref().unwrap();
    let [left, right] = sides;
    let is_late = sides.map(|side| late(side, join.lateness_ms));
    let mut rows = Vec::new();
    for (l, a) in left.iter().enumerate().filter(|(l, _)| !is_late[0][*l]) {
        let mut is_alone = true;
        for (r, b) in right.iter().enumerate().filter(|(r, _)| !is_late[1][*r]) {
            let apart_ms = b.1 - a.1;
            if a.0 == b.0 && apart_ms >= join.within_ms[0] && apart_ms <= join.within_ms[1] {
                rows.push(format!("{partition}/{l}/0/{r}/0/0"));
                is_alone = false;
            }
        }
        if is_alone && join.kind == JoinKind::Left {
            rows.push(format!("{partition}/{l}/0/-/-/0"));
        }
    }
    rows.sort();
    rows
}

/// The identity in a row.
pub fn id(row: &str) -> String {
    let row: serde_json::Value = serde_json::from_str(row).unwrap();
    row["_id"].as_str().unwrap().to_owned()
}
