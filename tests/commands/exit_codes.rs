//! Exit codes: 0 fine, 1 failed, 2 wrong usage, 3 verify found a difference, 4 fenced by another
//! owner; and messages that say what to do.

use std::fs;

use crate::faults::line::Line;
use crate::stage::{DATA, Stage};

const HOME_FILE: &str = "output/queue.seismic.home.db";

/// Runs what must be refused as wrong usage, with these words.
fn wrong(stage: &Stage, line: &str, words: &str) {
    let args: Vec<_> = line.split_whitespace().collect();
    let stderr = stage.refused(&args, 2);
    assert!(stderr.contains(words), "{line}: {words:?} is not in\n{stderr}");
}

#[test]
fn wrong_usage_is_code_2_and_says_what_is_wrong() {
    let stage = Stage::with_records(&["--records", "100"]);
    let mut tried =
        Line::new(23, "each wrong option, name, URL and file of every command, refused");
    for (line, words) in [
        ("nonsense", "unrecognized subcommand 'nonsense'"),
        ("run --sink nope", "known are console, csv[:DIR]"),
        ("run --sink csv --sink csv:output/seismic_agg_result", "given twice"),
        ("run --from yesterday", "earliest, latest, an offset, a time like"),
        ("run --lateness-ms -1", "--lateness: -1 ms is not between 0 ms and"),
        ("run --window-ms 0", "--window: 0 ms is not between 1 ms"),
        ("run --max-ahead-ms -5", "--max-ahead: -5 ms is not"),
        ("run --drain --until-caught-up", "cannot be used with"),
        ("run --time noon", "possible values: event, ingest"),
        ("run --group a/b", "cannot be a name"),
        ("run --queue nats://host:4222", "known are sqlite:PATH"),
        ("run --store nowhere", "known are sqlite:PATH"),
        ("run --topic other --drain", "there is no topic \"other\""),
        ("generate --records 0", "--records 0 is not between 1 and"),
        ("generate --anomaly-percent 101", "--anomaly-percent 101 is not between"),
        ("generate --partitions 5", "use --partitions 4 or another --topic"),
        ("generate --start noon", "is not a time like"),
        ("generate --forever --records 3", "cannot be used with"),
        ("read other", "there is no topic \"other\""),
        ("read seismic-data-topic --partition 4", "there is no partition 4"),
        ("read seismic-data-topic --from soon", "earliest, latest, an offset, a time like"),
        ("read seismic-data-topic --in store", "there is no store"),
        ("demo --seconds 1", "not in 2..=600"),
        ("run --no-such-option", "unexpected argument '--no-such-option'"),
        ("run --slots 0", "--slots: 0 is less than 1"),
        ("run --store sqlite:output", "it is a folder"),
    ] {
        wrong(&stage, line, words);
        tried.tries += 1;
    }
    assert!(!stage.path(HOME_FILE).exists(), "and leaves nothing behind");
    tried.print();
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let stage = Stage::with_records(&["--records", "100"]);
    let line = "run --window-ms 0 --lateness-ms -1 --max-ahead-ms -1 --topic a/b --group c/d \
                --sink csv --sink csv --slots 0";
    let args: Vec<_> = line.split_whitespace().collect();
    let stderr = stage.refused(&args, 2);
    let all = [
        "--window: 0 ms",
        "--lateness: -1 ms",
        "--max-ahead: -1 ms",
        "a/b",
        "c/d",
        "--sink: csv:output/seismic_agg_result is given twice",
        "--slots: 0",
    ];
    for words in all {
        assert!(stderr.contains(words), "{words:?} is not in\n{stderr}");
    }
    let mut tried = Line::new(23, "seven mistakes in one command, all named at once");
    tried.tries = 1;
    tried.print();
}

#[test]
fn a_job_with_progress_keeps_its_start_its_rules_and_its_topics() {
    let stage = Stage::with_records(&["--records", "1000"]);
    stage.ok(&["run", "--until-caught-up", "--from", "earliest"]);
    for (line, words) in [
        ("run --drain --from latest", "omit --from, or start a new --group"),
        ("run --drain --from earliest", "omit --from, or start a new --group"),
        ("run --drain --lateness-ms 600", "lateness-ms 600 (was 500)"),
        ("run --drain --window-ms 2000", "window-ms 2000 (was 1000)"),
        ("run --drain --max-ahead-ms 1", "max-ahead-ms 1 (was 5000)"),
        ("run --drain --time ingest", "time Ingest (was Event)"),
        ("verify --sink console", "stores nothing that can be compared"),
        ("verify --sink csv:none", "holds no rows of a CSV sink"),
        ("run --drain --result-topic other", "use another --group or --store"),
        (
            "run --drain --group other --store sqlite:output/queue.seismic.home.db",
            "belongs to a job with group \"seismic\"",
        ),
    ] {
        wrong(&stage, line, words);
    }
    // Nothing of that did any harm.
    stage.ok(&["run", "--drain"]);
    stage.verify(&[]);
}

#[test]
fn every_command_in_an_empty_folder_says_what_to_do_first() {
    for (line, words) in [
        ("status", "`seismic run` makes one"),
        ("verify", "`seismic run` makes one"),
        ("checkpoint list", "`seismic run` makes one"),
        ("read seismic-data-topic", "`seismic generate` or `seismic import` makes one"),
        ("read seismic-agg-topic", "there is no topic"),
        ("retention seismic-data-topic", "`seismic generate` or `seismic import` makes one"),
        ("run --drain", "`seismic generate` or `seismic import` makes one"),
        ("run --until-caught-up", "`seismic generate` or `seismic import` makes one"),
        ("run --max-records 1", "`seismic generate` or `seismic import` makes one"),
        ("read", "Usage: seismic read"),
        ("import", "openeew"),
        ("import openeew", "--locations <FILE.csv>"),
        ("checkpoint", "list"),
        ("", "Usage: seismic"),
    ] {
        wrong(&Stage::new(), line, words);
    }
}

#[test]
fn a_second_owner_is_code_4_and_is_told_who_the_first_is() {
    let stage = Stage::with_records(&["--records", "1000"]);
    let mut first = stage.spawn(&["run"]);
    stage.wait_for_job(|_| true);
    let stderr = stage.refused(&["run", "--drain"], 4);
    assert!(stderr.contains(&format!("{}", first.pid())), "no pid {} in {stderr}", first.pid());
    assert!(stderr.contains("another --store or --group"), "{stderr}");
    assert!(first.is_running());
    // Another group is another job, and looking is free.
    stage.ok(&["run", "--drain", "--group", "other"]);
    stage.ok(&["verify", "--group", "other"]);
    stage.ok(&["verify"]);
}

/// Changes a file of ours behind the program's back.
fn tamper(stage: &Stage, file: &str, sql: &str) {
    let db = rusqlite::Connection::open(stage.path(file)).unwrap();
    db.execute_batch(sql).unwrap();
}

/// The partition of a topic with the most messages, as SQL.
fn partition_of(topic: &str) -> String {
    format!(
        "(SELECT p.id FROM partition p JOIN topic t ON p.topic = t.id WHERE t.name = '{topic}'
          ORDER BY p.next DESC LIMIT 1)"
    )
}

/// Takes away a topic's newest block, and the partition's end with it: as if the commit had been
/// smaller.
fn take_the_newest_block(stage: &Stage, topic: &str) {
    let partition = partition_of(topic);
    tamper(
        stage,
        HOME_FILE,
        &format!(
            "UPDATE partition SET next =
                 (SELECT max(base) FROM block WHERE partition = partition.id)
             WHERE id = {partition};
             DELETE FROM block WHERE base >=
                 (SELECT next FROM partition WHERE id = block.partition);"
        ),
    );
}

#[test]
fn rows_that_were_taken_away_are_code_3() {
    for (topic, kind) in
        [("seismic-agg-topic", "row_missing"), ("seismic-dead-topic", "dead_letter_missing")]
    {
        let stage = Stage::with_records(&["--records", "1000", "--anomaly-percent", "10"]);
        stage.ok(&["run", "--drain", "--sink", "csv:csv"]);
        stage.verify(&["csv"]);
        take_the_newest_block(&stage, topic);
        let done = stage.run(&["verify"]);
        assert_eq!(done.code, Some(3), "{done}");
        assert!(done.stdout.contains("the first of each partition"), "{done}");
        assert!(done.stdout.contains(&format!("{kind} in partition ")), "{done}");

        let done = stage.run(&["verify", "--json"]);
        assert_eq!(done.code, Some(3), "{done}");
        let report: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
        assert_eq!(report["verified"], false);
        assert!(report["total_differences"].as_u64().unwrap() > 0);
        let mut kinds = report["differences"].as_array().unwrap().iter();
        assert!(kinds.any(|difference| difference["kind"] == kind), "{kind} in {report}");
    }
}

#[test]
fn csv_rows_that_were_changed_or_taken_away_are_code_3() {
    let stage = Stage::with_records(&["--records", "1000"]);
    stage.ok(&["run", "--drain", "--sink", "csv:csv"]);
    let file = crate::stage::csv_files(&stage.path("csv")).remove(0);
    let text = fs::read_to_string(&file).unwrap();

    let changed = text.replacen(",end,", ",idle,", 1).replacen(",time,", ",idle,", 1);
    assert_ne!(changed, text);
    fs::write(&file, &changed).unwrap();
    assert_eq!(stage.run(&["verify", "--sink", "csv:csv"]).code, Some(3));

    // Shorter than its mark: damaged, and never passed over.
    let last = text.trim_end().rfind('\n').unwrap();
    fs::write(&file, &text[..=last]).unwrap();
    let done = stage.run(&["verify", "--sink", "csv:csv"]);
    assert!(matches!(done.code, Some(1 | 3)), "{done}");

    fs::write(&file, text).unwrap();
    stage.verify(&["csv"]);
}

#[test]
fn a_damaged_block_is_named_and_is_never_code_0() {
    let stage = Stage::with_records(&["--records", "1000"]);
    stage.ok(&["run", "--drain"]);
    let partition = partition_of(DATA);
    let sql =
        format!("UPDATE block SET bytes = zeroblob(length(bytes)) WHERE partition = {partition}");
    tamper(&stage, "output/queue.db", &sql);
    for command in [&["verify"][..], &["read", DATA]] {
        let stderr = stage.refused(command, 1);
        assert!(stderr.contains("damaged"), "{stderr}");
    }
}

#[test]
fn files_that_are_not_ours_are_refused_and_left_alone() {
    let stage = Stage::new();
    fs::create_dir(stage.path("output")).unwrap();
    fs::write(stage.path("output/queue.db"), "dear diary, ".repeat(1_000)).unwrap();
    for line in ["generate", "run", "read seismic-data-topic"] {
        wrong(&stage, line, "is not a file of ours");
    }
    let diary = fs::read_to_string(stage.path("output/queue.db")).unwrap();
    assert!(diary.starts_with("dear diary, "));

    let stage = Stage::with_records(&["--records", "100"]);
    wrong(&stage, "status --store sqlite:output/queue.db", "it is a queue, not a store");
}

#[test]
fn a_file_of_a_newer_version_is_refused() {
    let stage = Stage::with_records(&["--records", "100"]);
    tamper(&stage, "output/queue.db", "PRAGMA user_version = 99");
    let stderr = stage.refused(&["run", "--drain"], 2);
    assert!(stderr.contains("written by a newer version") && stderr.contains("99"), "{stderr}");
}
