//! Stores that earlier versions of the program made: today's opens them and continues.

use std::fs;
use std::path::Path;

use crate::stage::Stage;
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
