//! Fault 5: the broker crashes under load, and is restarted cleanly. Job and producer wait for it
//! and continue automatically.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use seismic_brokers::{Flush, RocketMq};

use super::trial;
use crate::stage::let_it_work;

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_broker_that_crashes_or_is_restarted_is_waited_for() {
    let Some(mut rocketmq) = RocketMq::one(Flush::Sync) else { return };
    let what = "the only broker is killed and started again, and then restarted cleanly";
    let mut trial = trial(&rocketmq, 5, what);
    let load = trial.load_with("--rate 4000 --sensors 50 --pack 5");
    let mut consumer = trial.start();
    for is_crash in [true, false] {
        trial.wait(500..1_500);
        if is_crash {
            rocketmq.brokers[0].kill();
        } else {
            rocketmq.brokers[0].stop();
        }
        // What was read before continues to be committed for a moment.
        trial.wait(1_000..2_000);
        // How long a broker takes to boot is not the job's.
        rocketmq.brokers[0].restart();
        consumer = trial.flows_again(|_| consumer);
        trial.line.tries += 1;
    }
    consumer.stop(Signal::TERM).ok();
    // A nameserver hears of a broker's topics later than of the broker.
    trial.stage.wait_for_records();
    trial.prove(load);
}

/// How long a stop may take while nothing answers: what `docs/guarantees.md` says.
const DOWN_LIMIT: Duration = Duration::from_secs(5);

/// Takes the only broker away from a working job, with or without its nameserver, and stops that:
/// soon, and as one that has lost nothing.
fn stopped_without_broker(is_nameserver_gone: bool, what: &str) {
    let Some(mut rocketmq) = RocketMq::one(Flush::Sync) else { return };
    let mut trial = trial(&rocketmq, 5, what);
    let load = trial.load_with("--rate 4000 --sensors 50 --pack 5");
    let consumer = trial.start();
    rocketmq.brokers[0].kill();
    if is_nameserver_gone {
        rocketmq.nameservers[0].kill();
    }
    // Whatever it was doing when the broker went, it asks by now and gets no answer.
    let_it_work(Duration::from_secs(3));
    let began = Instant::now();
    let done = consumer.stop_within(Signal::TERM, DOWN_LIMIT);
    trial.line.measured.push(format!("stopped after {} ms", began.elapsed().as_millis()));
    trial.line.tries += 1;
    if is_nameserver_gone {
        rocketmq.nameservers[0].restart();
    }
    rocketmq.brokers[0].restart();
    let is_explained = done.stderr.contains("continues from what is committed");
    assert!(done.code == Some(0) || done.code == Some(1) && is_explained, "{done}");
    // A nameserver hears of a broker's topics later than of the broker.
    trial.stage.wait_for_records();
    trial.prove(load);
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_stop_while_the_broker_is_down_takes_seconds() {
    stopped_without_broker(false, "SIGTERM while the only broker is gone");
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn a_stop_while_broker_and_nameserver_are_down_takes_seconds() {
    stopped_without_broker(true, "SIGTERM while the only broker and its nameserver are gone");
}
