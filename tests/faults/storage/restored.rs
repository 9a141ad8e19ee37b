//! Faults 27 and 29: queue, store or CSV folder restored from an older copy, or overwritten while a
//! job uses them. Offsets do not reveal it once the feed has continued; the last message read does.

use std::fs;
use std::path::Path;

use crate::faults::line::Line;
use crate::faults::trial::{QUEUE, STORE};
use crate::stage::{Stage, wait_until};

/// Puts a copy of a SQLite file where it was, without what SQLite keeps beside it.
fn put_back(stage: &Stage, copy: &str, file: &str) {
    for suffix in ["-wal", "-shm"] {
        let _ = fs::remove_file(stage.path(&format!("{file}{suffix}")));
    }
    fs::remove_file(stage.path(file)).unwrap();
    fs::copy(stage.path(copy), stage.path(file)).unwrap();
}

fn copy(stage: &Stage, file: &str, copy: &str) {
    // Whoever had it open has ended, so all of it is in this one file.
    assert!(!stage.path(&format!("{file}-wal")).exists(), "the file is whole");
    fs::copy(stage.path(file), stage.path(copy)).unwrap();
}

fn generate(stage: &Stage, seed: &str, start: &str, records: &str) {
    stage.generate(&["--seed", seed, "--records", records, "--start", start]);
}

const RUN: [&str; 5] = ["run", "--until-caught-up", "--quiet", "--sink", "csv:csv"];

#[test]
fn an_older_queue_that_was_put_back_and_grew_is_refused() {
    let mut line =
        Line::new(27, "an older queue put back, the feed past the position; same feed again");
    for (seed, start, records) in
        [("77", "2026-01-01T00:03:00Z", "6000"), ("2", "2026-01-01T00:02:00Z", "3000")]
    {
        let stage = Stage::new();
        generate(&stage, "1", "2026-01-01T00:00:00Z", "3000");
        copy(&stage, QUEUE, "old.db");
        generate(&stage, "2", "2026-01-01T00:02:00Z", "3000");
        stage.ok(&RUN);
        let before = stage.read(crate::stage::ROWS);
        put_back(&stage, "old.db", QUEUE);
        generate(&stage, seed, start, records);
        let said = stage.refused(&RUN, 1);
        assert!(said.contains("an older copy of the queue was restored"), "{said}");
        assert!(said.contains("--accept-loss does not help here"), "{said}");
        let said = stage.refused(&[&RUN[..], &["--accept-loss"]].concat(), 1);
        assert!(said.contains("an older copy of the queue was restored"), "{said}");
        let doctor = stage.run(&["doctor"]);
        assert_eq!(doctor.code, Some(3), "{doctor}");
        assert!(doctor.stdout.contains("is not the one that the job has read"), "{doctor}");
        assert_eq!(stage.read(crate::stage::ROWS), before, "nothing was written");
        line.tries += 1;
    }
    line.print();
}

#[test]
fn an_older_store_that_was_put_back_and_grew_is_refused_by_its_csv_folder() {
    let mut line =
        Line::new(27, "an older store put back beside its CSV folder, before and after it grew");
    let stage = Stage::new();
    generate(&stage, "1", "2026-01-01T00:00:00Z", "3000");
    stage.ok(&RUN);
    copy(&stage, STORE, "old.db");
    generate(&stage, "2", "2026-01-01T00:02:00Z", "3000");
    stage.ok(&RUN);
    put_back(&stage, "old.db", STORE);
    let said = stage.run(&["sink", "csv:csv", "--until-caught-up"]);
    assert_eq!(said.code, Some(1), "it has rows that the store does not know: {said}");
    // Without the sink the job grows past what the folder has.
    generate(&stage, "3", "2026-01-01T00:04:00Z", "3000");
    stage.ok(&["run", "--until-caught-up", "--quiet", "--sink", "csv:other"]);
    let said = stage.refused(&RUN, 1);
    assert!(said.contains("an older copy of the store was restored"), "{said}");
    stage.verify(&["other"]);
    line.tries += 2;
    line.print();
}

#[test]
fn a_folder_ahead_of_its_store_is_named_with_both_positions_and_the_ways_out() {
    let stage = Stage::new();
    generate(&stage, "1", "2026-01-01T00:00:00Z", "1000");
    stage.ok(&RUN);
    copy(&stage, STORE, "older.db");
    // Thousands of rows more, of which none may be waited for.
    generate(&stage, "2", "2026-01-02T00:00:00Z", "100000");
    stage.ok(&RUN);
    put_back(&stage, "older.db", STORE);
    let folder = stage.path("csv");
    let says = |said: &str| {
        assert!(said.contains(folder.to_str().unwrap()), "the folder: {said}");
        assert!(said.contains("is ahead of its store"), "{said}");
        assert!(
            said.contains(" up to offset ") && said.contains("the store has them up to"),
            "{said}"
        );
    };
    let ways_out = |said: &str| assert!(said.contains("restore the store"), "{said}");
    let at = format!("csv:{}", folder.display());
    for refused in [
        stage.refused(&["verify", "--sink", &at], 1),
        stage.refused(&["sink", &at, "--until-caught-up"], 1),
    ] {
        says(&refused);
        ways_out(&refused);
    }
    says(&stage.ok(&["status"]));
    for args in [&["doctor"][..], &["doctor", "--sink", &at]] {
        let found = stage.run(args);
        assert_eq!(found.code, Some(3), "{found}");
        says(&found.stdout);
        ways_out(&found.stdout);
    }
}

#[test]
fn a_log_whose_last_read_message_is_gone_is_said_and_not_refused() {
    let stage = Stage::new();
    generate(&stage, "1", "2026-01-01T00:00:00Z", "3000");
    stage.ok(&RUN);
    stage.ok(&["retention", crate::stage::DATA, "--max-bytes", "1", "--past-holds"]);
    generate(&stage, "2", "2026-01-01T00:02:00Z", "3000");
    let said = stage.run(&[&RUN[..], &["--slots", "1"]].concat()).ok().stderr;
    assert_eq!(said.matches("it cannot be proved that this is the log that was read").count(), 1);
}

#[test]
fn a_file_that_is_written_over_under_a_running_job_ends_it() {
    let mut line =
        Line::new(29, "queue or store written over under a running job, in the same file");
    for file in [QUEUE, STORE] {
        let stage = Stage::new();
        generate(&stage, "1", "2026-01-01T00:00:00Z", "1000");
        stage.ok(&["run", "--until-caught-up", "--quiet"]);
        copy(&stage, file, "old.db");
        generate(&stage, "2", "2026-01-01T00:02:00Z", "20000");
        // So that all of it is in the one file, and the older one is another.
        stage.ok(&["run", "--until-caught-up", "--quiet"]);
        let consumer = stage.spawn(&["run", "--quiet"]);
        generate(&stage, "3", "2026-01-01T00:04:00Z", "1000");
        stage.wait_for_job(|status| crate::truth::int(status, "read") == 22_000);
        over(&stage.path("old.db"), &stage.path(file));
        let done = consumer.wait();
        assert_eq!(done.code, Some(1), "{done}");
        let name = Path::new(file).file_name().unwrap().to_str().unwrap();
        assert!(done.stderr.contains(name), "{done}");
        line.tries += 1;
    }
    line.print();
}

/// Writes a file over another one, which stays the same file.
fn over(from: &Path, to: &Path) {
    use std::os::unix::fs::MetadataExt;
    let before = fs::metadata(to).unwrap().ino();
    fs::write(to, fs::read(from).unwrap()).unwrap();
    assert_eq!(fs::metadata(to).unwrap().ino(), before);
    wait_until("it is shorter", || fs::metadata(to).unwrap().len() > 0);
}
