//! What `status` shows of workers that share a job.

use std::collections::BTreeMap;

use rustix::process::Signal;
use serde_json::Value;

use super::trial::{STOP_LIMIT, Trial, ended_with};
use crate::stage::wait_until;
use crate::truth::text;

/// Slots and their partitions.
fn members(trial: &Trial) -> BTreeMap<String, Vec<u64>> {
    let status = trial.stage.status();
    let numbers = |member: &Value| {
        let all = member["partitions"].as_array().unwrap();
        all.iter().map(|number| number.as_u64().unwrap()).collect()
    };
    let members = status["members"].as_array().unwrap();
    members.iter().map(|member| (text(member, "slot"), numbers(member))).collect()
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn status_names_the_worker_that_has_each_partition() {
    let Some(mut trial) = Trial::new() else { return };
    trial.load();
    let left = trial.worker("--slot left --slots 1");
    trial.wait_for_rows(20);
    assert_eq!(members(&trial), [("left-0".to_owned(), vec![0, 1, 2, 3])].into());
    let right = trial.worker("--slot right --slots 2");
    wait_until("three slots share the partitions", || {
        let members = members(&trial);
        let all: usize = members.values().map(Vec::len).sum();
        let names: Vec<_> = members.keys().map(String::as_str).collect();
        names == ["left-0", "right-0", "right-1"] && all == 4
    });
    let words = trial.stage.ok(&["status"]);
    let line = words.lines().find(|line| line.starts_with("right-1")).unwrap();
    assert!(line.contains("127.0.0.1"), "{line}");
    // A named slot stays a member until its session is over, so its partitions wait for it.
    ended_with(&right.stop_within(Signal::TERM, STOP_LIMIT), 0);
    wait_until("the other one has all", || members(&trial).len() == 1);
    ended_with(&left.stop_within(Signal::TERM, STOP_LIMIT), 0);
    wait_until("nobody is left", || members(&trial).is_empty());
    assert!(trial.stage.ok(&["status"]).contains("no worker is running"));
    trial.prove();
}
