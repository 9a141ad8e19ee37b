//! The numbers of a running job: what it has counted and measured, without a look into its store.
//!
//! They are plain data that can be written as JSON and read back, so that a worker can send them to
//! whoever watches several workers; [`JobNumbers::add`] makes the sum. Nothing in them grows with
//! the number of sensors.

use std::collections::BTreeMap;

use seismic_pipeline::{HistogramSnapshot, Metrics, PartitionMetrics};
use seismic_sinks::SinkMetricsSnapshot;
use serde::{Deserialize, Serialize};

use super::model::counts::RecordCounts;
use crate::job::JobMetrics;
use crate::job::kinds;
use crate::time::now_ms;

/// A running job at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct JobNumbers {
    /// When they were taken, ms since 1970 UTC.
    pub at_ms: i64,
    /// What became of records of all runs of the job, as far as it is committed, over the
    /// partitions that its workers have: the same counts as in the status.
    pub counts: Counts,
    /// Records read by these workers, without those replayed.
    pub records_read: u64,
    /// Rows committed by these workers.
    pub rows: u64,
    /// Dead letters committed by these workers.
    pub dead_letters: u64,
    /// Messages replayed by these workers.
    pub messages_replayed: u64,
    /// Messages of the input that are not committed yet.
    pub lag: u64,
    /// How long the oldest of them has waited in the queue, ms; 0 without one, and `None` when that
    /// is not known.
    pub wait_ms: Option<i64>,
    /// Age of the newest event of the row that was committed last, ms.
    pub event_latency_ms: Option<i64>,
    /// From the newest event of a row to its commit, s.
    pub event_latencies: HistogramNumbers,
    /// From handing a commit over to knowing its outcome, s.
    pub commit_times: HistogramNumbers,
    /// Commits.
    pub commits: u64,
    /// Bytes that they carried.
    pub commit_bytes: u64,
    /// Checkpoints taken.
    pub checkpoints: u64,
    /// Age of the oldest among the newest checkpoints of partitions that have committed more since,
    /// ms.
    pub checkpoint_age_ms: i64,
    /// How often partitions were loaded again after a commit of unknown outcome.
    pub rebuilds: u64,
    /// Sensors known.
    pub sensors: u64,
    /// Windows open.
    pub open_windows: u64,
    /// Partitions in order of their numbers.
    pub partitions: Vec<PartitionNumbers>,
    /// Sinks.
    pub sinks: Vec<SinkNumbers>,
    /// Resident memory of the processes, bytes.
    pub memory_bytes: u64,
    /// Processor time of the processes, ms.
    pub cpu_ms: u64,
}

/// What became of records.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Read.
    pub read: u64,
    /// In closed windows.
    pub closed: u64,
    /// In open windows.
    pub open: u64,
    /// Too late for their window.
    pub late: u64,
    /// Rejected.
    pub rejected: u64,
    /// Closed windows.
    pub windows: u64,
    /// Messages that were deleted before they were read.
    pub lost_messages: u64,
    /// Dead letters of each reason.
    pub by_reason: BTreeMap<String, u64>,
}

/// Durations in buckets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HistogramNumbers {
    /// Upper bound of each bucket but the last one, s.
    pub bounds_s: Vec<f64>,
    /// Observations in each bucket alone.
    pub counts: Vec<u64>,
    /// All observations in sum, s.
    pub sum_s: f64,
}

/// One partition.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PartitionNumbers {
    /// Which one.
    pub partition: u32,
    /// Whether a worker has it.
    pub is_held: bool,
    /// Committed position.
    pub position: Option<u64>,
    /// Where its log ended when that was asked last.
    pub end: Option<u64>,
    /// Sensors known.
    pub sensors: u64,
    /// Windows open.
    pub open_windows: u64,
    /// What became of its records, as it was known here last.
    pub counts: Option<Counts>,
}

/// One sink.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SinkNumbers {
    /// Its name, as in the status.
    pub sink: String,
    /// Rows written.
    pub rows: u64,
    /// Syncs that made rows durable.
    pub flushes: u64,
    /// Errors.
    pub errors: u64,
    /// Calls that failed and were tried again.
    pub retries: u64,
    /// Rows that it has not written yet; `None` for one that keeps no position.
    pub lag_rows: Option<u64>,
    /// The newest error, also one that has passed.
    pub last_error: Option<String>,
}

impl JobNumbers {
    /// Those of a job in this process, with the notes beside its committed positions
    /// ([`Metrics::notes`]).
    #[must_use]
    pub fn of(JobMetrics { run, sinks }: &JobMetrics, metrics: &Metrics) -> JobNumbers {
        let now_ms = now_ms();
        let held = || run.partitions.iter().filter(|it| it.is_held);
        let mut noted = Counts::of_each(metrics);
        let numbers_of = |it: &PartitionMetrics| PartitionNumbers {
            counts: noted.remove(&it.partition.0),
            ..PartitionNumbers::of(it)
        };
        let partitions: Vec<_> = run.partitions.iter().map(numbers_of).collect();
        let mut counts = Counts::default();
        let held_counts = partitions.iter().filter(|it| it.is_held);
        held_counts.filter_map(|it| it.counts.as_ref()).for_each(|it| counts.add(it));
        let (memory_bytes, cpu_ms) = process();
        JobNumbers {
            at_ms: now_ms,
            counts,
            records_read: run.records_read,
            rows: run.rows(),
            dead_letters: run.dead_letters(),
            messages_replayed: run.messages_replayed,
            lag: run.lag(),
            wait_ms: run.wait_ms(now_ms),
            event_latency_ms: run.event_latency_ms,
            event_latencies: HistogramNumbers::of(&run.event_latencies),
            commit_times: HistogramNumbers::of(&run.commit_times),
            commits: run.commits.count,
            commit_bytes: run.commits.bytes,
            checkpoints: run.snapshots.count,
            checkpoint_age_ms: run.checkpoint_age_ms(now_ms),
            rebuilds: run.rebuilds,
            sensors: held().map(|it| it.sensors).sum(),
            open_windows: held().map(|it| it.open_windows).sum(),
            partitions,
            sinks: sinks.iter().map(|(_, of_it)| SinkNumbers::of(of_it)).collect(),
            memory_bytes,
            cpu_ms,
        }
    }

    /// Adds those of another worker of the same job.
    pub fn add(&mut self, other: &JobNumbers) {
        self.at_ms = self.at_ms.max(other.at_ms);
        self.counts.add(&other.counts);
        self.records_read += other.records_read;
        self.rows += other.rows;
        self.dead_letters += other.dead_letters;
        self.messages_replayed += other.messages_replayed;
        self.lag += other.lag;
        // A worker of which nothing is known makes the whole unknown.
        self.wait_ms = self.wait_ms.zip(other.wait_ms).map(|(ours, other)| ours.max(other));
        self.event_latency_ms = self.event_latency_ms.max(other.event_latency_ms);
        self.event_latencies.add(&other.event_latencies);
        self.commit_times.add(&other.commit_times);
        self.commits += other.commits;
        self.commit_bytes += other.commit_bytes;
        self.checkpoints += other.checkpoints;
        self.checkpoint_age_ms = self.checkpoint_age_ms.max(other.checkpoint_age_ms);
        self.rebuilds += other.rebuilds;
        self.sensors += other.sensors;
        self.open_windows += other.open_windows;
        for theirs in &other.partitions {
            match self.partitions.iter_mut().find(|ours| ours.partition == theirs.partition) {
                Some(ours) => ours.add(theirs),
                None => self.partitions.push(theirs.clone()),
            }
        }
        self.partitions.sort_by_key(|it| it.partition);
        for theirs in &other.sinks {
            match self.sinks.iter_mut().find(|ours| ours.sink == theirs.sink) {
                Some(ours) => ours.add(theirs),
                None => self.sinks.push(theirs.clone()),
            }
        }
        self.memory_bytes += other.memory_bytes;
        self.cpu_ms += other.cpu_ms;
    }

    /// What became of records of all runs, over all partitions that are or were here, as it was
    /// known last of each. It never falls while a partition goes to another worker.
    #[must_use]
    pub fn totals(&self) -> Counts {
        let mut totals = Counts::default();
        self.partitions.iter().filter_map(|it| it.counts.as_ref()).for_each(|it| totals.add(it));
        totals
    }

    /// What stays of a worker that is gone: what it has counted, and nothing that it had.
    #[must_use]
    pub fn as_past(&self) -> JobNumbers {
        let gone = |it: &PartitionNumbers| PartitionNumbers {
            partition: it.partition,
            counts: it.counts.clone(),
            ..PartitionNumbers::default()
        };
        let counted = |it: &SinkNumbers| SinkNumbers { lag_rows: None, ..it.clone() };
        JobNumbers {
            // Nothing of it waits.
            wait_ms: Some(0),
            event_latency_ms: None,
            counts: Counts::default(),
            lag: 0,
            checkpoint_age_ms: 0,
            sensors: 0,
            open_windows: 0,
            memory_bytes: 0,
            partitions: self.partitions.iter().map(gone).collect(),
            sinks: self.sinks.iter().map(counted).collect(),
            ..self.clone()
        }
    }
}

impl Counts {
    /// What the notes of the partitions say that this run has or had.
    fn of_each(metrics: &Metrics) -> BTreeMap<u32, Counts> {
        let notes = metrics.notes().into_iter();
        // A note that cannot be read stops the run with its own words.
        let read = |(partition, note): (seismic_queue::Partition, Vec<u8>)| {
            let note = kinds::windows().note_status(&note).ok()?;
            Some((partition.0, Counts::from(&note.counts)))
        };
        notes.filter_map(read).collect()
    }

    fn add(&mut self, other: &Counts) {
        self.read += other.read;
        self.closed += other.closed;
        self.open += other.open;
        self.late += other.late;
        self.rejected += other.rejected;
        self.windows += other.windows;
        self.lost_messages += other.lost_messages;
        for (reason, count) in &other.by_reason {
            *self.by_reason.entry(reason.clone()).or_default() += count;
        }
    }
}

impl From<&RecordCounts> for Counts {
    fn from(counts: &RecordCounts) -> Self {
        let RecordCounts { read, closed, open, late, rejected, windows, lost_messages, .. } =
            *counts;
        let by_reason = counts.by_reason.0.iter().map(|(reason, n)| ((*reason).to_owned(), *n));
        let by_reason = by_reason.collect();
        Counts { read, closed, open, late, rejected, windows, lost_messages, by_reason }
    }
}

impl HistogramNumbers {
    fn of(snapshot: &HistogramSnapshot) -> HistogramNumbers {
        HistogramNumbers {
            bounds_s: snapshot.bounds_us.iter().map(|us| *us as f64 / 1e6).collect(),
            counts: snapshot.counts.clone(),
            sum_s: snapshot.us as f64 / 1e6,
        }
    }

    /// How many observations there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Adds another one, where its buckets are the same: a worker of another version may have
    /// others.
    fn add(&mut self, other: &HistogramNumbers) {
        if self.counts.is_empty() {
            self.clone_from(other);
        } else if self.bounds_s == other.bounds_s {
            let both = self.counts.iter_mut().zip(&other.counts);
            both.for_each(|(ours, theirs)| *ours += theirs);
            self.sum_s += other.sum_s;
        }
    }
}

impl PartitionNumbers {
    fn of(it: &PartitionMetrics) -> PartitionNumbers {
        PartitionNumbers {
            partition: it.partition.0,
            is_held: it.is_held,
            position: it.position.map(|at| at.0),
            end: it.end.map(|at| at.0),
            sensors: it.sensors,
            open_windows: it.open_windows,
            counts: None,
        }
    }

    /// As another worker sees it. Whoever has it knows it best; counts only grow.
    fn add(&mut self, other: &PartitionNumbers) {
        let read = |it: &Option<Counts>| it.as_ref().map_or(0, |counts| counts.read);
        let newest = match read(&other.counts) > read(&self.counts) {
            true => &other.counts,
            false => &self.counts,
        };
        let counts = newest.clone();
        if other.is_held && !self.is_held {
            self.clone_from(other);
        }
        self.counts = counts;
    }
}

impl SinkNumbers {
    fn of(it: &SinkMetricsSnapshot) -> SinkNumbers {
        SinkNumbers {
            sink: it.name.clone(),
            rows: it.rows,
            flushes: it.flushes,
            errors: it.errors,
            retries: it.retries,
            lag_rows: None,
            last_error: it.last_error.clone(),
        }
    }

    fn add(&mut self, other: &SinkNumbers) {
        self.rows += other.rows;
        self.flushes += other.flushes;
        self.errors += other.errors;
        self.retries += other.retries;
        self.lag_rows = self.lag_rows.or(other.lag_rows);
        if self.last_error.is_none() {
            self.last_error.clone_from(&other.last_error);
        }
    }
}

/// Resident memory, bytes, and processor time, ms, of this process; 0 where the system does not
/// say.
fn process() -> (u64, u64) {
    let read = |name: &str| std::fs::read_to_string(name).unwrap_or_default();
    let statm = read("/proc/self/statm");
    let pages = statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
    // Behind the name of the program, which may have blanks: fields 14 and 15, see proc_pid_stat(5).
    let stat = read("/proc/self/stat");
    let behind = stat.rsplit_once(')').map_or("", |(_, behind)| behind);
    let ticks: u64 = behind.split_whitespace().skip(11).take(2).flat_map(str::parse::<u64>).sum();
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    (pages.unwrap_or(0) * rustix::param::page_size() as u64, ticks * 1_000 / per_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_add_up_and_one_that_is_unknown_makes_the_wait_unknown() {
        let histogram = HistogramNumbers { bounds_s: vec![1.0], counts: vec![1, 2], sum_s: 5.0 };
        let one = JobNumbers {
            lag: 3,
            wait_ms: Some(5),
            commit_times: histogram,
            partitions: vec![PartitionNumbers {
                partition: 1,
                is_held: true,
                ..Default::default()
            }],
            ..JobNumbers::default()
        };
        let mut sum = one.clone();
        let partitions =
            vec![PartitionNumbers { partition: 0, is_held: true, ..Default::default() }];
        sum.add(&JobNumbers { partitions, wait_ms: None, ..one.clone() });
        assert_eq!((sum.lag, sum.wait_ms), (6, None));
        assert_eq!(
            (sum.commit_times.counts.as_slice(), sum.commit_times.sum_s),
            (&[2, 4][..], 10.0)
        );
        assert_eq!(sum.partitions.iter().map(|it| it.partition).collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn counts_do_not_fall_when_a_partition_goes_to_another_worker_or_one_dies() {
        let of = |partition, is_held, read| PartitionNumbers {
            partition,
            is_held,
            counts: Some(Counts { read, ..Counts::default() }),
            ..Default::default()
        };
        let worker = |records_read, partitions: &[PartitionNumbers]| JobNumbers {
            records_read,
            partitions: partitions.to_vec(),
            ..JobNumbers::default()
        };
        // Partition 1 has gone to the second worker, which has read more of it.
        let mut sum = worker(30, &[of(0, true, 10), of(1, false, 20)]);
        sum.add(&worker(5, &[of(1, true, 25)]));
        assert_eq!((sum.totals().read, sum.records_read), (35, 35));
        assert!(sum.partitions.iter().all(|it| it.is_held));
        // Both die, and the next one has not loaded all of it yet.
        let mut after = sum.as_past();
        after.add(&worker(0, &[of(0, true, 10)]));
        assert_eq!((after.totals().read, after.records_read), (35, 35));
    }

    #[test]
    fn numbers_are_read_as_they_were_written_and_fields_may_be_missing() {
        let numbers = JobNumbers { lag: 7, ..JobNumbers::default() };
        let text = serde_json::to_string(&numbers).unwrap();
        assert_eq!(serde_json::from_str::<JobNumbers>(&text).unwrap(), numbers);
        assert_eq!(serde_json::from_str::<JobNumbers>(r#"{"lag":7,"new":1}"#).unwrap(), numbers);
    }

    #[test]
    fn this_process_has_memory() {
        let (memory, _) = process();
        assert!(memory > 1 << 20 || !std::path::Path::new("/proc/self/statm").exists());
    }
}
