//! Slots of a job on RocketMQ change while it works, also while its broker is away.

use seismic_brokers::{Flush, RocketMq};

use super::live::{Live, job, pauses};
use crate::stage::wait_until;

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn slots_of_a_job_on_rocketmq_change_while_it_works_and_while_its_broker_is_away() {
    let Some(mut rocketmq) = RocketMq::one(Flush::Sync) else { return };
    let queue = rocketmq.url();
    let job = format!("queue = '{queue}'\n{}", job("observe", ""));
    let live = Live::on(&["--queue", &queue], &job, "5000");
    let scale = |slots: &str| {
        let args = ["job", "scale", "coast", "--slots", slots, "--server", &live.url];
        live.stage.stage.run(&args)
    };
    for slots in ["4", "12", "3", "1", "6"] {
        let said = scale(slots).ok().stdout;
        assert!(said.starts_with(&format!("job coast runs with {slots} slots")), "{said}");
        assert!(said.contains("so it runs in one process: workers stay 1"), "{said}");
        assert_eq!(live.runs(), (slots.parse().unwrap(), 12));
    }
    let quiet = pauses(&live.stage.log_of(false)).len();
    // Partitions move without a broker; what was read of them stays, and the rest comes when it is back.
    rocketmq.brokers[0].kill();
    scale("2");
    rocketmq.brokers[0].restart();
    wait_until("two slots hold all", || {
        live.runs() == (2, 12) && live.scaling()["change"].is_null()
    });
    scale("6").ok();
    let mut all = pauses(&live.stage.log_of(false));
    assert!(all.len() > quiet && quiet > 0, "partitions have moved: {all:?}");
    all.truncate(quiet);
    all.sort_unstable();
    eprintln!("nothing was read of partitions that moved for, ms: {all:?}");
    // Not that of this build on this machine: what would be a restart.
    assert!(all.last().is_some_and(|longest| *longest < 5_000), "{all:?}");
    // Brokers tell nameservers of their topics now and then, and what is done next asks for them.
    wait_until("the nameserver knows the topic", || {
        let args = ["topic", "list", "--queue", &queue];
        live.stage.stage.run(&args).stdout.contains("seismic-data-topic")
    });
    live.end();
}
