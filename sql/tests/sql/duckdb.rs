//! The same statements by DuckDB over a dump of the same rows, row by row: an engine that has nothing of
//! SQLite. Only statements that are one thing in both: `1 / 2`, `'1' > 9` and the order of NULLs are not.

use std::io::Write as _;
use std::process::{Command, Stdio};

use seismic_brokers::python_with;
use seismic_sql::Kind;

use crate::differential::{csv, lists};
use crate::lists::{Val, ask, engine};

/// What is compared with.
const DUCKDB: &str = "duckdb==2.0.0";

const STATEMENTS: [&str; 16] = [
    "select * from input",
    "select sensor_id, max_amplitude * 2 + 1 from input where record_count % 3 = 0",
    "select sensor_id, max_amplitude / nullif(record_count, 0) from input where max_amplitude > 100",
    "select count(*), count(max_amplitude), avg(max_amplitude) from input",
    "select sensor_id, min(max_amplitude), max(max_amplitude), sum(max_amplitude) from input
     group by sensor_id order by sensor_id",
    "select sensor_id, count(*) as n from input group by 1 having count(*) > 30 order by n desc, 1",
    "select distinct sensor_id from input order by 1",
    "select r.sensor_id, r.max_amplitude / t.threshold from input r
     join threshold t on t.sensor_id = r.sensor_id order by r.window_start_ts, r.sensor_id",
    "select a.sensor_id, a.max_amplitude * 1.0 / b.threshold from input as a, threshold as b
     where a.sensor_id = b.sensor_id and a.record_count >= 10 order by a.window_start_ts",
    "select r.window_start_ts, t.threshold from input r left join threshold t using (sensor_id)
     order by r.window_start_ts",
    "select case when r.max_amplitude - t.threshold > 0 then 1 else 0 end, count(*)
     from input r left join threshold t using (sensor_id) group by 1 order by 1",
    "select sensor_id, window_start_ts from input where max_amplitude is not null
     order by max_amplitude desc, window_start_ts limit 25",
    "select sensor_id, lag(record_count) over (order by window_start_ts),
     rank() over (order by record_count) from input order by window_start_ts",
    "with s as (select sensor_id, max(max_amplitude) m from input group by 1)
     select a.sensor_id, b.sensor_id from s a, s b where a.m < b.m order by 1, 2",
    "select upper(sensor_id) || '-' || substr(sensor_id, 2, 2), length(sensor_id),
     coalesce(max_amplitude, -1.0), abs(max_amplitude) from input",
    "select sensor_id from input where max_amplitude is null union
     select sensor_id from threshold order by 1",
];

#[test]
fn every_statement_answers_as_duckdb_does() {
    let Some(python) = python_with(DUCKDB) else { return };
    let [input, threshold] = lists();
    let folder = std::env::temp_dir().join(format!("seismic-duckdb-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut tables = serde_json::Map::new();
    for list in [&input, &threshold] {
        let file = folder.join(format!("{}.csv", list.name));
        std::fs::write(&file, csv(list)).unwrap();
        let kind = |kind| match kind {
            Kind::Integer => "bigint",
            Kind::Real => "double",
            _ => "varchar",
        };
        let columns: Vec<_> =
            list.columns.iter().map(|it| format!("{} {}", it.name, kind(it.kind))).collect();
        tables.insert(list.name.to_owned(), serde_json::json!([file, columns.join(", ")]));
    }
    let asked = serde_json::json!({ "tables": tables, "statements": STATEMENTS });
    let mut program = Command::new(python)
        .args(["-c", include_str!("answers.py")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    program.stdin.take().unwrap().write_all(asked.to_string().as_bytes()).unwrap();
    let output = program.wait_with_output().unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).unwrap();
    let engine = engine(vec![input, threshold]);
    assert_eq!(said.lines().count(), STATEMENTS.len());
    for (sql, theirs) in STATEMENTS.iter().zip(said.lines()) {
        let theirs: Vec<Vec<serde_json::Value>> = serde_json::from_str(theirs).unwrap();
        let ours = ask(&engine, sql).unwrap();
        assert!(!ours.is_empty() && ours.len() == theirs.len(), "{sql}");
        for (row, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
            let theirs: Vec<_> = theirs.iter().map(value).collect();
            assert_eq!(*ours, theirs, "row {row} of {sql}");
        }
    }
}

fn value(json: &serde_json::Value) -> Val {
    match json {
        serde_json::Value::Null => Val::Null,
        serde_json::Value::String(text) => Val::Text(text.clone()),
        number => match number.as_i64() {
            Some(value) => Val::Int(value),
            None => Val::Real(number.as_f64().unwrap()),
        },
    }
}
