//! `seismic run`: how it starts, what it prints, and how bounded runs end.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use rustix::process::Signal;
use serde_json::Value;

use crate::stage::{ROWS, Stage, csv_files, sorted, wait_until};
use crate::truth::{self, int, text};

/// The console line of a row, from its JSON.
fn console_line(row: &Value) -> String {
    let number = |field: &str| {
        let rounded = format!("{:.1}", row[field].as_f64().unwrap() as f32);
        if rounded == "-0.0" { "0.0".to_owned() } else { rounded }
    };
    format!(
        "Window Result: {} avg={} max={} min={} P={} S={} N={}",
        text(row, "sensor_id"),
        number("avg_amplitude"),
        number("max_amplitude"),
        number("min_amplitude"),
        int(row, "p_phase_count"),
        int(row, "s_phase_count"),
        int(row, "n_phase_count"),
    )
}

#[test]
fn the_console_shows_each_row_as_its_line_and_nothing_else() {
    let stage = Stage::with_records(&[]);
    let done = stage.run(&["run", "--drain"]).ok();
    let lines: Vec<_> = stage.read(ROWS).iter().map(|row| console_line(&row["value"])).collect();
    assert!(!lines.is_empty());
    assert_eq!(sorted(&done.stdout), sorted(&lines.join("\n")));
    assert!(done.stderr.starts_with("read 3,000 records in "), "{done}");

    let quiet = stage.run(&["run", "--drain", "--quiet"]).ok();
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
}

#[test]
fn until_caught_up_leaves_windows_open_and_drain_closes_them() {
    let stage = Stage::with_records(&[]);
    stage.ok(&["run", "--until-caught-up"]);
    let status = stage.status();
    assert_eq!((int(&status, "lag"), int(&status, "read")), (0, 3_000));
    assert!(int(&status, "open_windows") >= 10, "{status}");
    assert!(int(&status, "open") > 0);
    let closed_at_the_end = |stage: &Stage| {
        stage.read(ROWS).iter().filter(|row| row["value"]["closed_by"] == "end").count() as u64
    };
    assert_eq!(closed_at_the_end(&stage), 0);
    stage.verify(&[]);

    stage.ok(&["run", "--drain"]);
    assert_eq!(closed_at_the_end(&stage), int(&status, "open_windows"));
    assert_eq!(int(&stage.status(), "open_windows"), 0);
    truth::check(&stage);
    stage.verify(&[]);
}

#[test]
fn a_run_in_pieces_gives_the_rows_of_a_run_in_one() {
    let load = ["--seed", "9", "--start", "2020-06-23T15:29:00Z", "--anomaly-percent", "10"];
    let (one, pieces) = (Stage::with_records(&load), Stage::with_records(&load));
    let job = ["run", "--lateness-ms", "700", "--window-ms", "1500"];
    one.ok(&[&job[..], &["--drain", "--slots", "1"]].concat());
    for _ in 0..4 {
        pieces.ok(&[&job[..], &["--max-records", "500", "--slots", "1"]].concat());
    }
    pieces.ok(&[&job[..], &["--drain"]].concat());
    let rows = |stage: &Stage| -> Vec<Value> {
        let rows = stage.read(ROWS).into_iter().map(|mut row| row["value"].take());
        rows.collect()
    };
    assert_eq!(rows(&one), rows(&pieces));
    one.verify(&[]);
    pieces.verify(&[]);
}

#[test]
fn max_records_stops_where_it_is_reached() {
    let stage = Stage::with_records(&[]);
    let job = ["run", "--max-records", "1000", "--slots", "1"];
    stage.ok(&job);
    assert_eq!(int(&stage.status(), "read"), 1_000);
    stage.ok(&job);
    assert_eq!(int(&stage.status(), "read"), 2_000);
    stage.verify(&[]);
}

#[test]
fn a_run_waits_for_its_topic_and_then_shows_its_windows() {
    let stage = Stage::new();
    let consumer = stage.spawn(&["run"]);
    wait_until("it says so", || {
        consumer.stderr().contains("waiting for topic \"seismic-data-topic\"")
    });
    stage.generate(&[]);
    wait_until("windows", || consumer.stdout().starts_with("Window Result: S"));
    // The sensors are silent now, so their last windows are closed for that.
    stage.wait_for_job(|status| int(status, "lag") == 0 && int(status, "open_windows") == 0);
    consumer.stop(Signal::TERM).ok();
    assert!(stage.read(ROWS).iter().any(|row| row["value"]["closed_by"] == "idle"));
    truth::check(&stage);
    stage.verify(&[]);
}

#[test]
fn a_group_without_progress_begins_where_it_is_told_to() {
    // 40 sensors, so that every partition has some.
    let stage = Stage::with_records(&["--sensors", "40"]);
    let read_by = |group: &str, from: &str| -> u64 {
        stage.ok(&["run", "--drain", "--group", group, "--from", from]);
        stage.ok(&["verify", "--group", group]);
        int(&stage.json(&["status", "--json", "--group", group]), "read")
    };
    assert_eq!(read_by("earliest", "earliest"), 3_000);
    assert_eq!(read_by("latest", "latest"), 0);
    assert_eq!(read_by("time", "1970-01-01T00:00:01Z"), 3_000);
    assert_eq!(read_by("offset", "100"), 3_000 - 4 * 100);

    let args = ["run", "--drain", "--group", "beyond", "--from", "1000000"];
    let done = stage.run(&args);
    assert!(matches!(done.code, Some(1 | 2)), "{done}");
    assert!(done.stderr.contains("offset 1000000 of seismic-data-topic/"), "{done}");
}

#[test]
fn ingest_time_makes_windows_of_the_append_times() {
    let stage = Stage::with_records(&["--start", "2020-06-23T15:29:00Z", "--anomaly-percent", "0"]);
    stage.ok(&["run", "--drain", "--time", "ingest"]);
    let rows = stage.read(ROWS);
    let first = stage.read(crate::stage::DATA)[0]["append_ms"].as_i64().unwrap();
    for row in &rows {
        let start = row["value"]["window_start_ts"].as_i64().unwrap();
        assert!(start > first - 60_000, "windows of today and not of 2020: {row}");
    }
    let counted: u64 = rows.iter().map(|row| int(&row["value"], "record_count")).sum();
    assert_eq!(counted, 3_000);
    stage.verify(&[]);
}

#[test]
fn the_queue_and_the_store_may_be_anywhere() {
    let stage = Stage::new();
    let place = ["--queue", "sqlite:a/b/in.db"];
    stage.ok(&[&["generate"], &place[..]].concat());
    let place = [&place[..], &["--store", "sqlite:c/d/job.db", "--group", "mine"]].concat();
    stage.ok(&[&["run", "--drain"], &place[..]].concat());
    for command in [&["verify"][..], &["status"], &["checkpoint", "list"], &["read", ROWS]] {
        stage.ok(&[command, &place[..]].concat());
    }
    assert!(stage.path("a/b/in.db").is_file() && stage.path("c/d/job.db").is_file());
    assert!(!stage.path("output").exists());
}

#[test]
fn a_sink_that_was_away_catches_up() {
    let stage = Stage::with_records(&[]);
    stage.ok(&["run", "--until-caught-up"]);
    assert!(!stage.path("csv").exists());
    stage.ok(&["run", "--drain", "--sink", "csv:csv"]);
    truth::check_csv(&stage, "csv");
    // Another folder later gets everything too, and the first is left alone.
    stage.generate(&["--records", "250"]);
    stage.ok(&["run", "--drain", "--sink", "csv:other", "--sink", "csv:csv"]);
    truth::check_csv(&stage, "csv");
    truth::check_csv(&stage, "other");
    stage.verify(&["csv", "other"]);
}

#[test]
fn csv_goes_to_its_usual_folder_in_files_with_a_header() {
    let stage = Stage::with_records(&[]);
    let done = stage.run(&["run", "--drain", "--sink", "csv"]).ok();
    assert_eq!(done.stdout, "", "no console was asked for");
    let folder = "output/seismic_agg_result";
    truth::check_csv(&stage, folder);
    let files = csv_files(&stage.path(folder));
    let text = std::fs::read_to_string(&files[0]).unwrap();
    assert!(text.starts_with(&(truth::COLUMNS.join(",") + "\r\n")), "{text}");
}

#[test]
fn the_csv_folder_of_another_store_is_refused() {
    let stage = Stage::with_records(&[]);
    stage.ok(&["run", "--drain", "--sink", "csv:csv"]);
    let args = ["run", "--drain", "--sink", "csv:csv", "--group", "other"];
    let stderr = stage.refused(&args, 2);
    assert!(stderr.contains("csv"), "{stderr}");
    stage.verify(&["csv"]);
}

#[test]
fn a_closed_pipe_ends_a_run_and_a_reader_quietly() {
    let stage = Stage::with_records(&[]);
    let generator = stage.spawn(&["generate", "--forever", "--rate", "1000"]);
    // Messages continue coming, so that a write finds the pipe closed.
    for args in [&["run"][..], &["read", "seismic-data-topic", "--follow"]] {
        let stderr = stage.path("head.err");
        let mut command = stage.command(args);
        command.stdout(Stdio::piped()).stderr(std::fs::File::create(&stderr).unwrap());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(!line.is_empty());
        // The pipe is closed now: no one reads on.
        let mut status = None;
        wait_until("the end", || {
            status = child.try_wait().unwrap();
            status.is_some()
        });
        let said = std::fs::read_to_string(&stderr).unwrap();
        assert_eq!(status.unwrap().code(), Some(0), "{args:?}: {said}");
        let is_quiet = !said.contains("error") && !said.contains("panic");
        assert!(is_quiet, "{args:?}: {said}");
    }
    generator.stop(Signal::TERM).ok();
    stage.ok(&["run", "--drain"]);
    stage.verify(&[]);
}

#[test]
fn a_filter_of_log_lines_that_is_none_is_reported_and_warnings_are_logged() {
    let stage = Stage::new();
    let mut command = stage.command(&["generate", "--records", "10"]);
    command.env("RUST_LOG", "warning");
    let done = stage.start(command).wait().ok();
    assert!(done.stderr.contains("RUST_LOG \"warning\" selects no log lines"), "{done}");
}

#[test]
fn each_received_record_is_logged_at_level_trace_and_only_there() {
    let stage = Stage::new();
    let lines = "sensor_id,collect_timestamp,seismic_amplitude,phase_type\n\
        S001,1767225600000,3.21,P\n";
    std::fs::write(stage.path("x.csv"), lines).unwrap();
    stage.ok(&["import", "csv", "x.csv"]);
    for (level, is_logged) in [("seismic=trace", true), ("seismic=debug", false)] {
        let mut command = stage.command(&["run", "--until-caught-up", "--group", &level[8..]]);
        command.env("RUST_LOG", level);
        let done = stage.start(command).wait().ok();
        let line = "Received record from sensor S001 amplitude=3.21 phase=P";
        assert_eq!(done.stderr.contains(line), is_logged, "{done}");
    }
}
