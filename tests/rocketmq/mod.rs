//! The program on a real RocketMQ broker: records come from it and rows go back to it, whatever is
//! killed, cut, or taken away in between. Skipped, loudly, where no broker can be started.
//!
//! Faults are tried as on the embedded queue, by the same [`Trial`]: the log and the sink are
//! topics of RocketMQ, the store is a file.

mod cluster;
mod faults;
mod gone;
mod import;
mod outage;
mod repartition;
mod rights;
mod rows;
mod tls;
mod wire;
mod zombie;

use std::sync::atomic::{AtomicU32, Ordering};

use seismic_brokers::RocketMq;

use crate::faults::trial::Trial;

/// A trial on topics of its own.
fn trial(rocketmq: &RocketMq, fault: u32, what: &str) -> Trial {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let (data, sink) = (format!("trial-{number}"), format!("rocketmq:shown-{number}"));
    let mut trial = Trial::new(fault, what).on(&rocketmq.url(), &data, &sink);
    trial.line.place = "RocketMQ";
    trial
}
