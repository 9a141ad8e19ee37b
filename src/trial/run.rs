//! Runs the job of a trial: its queue and its store are in memory, and it has no sinks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use anyhow::Context as _;
use seismic_queue::memory::Memory;
use seismic_queue::{Append, Block, Partition, Producer, Queue as _};

use super::arrival::Arrival;
use super::limits;
use super::outcome::Outcome;
use crate::backends::Url;
use crate::job::time_span::TimeSpan;
use crate::job::{Job, JobSpec, StopToken};

/// Name of the queue in this process.
const QUEUE: &str = "test";

/// Runs a job on these messages until it has closed every window; `None` when it was stopped.
///
/// # Errors
/// Why the job failed.
pub fn run(
    spec: &JobSpec,
    messages: &[Arrival],
    partitions: u32,
    stop: StopToken,
    is_stopped: &AtomicBool,
) -> anyhow::Result<Option<Outcome>> {
    let ran = run_in_memory(spec, messages, partitions, stop, is_stopped)?;
    ran.map(|spec| Outcome::read(&spec)).transpose()
}

/// Runs a job of any kind to the end of these messages. Gives the job whose store has what came of
/// it; `None` when it was stopped.
///
/// # Errors
/// Why the job failed.
pub(super) fn run_in_memory(
    spec: &JobSpec,
    messages: &[Arrival],
    partitions: u32,
    stop: StopToken,
    is_stopped: &AtomicBool,
) -> anyhow::Result<Option<JobSpec>> {
    let clock = Arc::new(AtomicI64::new(0));
    let queue = Memory::named_with_clock(QUEUE, Arc::clone(&clock));
    fill(&queue, &spec.topic, messages, partitions, &clock)?;
    let spec = in_memory(spec)?;
    let job = Job::new(spec.clone()).stopped_by(stop).notifying(|_| ()).spawn()?;
    let report = job.join()?;
    // What a job has written that was stopped is not all.
    if report.is_none() || is_stopped.load(Ordering::Relaxed) {
        return Ok(None);
    }
    Ok(Some(spec))
}

/// The job with another place, and without what is of a machine, of a service or of one start.
fn in_memory(spec: &JobSpec) -> anyhow::Result<JobSpec> {
    let url = |name: &str| format!("memory:{name}").parse::<Url>().context("a place in memory");
    Ok(JobSpec {
        queue: url(QUEUE)?,
        store: Some(url(&format!("{QUEUE}.store"))?),
        kafka: Default::default(),
        sink: Vec::new(),
        from: None,
        // Silence is measured by a clock of this machine.
        idle_timeout: TimeSpan::from_ms(0),
        slot: None,
        max_records: None,
        until_caught_up: false,
        drain: true,
        http: None,
        max_parallelism: None,
        ..spec.clone()
    })
}

/// Appends the messages in their order, each when it arrives.
fn fill(
    queue: &Memory,
    topic: &str,
    messages: &[Arrival],
    partitions: u32,
    clock: &AtomicI64,
) -> anyhow::Result<()> {
    let topic = queue.create(topic, partitions)?;
    let mut producer = queue.producer(&topic, "test")?;
    let mut sent = vec![0; partitions as usize];
    let mut block = Block::default();
    let mut at = None;
    for message in messages {
        let now = (message.partition, message.at_ms);
        let is_full = block.bytes().len() >= limits::BLOCK_BYTES;
        if at != Some(now) || is_full {
            append(&mut *producer, at, &mut block, &mut sent, clock)?;
        }
        at = Some(now);
        block.push(&message.key, &message.value)?;
    }
    append(&mut *producer, at, &mut block, &mut sent, clock)
}

fn append(
    producer: &mut dyn Producer,
    at: Option<(u32, i64)>,
    block: &mut Block,
    sent: &mut [u64],
    clock: &AtomicI64,
) -> anyhow::Result<()> {
    let Some((partition, at_ms)) = at.filter(|_| !block.is_empty()) else { return Ok(()) };
    clock.store(at_ms, Ordering::SeqCst);
    let first_sequence = sent[partition as usize];
    let partition = Partition(partition);
    producer.append(&[Append { partition, first_sequence, block }])?;
    sent[partition.0 as usize] += u64::from(block.count());
    block.clear();
    Ok(())
}
