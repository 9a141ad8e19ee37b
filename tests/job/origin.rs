//! `run --from-checkpoint`: forks of another job, and a job that rewinds to its own checkpoint.

use std::fs;

use serde_json::Value;

use crate::stage::{ROWS, Stage, csv_files, parse};
use crate::truth::int;

const FORK: [&str; 8] =
    ["run", "--drain", "--group", "child", "--from-checkpoint", "half", "--of-group", "seismic"];
const REWIND: [&str; 5] = ["run", "--drain", "--from-checkpoint", "half", "--rewind"];

impl Stage {
    /// Rows of a group that is not the default one.
    fn read_of(&self, group: &str) -> Vec<Value> {
        parse(&self.ok(&["read", ROWS, "--group", group, "--format", "json"]))
    }
}

/// A job that has read 3,000 records, with the checkpoint `half` there, and then drained 1,000 more
/// into a CSV folder too.
fn parent() -> Stage {
    let stage = Stage::with_records(&["--anomaly-percent", "20"]);
    stage.ok(&["run", "--until-caught-up", "--sink", "csv:csv"]);
    stage.ok(&["checkpoint", "save", "half"]);
    stage.generate(&["--records", "1000"]);
    stage.ok(&["run", "--drain", "--sink", "csv:csv"]);
    stage
}

#[test]
fn a_fork_goes_on_from_a_checkpoint_of_another_group_in_a_store_of_its_own() {
    let stage = parent();
    let all = stage.ok(&["read", ROWS, "--format", "json"]);
    stage.ok(&FORK);
    let text = stage.ok(&["verify", "--complete", "--group", "child"]);
    assert!(text.contains("forked from checkpoint 1 of group seismic at offset "), "{text}");
    let status = stage.json(&["status", "--group", "child", "--json"]);
    assert_eq!((int(&status, "read"), int(&status, "lag")), (4_000, 0));
    let value = |line: &str| line.split_once("\"value\"").unwrap().1.to_owned();
    let all: Vec<_> = all.lines().map(value).collect();
    let ours = stage.ok(&["read", ROWS, "--group", "child", "--format", "json"]);
    let ours: Vec<_> = ours.lines().map(value).collect();
    assert!(!ours.is_empty() && ours.len() < all.len());
    assert!(ours.iter().all(|row| all.contains(row)), "bit by bit the rows of the other group");
    stage.verify(&["csv"]);

    let again = stage.refused(&FORK, 2);
    assert!(again.contains("omit --from-checkpoint") || again.contains("Leave"), "{again}");
    stage.ok(&["run", "--drain", "--group", "child"]);
}

#[test]
fn a_job_file_begins_as_a_fork_once_and_goes_on_from_there_at_each_further_start() {
    let stage = parent();
    let fork = "[fork]\ncheckpoint = 'half'\nof_group = 'seismic'\n";
    fs::write(stage.path("child.toml"), format!("group = 'child'\ndrain = true\n{fork}")).unwrap();
    stage.ok(&["run", "--job", "child.toml"]);
    let rows = stage.read_of("child").len();
    let forked = stage.ok(&["verify", "--complete", "--group", "child"]);
    assert!(forked.contains("forked from checkpoint 1 of group seismic at offset "), "{forked}");
    // The checkpoint need not be there any more.
    stage.ok(&["checkpoint", "delete", "half"]);
    stage.generate(&["--records", "1000", "--seed", "3"]);
    stage.ok(&["run", "--job", "child.toml"]);
    let status = stage.json(&["status", "--group", "child", "--json"]);
    assert_eq!((int(&status, "read"), int(&status, "lag")), (5_000, 0));
    assert!(stage.read_of("child").len() > rows);
    stage.ok(&["verify", "--complete", "--group", "child"]);

    // What is decided for a start counts before the file.
    stage.ok(&["run", "--job", "child.toml", "--group", "other", "--from", "earliest"]);
    let whole = stage.ok(&["verify", "--complete", "--group", "other"]);
    assert!(!whole.contains("forked"), "{whole}");
}

#[test]
fn a_fork_in_a_job_file_says_of_which_checkpoint_of_which_job() {
    let stage = Stage::new();
    for (text, fault) in [
        ("[fork]\ncheckpoint = 'half'\n", "job.toml:2: fork.checkpoint: whose is it?"),
        ("[fork]\nof_group = 'seismic'\n", "job.toml:2: fork.of_group: of which checkpoint?"),
        (
            "from = 'latest'\n[fork]\ncheckpoint = 1\nof_group = 'seismic'\n",
            "job.toml:1: from: [fork] says already where the job begins",
        ),
        ("from_checkpoint = 'half'\n", "job.toml:1: from_checkpoint: "),
    ] {
        fs::write(stage.path("job.toml"), text).unwrap();
        for command in [&["run", "--job", "job.toml"][..], &["job", "check", "job.toml"]] {
            let said = stage.refused(command, 2);
            assert!(said.contains(fault), "{fault}: {said}");
        }
    }
}

#[test]
fn what_cannot_be_forked_is_refused_and_makes_no_store() {
    let stage = parent();
    let of_nobody = stage.refused(&["run", "--group", "child", "--from-checkpoint", "half"], 2);
    assert!(of_nobody.contains("--of-group") && of_nobody.contains("--rewind"), "{of_nobody}");
    let mut missing = FORK;
    missing[5] = "never";
    let missing = stage.refused(&missing, 2);
    assert!(missing.contains("no checkpoint \"never\""), "{missing}");
    assert!(!stage.path("output/queue.child.home.db").exists());
    let other_rules = stage.refused(&[&FORK[..], &["--lateness-ms", "7"]].concat(), 2);
    assert!(other_rules.contains("lateness-ms 7 (was 500)"), "{other_rules}");
}

#[test]
fn a_rewind_takes_rows_back_and_a_sink_that_has_them_is_in_its_way() {
    let stage = parent();
    let rows = stage.read(ROWS).len();
    let refused = stage.refused(&REWIND, 2);
    let sink = format!("csv:{}", stage.path("csv").canonicalize().unwrap().display());
    assert!(refused.contains(&sink) && refused.contains("--release"), "{refused}");
    assert_eq!(stage.read(ROWS).len(), rows);
    stage.verify(&["csv"]);

    stage.ok(&["retention", ROWS, "--in", "home", "--release", &sink]);
    stage.ok(&REWIND);
    stage.verify(&[]);
    assert_eq!(stage.read(ROWS).len(), rows);
    // The folder still has rows that were taken back.
    let taken_back = stage.refused(&["run", "--drain", "--sink", "csv:csv"], 1);
    assert!(taken_back.contains("that a rewind took back"), "{taken_back}");
    fs::remove_dir_all(stage.path("csv")).unwrap();
    stage.ok(&["run", "--drain", "--sink", "csv:csv"]);
    assert!(!csv_files(&stage.path("csv")).is_empty());
    stage.verify(&["csv"]);
}

#[test]
fn a_run_that_ends_on_rows_that_were_taken_back_still_ends() {
    let stage = Stage::with_records(&[]);
    stage.ok(&["run", "--until-caught-up"]);
    stage.ok(&["checkpoint", "save", "half"]);
    stage.ok(&["run", "--drain"]);
    // Nothing comes after the rows that are taken back.
    let back = ["run", "--from-checkpoint", "half", "--rewind", "--until-caught-up"];
    stage.ok(&[&back[..], &["--sink", "csv:csv"]].concat());
    stage.verify(&["csv"]);
    stage.ok(&["run", "--drain", "--sink", "csv:csv"]);
    stage.verify(&["csv"]);
}

#[test]
fn a_rewind_that_is_killed_is_made_or_not_made() {
    for place in ["rewind-in-transaction", "rewind-after"] {
        let stage = Stage::with_records(&[]);
        stage.ok(&["run", "--until-caught-up"]);
        stage.ok(&["checkpoint", "save", "half"]);
        stage.generate(&["--records", "1000"]);
        stage.ok(&["run", "--drain"]);
        let rows = stage.read(ROWS).len();
        let mut killed = stage.command(&REWIND);
        killed.env("FAILPOINTS", format!("{place}=return(abort)"));
        assert_eq!(stage.start(killed).wait().code, None, "{place}");
        let left = stage.read(ROWS).len();
        assert_eq!(left == rows, place == "rewind-in-transaction", "{place}");
        stage.verify(&[]);
        stage.ok(&["run", "--drain"]);
        assert_eq!(stage.read(ROWS).len(), rows);
        stage.verify(&[]);
    }
}
