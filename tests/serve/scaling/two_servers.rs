//! Two servers share a job on Kafka: workers of neither take the place of the other's, and the one that scales
//! the job proves its changes beside them.

use std::time::Instant;

use rustix::process::Signal;
use seismic_brokers::Kafka;

use super::kafka::{Scaled, may_change};
use crate::serve::processes;
use crate::stage::{STOP, wait_until};

const PARTITIONS: usize = 12;

/// The same file on both machines: nothing in it tells one from the other.
fn job(queue: &str) -> String {
    format!(
        "name = 'coast'\nqueue = '{queue}'\ngroup = 'coast'\nworkers = 2\nslots = 1\nsink = ['console']\n\
         window = '200ms'\nlateness = '50ms'\nidle_timeout = '0'\n[restart]\ninterval_s = 1\n\
         [elastic]\naction = 'observe'\ninterval_s = 1\nworkers_min = 1\nworkers_max = 4\n\
         parallelism_min = 1\nslots_per_worker = 1\n"
    )
}

impl Scaled {
    /// Processes of its workers.
    fn pids(&self) -> Vec<u32> {
        let (mut workers, _) = processes(&self.stage.stage.path(""));
        workers.sort_unstable();
        workers
    }

    fn held(&self) -> usize {
        self.running().2
    }

    fn scale_to(&self, workers: &str) -> String {
        let args = ["job", "scale", "coast", "--workers", workers, "--server", &self.url];
        self.stage.stage.ok(&args).trim().to_owned()
    }
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn workers_of_two_servers_share_a_job_on_kafka_and_the_one_that_scales_it_changes_its_own() {
    let Some(kafka) = Kafka::one() else { return };
    let queue = format!("kafka://{}", kafka.address());
    let mut one = Scaled::of_partitions(&job(&queue), &queue, PARTITIONS);
    wait_until("the first server has all", || {
        one.running() == (2, 2, PARTITIONS) && may_change(&one.scaling())
    });
    let load = one.load("400");
    let of_one = one.pids();
    let other = Scaled::beside(&job(&queue), &queue);
    wait_until("they share it", || (one.held(), other.held()) == (PARTITIONS / 2, PARTITIONS / 2));
    let of_other = other.pids();
    assert_eq!((of_one.len(), of_other.len()), (2, 2));

    // The one that holds the lease has one worker more, and sees that all is held.
    let began = Instant::now();
    assert_eq!(one.scale_to("3"), "job coast runs with 3 workers and 3 slots");
    println!("SCALED beside another server in {} ms", began.elapsed().as_millis());
    wait_until("all is held by both", || one.held() + other.held() == PARTITIONS);
    assert!(one.held() >= PARTITIONS / 2, "three of five workers have half of it at least");
    assert!(of_one.iter().all(|pid| one.pids().contains(pid)), "no worker was replaced");
    assert_eq!(other.pids(), of_other, "nor was one of the other server");
    // What is shown is of its own workers, and it says so.
    wait_until("it is said that others have some of it", || {
        let args = ["autoscale", "status", "coast", "--server", &one.url];
        let text = one.stage.stage.ok(&args);
        let expected = format!("workers of others hold {} of 12 partitions: samples", other.held());
        text.contains(&expected)
    });
    // It is sampled as any job that runs.
    wait_until("there are samples in a row", || {
        one.scaling()["samples"].as_array().is_some_and(|all| all.len() >= 3)
    });

    // Its machine is gone: the other one scales the job, and has all of it.
    let gone = one.pids();
    assert!(one.server.take().unwrap().kill());
    gone.iter().for_each(|pid| one.stage.kill(*pid));
    wait_until("the other one has all, and may change it", || {
        other.held() == PARTITIONS && may_change(&other.scaling())
    });
    assert_eq!(other.scale_to("1"), "job coast runs with 1 workers and 1 slots");
    assert!(of_other.contains(&other.pids()[0]), "the first worker stays");

    load.stop_within(Signal::TERM, STOP).ok();
    wait_until("all is read", || other.get("/api/v1/jobs")["jobs"][0]["numbers"]["lag"] == 0);
    let stage = &other.stage.stage;
    other.server.unwrap().stop_within(Signal::TERM, STOP).ok();
    let text = stage.ok(&["verify", "--job", "jobs/coast.toml"]);
    assert!(text.contains("verified: "), "{text}");
}
