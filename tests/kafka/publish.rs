//! Producers that die while publishing and are restarted.

use std::path::Path;
use std::time::Duration;

use super::trial::Trial;
use crate::stage::let_it_work;
use crate::truth::int;

const LOAD: &str = "generate --seed 7 --start 2020-06-23T15:29:00Z --records 200000 \
     --sensors 200 --anomaly-percent 10 --json";

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_killed_generator_repeats_its_run_and_adds_nothing_twice() {
    let what = "kill -9 of a producer, which then repeats all it sent";
    let Some(mut trial) = Trial::of(24, what) else { return };
    let load: Vec<&str> = LOAD.split_whitespace().collect();
    for round in 0..Trial::rounds(4) {
        let generator = trial.stage.spawn(&load);
        let_it_work(Duration::from_millis(150 * (1 + round % 6)));
        if generator.kill() {
            trial.tried();
        }
    }
    let summary = trial.stage.json(&load);
    assert_eq!(int(&summary, "published"), 200_000);
    trial.end_load();
    assert_eq!(int(&trial.stage.status(), "read"), 200_000, "each record once");
    trial.prove();
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn recordings_imported_twice_are_there_once() {
    let Some(trial) = Trial::new() else { return };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/openeew-2020");
    let path = |name: &str| folder.join(name).display().to_string();
    let (locations, entries) = (path("devices_locations.csv"), std::fs::read_dir(&folder).unwrap());
    let names = entries.map(|entry| entry.unwrap().path().display().to_string());
    let files: Vec<_> = names.filter(|name| name.ends_with(".gz")).collect();
    let mut import = vec!["import", "openeew", "--json", "--locations", &locations];
    import.extend(files.iter().map(String::as_str));
    let first = trial.stage.json(&import);
    let again = trial.stage.json(&import);
    assert_eq!(int(&first, "published"), int(&again, "published"), "{first} {again}");
    trial.stage.ok(&["run", "--quiet", "--drain", "--lateness-ms", "20000"]);
    assert_eq!(int(&trial.stage.status(), "read"), int(&first, "published"));
    trial.stage.verify(&[]);
}
