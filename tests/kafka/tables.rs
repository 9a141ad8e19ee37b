//! Jobs in Kafka whose statement looks things up in a table: versions are in the cluster, written in
//! the transaction that first uses them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use seismic_brokers::Kafka;
use seismic_kafka::failpoints as store;
use seismic_pipeline::failpoints as slot;
use serde_json::Value;

use super::trial::STOP_LIMIT;
use crate::faults::dice::Dice;
use crate::faults::line::Line;
use crate::faults::trial::{Trial, assert_aborted};
use crate::job::dimension::{found, measured, set_table, stage_at};
use crate::job::statement::{append, rows, window_kills};
use crate::stage::{Running, Stage, let_it_work, wait_until};
use crate::tables::examples;

/// A broker, and the jobs of docs/sql.md there.
struct Scene {
    stage: Stage,
    _kafka: Kafka,
}

impl Scene {
    fn new() -> Option<Scene> {
        let kafka = Kafka::one()?;
        let place = ["--queue".to_owned(), format!("kafka://{}", kafka.address())];
        Some(Scene { stage: stage_at(&place), _kafka: kafka })
    }

    fn run(&self) -> String {
        let run = ["run", "--job", "usage.toml", "--until-caught-up", "--slot", "one"];
        self.stage.run(&run).ok().stderr
    }

    fn worker(&self, slot: &str) -> Running {
        let run = ["run", "--job", "usage.toml", "--checkpoint-interval", "200ms"];
        self.stage.spawn(&[&run[..], &["--slots", "1", "--slot", slot]].concat())
    }

    fn status(&self) -> Value {
        let done = self.stage.run(&["status", "--json", "--group", "usage"]);
        serde_json::from_str(&done.stdout).unwrap_or_default()
    }

    fn read(&self) -> u64 {
        self.status()["read"].as_u64().unwrap_or(0)
    }

    fn is_proved(&self, group: &str) {
        let proof = self.stage.ok(&["verify", "--complete", "--group", group]);
        assert!(proof.starts_with("verified: "), "{proof}");
    }

    /// Partition and version of each entry of the journal.
    fn journaled(&self) -> Vec<(i64, String)> {
        let asked =
            "select partition, detail from journal where kind = 'own' order by partition, at";
        let lines = self.stage.ok(&["sql", asked, "--group", "usage", "--format", "json"]);
        let entry = |line: &str| {
            let row: Value = serde_json::from_str(line).unwrap();
            let detail = row["detail"].as_str().unwrap().to_owned();
            (row["partition"].as_i64().unwrap(), detail)
        };
        lines.lines().map(entry).collect()
    }
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn two_chained_jobs_with_a_table_make_alerts_and_their_versions_are_in_the_cluster() {
    let Some(scene) = Scene::new() else { return };
    let stage = &scene.stage;
    append(stage, &[measured("web", 90.0, 1), measured("db", 10.0, 1), measured("odd", 1.0, 7)]);
    scene.run();
    set_table(stage, "Type,Value\n1,0.95\n");
    append(stage, &[measured("web2", 90.0, 1)]);
    scene.run();
    stage.ok(&["run", "--job", "alarm.toml", "--until-caught-up"]);
    let mut alerts: Vec<String> = rows(stage, "usage-alarm", "demo-alarm")
        .iter()
        .map(|row| format!("{} {}", row["JobName"].as_str().unwrap(), row["AlertOrNot"]))
        .collect();
    alerts.sort();
    assert_eq!(alerts, ["db 0", "web 1", "web2 0"]);
    // Both are proved without the file, and a start without it goes on by what the cluster has.
    fs::remove_file(stage.path("thresholds.csv")).unwrap();
    scene.is_proved("usage");
    scene.is_proved("usage-alarm");
    append(stage, &[measured("late", 10.0, 1)]);
    let told = scene.run();
    assert!(told.contains("which was read before, stays in force"), "{told}");
    assert_eq!(found(stage), ["db 0.8", "late 0.95", "web 0.8", "web2 0.95"]);
    scene.is_proved("usage");
    let table = scene.status()["tables"][0].clone();
    assert!(table["rows"] == 1 && !table["error"].is_null(), "{table}");
    let topics = stage.ok(&["topic", "list"]);
    assert!(topics.contains("seismic-dimension-topic"), "{topics}");
    let refused = stage.refused(&["topic", "delete", "seismic-dimension-topic", "--yes"], 2);
    assert!(
        refused.contains("it keeps tables that jobs of the cluster look things up in"),
        "{refused}"
    );
    // A group that is over leaves nothing there.
    stage.ok(&["group", "delete", "usage", "--yes"]);
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn workers_read_a_table_each_for_itself_and_what_each_took_is_journaled() {
    let Some(scene) = Scene::new() else { return };
    let stage = &scene.stage;
    let workers = ["a", "b"].map(|slot| scene.worker(slot));
    let values = [0.8, 0.25, 0.75, 0.8];
    let mut appended = 0;
    for (round, value) in values.into_iter().enumerate() {
        set_table(stage, &format!("Type,Value\n1,{value:?}\n"));
        wait_until("rows of both partitions by the table of now", || {
            let one = |i: usize| measured(&format!("{round}-{appended}-{i}"), 1.0, 1);
            append(stage, &(0..10).map(one).collect::<Vec<_>>());
            appended += 10;
            wait_until("these rows", || scene.read() == appended);
            let all = rows(stage, "usage", "demo-sink");
            let is_of = |row: &&Value, partition: &str| {
                let (id, job) = (row["_id"].as_str().unwrap(), row["JobName"].as_str().unwrap());
                id.starts_with(partition) && job.starts_with(&format!("{round}-"))
            };
            let newest = |partition| all.iter().rev().find(|row| is_of(row, partition));
            ["0/", "1/"]
                .into_iter()
                .all(|it| newest(it).is_some_and(|row| row["UsedThreshold"] == value))
        });
    }
    for worker in workers {
        worker.stop_within(Signal::TERM, STOP_LIMIT).ok();
    }
    let journaled = scene.journaled();
    for partition in [0, 1] {
        let own = journaled.iter().filter(|(of, _)| *of == partition);
        // The last content is the first again, and an entry of its own.
        assert!(own.count() >= values.len(), "{journaled:?}");
    }
    let versions: BTreeSet<&String> = journaled.iter().map(|(_, version)| version).collect();
    assert!(versions.len() >= 3, "{journaled:?}");
    scene.is_proved("usage");
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn a_worker_that_dies_at_each_place_between_a_reading_and_its_commit_has_each_row_once() {
    let Some(scene) = Scene::new() else { return };
    let stage = &scene.stage;
    append(stage, &[measured("first", 1.0, 1)]);
    scene.run();
    let mut expected = vec!["first 0.8".to_owned()];
    let places = [slot::AFTER_POLL, slot::AFTER_STEP, slot::BEFORE_COMMIT, slot::AFTER_COMMIT];
    for (round, place) in places.iter().chain(&store::COMMITTING).enumerate() {
        let value = round as f64 + 0.25;
        set_table(stage, &format!("Type,Value\n1,{value:?}\n"));
        let name = format!("row{round}");
        append(stage, &[measured(&name, 1.0, 1)]);
        let run = ["run", "--job", "usage.toml", "--until-caught-up", "--slot", "one"];
        let mut dying = stage.command(&run);
        dying.env("FAILPOINTS", format!("{place}=return(abort)"));
        assert_aborted(&stage.start(dying).wait());
        scene.run();
        expected.push(format!("{name} {value:?}"));
        expected.sort();
        assert_eq!(found(stage), expected, "{place}");
    }
    scene.is_proved("usage");
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_worker_killed_while_its_table_changes_loses_and_doubles_nothing() {
    let Some(scene) = Scene::new() else { return };
    let stage = &scene.stage;
    let what = "kill -9 of one of two workers of a job with a statement whose table changes, at random \
                times under load";
    let (mut dice, mut line) = (Dice::new(), Line { place: "Kafka", ..Line::new(1, what) });
    let other = scene.worker("b");
    let mut job = scene.worker("a");
    let mut expected: BTreeMap<String, u64> = BTreeMap::new();
    let rounds = Trial::rounds(4);
    for round in 0..rounds {
        set_table(stage, &format!("Type,Value\n1,{round}\n"));
        let one = |i: u64| {
            let name = format!("job{i}-{round}");
            expected.insert(name.clone(), round);
            measured(&name, i as f64 / 8.0, 1)
        };
        append(stage, &(0..300).map(one).collect::<Vec<_>>());
        let_it_work(Duration::from_millis(dice.draw(5..2_500)));
        let before = scene.read();
        job.kill();
        let killed = Instant::now();
        job = scene.worker("a");
        line.tries += 1;
        wait_until("more rows", || {
            let read = scene.read();
            read > before || read == expected.len() as u64
        });
        line.back.push(killed.elapsed());
    }
    wait_until("all rows", || scene.read() == expected.len() as u64);
    for worker in [job, other] {
        worker.stop_within(Signal::TERM, STOP_LIMIT).ok();
    }
    scene.is_proved("usage");
    for row in rows(stage, "usage", "demo-sink") {
        let threshold = row["UsedThreshold"].as_f64().unwrap();
        assert!((0.0..rounds as f64).contains(&threshold), "{row}");
        if expected.remove(row["JobName"].as_str().unwrap()).is_none() {
            line.doubled += 1;
        }
    }
    line.lost = expected.len() as u64;
    line.print();
    assert_eq!((line.lost, line.doubled), (0, 0));
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn the_example_with_mariadb_runs_on_kafka_as_its_page_says() {
    let Some(kafka) = Kafka::one() else { return };
    examples::usage_and_thresholds(Some(&kafka));
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn the_example_with_postgres_runs_on_kafka_as_its_page_says() {
    let Some(kafka) = Kafka::one() else { return };
    examples::ratios_by_soil_class(Some(&kafka));
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn the_examples_of_joins_run_on_kafka_as_their_page_says() {
    let Some(kafka) = Kafka::one() else { return };
    examples::vector(Some(&kafka));
    examples::telemetry(Some(&kafka));
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn the_example_of_windows_runs_on_kafka_as_its_page_says() {
    let Some(kafka) = Kafka::one() else { return };
    examples::windows(Some(&kafka));
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_worker_of_windows_that_is_killed_again_and_again_loses_and_doubles_no_window() {
    let Some(kafka) = Kafka::one() else { return };
    window_kills::kills(Some(&kafka));
}
