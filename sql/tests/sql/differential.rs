//! The same statements by the `sqlite3` program over a dump of the same rows in CSV, row by row.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use seismic_sql::Kind;

use crate::lists::{List, Val, ask, engine};

const STATEMENTS: [&str; 22] = [
    "select * from input",
    "select sensor_id, max_amplitude * 2 + 1 from input where record_count % 3 = 0",
    "select count(*), count(max_amplitude), sum(record_count), avg(max_amplitude) from input",
    "select sensor_id, min(max_amplitude), max(max_amplitude), sum(max_amplitude) from input
     group by sensor_id order by sensor_id",
    "select sensor_id, count(*) as n from input group by 1 having n > 30 order by n desc, 1",
    "select distinct record_count / 7 from input order by 1",
    "select sensor_id, window_start_ts from input order by max_amplitude, window_start_ts limit 25",
    "select sensor_id from input where sensor_id like 's_1%' and sensor_id glob '*1'",
    "select r.sensor_id, r.max_amplitude / t.threshold from input r
     join threshold t on t.sensor_id = r.sensor_id order by r.window_start_ts, r.sensor_id",
    "select r.window_start_ts, t.threshold from input r left join threshold t using (sensor_id)
     order by r.window_start_ts",
    "select case when r.max_amplitude - t.threshold > 0 then 1 else 0 end, count(*)
     from input r left join threshold t using (sensor_id) group by 1 order by 1",
    "select window_start_ts, sum(record_count) over
     (partition by sensor_id order by window_start_ts rows 2 preceding) from input
     order by sensor_id, window_start_ts",
    "select sensor_id, rank() over (order by record_count), lag(record_count) over
     (order by window_start_ts) from input order by window_start_ts",
    "with s as (select sensor_id, max(max_amplitude) m from input group by 1)
     select a.sensor_id, b.sensor_id from s a, s b where a.m < b.m order by 1, 2",
    "select sensor_id from input where max_amplitude is null union
     select sensor_id from threshold order by 1",
    "select upper(sensor_id) || '-' || substr(window_start_ts, -3), length(sensor_id),
     coalesce(max_amplitude, -1.0), typeof(max_amplitude) from input",
    "select record_count > '50', '50' < record_count, max_amplitude > '1', sensor_id > 5 from input",
    "select 1 / 2, 1 / 2.0, 7 % 0, 1 / 0, 9223372036854775807 + 1, -7 / 2, -7 % 3",
    "select abs(max_amplitude), round(max_amplitude, 2), sign(record_count - 50) from input",
    "select sensor_id, group_concat(record_count, '+') from
     (select * from input order by window_start_ts limit 20) group by 1 order by 1",
    "select (select count(*) from threshold t where t.sensor_id <= r.sensor_id) from input r",
    "with recursive c(x) as (select 1 union all select x * 3 from c where x < 1000000000000)
     select x, hex(x), quote(x) from c",
];

/// 400 windows; amplitudes are quarters, so that every sum is exact, whoever adds up.
pub fn lists() -> [List; 2] {
    let columns = [
        ("sensor_id", Kind::Text),
        ("window_start_ts", Kind::Integer),
        ("max_amplitude", Kind::Real),
        ("record_count", Kind::Integer),
    ];
    let mut state = 20_201_129_u64;
    let mut next = move |below: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let rows = (0..400)
        .map(|i| {
            let amplitude = match next(10) {
                0 => Val::Null,
                _ => Val::Real((next(4_000) as f64 - 2_000.0) / 4.0),
            };
            let sensor = format!("S{:03}", next(12));
            vec![Val::Text(sensor), Val::Int(i * 1_000), amplitude, Val::Int(next(100) as i64)]
        })
        .collect();
    let thresholds =
        (0..9).map(|i| vec![Val::Text(format!("S{i:03}")), Val::Real(f64::from(i) / 4.0 + 0.25)]);
    let threshold = [("sensor_id", Kind::Text), ("threshold", Kind::Real)];
    [
        List::new("input", &columns, rows),
        List { batch: 100, ..List::new("threshold", &threshold, thresholds.collect()) },
    ]
}

#[test]
fn every_statement_answers_as_the_sqlite3_program_does() {
    let is_there = Command::new("sqlite3").arg("--version").output();
    if !is_there.is_ok_and(|it| it.status.success()) {
        eprintln!("SKIPPED: there is no sqlite3 program to compare with (apt-get install sqlite3)");
        return;
    }
    let [input, threshold] = lists();
    let folder = std::env::temp_dir().join(format!("seismic-sql-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut script = String::from(".bail on\n");
    for list in [&input, &threshold] {
        let file = folder.join(format!("{}.csv", list.name));
        std::fs::write(&file, csv(list)).unwrap();
        let columns: Vec<_> =
            list.columns.iter().map(|it| format!("{} {}", it.name, it.kind.word())).collect();
        writeln!(script, "create table {} ({});", list.name, columns.join(", ")).unwrap();
        writeln!(script, ".import --csv {} {}", file.display(), list.name).unwrap();
    }
    script += "update input set max_amplitude = null where max_amplitude = '';\n.mode quote\n";
    for sql in STATEMENTS {
        writeln!(script, "select 'next';\n{sql};").unwrap();
    }
    let theirs = run(&script);
    std::fs::remove_dir_all(&folder).unwrap();
    let mut theirs = theirs.split("'next'\n").skip(1);
    let engine = engine(vec![input, threshold]);
    for sql in STATEMENTS {
        let theirs: Vec<_> = theirs.next().unwrap().lines().map(values).collect();
        let ours = match ask(&engine, sql) {
            Ok(rows) => rows,
            // The only one with a bound that the program does not have.
            Err(error) if sql.contains("select count(*) from threshold") => {
                assert!(error.to_string().contains("more than 8 times"), "{error}");
                continue;
            }
            Err(error) => panic!("{sql}: {error}"),
        };
        assert_eq!(ours.len(), theirs.len(), "{sql}");
        for (row, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
            assert_eq!(ours, theirs, "row {row} of {sql}");
        }
    }
}

pub fn csv(list: &List) -> String {
    let mut text = String::new();
    for row in &list.rows {
        let cells = row.iter().map(|value| match value {
            Val::Null => String::new(),
            Val::Int(value) => value.to_string(),
            Val::Real(value) => format!("{value:?}"),
            Val::Text(text) => text.clone(),
            Val::Blob(_) => panic!("no column of bytes here"),
        });
        text += &cells.collect::<Vec<_>>().join(",");
        text.push('\n');
    }
    text
}

fn run(script: &str) -> String {
    let mut program = Command::new("sqlite3")
        .args(["-batch", "-noheader", ":memory:"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    program.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = program.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A line of `.mode quote`: literals of SQL with commas between them.
fn values(line: &str) -> Vec<Val> {
    let mut all = Vec::new();
    let mut rest = line;
    loop {
        let length = match rest.strip_prefix('\'') {
            Some(text) => text.find('\'').unwrap() + 2,
            None => rest.find(',').unwrap_or(rest.len()),
        };
        let (literal, more) = rest.split_at(length);
        all.push(match literal {
            "NULL" => Val::Null,
            text if text.starts_with('\'') => Val::Text(text.trim_matches('\'').to_owned()),
            number => match number.parse() {
                Ok(value) => Val::Int(value),
                Err(_) => Val::Real(number.parse().unwrap()),
            },
        });
        match more.strip_prefix(',') {
            Some(more) => rest = more,
            None => return all,
        }
    }
}
