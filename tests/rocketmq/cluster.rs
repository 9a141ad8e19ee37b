//! Fault 5 on a cluster of two nameservers and two brokers, of which one dies.

use rustix::process::Signal;
use seismic_brokers::RocketMq;
use seismic_proto::Message as _;
use seismic_queue::partition_of;

use super::trial;
use crate::faults::publisher::{Publisher, record};
use crate::faults::trial::Trial;
use crate::stage::{ROWS, wait_until};
use crate::truth::int;

/// Partitions are numbered by the broker's name first, so the first half is of `broker-a`.
const PARTITIONS: u32 = 4;
const OF_THE_FIRST: u32 = 2;

#[test]
#[ignore = "more on brokers: .ci/run"]
fn partitions_of_a_broker_go_on_while_another_one_is_dead() {
    let Some(mut rocketmq) = RocketMq::two() else { return };
    let what =
        "one of two brokers is killed: the other's partitions go on, and its own when it is back";
    let mut trial = trial(&rocketmq, 5, what);
    let mut publisher = Publisher::new(&trial.stage);
    // One slot has partitions of both.
    let mut consumer = trial.spawn(&["--slots", "1"]);
    wait_until("rows of every partition", || {
        speak(&mut publisher, 0..PARTITIONS);
        rows_of_each(&trial).iter().all(|rows| *rows > 0)
    });
    trial.wait_for_rows(&mut consumer, 0);

    rocketmq.brokers[1].kill();
    let before = trial.rows();
    wait_until("the other's partitions go on", || {
        assert!(consumer.is_running(), "{}", consumer.stderr());
        speak(&mut publisher, 0..OF_THE_FIRST);
        trial.rows() > before + 20
    });
    wait_until("the nameservers know that it is dead", || {
        trial.stage.run(&["status"]).code == Some(2)
    });
    let data = trial.stage.data.clone();
    for command in [&["status"][..], &["verify"], &["doctor", "--topic", &data]] {
        let done = trial.stage.run(command);
        assert_ne!(done.code, Some(0), "{done}");
        let said = [&*done.stdout, &done.stderr].concat();
        assert!(said.contains("broker-a:2+broker-b:2") && !said.contains("recreated"), "{said}");
    }

    rocketmq.brokers[1].restart();
    rocketmq.wait();
    let before = rows_of_each(&trial);
    wait_until("its own partitions go on", || {
        speak(&mut publisher, 0..PARTITIONS);
        rows_of_each(&trial).iter().zip(&before).all(|(now, before)| now > before)
    });
    trial.line.tries += 1;
    consumer.stop(Signal::TERM).ok();
    wait_until("the whole route", || trial.stage.run(&["status"]).code == Some(0));
    trial.prove_records(None);
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn a_job_goes_on_and_begins_again_when_the_first_of_two_nameservers_is_dead() {
    let Some(mut rocketmq) = RocketMq::two() else { return };
    let mut trial = trial(&rocketmq, 5, "the first of two nameservers is killed, then the worker");
    let load = trial.load_with("--rate 4000 --sensors 50 --pack 5");
    let mut consumer = trial.start();
    rocketmq.nameservers[0].kill();
    let before = trial.rows();
    trial.wait_for_rows(&mut consumer, before + 200);
    trial.kill(consumer);
    trial.resume().stop(Signal::TERM).ok();
    trial.prove(load);
}

/// A sensor of each of these partitions says something.
fn speak(publisher: &mut Publisher, partitions: std::ops::Range<u32>) {
    for partition in partitions {
        let mut names = (0..).map(|n| format!("S{n}"));
        let is_its = |name: &String| partition_of(name.as_bytes(), PARTITIONS).0 == partition;
        let sensor = names.find(is_its).expect("there are names without end");
        publisher.bytes(&sensor, &record(&sensor).encode_to_vec());
    }
}

fn rows_of_each(trial: &Trial) -> [u64; PARTITIONS as usize] {
    let mut rows = [0; PARTITIONS as usize];
    let done = trial.stage.run(&["read", ROWS, "--in", "home", "--format", "json"]);
    for row in crate::stage::parse(&done.stdout) {
        rows[int(&row, "partition") as usize] += 1;
    }
    rows
}
