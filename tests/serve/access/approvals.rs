//! Versions that are started once somebody else than their author has approved them: a team from the
//! submission to the end, by its commands.

use std::fs;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{Guarded, JOB, as_one};
use crate::serve::ServeStage;
use crate::stage::wait_until;

/// Who there is, and what they may do.
const TEAM: [(&str, &str); 5] = [
    ("anna", "developer"),
    ("dora", "developer,approver"),
    ("paul", "approver"),
    ("olga", "operator"),
    ("vera", "viewer"),
];

const TEST: [&str; 14] = [
    "test",
    "--job",
    "coast.toml",
    "--input",
    "pack.csv",
    "--column",
    "sensor_id=station",
    "--column",
    "collect_timestamp=when",
    "--column",
    "seismic_amplitude=value",
    "--time-unit",
    "s",
    "--strict",
];

struct Team(Guarded);

impl Team {
    fn start() -> Team {
        let guarded = Guarded::start_with("approval = true\n", &[]);
        for (name, roles) in TEAM {
            let roles: Vec<&str> = roles.split(',').collect();
            let path = guarded.stage.stage.path(&format!("{name}.token"));
            fs::write(path, guarded.token(name, &roles)).unwrap();
        }
        let mut pack = "station,when,value\n".to_owned();
        for at in 0..50 {
            pack += &format!("S1,{},{}.5\n", 1_600_000_000.0 + f64::from(at) / 10.0, at % 7);
        }
        fs::write(guarded.stage.stage.path("pack.csv"), pack).unwrap();
        Team(guarded)
    }

    /// Writes the job file, with this description.
    fn write(&self, description: &str) {
        let text = format!("{JOB}description = '{description}'\n");
        fs::write(self.0.stage.stage.path("coast.toml"), text).unwrap();
    }

    fn ok(&self, who: &str, args: &[&str]) -> String {
        let done = as_one(&self.0, who, args).ok();
        done.stdout + &done.stderr
    }

    #[track_caller]
    fn refused(&self, who: &str, args: &[&str], why: &str) {
        let done = as_one(&self.0, who, args);
        assert_eq!(done.code, Some(2), "{who} {args:?}: {done}");
        assert!(done.stderr.contains(why), "{who} {args:?}: {done}");
    }

    /// Stages of the versions of the job, the newest first.
    fn stages(&self) -> Vec<String> {
        let all = self.0.root().get("/api/v1/jobs/coast/versions").json(200);
        let all = all["versions"].as_array().unwrap().iter();
        all.map(|it| it["stage"].as_str().unwrap().to_owned()).collect()
    }

    fn approvals(&self, state: &str) -> Vec<Value> {
        let all = self.0.root().get(&format!("/api/v1/approvals?state={state}")).json(200);
        assert_eq!(all["is_required"], true);
        all["versions"].as_array().unwrap().clone()
    }
}

#[test]
fn one_submits_and_tests_another_approves_a_third_operates_and_the_audit_log_tells_it_all() {
    let team = Team::start();
    team.write("first");
    let submit = ["job", "submit", "coast.toml", "--comment", "first light"];
    team.ok("anna", &submit);
    assert_eq!(team.stages(), ["draft"]);
    let start = ["job", "start", "coast"];
    team.refused("olga", &start, "version 1 of job coast is not approved");
    let approve = ["job", "approve", "coast", "--comment", "read it"];
    team.refused("paul", &approve, "has passed no test");
    // Also with the server's address, which says who may tell it.
    team.refused("vera", &TEST, "needs the role developer");
    let told = team.ok("anna", &TEST);
    assert!(told.contains("version 1 of job coast is tested"), "{told}");
    let pending = team.approvals("pending");
    let tested = &pending[0]["tested"];
    assert_eq!((&pending[0]["job"], &tested["by"]), (&json!("coast"), &json!("anna")));
    assert_eq!((&tested["read"], &tested["input"]), (&json!(50), &json!("pack.csv")));
    // Whoever repeats the test has the same rows.
    let stage = &team.0.stage.stage;
    stage.ok(&[&TEST[..], &["--write-rows", "rows.jsonl"]].concat());
    let rows = Sha256::digest(fs::read(stage.path("rows.jsonl")).unwrap());
    let rows: String = rows.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(tested["result"], json!(rows));

    // First, since no more than ten such refusals a second are noted.
    team.refused("anna", &approve, "has the role developer");
    // A viewer is refused everything else.
    for args in [
        &["job", "submit", "coast.toml"][..],
        &["job", "submit", "coast.toml", "--draft"],
        &["job", "approve", "coast", "1", "--comment", "a"],
        &["job", "reject", "coast", "1", "--comment", "a"],
        &["job", "withdraw", "coast", "1"],
        &["job", "start", "coast"],
        &["job", "stop", "coast"],
        &["job", "pause", "coast"],
        &["job", "resume", "coast"],
        &["job", "savepoint", "coast", "mine"],
        &["job", "copy", "coast", "mine"],
        &["job", "delete", "coast"],
        &["token", "list"],
    ] {
        team.refused("vera", args, "has the role viewer");
    }
    assert!(team.ok("vera", &["job", "approvals"]).contains("tested by anna"));
    // Nobody approves what is their own, whatever their roles.
    fs::write(
        team.0.stage.stage.path("other.toml"),
        JOB.replace("coast", "other").replace("rows", "others"),
    )
    .unwrap();
    team.ok("dora", &["job", "submit", "other.toml"]);
    let own = ["job", "approve", "other", "1", "--comment", "mine", "--untested"];
    team.refused("dora", &own, "somebody else must approve it");
    team.refused("paul", &["job", "approve", "coast", "1", "--comment", " "], "say why");
    let told = team.ok("paul", &approve);
    assert!(told.contains("version 1 of job coast is approved"), "{told}");
    team.ok("olga", &start);
    team.0.stage.wait_for_state("coast", "running");
    assert_eq!(team.stages(), ["running"]);

    // Another version waits while this one works on.
    team.write("second");
    team.ok("anna", &submit);
    team.refused("paul", &["job", "approve", "coast", "2", "--comment", "a"], "passed no test");
    team.ok("paul", &["job", "reject", "coast", "--comment", "say why it is needed"]);
    team.write("third");
    team.ok("anna", &submit);
    team.refused("dora", &["job", "withdraw", "coast", "3"], "anna's");
    team.ok("anna", &["job", "withdraw", "coast", "3"]);
    let again = ["job", "approve", "coast", "3", "--comment", "a", "--untested"];
    team.refused("paul", &again, "anna has withdrawn version 3");
    // The same again is another version, which is approved without a test on purpose.
    assert!(team.ok("anna", &submit).contains("version 4"));
    assert_eq!(team.approvals("pending").len(), 2);
    team.ok("dora", &["job", "approve", "coast", "4", "--comment", "a word", "--untested"]);
    assert_eq!(team.stages(), ["approved", "withdrawn", "rejected", "running"]);
    assert_eq!(team.0.stage.state("coast"), "running");
    team.ok("olga", &["job", "stop", "coast"]);
    assert_eq!(team.stages()[3], "offline");
    team.ok("olga", &start);
    team.0.stage.wait_for_state("coast", "running");
    assert_eq!(team.stages(), ["running", "withdrawn", "rejected", "offline"]);
    // What is taken back is not started again: the one before is.
    team.ok("paul", &["job", "reject", "coast", "4", "--comment", "it lacks a word"]);
    assert_eq!(team.stages()[0], "running");
    team.ok("olga", &["job", "stop", "coast"]);
    assert_eq!(team.stages()[0], "rejected");
    team.ok("olga", &start);
    assert_eq!(team.stages(), ["rejected", "withdrawn", "rejected", "running"]);
    let listed = team.ok("vera", &["job", "approvals", "--done"]);
    assert!(listed.contains("rejected by paul") && listed.contains("it lacks a word"), "{listed}");
    assert!(team.ok("vera", &["job", "versions", "coast"]).contains("withdrawn by anna"));
    tells_it_all(&team.0);
    let Team(guarded) = team;
    guarded.end();
}

/// Who, what, of which version, and what came of it; each proved by a token.
fn tells_it_all(guarded: &Guarded) {
    let has = |who: &str, action: &str, version: Option<u64>, result: &str, detail: &str| {
        guarded.audit("?limit=1000").iter().any(|it| {
            let is_it = it["who"] == who && it["action"] == action && it["result"] == result;
            let is_of = it["version"] == json!(version) && it["is_proved"] == true;
            is_it && is_of && it["detail"].as_str().unwrap().contains(detail)
        })
    };
    for (who, action, version, result, detail) in [
        ("anna", "submit", Some(1), "done", "first light"),
        ("olga", "start", Some(1), "conflict", "is not approved"),
        ("paul", "approve", Some(1), "conflict", "passed no test"),
        ("anna", "tested", Some(1), "done", "pack.csv"),
        ("anna", "approve", Some(1), "forbidden", "needs the role approver"),
        ("vera", "submit", None, "forbidden", "viewer"),
        ("paul", "approve", Some(1), "done", "read it"),
        ("olga", "start", Some(1), "done", ""),
        ("anna", "submit", Some(2), "done", ""),
        ("paul", "reject", Some(2), "done", "say why it is needed"),
        ("anna", "withdraw", Some(3), "done", ""),
        ("dora", "approve", Some(4), "done", "untested: true"),
        ("olga", "start", Some(4), "done", ""),
        ("paul", "reject", Some(4), "done", "it lacks a word"),
    ] {
        wait_until(&format!("{who} {action} {version:?} {result}"), || {
            has(who, action, version, result, detail)
        });
    }
}

#[test]
fn files_of_a_folder_are_approved_where_the_folder_is_and_nobody_approves_without_a_token() {
    let stage = ServeStage::with_records(&["--records", "10"]);
    fs::write(stage.stage.path("serve.toml"), "approval = true\n").unwrap();
    let args = ["serve", "--jobs", "jobs", "--http", "127.0.0.1:0", "--config", "serve.toml"];
    let refused = stage.stage.refused(&args, 2);
    assert!(refused.contains("approval = true is for jobs that are submitted"), "{refused}");
    // Without a token, one person could say that they are two.
    let refused =
        stage.stage.refused(&["serve", "--http", "127.0.0.1:0", "--config", "serve.toml"], 2);
    assert!(refused.contains("seismic token create"), "{refused}");
}
