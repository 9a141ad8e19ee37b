//! Fault 5: the broker crashes under load, and is restarted cleanly. Job and producer wait for it
//! and continue automatically.

use rustix::process::Signal;
use seismic_brokers::{Flush, RocketMq};

use super::trial;

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
