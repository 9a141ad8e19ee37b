//! Workers of a job on Kafka that come and go gracefully leave nothing that the next ones would do again.

use std::time::Duration;

use rustix::process::Signal;
use seismic_brokers::Kafka;

use super::kafka::{Scaled, job};
use crate::stage::{STOP, let_it_work, wait_until};

const PARTITIONS: usize = 24;

#[test]
#[ignore = "more on brokers: .ci/run"]
fn graceful_changes_on_kafka_replay_nothing() {
    let Some(kafka) = Kafka::one() else { return };
    let queue = format!("kafka://{}", kafka.address());
    let text = job(&queue).replace("'local'", "'observe'");
    let mut scaled = Scaled::of_partitions(&text, &queue, PARTITIONS);
    scaled.wait_for_all(3, PARTITIONS);
    let load = ["generate", "--forever", "--sensors", "240", "--partitions", "24", "--rate"];
    let load = scaled.stage.stage.spawn(&[&load[..], &["2400", "--queue", &queue]].concat());
    let_it_work(Duration::from_secs(3));
    let mut replayed = 0.0;
    for workers in [5, 4, 3] {
        let number = workers.to_string();
        let args = ["job", "scale", "coast", "--workers", &number, "--server", &scaled.url];
        scaled.stage.stage.ok(&args);
        scaled.wait_for_all(workers, PARTITIONS);
        // Those of workers that leave are counted as long as they are there.
        replayed += scaled.metric("seismic_replayed_messages");
    }
    load.stop_within(Signal::TERM, STOP).ok();
    wait_until("all is read", || scaled.get("/api/v1/jobs")["jobs"][0]["numbers"]["lag"] == 0);
    replayed += scaled.metric("seismic_replayed_messages");
    let done = scaled.server.take().unwrap().stop_within(Signal::TERM, STOP);
    assert_eq!(done.code, Some(0), "{done}");
    assert!(replayed == 0.0, "{replayed} messages were replayed");
    let text = scaled.stage.stage.ok(&["verify", "--job", "jobs/coast.toml"]);
    assert!(text.contains("verified: "), "{text}");
}
