//! A job in two environments of one file: beside each other, and from one to the other.

use std::fs;

use serde_json::{Value, json};

use super::{Guarded, as_one};
use crate::stage::wait_until;

const FILE: &str = "name = 'coast'\nsink = ['csv:rows-{{env}}']\nidle_timeout = '0'\n\
                    [env.test]\nwindow = '2s'\n[env.production]\ndescription = 'of the coast'\n";

#[test]
fn a_test_instance_runs_beside_production_and_its_version_moves_on_once_it_is_approved() {
    let guarded = Guarded::start_with("approval = true\n", &[]);
    let stage = &guarded.stage.stage;
    fs::write(stage.path("coast.toml"), FILE).unwrap();
    for (name, role) in [("anna", "developer"), ("paul", "approver"), ("olga", "operator")] {
        fs::write(stage.path(&format!("{name}.token")), guarded.token(name, &[role])).unwrap();
    }
    let ok = |who: &str, args: &[&str]| as_one(&guarded, who, args).ok().stdout;
    let refused = |who: &str, args: &[&str], why: &str| {
        let done = as_one(&guarded, who, args);
        assert!(done.code == Some(2) && done.stderr.contains(why), "{who} {args:?}: {done}");
    };
    refused("anna", &["job", "submit", "coast.toml"], "say which environment counts");
    let told = ok("anna", &["job", "submit", "coast.toml", "--env", "test"]);
    assert!(told.contains("job coast-test is submitted, group coast-test-"), "{told}");
    let approve = |job: &str| {
        let args = ["job", "approve", job, "1", "--comment", "read it", "--untested"];
        ok("paul", &args)
    };
    approve("coast-test");
    ok("olga", &["job", "start", "coast-test"]);
    let promote = ["job", "promote", "coast", "--from", "test", "--to", "production"];
    let told = ok("anna", &promote);
    assert!(told.contains("job coast is submitted, group coast-"), "{told}");
    refused("anna", &[&promote[..4], &["test", "--to", "test"]].concat(), "it is of test already");
    refused("olga", &["job", "start", "coast"], "version 1 of job coast is not approved");
    approve("coast");
    ok("olga", &["job", "start", "coast"]);
    // Both read all, each with its window, group, topics and rows.
    let jobs = || guarded.root().get("/api/v1/jobs").json(200)["jobs"].take();
    wait_until("both have read all", || {
        let all = jobs();
        let read = |it: &Value| it["numbers"]["counts"]["read"] == 500 && it["state"] == "running";
        all.as_array().unwrap().len() == 2 && all.as_array().unwrap().iter().all(read)
    });
    assert_ne!(jobs()[0]["group"], jobs()[1]["group"]);
    let of =
        |job: &str, path: &str| guarded.root().get(&format!("/api/v1/jobs/{job}/{path}")).json(200);
    let window = |job: &str| of(job, "configuration")["values"]["window"]["value"].take();
    assert_eq!((window("coast-test"), window("coast")), (json!("2s"), json!("1s")));
    let version = |job: &str| of(job, "versions")["versions"][0].take();
    let (test, production) = (version("coast-test"), version("coast"));
    assert_eq!(test["hash"], production["hash"], "the same content");
    assert_eq!(production["author"], "anna");
    assert!(production["comment"].as_str().unwrap().starts_with("version 1 of coast-test"));
    for folder in ["rows-test", "rows-production"] {
        assert!(stage.path(folder).is_dir(), "{folder}");
    }
    let done = ["job", "audit", "coast-test"];
    assert!(ok("anna", &done).contains("promote"), "{}", ok("anna", &done));
    guarded.end();
}
