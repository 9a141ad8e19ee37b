//! A job of 256 partitions, of which workers come and go: up to 12 of them. Printed is what a change costs.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use seismic_brokers::Kafka;

use super::kafka::{Scaled, job, longest_gap};
use crate::stage::{Running, STOP, let_it_work, wait_until};

const PARTITIONS: usize = 256;

/// Time before and after each change in which nothing else changes.
const QUIET: Duration = Duration::from_secs(5);

/// What a change took, ms.
#[derive(Debug)]
struct Step {
    workers: usize,
    /// When it was begun, ms since 1970 UTC, and when it was seen to be done.
    span: (i64, i64),
    saved: u128,
    moved: u128,
}

impl Scaled {
    /// A record for each of 256 partitions four times a second.
    fn wide_load(&self) -> Running {
        let load = ["generate", "--forever", "--sensors", "512", "--partitions", "256", "--rate"];
        self.stage.stage.spawn(&[&load[..], &["1024", "--queue", &self.queue]].concat())
    }

    /// Has the job run with so many workers, and measures what that takes.
    fn change_to(&self, workers: usize) -> Step {
        let (from, began) = (now_ms(), Instant::now());
        let number = workers.to_string();
        let args = ["job", "scale", "coast", "--no-wait", "--workers", &number];
        self.stage.stage.ok(&[&args[..], &["--server", &self.url]].concat());
        let mut saved = 0;
        wait_until("the change is done", || {
            let change = self.scaling()["change"].clone();
            if saved == 0 && change["stage"] != "saving" {
                saved = began.elapsed().as_millis();
            }
            change.is_null()
        });
        let moved = began.elapsed().as_millis() - saved;
        let shown = self.scaling();
        let wanted = shown["wanted_slots"].as_array().map_or(0, Vec::len);
        assert_eq!(wanted, workers, "it was not taken back: {}", shown["alerts"]);
        self.wait_for_all(workers, PARTITIONS);
        Step { workers, span: (from, now_ms()), saved, moved }
    }

    /// When rows of each partition were appended, ms since 1970 UTC, in order.
    fn appended_by_partition(&self) -> BTreeMap<u32, Vec<i64>> {
        let select = "select _partition, _append_ms from rows order by 2";
        let args = ["sql", select, "--format", "csv", "--job", "jobs/coast.toml"];
        let mut all = BTreeMap::<u32, Vec<i64>>::new();
        for line in self.stage.stage.ok(&args).lines().skip(1) {
            let (partition, at_ms) = line.split_once(',').unwrap();
            all.entry(partition.parse().unwrap()).or_default().push(at_ms.parse().unwrap());
        }
        all
    }
}

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(since.unwrap().as_millis()).unwrap()
}

/// The longest time without a row of a partition, and the median of those of all partitions.
fn pauses(times: &BTreeMap<u32, Vec<i64>>, (from, to): (i64, i64)) -> (i64, i64) {
    let mut all: Vec<i64> = times.values().map(|times| longest_gap(times, from, to)).collect();
    all.sort_unstable();
    (all[all.len() - 1], all[all.len() / 2])
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn two_hundred_and_fifty_six_partitions_move_between_three_and_twelve_workers_and_every_row_is_there_once()
 {
    let Some(kafka) = Kafka::one() else { return };
    let queue = format!("kafka://{}", kafka.address());
    let limits = "workers_max = 12\nparallelism_max = 24\nverify_within_s = 180\n";
    let text = format!("{}{limits}", job(&queue).replace("'local'", "'observe'"));
    let mut scaled = Scaled::of_partitions(&text, &queue, PARTITIONS);
    scaled.wait_for_all(3, PARTITIONS);
    let load = scaled.wide_load();
    let_it_work(2 * QUIET);
    let before = (now_ms() - 5_000, now_ms());
    let mut steps = Vec::new();
    for workers in [12, 11, 6, 3] {
        steps.push(scaled.change_to(workers));
        let_it_work(QUIET);
    }
    load.stop_within(Signal::TERM, STOP).ok();
    wait_until("all is read", || scaled.get("/api/v1/jobs")["jobs"][0]["numbers"]["lag"] == 0);
    let replayed = scaled.metric("seismic_replayed_messages");
    let done = scaled.server.take().unwrap().stop_within(Signal::TERM, STOP);
    assert_eq!(done.code, Some(0), "{done}");

    let (all, each) = (scaled.appended(), scaled.appended_by_partition());
    let (longest, median) = pauses(&each, before);
    println!(
        "WIDE before any change: {} ms without a row; of a partition {longest} ms, {median} ms in the median",
        longest_gap(&all, before.0, before.1)
    );
    for Step { workers, span, saved, moved } in &steps {
        let (longest, median) = pauses(&each, *span);
        println!(
            "WIDE to {workers} workers: savepoint {saved} ms, partitions moved in {moved} ms; without a row \
             {} ms, of a partition {longest} ms, {median} ms in the median",
            longest_gap(&all, span.0, span.1)
        );
    }
    println!("WIDE {replayed} messages replayed, {} rows", all.len());

    let rows = scaled.rows_are_those_of_one_worker();
    assert!(rows > 10_000, "{rows} rows");
}
