//! A job on a broker of its own, under load, with a reader of committed rows throughout.

use std::collections::BTreeSet;
use std::time::Duration;

use seismic_brokers::Kafka;
use serde_json::Value;

use crate::stage::{DATA, Done, ROWS, Running, Stage, parse, wait_until};
use crate::truth;

/// A stop may have to wait for a coordinator: until it says what became of the last transaction.
pub const STOP_LIMIT: Duration = Duration::from_secs(20);

/// Short windows, so that at any moment one is about to be closed.
const JOB: &str =
    "run --quiet --window-ms 200 --lateness-ms 100 --idle-timeout-ms 0 --sink console";

pub struct Trial {
    pub kafka: Kafka,
    pub stage: Stage,
    load: Option<Running>,
    reader: Option<Running>,
}

impl Trial {
    /// On one broker; `None` where there cannot be one.
    pub fn new() -> Option<Trial> {
        Kafka::one().map(Trial::on)
    }

    /// On a cluster.
    pub fn on(kafka: Kafka) -> Trial {
        let mut stage = Stage::new();
        stage.place = vec!["--queue".to_owned(), format!("kafka://{}", kafka.address())];
        Trial { kafka, stage, load: None, reader: None }
    }

    /// Where the cluster is.
    pub fn url(&self) -> String {
        format!("kafka://{}", self.kafka.address())
    }

    /// Publishes until [`Trial::prove`], and has a reader see every row as it is committed.
    pub fn load(&mut self) {
        let options = "generate --forever --json --rate 4000 --sensors 40 --pack 5";
        self.load = Some(self.stage.spawn(&words(options)));
        wait_until("records", || !self.stage.run(&["read", DATA, "--max", "1"]).stdout.is_empty());
    }

    /// Starts a worker that reaches the brokers through their wires.
    pub fn wired_worker(&self, options: &str) -> Running {
        let place = ["--queue".to_owned(), format!("kafka://{}", self.kafka.wired_address())];
        self.stage.start(self.stage.command_at(&words(&format!("{JOB} {options}")), &place))
    }

    /// Starts a worker.
    pub fn worker(&self, options: &str) -> Running {
        self.stage.spawn(&words(&format!("{JOB} {options}")))
    }

    /// Waits until so many more rows are committed.
    pub fn wait_for_rows(&mut self, more: usize) {
        if self.reader.is_none() {
            wait_until("the result topic", || {
                self.stage.run(&["read", ROWS, "--in", "home", "--max", "1"]).code == Some(0)
            });
            let follow = ["read", ROWS, "--in", "home", "--format", "json", "--follow"];
            self.reader = Some(self.stage.spawn(&follow));
        }
        let mut seen = self.reader.as_ref().expect("it was just started").lines();
        let before = seen.now();
        wait_until("rows", || seen.now() >= before + more);
    }

    /// Ends the load, has one worker do the rest, and proves the job.
    pub fn prove(self) {
        self.prove_with(&[]);
    }

    /// As [`Trial::prove`], with what these CSV folders hold once a sink of their own has caught up.
    pub fn prove_with(mut self, csv_folders: &[&str]) {
        if let Some(load) = self.load.take() {
            let done = load.stop(rustix::process::Signal::TERM);
            assert_eq!(done.code, Some(0), "{done}");
        }
        self.worker("--drain").wait().ok();
        for folder in csv_folders {
            self.stage.ok(&["sink", &format!("csv:{folder}"), "--until-caught-up"]);
        }
        self.stage.verify(csv_folders);
        truth::look(&self.stage, 200).must_be_none();
        let rows: Vec<Value> = self.stage.read(ROWS);
        let Some(reader) = self.reader.take() else { return };
        let mut seen = reader.lines();
        wait_until("the reader has them all", || seen.now() >= rows.len());
        assert_eq!(names(&parse(&reader.stdout())), names(&rows), "the reader saw other rows");
    }
}

/// Place and content of each row; none stands twice.
fn names(rows: &[Value]) -> BTreeSet<String> {
    let names: BTreeSet<String> = rows.iter().map(Value::to_string).collect();
    assert_eq!(names.len(), rows.len(), "a row was seen twice");
    names
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

/// It must have ended with this code.
pub fn ended_with(done: &Done, code: i32) {
    assert_eq!(done.code, Some(code), "{done}");
}
