//! The numbers of a running job: counts and measurements, without reading its store.
//!
//! They are plain data that can be written as JSON and read back, so that a worker can send them to
//! a server; [`JobNumbers::add`] makes the sum. Nothing in them grows with the number of sensors.

mod histogram;
mod partition;
mod process;
mod sink;

use std::collections::BTreeMap;

use seismic_pipeline::{Metrics, PartitionMetrics};
use seismic_sinks::SinkMetricsSnapshot;
use serde::{Deserialize, Serialize};

pub use self::histogram::HistogramNumbers;
pub use self::partition::PartitionNumbers;
pub use self::sink::SinkNumbers;
use super::JobStatus;
use super::counts::RecordCounts;
use super::note::NoteStatus;
use crate::dimension::note::TableNote;
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
    pub counts: RecordCounts,
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
    /// Tables that the job looks things up in.
    pub tables: Vec<TableNote>,
    /// Resident memory of the processes, bytes.
    pub memory_bytes: u64,
    /// Processor time of the processes, ms.
    pub cpu_ms: u64,
    /// Time that all slots together have waited for records, ms; `None` of a worker that does not say
    /// it.
    pub waited_ms: Option<u64>,
}

impl JobNumbers {
    /// Those of a job in this process, with the notes beside its committed positions
    /// ([`Metrics::notes`]).
    #[must_use]
    pub fn of(JobMetrics { run, sinks, tables }: &JobMetrics, metrics: &Metrics) -> JobNumbers {
        let now_ms = now_ms();
        let held = || run.partitions.iter().filter(|it| it.is_held);
        let mut noted = counts_of_each(metrics);
        let numbers_of = |it: &PartitionMetrics| {
            let (counts, rollup_rows) = noted.remove(&it.partition.0).unzip();
            let rollup_rows = rollup_rows.unwrap_or_default();
            PartitionNumbers { counts, rollup_rows, ..PartitionNumbers::of(it) }
        };
        let partitions: Vec<_> = run.partitions.iter().map(numbers_of).collect();
        let mut counts = RecordCounts::default();
        let held_counts = partitions.iter().filter(|it| it.is_held);
        held_counts.filter_map(|it| it.counts.as_ref()).for_each(|it| counts.add(it));
        let (memory_bytes, cpu_ms) = process::process();
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
            tables: tables.clone(),
            memory_bytes,
            cpu_ms,
            waited_ms: Some(run.waited_us / 1_000),
        }
    }

    /// Those of a process that has the sinks of a job and nothing else.
    #[must_use]
    pub fn of_sinks(sinks: &[SinkMetricsSnapshot]) -> JobNumbers {
        let (memory_bytes, cpu_ms) = process::process();
        JobNumbers {
            at_ms: now_ms(),
            // It reads no input of which something could wait.
            wait_ms: Some(0),
            sinks: sinks.iter().map(SinkNumbers::of).collect(),
            memory_bytes,
            cpu_ms,
            ..JobNumbers::default()
        }
    }

    /// Those of a job whose process cannot be asked, as its store has them.
    #[must_use]
    pub fn of_status(status: &JobStatus) -> JobNumbers {
        JobNumbers {
            at_ms: now_ms(),
            counts: status.counts.clone(),
            records_read: status.counts.read,
            rows: status.counts.windows,
            dead_letters: status.counts.late + status.counts.rejected,
            lag: status.lag,
            sensors: status.sensors,
            open_windows: status.open_windows,
            ..JobNumbers::default()
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
        for theirs in &other.tables {
            match self.tables.iter_mut().find(|ours| ours.table == theirs.table) {
                Some(ours) if ours.checked_ms >= theirs.checked_ms => {}
                Some(ours) => ours.clone_from(theirs),
                None => self.tables.push(theirs.clone()),
            }
        }
        self.memory_bytes += other.memory_bytes;
        self.cpu_ms += other.cpu_ms;
        self.waited_ms = match (self.waited_ms, other.waited_ms) {
            (Some(ours), Some(other)) => Some(ours + other),
            (ours, other) => ours.or(other),
        };
    }

    /// What became of records of all runs, over all partitions that are or were here, as it was
    /// known last of each. It never falls while a partition goes to another worker.
    #[must_use]
    pub fn totals(&self) -> RecordCounts {
        let mut totals = RecordCounts::default();
        self.partitions.iter().filter_map(|it| it.counts.as_ref()).for_each(|it| totals.add(it));
        totals
    }

    /// Rows of each roll-up of all runs, the shortest first, as they were known last of each partition.
    #[must_use]
    pub fn rollup_rows(&self) -> Vec<u64> {
        let levels = self.partitions.iter().map(|it| it.rollup_rows.len()).max().unwrap_or(0);
        let rows = |level| self.partitions.iter().filter_map(move |it| it.rollup_rows.get(level));
        (0..levels).map(|level| rows(level).sum()).collect()
    }

    /// Where the logs of its partitions end in sum: how many messages were ever appended. `None` until
    /// that is known of each.
    #[must_use]
    pub fn appended(&self) -> Option<u64> {
        let sum = self.partitions.iter().map(|it| it.end).sum::<Option<u64>>();
        sum.filter(|_| !self.partitions.is_empty())
    }

    /// What stays of a worker that is gone: what it has counted, and nothing that it had.
    #[must_use]
    pub fn as_past(&self) -> JobNumbers {
        let gone = |it: &PartitionNumbers| PartitionNumbers {
            partition: it.partition,
            counts: it.counts.clone(),
            rollup_rows: it.rollup_rows.clone(),
            ..PartitionNumbers::default()
        };
        let counted = |it: &SinkNumbers| SinkNumbers { lag_rows: None, ..it.clone() };
        JobNumbers {
            // Nothing of it waits.
            wait_ms: Some(0),
            event_latency_ms: None,
            counts: RecordCounts::default(),
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

/// What the notes of the partitions say that this run has or had: what became of records, and rows of
/// each roll-up.
fn counts_of_each(metrics: &Metrics) -> BTreeMap<u32, (RecordCounts, Vec<u64>)> {
    let notes = metrics.notes().into_iter();
    // A note that cannot be read stops the run with its own words.
    let read = |(partition, note): (seismic_queue::Partition, Vec<u8>)| {
        let NoteStatus { counts, rollups, .. } = kinds::note_status(&note)?;
        Some((partition.0, (counts, rollups.iter().map(|it| it.rows).collect())))
    };
    notes.filter_map(read).collect()
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
    fn what_is_appended_is_known_when_it_is_of_each_partition_and_roll_ups_add_up() {
        let of = |partition, end, rows: &[u64]| PartitionNumbers {
            partition,
            end,
            rollup_rows: rows.to_vec(),
            ..PartitionNumbers::default()
        };
        let numbers = |partitions| JobNumbers { partitions, ..JobNumbers::default() };
        let both = numbers(vec![of(0, Some(7), &[3, 1]), of(1, Some(5), &[4])]);
        assert_eq!((both.appended(), both.rollup_rows()), (Some(12), vec![7, 1]));
        assert_eq!(both.as_past().rollup_rows(), [7, 1]);
        assert_eq!(numbers(vec![of(0, Some(7), &[]), of(1, None, &[])]).appended(), None);
        assert_eq!(
            (numbers(Vec::new()).appended(), numbers(Vec::new()).rollup_rows()),
            (None, vec![])
        );
    }

    #[test]
    fn counts_do_not_fall_when_a_partition_goes_to_another_worker_or_one_dies() {
        let of = |partition, is_held, read| PartitionNumbers {
            partition,
            is_held,
            counts: Some(RecordCounts { read, ..RecordCounts::default() }),
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
}
