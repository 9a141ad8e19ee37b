//! Two servers with one job on Kafka: one of them scales it, through kills and a server that stands still.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use seismic_brokers::Kafka;
use serde_json::Value;

use super::kafka::Scaled;
use crate::stage::{STOP, wait_until};

/// Notes that do not change for 9 s, two looks, and the time in which whoever had it may act.
const TAKEN_OVER: Duration = Duration::from_secs(9 + 4 + 6);

/// What a busy machine may add to that.
const SLOW: Duration = Duration::from_secs(15);

/// The same job for each server; workers of each have names of their own, so that none takes another's place.
fn job(queue: &str, slot: &str) -> String {
    format!(
        "name = 'coast'\nqueue = '{queue}'\ngroup = 'coast'\nslot = '{slot}'\nworkers = 1\nslots = 1\n\
         sink = ['console']\nidle_timeout = '0'\n[elastic]\naction = 'observe'\ninterval_s = 1\n\
         workers_min = 1\nworkers_max = 4\nparallelism_min = 1\n"
    )
}

fn lease(server: &Scaled) -> Value {
    server.scaling()["lease"].clone()
}

fn holds(server: &Scaled) -> bool {
    lease(server)["is_held"] == true
}

/// What a server says of the other one.
fn refusal(server: &Scaled) -> String {
    let args = ["job", "scale", "coast", "--workers", "2", "--server", &server.url];
    server.stage.stage.run(&args).stderr
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn one_of_two_servers_scales_a_job_on_kafka_and_the_other_one_takes_over_when_it_is_gone_or_stands_still()
 {
    let Some(kafka) = Kafka::one() else { return };
    let queue = format!("kafka://{}", kafka.address());
    let mut one = Scaled::of_partitions(&job(&queue, "one"), &queue, 4);
    one.stage.wait_for_state("coast", "running");
    wait_until("the only server holds it", || holds(&one));
    let other = Scaled::beside(&job(&queue, "other"), &queue);
    other.stage.wait_for_state("coast", "running");
    let is_of_one = |pid: u32| {
        let said = lease(&other)["why_not"].as_str().unwrap_or_default().to_owned();
        said.contains(&format!(
            "another server holds the scaling lease of job coast, held by process {pid} on "
        ))
    };
    let pid = one.server.as_ref().unwrap().pid();
    wait_until("the other one says who holds it", || is_of_one(pid));
    assert!(refusal(&other).contains("another server holds the scaling lease of job coast"));
    wait_until("an operator is told", || {
        let alerts = other.scaling()["alerts"].clone();
        alerts.as_array().unwrap().iter().any(|it| it.as_str().unwrap().contains("held by process"))
    });
    assert!(holds(&one) && other.metric("seismic_scaling_lease") == 0.0);
    assert!((one.metric("seismic_scaling_lease") - 1.0).abs() < f64::EPSILON);
    // Each of them says who holds it, wherever it is asked.
    for (server, is_held) in [(&one, true), (&other, false)] {
        let entry = server.get("/api/v1/jobs/coast")["job"]["scaling"].clone();
        assert_eq!(entry["holds_lease"], is_held, "{entry}");
        assert!(entry["lease_holder"].as_str().unwrap().starts_with(&format!("process {pid} on ")));
        let held_by = format!("seismic_scaling_held_by{{holder=\"process {pid} on ");
        assert!((server.metric(&held_by) - 1.0).abs() < f64::EPSILON);
        let shown = server.stage.stage.ok(&["job", "show", "coast", "--server", &server.url]);
        assert!(shown.contains(&format!("holds the scaling lease: process {pid} on ")), "{shown}");
        let args = ["autoscale", "status", "coast", "--server", &server.url];
        let status = server.stage.stage.ok(&args);
        assert!(status.contains("the scaling lease"), "{status}");
    }

    // It is killed, and the next process of it is there before the other takes over.
    one.server_dies();
    wait_until("the next process holds it", || {
        let held = (holds(&one), holds(&other));
        assert_ne!(held, (true, true), "never both");
        held.0
    });
    assert!(!holds(&other));

    // It is killed for good.
    let killed = Instant::now();
    assert!(one.server.take().unwrap().kill());
    wait_until("the other one takes over", || holds(&other));
    let took = killed.elapsed();
    println!("TAKEN OVER after {} ms", took.as_millis());
    assert!(took > Duration::from_secs(6), "whoever had it may act for 6 s: {took:?}");
    assert!(took < TAKEN_OVER + SLOW, "{took:?}");
    let server = one.stage.serve(&[]);
    one.url = crate::serve::url_of(&server);
    one.server = Some(server);
    let holder = other.server.as_ref().unwrap();
    wait_until("the first one, which is back, says who holds it", || {
        let said = lease(&one)["why_not"].as_str().unwrap_or_default().to_owned();
        said.contains(&format!("held by process {} on ", holder.pid()))
    });

    // The holder stands still: it is fenced, and finds that out by itself.
    holder.signal(Signal::STOP);
    wait_until("the first one takes over", || holds(&one));
    holder.signal(Signal::CONT);
    wait_until("the stale holder says who holds it", || {
        assert!(!(holds(&one) && holds(&other)), "never both");
        is_of_one(one.server.as_ref().unwrap().pid())
    });
    assert!(holds(&one), "it is not taken back");
    for server in [one.server, other.server] {
        server.unwrap().stop_within(Signal::TERM, STOP).ok();
    }
}
