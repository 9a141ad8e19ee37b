//! Starts a real broker for trying things out and for measuring, and stops it with Ctrl-D:
//!
//! ```text
//! cargo run -p seismic-brokers --example broker kafka         # or kafka3, kafka-secured, rocketmq
//! ```
//!
//! It is set up as the tests have it, but compiles itself as brokers of operators do: those of the
//! tests start faster and stay slower. Its files are in memory where that is possible, and gone
//! with it.

#![allow(clippy::print_stderr, clippy::print_stdout, reason = "an example prints")]

use std::io::Read as _;

use anyhow::{Context as _, bail};
use seismic_brokers::{Flush, Kafka, RocketMq};

fn main() -> anyhow::Result<()> {
    seismic_brokers::at_full_speed();
    let missing = "no broker could be started; what is missing was said before this";
    match std::env::args().nth(1).as_deref() {
        Some(name @ ("kafka" | "kafka3")) => {
            let kafka = if name == "kafka" { Kafka::one() } else { Kafka::three() };
            let kafka = kafka.context(missing)?;
            wait_at(&format!("kafka://{}", kafka.address()))
        }
        Some("kafka-secured") => {
            let kafka = Kafka::secured().context(missing)?;
            let doors = kafka.doors();
            println!("certificates in {}", kafka.certificates().display());
            println!("sasl_ssl, SCRAM: kafka://{}", doors.scram());
            println!("sasl_plaintext, PLAIN or SCRAM-SHA-256: kafka://{}", doors.plain());
            println!("ssl, a certificate of one's own: kafka://{}", doors.certificate());
            wait_at(&format!("kafka://{}", kafka.address()))
        }
        Some("rocketmq") => {
            let rocketmq = RocketMq::one(Flush::Async).context(missing)?;
            wait_at(&rocketmq.url())
        }
        _ => bail!("say which: kafka, kafka3, kafka-secured or rocketmq"),
    }
}

/// Shows what `--queue` takes, until standard input ends.
fn wait_at(url: &str) -> anyhow::Result<()> {
    println!("{url}");
    eprintln!("Ctrl-D stops it");
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
