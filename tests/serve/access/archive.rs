//! Jobs of a project that are put away and brought back, with everything of them.

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{Guarded, JOB, as_one};
use crate::stage::{STOP, wait_until};

fn entry(guarded: &Guarded, job: &str) -> Value {
    let all = guarded.root().get("/api/v1/jobs").json(200);
    let mut all = all["jobs"].as_array().unwrap().iter();
    all.find(|it| it["name"] == job).cloned().unwrap_or_default()
}

#[test]
fn a_project_is_put_away_with_all_of_it_and_its_jobs_start_only_once_they_are_back() {
    let guarded = Guarded::start();
    let stage = &guarded.stage.stage;
    for name in ["coast", "coast-2", "north"] {
        guarded.submit(&JOB.replace("'coast'", &format!("'{name}'")).replace("rows", name));
        guarded.root().post(&format!("/api/v1/jobs/{name}/start"), "{}").json(202);
        guarded.stage.wait_for_state(name, "running");
    }
    wait_until("coast has read all", || {
        entry(&guarded, "coast")["numbers"]["counts"]["read"] == 500
    });
    let savepoint = json!({ "name": "before" }).to_string();
    guarded.root().post("/api/v1/jobs/coast/savepoints", &savepoint).json(202);
    let wanted = json!({ "name": "olga", "roles": ["operator"], "jobs": ["coast*"] });
    std::fs::write(stage.path("olga.token"), guarded.token_for(&wanted)).unwrap();
    std::fs::write(stage.path("vera.token"), guarded.token("vera", &["viewer"])).unwrap();
    // Nobody else's, and by nobody who only looks.
    let refused = |who: &str, args: &[&str], why: &str| {
        let done = as_one(&guarded, who, args);
        assert!(done.code == Some(2) && done.stderr.contains(why), "{args:?}: {done}");
    };
    refused("vera", &["job", "archive", "coast"], "operator or admin");
    refused("olga", &["job", "archive", "north"], "no job that is not archived yet is called");
    refused("olga", &["job", "archive", "co*st"], "names no jobs");
    let told = as_one(&guarded, "olga", &["job", "archive", "coast*"]).ok().stdout;
    assert!(told.contains("job coast is archived, stopped; all of it is kept"), "{told}");
    assert!(told.contains("job coast-2 is archived"), "{told}");
    assert_eq!(entry(&guarded, "north")["state"], "running");
    let list = as_one(&guarded, "root", &["job", "list"]).ok().stdout;
    assert!(!list.contains("coast") && list.contains("2 more are archived"), "{list}");
    let list = as_one(&guarded, "root", &["job", "list", "--archived"]).ok().stdout;
    assert!(list.contains("coast-2") && list.contains("archived"), "{list}");
    // It is not started, whatever is asked, and the next server knows it.
    refused("olga", &["job", "start", "coast"], "bring it back with `seismic job unarchive coast`");
    refused("olga", &["job", "resume", "coast"], "olga archived job coast at");
    let Guarded { stage, server, .. } = guarded;
    assert_eq!(server.stop_within(Signal::TERM, STOP).code, Some(0));
    let guarded = Guarded::again(stage, &["--http-require-token"]);
    guarded.stage.wait_for_state("north", "running");
    assert_eq!(entry(&guarded, "coast")["is_archived"], true);
    assert_eq!(entry(&guarded, "coast")["state"], "stopped");
    // Versions, savepoints and rows are there, and it continues where it was.
    let versions = guarded.root().get("/api/v1/jobs/coast/versions").json(200);
    assert_eq!(versions["newest"], 1);
    let savepoints = guarded.root().get("/api/v1/jobs/coast/savepoints").json(200);
    assert_eq!(savepoints["savepoints"][0]["name"], "before");
    let told = as_one(&guarded, "olga", &["job", "unarchive", "coast"]).ok().stdout;
    assert!(told.contains("job coast is back"), "{told}");
    assert_eq!(entry(&guarded, "coast")["state"], "stopped");
    as_one(&guarded, "olga", &["job", "start", "coast"]).ok();
    guarded.stage.wait_for_state("coast", "running");
    wait_until("it has the records of before", || {
        entry(&guarded, "coast")["numbers"]["counts"]["read"] == 500
    });
    assert_eq!(entry(&guarded, "coast-2")["is_archived"], true);
    let noted = guarded.audit("?who=olga&limit=1000");
    let has = |action: &str, job: &str, result: &str| {
        noted.iter().any(|it| {
            it["action"] == action
                && it["job"] == job
                && it["result"] == result
                && it["is_proved"] == true
        })
    };
    assert!(has("archive", "coast", "done") && has("archive", "coast-2", "done"), "{noted:?}");
    assert!(has("start", "coast", "conflict") && has("unarchive", "coast", "done"), "{noted:?}");
    guarded.end();
}
