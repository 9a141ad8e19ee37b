//! Tables that a job with a statement looks things up in, as a user has them: the files of
//! docs/sql.md, what is refused, a table that changes and one that cannot be read.

use std::fs;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::statement::{ALARM, append, rows};
use crate::http::address_in;
use crate::http::client::Client;
use crate::stage::{Stage, wait_until};

/// The first job of docs/sql.md: disk usage with the threshold of its type.
pub const USAGE: &str = r#"group = "usage"
dead_topic = "usage-dead"
sql = """
insert into MoniteSink
select a.JobName, a.UsedGB * 1.0 / a.TotalGB as UsedRatio, b.Value as UsedThreshold
from MoniteDataSource_1 as a, Threshold as b
where a.Type = b.Type
"""

[input]
name = "MoniteDataSource_1"
topic = "demo-source"
columns = { JobName = "text", UsedGB = "real", TotalGB = "real", Type = "int" }

[dimension.Threshold]
source = "file:thresholds.csv"
key = "Type"
columns = { Type = "int", Value = "real" }
ttl = "1s"

[output]
name = "MoniteSink"
topic = "demo-sink"
key = "JobName"
columns = { JobName = "text", UsedRatio = "real", UsedThreshold = "real" }
"#;

const THRESHOLDS: &str = "Type,Value,Comment\n1,0.8,discs\n2,0.5,\"tapes, old\"\n";

/// A stage with both files, their table and the topic that they read.
pub fn stage() -> Stage {
    stage_at(&[])
}

/// The same with queue and store at that place.
pub fn stage_at(place: &[String]) -> Stage {
    let mut stage = Stage::new();
    stage.place = place.to_vec();
    fs::write(stage.path("usage.toml"), USAGE).unwrap();
    fs::write(stage.path("alarm.toml"), ALARM).unwrap();
    set_table(&stage, THRESHOLDS);
    stage.ok(&["topic", "create", "demo-source", "--partitions", "2"]);
    stage
}

/// Replaces the table, as an editor does it.
pub fn set_table(stage: &Stage, text: &str) {
    fs::write(stage.path("thresholds.new"), text).unwrap();
    fs::rename(stage.path("thresholds.new"), stage.path("thresholds.csv")).unwrap();
}

/// A measurement of a disc of that type.
pub fn measured(job: &str, used: f64, kind: i64) -> Value {
    json!({ "JobName": job, "UsedGB": used, "TotalGB": 100.0, "Type": kind })
}

fn status(stage: &Stage) -> Value {
    let done = stage.run(&["status", "--json", "--group", "usage"]);
    serde_json::from_str(&done.stdout).unwrap_or_default()
}

fn run(stage: &Stage) {
    stage.ok(&["run", "--job", "usage.toml", "--until-caught-up"]);
}

fn verify(stage: &Stage, group: &str) {
    let proof = stage.ok(&["verify", "--complete", "--group", group]);
    assert!(proof.starts_with("verified: "), "{proof}");
}

/// Names and thresholds, sorted.
pub fn found(stage: &Stage) -> Vec<String> {
    let all = rows(stage, "usage", "demo-sink");
    let one =
        |row: &Value| format!("{} {}", row["JobName"].as_str().unwrap(), row["UsedThreshold"]);
    let mut all: Vec<String> = all.iter().map(one).collect();
    all.sort();
    all
}

#[test]
fn two_jobs_with_a_table_of_thresholds_make_alerts() {
    let stage = stage();
    stage.ok(&["job", "check", "usage.toml"]);
    let lines = [measured("web", 90.0, 1), measured("db", 10.0, 1), measured("tape", 60.0, 2)];
    append(&stage, &lines);
    append(&stage, &[measured("odd", 1.0, 7), json!({ "JobName": "none", "UsedGB": 1.0 })]);
    run(&stage);
    stage.ok(&["run", "--job", "alarm.toml", "--until-caught-up"]);
    let mut alerts: Vec<String> = rows(&stage, "usage-alarm", "demo-alarm")
        .iter()
        .map(|row| format!("{} {}", row["JobName"].as_str().unwrap(), row["AlertOrNot"]))
        .collect();
    alerts.sort();
    assert_eq!(alerts, ["db 0", "tape 1", "web 1"]);
    let letters = stage.ok(&["read", "usage-dead", "--group", "usage"]);
    assert!(letters.contains("missing_key demo-source/"), "{letters}");
    assert!(letters.contains("no row of Threshold has Type = 7 (version "), "{letters}");
    assert!(letters.contains("no row of Threshold has Type = NULL"), "{letters}");
    verify(&stage, "usage");
    verify(&stage, "usage-alarm");
    let shown = stage.ok(&["status", "--group", "usage"]);
    assert!(shown.contains("table Threshold (file:thresholds.csv): version "), "{shown}");
    assert!(shown.contains(" of 2 rows read "), "{shown}");
    let shown = status(&stage);
    assert_eq!(
        (&shown["tables"][0]["rows"], &shown["tables"][0]["error"]),
        (&json!(2), &Value::Null)
    );
    assert_eq!(shown["by_reason"]["missing_key"], 2, "{shown}");
    let journal = ["sql", "select detail from journal where kind = 'own'", "--group", "usage"];
    assert!(stage.ok(&journal).contains("table Threshold version "));
    let report = stage.ok(&["doctor", "--job", "usage.toml", "--topic", "demo-source"]);
    assert!(report.contains("table Threshold (file:thresholds.csv)"), "{report}");
    assert!(report.contains("it can be read, and has 2 rows"), "{report}");
}

#[test]
fn a_restart_with_a_changed_file_replays_with_the_old_version() {
    let stage = stage();
    append(&stage, &[measured("a", 1.0, 1)]);
    run(&stage);
    // What runs between two checkpoints is done again at the next start, by the table of then.
    set_table(&stage, "Type,Value\n1,0.25\n");
    append(&stage, &[measured("b", 1.0, 1), measured("c", 1.0, 2)]);
    run(&stage);
    assert_eq!(found(&stage), ["a 0.8", "b 0.25"]);
    set_table(&stage, "Type,Value\n");
    verify(&stage, "usage");
    run(&stage);
    fs::remove_file(stage.path("thresholds.csv")).unwrap();
    verify(&stage, "usage");
    // The newest version of the store stays in force while there is no file.
    set_table(&stage, THRESHOLDS);
    append(&stage, &[measured("d", 1.0, 2)]);
    run(&stage);
    fs::remove_file(stage.path("thresholds.csv")).unwrap();
    append(&stage, &[measured("e", 1.0, 2)]);
    let done = stage.run(&["run", "--job", "usage.toml", "--until-caught-up"]).ok();
    assert!(done.stderr.contains("which was read before, stays in force"), "{done}");
    assert_eq!(found(&stage), ["a 0.8", "b 0.25", "d 0.5", "e 0.5"]);
    verify(&stage, "usage");
    let shown = stage.ok(&["status", "--group", "usage"]);
    assert!(shown.contains("; STALE since "), "{shown}");
}

#[test]
fn a_proof_says_how_the_source_of_a_table_differs_today_and_is_none_the_less_one() {
    let stage = stage();
    append(&stage, &[measured("a", 1.0, 1)]);
    run(&stage);
    let against = ["verify", "--job", "usage.toml", "--against-source"];
    let proof = stage.ok(&against);
    let same = "table Threshold: file:thresholds.csv has the 2 rows of version ";
    assert!(proof.starts_with("verified: ") && proof.contains(same), "{proof}");
    set_table(&stage, "Type,Value\n1,0.25\n3,0.75\n");
    let proof = stage.ok(&against);
    assert!(proof.starts_with("verified: "), "{proof}");
    let differs = ", stored last, in 3 keys: 1 new, 1 gone, 1 with other rows\n  \
                   Type = 1 had Value 0.8, and has Value 0.25\n  \
                   Type = 2 had Value 0.5, and is gone\n  \
                   Type = 3 is new: Value 0.75\n";
    assert!(proof.ends_with(differs), "{proof}");
    let shown = stage.json(&[&against[..], &["--json"]].concat());
    let table = &shown["tables"][0];
    assert_eq!(shown["verified"], true, "{shown}");
    assert_eq!(
        [
            &table["rows_then"],
            &table["rows_now"],
            &table["added"],
            &table["gone"],
            &table["changed"]
        ],
        [2, 2, 1, 1, 1],
        "{shown}"
    );
    // Nothing of that is kept: the next proof has the same to say.
    assert!(stage.ok(&against).ends_with(differs));
    set_table(&stage, "Type,Value\n1,much\n");
    let refused = stage.refused(&against, 1);
    assert!(
        refused.contains("table Threshold cannot be read from file:thresholds.csv: "),
        "{refused}"
    );
    assert!(refused.contains("leave out --against-source"), "{refused}");
    let refused = stage.refused(&["verify", "--group", "usage", "--against-source"], 2);
    assert!(refused.contains("--job <FILE>"), "{refused}");
}

#[test]
fn a_running_job_takes_a_changed_table_and_keeps_the_old_one_while_it_cannot_be_read() {
    let stage = stage();
    let address = "127.0.0.1:0";
    let job = stage.spawn(&["run", "--job", "usage.toml", "--http", address]);
    let table = |stage: &Stage| status(stage)["tables"][0].clone();
    append(&stage, &[measured("a", 1.0, 1)]);
    wait_until("the first row", || status(&stage)["read"] == 1);
    set_table(&stage, "Type,Value\n1,0.25\n1,0.5\n");
    wait_until("a table that cannot be read", || !table(&stage)["error"].is_null());
    let error = table(&stage)["error"].as_str().unwrap().to_owned();
    assert!(error.contains("two of its rows have Type = 1: write unique = false"), "{error}");
    assert!(table(&stage)["stale_since_ms"].as_i64() > Some(0));
    append(&stage, &[measured("b", 1.0, 1)]);
    wait_until("a row by the old table", || status(&stage)["read"] == 2);
    let metrics = metrics_of(&job.stderr());
    assert!(
        metrics.contains("seismic_table_stale{table=\"Threshold\",job_name=\"usage\"} 1"),
        "{metrics}"
    );
    assert!(metrics.contains("seismic_table_rows{table=\"Threshold\",job_name=\"usage\"} 2"));
    assert!(
        !metrics.contains("seismic_table_failures_total{table=\"Threshold\",job_name=\"usage\"} 0")
    );
    let before = table(&stage)["version"].clone();
    set_table(&stage, "Type,Value\n1,0.25\n");
    wait_until("the new version", || table(&stage)["version"] != before);
    assert_eq!(table(&stage)["stale_since_ms"], Value::Null);
    append(&stage, &[measured("c", 1.0, 1)]);
    wait_until("a row by the new table", || status(&stage)["read"] == 3);
    let done = job.stop(Signal::TERM).ok();
    assert!(
        done.stderr.contains("table Threshold cannot be read: file:thresholds.csv: "),
        "{done}"
    );
    assert!(done.stderr.contains("the version before stays in force"), "{done}");
    assert_eq!(found(&stage), ["a 0.8", "b 0.8", "c 0.25"]);
    verify(&stage, "usage");
}

/// What `/metrics` says, at the address that the job has told.
fn metrics_of(told: &str) -> String {
    Client::new(address_in(told).unwrap()).get("/metrics").body
}

#[test]
fn a_job_without_a_first_version_waits_for_it_and_a_bounded_one_says_why() {
    let stage = stage();
    fs::remove_file(stage.path("thresholds.csv")).unwrap();
    append(&stage, &[measured("a", 1.0, 1)]);
    let done = stage.run(&["run", "--job", "usage.toml", "--until-caught-up"]);
    assert_ne!(done.code, Some(0), "{done}");
    assert!(done.stderr.contains("table Threshold cannot be read, and the store has no"), "{done}");
    assert!(done.stderr.contains("thresholds.csv: it cannot be read: No such file"), "{done}");
    let job = stage.spawn(&["run", "--job", "usage.toml"]);
    wait_until("that it waits", || {
        job.stderr().contains("waiting for table Threshold: file:thresholds.csv")
    });
    set_table(&stage, THRESHOLDS);
    wait_until("the first row", || status(&stage)["read"] == 1);
    job.stop(Signal::TERM).ok();
    assert_eq!(found(&stage), ["a 0.8"]);
    verify(&stage, "usage");
    let refused = {
        set_table(&stage, "Type,Values\n");
        stage.run(&["doctor", "--job", "usage.toml", "--topic", "demo-source"])
    };
    assert_eq!(refused.code, Some(3), "{refused}");
    let why = "thresholds.csv: line 1: there is no column Value; did you mean Values?";
    assert!(refused.stdout.contains(why), "{refused}");
}

#[test]
fn what_is_wrong_with_a_table_is_named_with_its_line() {
    let stage = stage();
    for (from, to, why) in [
        (
            "source = \"file",
            "sources = \"file",
            "f.toml:16: dimension.Threshold.sources: there is no such key; did you mean \"source\"?",
        ),
        (
            "file:thresholds.csv",
            "thresholds.csv",
            "f.toml:15: dimension.Threshold: source: \"thresholds.csv\" is no source of a table: write file:PATH",
        ),
        ("file:thresholds.csv", "file:thresholds.txt", "add format = \"csv\" or format = \"json\""),
        (
            "ttl = \"1s\"",
            "ttl = \"1ms\"",
            "f.toml:19: dimension.Threshold.ttl: it is not between 1s and 7d",
        ),
        (
            "ttl = \"1s\"",
            "missing = \"nul\"",
            "\"nul\" is none of \"dead-letter\", \"null\", \"drop\", \"stop\"",
        ),
        ("ttl = \"1s\"", "cache = \"lru\"", "this version reads tables as a whole"),
        ("ttl = \"1s\"", "missing = \"null\"", "is for a statement with LEFT JOIN Threshold ON"),
        ("ttl = \"1s\"", "on = { Typ = \"Type\" }", "on: Typ is no column of its key (Type)"),
        (
            "ttl = \"1s\"",
            "on = { Type = \"Typ\" }",
            "Threshold: on: the input has no column Typ; did you mean Type?",
        ),
        (
            "key = \"Type\"",
            "key = \"Typ\"",
            "f.toml:15: dimension: Threshold: key: there is no column Typ; did you mean Type?",
        ),
        (
            "from MoniteDataSource_1",
            "from MoniteSource_1",
            "there is no table MoniteSource_1; did you mean MoniteDataSource_1?",
        ),
        (
            "Threshold as b",
            "Thresholds as b",
            "there is no table Thresholds; did you mean Threshold?",
        ),
        ("[dimension.Threshold]", "[dimension]", "write a table, as in [dimension.NAME]"),
        ("source = \"file:thresholds.csv\"\n", "", "dimension.Threshold: source is missing"),
    ] {
        fs::write(stage.path("f.toml"), USAGE.replacen(from, to, 1)).unwrap();
        for command in [&["job", "check", "f.toml"][..], &["run", "--job", "f.toml"]] {
            let refused = stage.refused(command, 2);
            assert!(refused.contains(why), "{to}: {refused}");
        }
    }
    // What is shown as a file makes the same job.
    let shown = stage.ok(&["job", "show", "usage.toml"]);
    fs::write(stage.path("again.toml"), &shown).unwrap();
    let hash = |file: &str| {
        let check = stage.ok(&["job", "check", file]);
        check.rsplit_once("(rules ").unwrap().1.to_owned()
    };
    assert_eq!(hash("again.toml"), hash("usage.toml"), "{shown}");
    assert!(shown.contains("\"ttl\" = \"1s\""), "{shown}");
}

#[test]
fn where_a_table_comes_from_may_change_under_progress_and_what_it_is_may_not() {
    let stage = stage();
    append(&stage, &[measured("a", 1.0, 1)]);
    run(&stage);
    let lines = "{\"Type\":1,\"Value\":0.25}\n{\"Type\":2,\"Value\":0.5,\"x\":[]}\n";
    fs::write(stage.path("thresholds.jsonl"), lines).unwrap();
    let moved = USAGE.replace("thresholds.csv", "thresholds.jsonl").replace("\"1s\"", "\"1h\"");
    fs::write(stage.path("usage.toml"), &moved).unwrap();
    append(&stage, &[measured("b", 1.0, 1)]);
    run(&stage);
    assert_eq!(found(&stage), ["a 0.8", "b 0.25"]);
    fs::write(
        stage.path("usage.toml"),
        moved.replace("key = \"Type\"", "key = \"Type\"\nunique = false"),
    )
    .unwrap();
    let refused = stage.refused(&["run", "--job", "usage.toml", "--until-caught-up"], 2);
    assert!(refused.contains("dimension (was [{"), "{refused}");
    verify(&stage, "usage");
}
