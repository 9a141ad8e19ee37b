//! Windows by a plain loop over a log and SQLite alone, and definitions with event times.

use std::collections::BTreeMap;

use rusqlite::Connection;
use seismic_derived::{
    Definition, InputDefinition, InputFormat, OutputDefinition, TimeBasis, TimeDefinition,
    TimeFormat, TimingDefinition, WindowDefinition,
};
use serde_json::{Map, Value, json};

use crate::stage::columns;

/// A record: key, event time and value. Its offset is its place.
pub type Record = (String, i64, i64);

/// The peak of each window, and how many rows it has.
pub const PEAKS: &str = "select sensor, window_start, max(value) as peak, count(*) as n from rows \
                         group by sensor, window_start";

/// Readings of sensors, over windows if they have a length.
pub fn readings(sql: &str, window_ms: Option<i64>, lateness_ms: i64) -> Definition {
    let input = InputDefinition {
        name: "rows".to_owned(),
        topic: "readings".to_owned(),
        of: None,
        format: InputFormat::Json,
        columns: columns(&["sensor text", "at int", "value real"]),
        key: Some("sensor".to_owned()),
        time: Some(TimeDefinition { column: "at".to_owned(), format: TimeFormat::MS }),
    };
    let output = OutputDefinition {
        name: "output".to_owned(),
        topic: "ratio".to_owned(),
        key: None,
        columns: columns(&["sensor text", "window_start int", "peak real", "n int"]),
    };
    let timing = TimingDefinition {
        time: TimeBasis::Event,
        lateness_ms,
        max_ahead_ms: 5_000,
        window: window_ms.map(WindowDefinition::of_ms),
    };
    Definition::new(input, output, sql.to_owned()).timed(timing)
}

/// A record as a line.
pub fn line((sensor, at, value): &Record) -> String {
    format!("{{\"sensor\":\"{sensor}\",\"at\":{at},\"value\":{value}}}\n")
}

/// Which records are late: their window, or their own moment where there are no windows, is closed by
/// the clock of their key.
pub fn late(records: &[Record], window_ms: Option<i64>, lateness_ms: i64) -> Vec<bool> {
    let mut newest: BTreeMap<&str, i64> = BTreeMap::new();
    let mut all = Vec::new();
    for (sensor, at, _) in records {
        let clock = newest.entry(sensor).or_insert(i64::MIN);
        let end = window_ms.map_or(*at + 1, |ms| at.div_euclid(ms) * ms + ms);
        let is_late = end <= clock.saturating_sub(lateness_ms);
        if !is_late {
            *clock = (*clock).max(*at);
        }
        all.push(is_late);
    }
    all
}

/// What SQLite answers over all records that are not late, each with its window, as objects by the
/// names of the answer's columns, sorted.
pub fn answers(sql: &str, records: &[Record], window_ms: i64, lateness_ms: i64) -> Vec<String> {
    let connection = Connection::open_in_memory().unwrap();
    let create = "create table rows (sensor text, at integer, value real, event_time integer, \
                  window_start integer, window_end integer)";
    connection.execute(create, []).unwrap();
    let is_late = late(records, Some(window_ms), lateness_ms);
    for ((sensor, at, value), _) in records.iter().zip(is_late).filter(|(_, is_late)| !is_late) {
        let start = at.div_euclid(window_ms) * window_ms;
        let insert = "insert into rows values (?1, ?2, ?3, ?2, ?4, ?5)";
        connection.execute(insert, (sensor, at, *value as f64, start, start + window_ms)).unwrap();
    }
    let mut query = connection.prepare(sql).unwrap();
    let names: Vec<String> = query.column_names().map(str::to_owned).collect();
    let rows = query.query_map([], |row| {
        let mut object = Map::new();
        for (i, name) in names.iter().enumerate() {
            let value: rusqlite::types::Value = row.get(i)?;
            let value = match value {
                rusqlite::types::Value::Integer(value) => json!(value),
                rusqlite::types::Value::Real(value) => json!(value),
                rusqlite::types::Value::Text(value) => json!(value),
                _ => Value::Null,
            };
            object.insert(name.clone(), value);
        }
        Ok(Value::Object(object).to_string())
    });
    let mut rows: Vec<String> = rows.unwrap().collect::<Result<_, _>>().unwrap();
    rows.sort();
    rows
}

/// Rows of a job without their identity, sorted.
pub fn without_ids<'a>(rows: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let without = |row: &str| {
        let mut row: Map<String, Value> = serde_json::from_str(row).unwrap();
        row.remove("_id");
        Value::Object(row).to_string()
    };
    let mut rows: Vec<String> = rows.into_iter().map(without).collect();
    rows.sort();
    rows
}
