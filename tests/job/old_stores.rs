//! Stores of earlier versions of the program: the current one opens them and continues.

use std::fs;
use std::path::Path;

use crate::stage::{Stage, csv_files};
use crate::truth::int;

/// A stage with a copy of the stores in that folder of `tests/data/stores`.
fn stage_of(folder: &str) -> Stage {
    let mut stage = Stage::new();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/stores").join(folder);
    copy(&from, &stage.path("."));
    let place = ["--queue", "sqlite:queue.db", "--store", "sqlite:store.home.db"];
    stage.place = place.map(str::to_owned).to_vec();
    stage
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (entry, to) = (entry.as_ref().unwrap(), to.join(entry.as_ref().unwrap().file_name()));
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).unwrap()),
        }
    }
}

#[test]
fn a_store_of_the_first_layout_is_proved_continued_and_proved_again() {
    let stage = stage_of("first");
    stage.ok(&["verify", "--complete"]);
    let before = stage.json(&["status", "--json"]);
    let job = ["run", "--rollup", "10s", "--quiet", "--until-caught-up"];
    stage.ok(&[&job[..], &["--sink", "csv:csv"]].concat());
    let after = stage.json(&["status", "--json"]);
    assert!(int(&before, "lag") > 0, "{before}");
    assert_eq!(int(&after, "lag"), 0, "{after}");
    stage.ok(&["verify", "--complete"]);
    stage.ok(&["verify", "--sink", "csv:csv"]);
}

/// What is new since must not change the results of a job that was begun before.
#[test]
fn an_old_job_goes_on_by_its_own_rules_and_a_new_group_has_those_of_today() {
    let mut stage = stage_of("first");
    let job = ["run", "--rollup", "10s", "--quiet", "--sink", "csv:csv", "--drain"];
    stage.ok(&job);
    let counts = ["rejected_count", "clipped_count", "repeat_count"];
    let rows = |folder: &Path| {
        let mut all = Vec::new();
        for path in csv_files(folder) {
            let text = fs::read_to_string(path).unwrap();
            let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
            let header = lines.next().unwrap();
            for line in lines {
                assert_eq!(line.len(), header.len(), "a file has the columns of its header");
                let cell = |name| header.iter().position(|it| *it == name).map(|at| line[at]);
                all.push(counts.map(|name| cell(name).unwrap_or("0").parse::<u64>().unwrap()));
            }
        }
        all
    };
    let old = rows(&stage.path("csv"));
    assert!(old.len() > 100 && old.iter().all(|counts| *counts == [0; 3]));
    stage.ok(&["verify", "--complete"]);
    stage.ok(&["verify", "--sink", "csv:csv"]);
    // The same input, begun today.
    let place = ["--queue", "sqlite:queue.db", "--store", "sqlite:new.db", "--group", "new"];
    let run = ["--rollup", "10s", "--quiet", "--sink", "csv:new", "--drain"];
    stage.place = place.map(str::to_owned).to_vec();
    stage.ok(&[&["run"][..], &run].concat());
    let new = rows(&stage.path("new"));
    assert!(new.iter().any(|[rejected, clipped, _]| rejected + clipped > 0));
}

#[test]
fn a_store_of_the_first_layout_goes_back_to_its_named_checkpoint() {
    let stage = stage_of("first");
    let list = stage.json(&["checkpoint", "list", "--json"]);
    let is_named = |one: &&serde_json::Value| one["names"] == serde_json::json!(["before"]);
    assert_eq!(list.as_array().unwrap().iter().filter(is_named).count(), 2, "{list}");
    // Its sink, which was in a folder of that name, has rows that would go.
    let sink = ["--release", "csv:/tmp/fx/csv"];
    stage.ok(&[&["retention", "seismic-agg-topic", "--in", "store"][..], &sink].concat());
    let job = ["run", "--rollup", "10s", "--quiet", "--until-caught-up"];
    stage.ok(&[&job[..], &["--from-checkpoint", "before", "--rewind"]].concat());
    stage.ok(&["verify", "--complete"]);
}
