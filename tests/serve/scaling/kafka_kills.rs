//! kill -9 of a worker, of the server that scales, and of the broker, each in the middle of a change
//! of the workers of a job.

use std::fs;
use std::time::Duration;

use rustix::process::Signal;
use seismic_brokers::Kafka;

use super::kafka::{Scaled, job, may_change};
use crate::faults::line::Line;
use crate::serve::processes;
use crate::stage::{STOP, let_it_work, wait_until};

/// Each begins at another moment of a change.
#[derive(Clone, Copy, PartialEq)]
enum Stage {
    Saving,
    Moving,
}

impl Scaled {
    /// Asks for so many workers, and waits until the change is that far.
    fn begin(&self, workers: &str, stage: Stage) {
        let args = ["job", "scale", "coast", "--no-wait", "--workers", workers];
        self.stage.stage.ok(&[&args[..], &["--server", &self.url]].concat());
        wait_until("the change is under way", || {
            let change = self.scaling()["change"].clone();
            // One that is over was quick; then what is killed stands behind it.
            change.is_null() || stage == Stage::Saving || change["stage"] != "saving"
        });
    }

    /// Waits until the change is over, whichever way it went, and the job is whole.
    fn wait_until_whole(&self) -> usize {
        let mut workers = 0;
        wait_until("the change is over, and all partitions are held", || {
            let shown = self.scaling();
            let wanted = shown["wanted_slots"].as_array().map_or(0, Vec::len);
            workers = wanted;
            may_change(&shown) && self.running() == (wanted, 2 * wanted as u64, 12)
        });
        workers
    }

    /// Rows of a job in an order of their own, without where they are and when they came.
    fn rows_of(&self, job: &str) -> Vec<String> {
        let args = ["sql", "select * from rows", "--format", "csv", "--job", job];
        let text = self.stage.stage.ok(&args);
        let mut rows: Vec<String> = text.lines().skip(1).map(str::to_owned).collect();
        rows.sort_unstable();
        rows
    }

    /// Reads what is left when the server is gone, verifies all of it, and has one worker of one slot read the
    /// same log: its rows are the same. How many there are.
    pub fn rows_are_those_of_one_worker(&self) -> usize {
        let stage = &self.stage.stage;
        stage.ok(&["run", "--quiet", "--drain", "--job", "jobs/coast.toml"]);
        let text = stage.ok(&["verify", "--complete", "--job", "jobs/coast.toml"]);
        assert!(text.contains("verified: "), "{text}");
        fs::write(stage.path("alone.toml"), alone(&self.queue)).unwrap();
        stage.ok(&["run", "--quiet", "--drain", "--job", "alone.toml"]);
        let (rows, expected) = (self.rows_of("jobs/coast.toml"), self.rows_of("alone.toml"));
        assert_eq!(rows.len(), expected.len());
        assert!(rows == expected, "rows differ from those of a single worker");
        expected.len()
    }
}

/// The same job as one of a single worker, into topics of its own.
fn alone(queue: &str) -> String {
    format!(
        "name = 'alone'\nqueue = '{queue}'\ngroup = 'alone'\nresult_topic = 'rows-alone'\n\
         dead_topic = 'dead-alone'\nslots = 1\nsink = ['csv:alone']\nwindow = '200ms'\n\
         lateness = '50ms'\nidle_timeout = '0'\n"
    )
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn deaths_of_a_worker_the_server_and_the_broker_in_the_middle_of_changes_cost_no_row() {
    let Some(mut kafka) = Kafka::one() else { return };
    let queue = format!("kafka://{}", kafka.address());
    // Nobody but this test changes it, and rows follow from the log alone.
    let mut scaled = Scaled::start_with(&job(&queue).replace("'local'", "'observe'"), &queue);
    scaled.wait_for(3);
    let load = scaled.load("500");

    // A worker, one that stays.
    scaled.begin("5", Stage::Moving);
    let (workers, _) = processes(&scaled.stage.stage.path(""));
    scaled.stage.kill(workers[0]);
    assert!([3, 5].contains(&scaled.wait_until_whole()));

    // The server, which has stored the change and nothing else.
    let target = if scaled.wait_until_whole() == 5 { "3" } else { "4" };
    scaled.begin(target, Stage::Saving);
    scaled.server_dies();
    let workers = scaled.wait_until_whole();
    // The server again, while workers come or go.
    scaled.begin(if workers == 6 { "5" } else { "6" }, Stage::Moving);
    scaled.server_dies();
    scaled.wait_until_whole();

    // The broker, for about as long as a session: members lose their places, or find that out while
    // they commit, or in the middle of a stop.
    scaled.begin("4", Stage::Moving);
    kafka.nodes[0].kill();
    let_it_work(Duration::from_secs(8));
    kafka.nodes[0].restart();
    scaled.wait_until_whole();

    load.stop_within(Signal::TERM, STOP).ok();
    wait_until("all is read", || scaled.get("/api/v1/jobs")["jobs"][0]["numbers"]["lag"] == 0);
    let replayed = scaled.metric("seismic_replayed_messages");
    scaled.server.take().unwrap().stop_within(Signal::TERM, STOP).ok();
    let rows = scaled.rows_are_those_of_one_worker();
    assert!(rows > 100, "{rows} rows");
    let what = "kill -9 of a worker, twice of the server, and of the broker for 8 s, each in a change of workers";
    let mut line = Line { place: "Kafka", tries: 4, ..Line::new(8, what) };
    line.measured.push(format!("{rows} rows, as a single worker makes them"));
    line.measured.push(format!("{replayed} messages done again"));
    line.print();
}
