//! Measures the cost of a Kafka client: reads a topic to its end with librdkafka and with our own
//! fetcher, in the way the job does. Each message is copied into a batch and not processed.
//!
//! ```text
//! cargo run --release -p seismic-kafka --example read -- HOST:PORT TOPIC THREADS
//! ```

#![allow(clippy::print_stderr, clippy::print_stdout, reason = "an example prints")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use seismic_kafka::ClusterAddress;
use seismic_queue::backend::Address;
use seismic_queue::{Event, Offset, Partition, Queue, Topic};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let given: Vec<_> = std::env::args().skip(1).collect();
    let [address, name, threads] = &given[..] else {
        return Err("say HOST:PORT, a topic, and how many threads".into());
    };
    let threads: usize = threads.parse()?;
    let address = ClusterAddress::parse(&format!("kafka://{address}"))?;
    let mut librdkafkas = address.clone();
    // A setting of librdkafka's own reading, so librdkafka reads.
    librdkafkas.options.push(("queued.min.messages".to_owned(), "50000".to_owned()));
    let (queue, librdkafka) = (address.open()?, librdkafkas.open()?);
    let topic = queue.topic(name)?;
    let ends: Vec<_> = topic.all().zip(queue.spans(&topic)?.iter().map(|span| span.end)).collect();
    let share = |of| ends.iter().skip(of).step_by(threads).copied().collect::<Vec<_>>();
    let shares: Vec<_> = (0..threads).map(share).collect();

    measure("librdkafka", &shares, |share| read(&*librdkafka, &topic, share));
    measure("ours", &shares, |share| read(&*queue, &topic, share));
    Ok(())
}

type Share = [(Partition, Offset)];

/// Reads all shares at once and says how fast.
fn measure(what: &str, shares: &[Vec<(Partition, Offset)>], read: impl Fn(&Share) -> u64 + Sync) {
    let (began, cpu_s, messages) = (Instant::now(), cpu_s(), AtomicU64::new(0));
    thread::scope(|scope| {
        for share in shares {
            scope.spawn(|| messages.fetch_add(read(share), Ordering::Relaxed));
        }
    });
    let (seconds, messages) = (began.elapsed().as_secs_f64(), messages.into_inner() as f64);
    let cpu_us = (self::cpu_s() - cpu_s) * 1e6 / messages;
    let rate = messages / seconds / 1e6;
    println!("{what}: {messages} messages, {rate:.2} million/s, {cpu_us:.3} µs of CPU each");
}

/// CPU time of this process so far, by Linux's count of hundredths.
fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("this is Linux");
    let fields = stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// As the job reads.
fn read(queue: &dyn Queue, topic: &Topic, share: &Share) -> u64 {
    let starts: Vec<_> = share.iter().map(|&(partition, _)| (partition, Offset(0))).collect();
    let mut reader = queue.reader(topic, &starts).expect("the topic is there");
    let (mut left, mut spare, mut messages) = (share.to_vec(), Vec::new(), 0);
    while !left.is_empty() {
        let event = reader.read(Duration::from_millis(100), &mut spare).expect("the broker runs");
        let (partition, next) = match event {
            Event::Batch(batch) => {
                messages += batch.len() as u64;
                let at = (batch.partition(), batch.next());
                spare.push(batch);
                at
            }
            Event::CaughtUp(partition, at) => (partition, at),
            _ => continue,
        };
        left.retain(|&(of, end)| of != partition || next < end);
    }
    messages
}
