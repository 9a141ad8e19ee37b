//! `seismic topic`: topics are made, listed, described and deleted, and who uses one is named.

use serde_json::{Value, json};

use crate::stage::{DATA, ROWS, Stage, wait_until};

#[test]
fn a_topic_is_made_listed_described_and_deleted() {
    let stage = Stage::new();
    assert!(stage.refused(&["topic", "list"], 2).contains("there is no such file"));
    let made = stage.ok(&["topic", "create", "waves", "--partitions", "3", "--max-age", "2h"]);
    assert!(made.contains("made topic waves with 3 partitions"), "{made}");
    let again = stage.ok(&["topic", "create", "waves", "--partitions", "3"]);
    assert!(again.contains("is there already"), "{again}");
    assert!(
        stage
            .refused(&["topic", "create", "waves", "--partitions", "5"], 2)
            .contains("3 partitions")
    );
    assert!(stage.refused(&["topic", "create", "a b"], 2).contains("cannot be a name"));
    let all: Value = stage.json(&["topic", "list", "--json"]);
    assert_eq!(all, json!([{ "topic": "waves", "partitions": 3, "messages": 0 }]));
    let shown = stage.json(&["topic", "describe", "waves", "--json"]);
    assert_eq!((&shown["max_age_ms"], &shown["users"]), (&json!(7_200_000), &json!([])));
    assert_eq!(shown["partitions"].as_array().unwrap().len(), 3);
    let refused = stage.refused(&["topic", "delete", "waves"], 2);
    assert!(refused.contains("--yes"), "{refused}");
    let gone = stage.ok(&["topic", "delete", "waves", "--yes"]);
    assert!(gone.contains("deleted topic waves with 0 messages"), "{gone}");
    assert!(stage.refused(&["topic", "describe", "waves"], 2).contains("no topic"));
    assert!(stage.refused(&["topic", "delete", "waves", "--yes"], 2).contains("no topic"));
}

#[test]
fn a_deletion_names_the_job_that_uses_the_topic_and_is_refused_while_it_runs() {
    let stage = Stage::with_records(&["--records", "2000"]);
    let job = stage.spawn(&["run", "--quiet", "--sink", "console"]);
    wait_until("the job has begun", || {
        let done = stage.run(&["status", "--json"]);
        done.code == Some(0) && done.stdout.contains("\"read\":2000")
    });
    let refused = stage.refused(&["topic", "delete", DATA, "--yes"], 2);
    assert!(
        refused.contains("job seismic reads it") && refused.contains("stop it first"),
        "{refused}"
    );
    job.stop(rustix::process::Signal::TERM).ok();
    let shown = stage.ok(&["topic", "describe", DATA]);
    assert!(shown.contains("job seismic reads it"), "{shown}");
    let refused = stage.refused(&["topic", "delete", DATA], 2);
    assert!(refused.contains("--yes") && refused.contains("job seismic reads it"), "{refused}");
    let listed = stage.ok(&["topic", "list", "--in", "store"]);
    assert!(listed.contains(ROWS), "{listed}");
    let done = stage.run(&["topic", "delete", DATA, "--yes"]);
    assert_eq!(done.code, Some(0), "{done}");
    assert!(done.stderr.contains("job seismic reads it, and cannot go on"), "{done}");
    // One that is made again is another topic, and the job says so.
    stage.generate(&["--records", "10"]);
    assert_eq!(stage.json(&["topic", "list", "--json"])[0]["messages"].as_u64(), Some(10));
    let refused = stage.run(&["run", "--drain", "--sink", "console"]);
    assert!(
        refused.code == Some(2) && refused.stderr.contains("deleted and recreated"),
        "{refused}"
    );
}

#[test]
fn a_job_that_repartitions_is_found_with_a_store_of_its_own() {
    let stage = Stage::with_records(&["--records", "500"]);
    let store = ["--store", "sqlite:elsewhere/job.db"];
    let run = [&["run", "--repartition", "--quiet", "--sink", "console"], &store[..]].concat();
    let job = stage.spawn(&run);
    let delete = [&["topic", "delete", DATA, "--yes"], &store[..]].concat();
    let describe = [&["topic", "describe", DATA, "--json"], &store[..]].concat();
    wait_until("its first step is known to run", || {
        let users = stage.json(&describe)["users"].clone();
        let is_running = |user: &Value| !user["run_by"].is_null();
        users.as_array().unwrap().iter().any(is_running)
    });
    let refused = stage.refused(&delete, 2);
    assert!(refused.contains("reads it") && refused.contains("stop it first"), "{refused}");
    job.stop(rustix::process::Signal::TERM).ok();
}
