//! What a worker says of itself: its state, what it has counted, and how far it is.

use serde::{Deserialize, Serialize};

use crate::job::{JobMetrics, JobState};

/// A worker at one moment. Counts begin with the worker.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// `starting`, `running`, `draining`, `stopped` or `failed`.
    pub state: String,
    /// Records read, without those replayed.
    pub records_read: u64,
    /// Messages replayed.
    pub messages_replayed: u64,
    /// Rows committed.
    pub rows: u64,
    /// Dead letters committed.
    pub dead_letters: u64,
    /// Messages behind the ends of the logs.
    pub lag: u64,
    /// Commits.
    pub commits: u64,
    /// Time that they took in sum, µs.
    pub commit_us: u64,
    /// Snapshots.
    pub snapshots: u64,
    /// How often a slot loaded its partitions again.
    pub rebuilds: u64,
    /// Memory of the process, bytes.
    pub memory_bytes: u64,
    /// Its partitions.
    pub partitions: Vec<PartitionReport>,
    /// Its sinks.
    pub sinks: Vec<SinkReport>,
}

/// One partition.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PartitionReport {
    /// Which one.
    pub partition: u32,
    /// Whether the worker has it.
    pub held: bool,
    /// Committed position.
    pub position: Option<u64>,
    /// Where its log ended when that was asked last.
    pub end: Option<u64>,
    /// Sensors known.
    pub sensors: u64,
    /// Windows open.
    pub open_windows: u64,
}

/// One sink.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SinkReport {
    /// Its specification.
    pub sink: String,
    /// Rows written.
    pub rows: u64,
    /// Syncs that made rows durable.
    pub flushes: u64,
    /// Calls that failed and were tried again.
    pub retries: u64,
    /// The newest error, also one that has passed.
    pub last_error: Option<String>,
}

impl Report {
    /// That of a job in this process.
    #[must_use]
    pub fn of(state: &JobState, JobMetrics { run, sinks }: &JobMetrics) -> Report {
        let partition = |it: &seismic_pipeline::PartitionMetrics| PartitionReport {
            partition: it.partition.0,
            held: it.is_held,
            position: it.position.map(|at| at.0),
            end: it.end.map(|at| at.0),
            sensors: it.sensors,
            open_windows: it.open_windows,
        };
        let sink = |(name, it): &(String, seismic_sinks::SinkMetricsSnapshot)| SinkReport {
            sink: name.clone(),
            rows: it.rows,
            flushes: it.flushes,
            retries: it.retries,
            last_error: it.last_error.clone(),
        };
        Report {
            state: name_of(state).to_owned(),
            records_read: run.records_read,
            messages_replayed: run.messages_replayed,
            rows: run.rows(),
            dead_letters: run.dead_letters(),
            lag: run.lag(),
            commits: run.commits.count,
            commit_us: run.commits.us,
            snapshots: run.snapshots.count,
            rebuilds: run.rebuilds,
            memory_bytes: memory_bytes().unwrap_or(0),
            partitions: run.partitions.iter().map(partition).collect(),
            sinks: sinks.iter().map(sink).collect(),
        }
    }
}

fn name_of(state: &JobState) -> &'static str {
    match state {
        JobState::Starting => "starting",
        JobState::Running => "running",
        JobState::Draining => "draining",
        JobState::Stopped => "stopped",
        JobState::Failed { .. } => "failed",
    }
}

/// Resident memory of this process; `None` where the system does not say.
fn memory_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}
