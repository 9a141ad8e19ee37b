//! `seismic sql`: the same rows as `read`, `status` and `checkpoint list` show, by questions.

use std::fs;

use rustix::process::Signal;
use serde_json::Value;

use crate::stage::{DATA, DEAD, ROWS, Stage, parse, wait_until};
use crate::truth::{COLUMNS, records};

/// A drained job with every kind of anomaly.
fn stage() -> Stage {
    let options = ["--anomaly-percent", "50", "--seed", "3", "--start", "2020-06-23T15:29:00Z"];
    let stage = Stage::with_records(&options);
    stage.ok(&["run", "--until-caught-up"]);
    stage.ok(&["run", "--drain"]);
    stage
}

/// The answer in JSON, with further options.
fn ask(stage: &Stage, sql: &str, options: &[&str]) -> Vec<Value> {
    parse(&stage.ok(&[&["sql", sql, "--format", "json"], options].concat()))
}

/// The same value, also where one is of 32 bits and the other the same widened.
fn is_same(read: &Value, asked: &Value) -> bool {
    match (read.as_f64(), asked.as_f64()) {
        (Some(a), Some(b)) => a == b || a as f32 == b as f32,
        _ => read == asked || (read == "NaN" && asked.is_null()),
    }
}

#[test]
fn rows_have_every_column_of_every_row_in_order() {
    let stage = stage();
    let read = stage.read(ROWS);
    for sql in
        ["select *, _offset, _partition from input", "select *, _offset, _partition from rows"]
    {
        let asked = ask(&stage, sql, &[]);
        assert_eq!(asked.len(), read.len());
        for (read, asked) in read.iter().zip(&asked) {
            assert_eq!(read["offset"], asked["_offset"]);
            assert_eq!(read["partition"], asked["_partition"]);
            for column in COLUMNS {
                assert!(
                    is_same(&read["value"][column], &asked[column]),
                    "{column}: {read} {asked}"
                );
            }
        }
    }
    let named = ask(&stage, "select sensor_id from input", &["--topic", ROWS, "--partition", "1"]);
    assert_eq!(named.len(), read.iter().filter(|line| line["partition"] == 1).count());
}

#[test]
fn records_are_those_of_the_messages_and_what_is_none_is_counted() {
    let stage = stage();
    let messages = stage.read(DATA);
    let unreadable = messages.iter().filter(|line| line["value"].is_null()).count();
    let expected: Vec<_> =
        messages.iter().filter(|it| !it["value"].is_null()).flat_map(records).collect();
    let done = stage.run(&["sql", "select * from input", "--topic", DATA, "--format", "json"]).ok();
    let asked = parse(&done.stdout);
    assert_eq!(asked.len(), expected.len());
    for (read, asked) in expected.iter().zip(&asked) {
        for (name, value) in read.as_object().unwrap() {
            assert!(is_same(value, &asked[name]), "{name}: {read} {asked}");
        }
    }
    let said = format!("{unreadable} messages of input cannot be decoded and are left out");
    assert!(unreadable > 0 && done.stderr.contains(&said), "{}", done.stderr);
    assert!(done.stderr.contains("no number (NaN) were read as NULL"), "{}", done.stderr);
}

#[test]
fn dead_letters_sensors_checkpoints_and_the_journal_are_those_of_the_job() {
    let stage = stage();
    let letters = stage.read(DEAD);
    let sql = "select reason, count(*) as n from dead_letters group by 1";
    for reason in ask(&stage, sql, &[]) {
        let same = |it: &&Value| it["value"]["reason"] == reason["reason"];
        assert_eq!(letters.iter().filter(same).count() as u64, reason["n"].as_u64().unwrap());
    }
    let sql = "select sha256, bytes, \"index\", input_offset from dead_letters";
    for (letter, asked) in letters.iter().zip(ask(&stage, sql, &[])) {
        for name in ["sha256", "bytes", "index", "input_offset"] {
            assert_eq!(letter["value"][name], asked[name], "{name}");
        }
    }
    let status = stage.json(&["status", "--sensors", "--json"]);
    let sensors = ask(&stage, "select * from sensors", &[]);
    assert_eq!(Value::from(sensors.len()), status["by_sensor"].as_array().unwrap().len());
    let listed = stage.json(&["checkpoint", "list", "--json"]);
    let asked = ask(&stage, "select number, position, bytes from checkpoints", &[]);
    assert!(!asked.is_empty());
    for (listed, asked) in listed.as_array().unwrap().iter().zip(&asked) {
        for name in ["number", "position", "bytes"] {
            assert_eq!(listed[name], asked[name]);
        }
    }
    let kinds = ask(&stage, "select distinct kind from journal order by 1", &[]);
    let kinds: Vec<_> = kinds.iter().map(|it| it["kind"].as_str().unwrap()).collect();
    assert!(kinds.contains(&"start") && kinds.contains(&"end"), "{kinds:?}");
}

#[test]
fn a_part_of_a_topic_is_what_from_and_to_say() {
    let stage = stage();
    let count = |options: &[&str]| {
        let options = [&["--topic", DATA][..], options].concat();
        let sql = "select count(distinct _partition || '/' || _offset) as n from input";
        ask(&stage, sql, &options)[0]["n"].as_u64().unwrap()
    };
    let readable = |line: &&Value| !line["value"].is_null();
    let all: Vec<_> = stage.read(DATA).into_iter().collect();
    let within = |from: u64, to: u64| {
        let is_in = |line: &&Value| (from..to).contains(&line["offset"].as_u64().unwrap());
        all.iter().filter(readable).filter(is_in).count() as u64
    };
    assert_eq!(count(&[]), within(0, u64::MAX));
    assert_eq!(count(&["--from", "3", "--to", "9"]), within(3, 9));
    assert_eq!(count(&["--from", "latest"]), 0);
    assert_eq!(count(&["--to", "2000-01-01T00:00:00Z"]), 0);
    assert_eq!(count(&["--from", "now-24h", "--to", "now"]), within(0, u64::MAX));
}

#[test]
fn csv_and_table_show_the_same_answer() {
    let stage = stage();
    let sql = "select 'a,b' as t, '' as e, null as n, 1 as i, 0.5 as r";
    assert_eq!(stage.ok(&["sql", sql, "--format", "csv"]), "t,e,n,i,r\n\"a,b\",\"\",,1,0.5\n");
    let table = "t    e  n     i    r\n---  -  ----  -  ---\na,b     NULL  1  0.5\n";
    assert_eq!(stage.ok(&["sql", sql]), table);
}

#[test]
fn what_is_wrong_is_refused_with_its_place_and_leaves_nothing_behind() {
    let stage = Stage::with_records(&["--records", "100"]);
    for (args, words) in [
        (
            &["select max_amplitud from rows"][..],
            "line 1, column 8: there is no column max_amplitud; did you mean max_amplitude?",
        ),
        (&["select 1 from inpt"], "did you mean input?"),
        (&["attach 'x' as x"], "only SELECT is run"),
        (&["select random()"], "function random gives another answer each time"),
        (&["select 1", "--topic", "other"], "there is no topic \"other\""),
        (&["select count(*) from rows"], "table rows cannot be read"),
        (&["select 1 as a, 2 as a", "--format", "json"], "two columns are named a"),
        (&["select 1", "--to", "earliest"], "leaves nothing to read"),
        (&["select 1", "--from", "9", "--to", "3"], "must be later than"),
    ] {
        let stderr = stage.refused(&[&["sql"], args].concat(), 2);
        assert!(stderr.contains(words), "{args:?}: {stderr}");
    }
    assert!(!stage.path("x").exists());
    assert!(!stage.path("output/queue.seismic.home.db").exists());
}

#[test]
fn a_statement_beyond_its_memory_says_what_raises_the_bound() {
    let stage = Stage::with_records(&["--records", "60000"]);
    let sql = "select * from input order by seismic_amplitude";
    let stderr = stage.refused(&["sql", sql, "--topic", DATA, "--memory", "2"], 1);
    assert!(stderr.contains("keeps more than 2 MiB"), "{stderr}");
    assert!(stderr.contains("--memory raises the bound"), "{stderr}");
}

#[test]
fn a_signal_stops_it_cleanly_and_it_says_that_the_answer_is_not_complete() {
    let stage = Stage::with_records(&[]);
    let sql =
        "with b as materialized (select 1 from input) select a._offset from input a, b, b as c";
    let asking = stage.spawn(&["sql", sql, "--topic", DATA]);
    wait_until("rows are shown", || !asking.stdout().is_empty());
    let done = asking.stop(Signal::INT);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert!(done.stderr.contains("the answer is not complete"), "{}", done.stderr);
}

#[test]
fn a_job_file_says_where_the_job_is() {
    let stage = Stage::with_records(&["--topic", "other"]);
    fs::write(stage.path("job.toml"), "group = \"mine\"\ntopic = \"other\"\n").unwrap();
    stage.ok(&["run", "--job", "job.toml", "--drain"]);
    let asked = ask(&stage, "select count(*) as n from rows", &["--job", "job.toml"]);
    assert!(asked[0]["n"].as_u64().unwrap() > 0);
}
