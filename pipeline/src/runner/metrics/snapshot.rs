//! A snapshot of the metrics, as plain numbers.

use std::time::Duration;

use seismic_queue::{Offset, Partition};

use super::histogram::HistogramSnapshot;

/// Longest time, ms, in which a slot that works asks for the ends of its logs. Older answers say
/// nothing of the lag.
const END_IS_FRESH_MS: i64 = 2_000;

/// The metrics at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetricsSnapshot {
    /// Records read, without those replayed.
    pub records_read: u64,
    /// Time that all slots together have waited for records, µs.
    pub waited_us: u64,
    /// Messages that were replayed at starts and after rebuilds.
    pub messages_replayed: u64,
    /// Messages committed to each output, in the order of the job's outputs: rows, dead letters,
    /// and the rows of each roll-up.
    pub outputs: Vec<u64>,
    /// Commits, with the bytes that they carried and the time from handing over to knowing the
    /// outcome.
    pub commits: TimedTotal,
    /// The time of each commit.
    pub commit_times: HistogramSnapshot,
    /// From the newest event of a row to its commit: of one row for each partition and commit, the
    /// first.
    pub event_latencies: HistogramSnapshot,
    /// The newest of these, ms; `None` when there was no row.
    pub event_latency_ms: Option<i64>,
    /// Snapshots, with the sizes of the states and the time in which their partitions waited for
    /// them.
    pub snapshots: TimedTotal,
    /// How often a slot loaded its partitions again after a commit of unknown outcome.
    pub rebuilds: u64,
    /// Partitions that came from another slot of this process, each time.
    pub moves: u64,
    /// The longest time in which nothing was read of one because it moved.
    pub longest_move: Duration,
    /// Every partition that this run has or had.
    pub partitions: Vec<PartitionMetrics>,
}

/// How often something was done, how much, and how long it took in sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimedTotal {
    /// How often.
    pub count: u64,
    /// Bytes.
    pub bytes: u64,
    /// Time, µs.
    pub us: u64,
}

/// One partition at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionMetrics {
    /// Which one.
    pub partition: Partition,
    /// Whether a slot of this run has it, or had it at the end of the run.
    pub is_held: bool,
    /// The committed position, once this run knows it.
    pub position: Option<Offset>,
    /// Where its log ended when that was asked last ...
    pub end: Option<Offset>,
    /// ... and when that was, ms since 1970 UTC.
    pub end_seen_ms: Option<i64>,
    /// When the queue accepted the newest message that was applied, ms since 1970 UTC.
    pub append_ms: Option<i64>,
    /// When the newest checkpoint of this run was committed, or the partition was assigned, ms
    /// since 1970 UTC ...
    pub checkpoint_ms: Option<i64>,
    /// ... and whether anything was committed that is not in it.
    pub is_ahead_of_checkpoint: bool,
    /// Sensors known.
    pub sensors: u64,
    /// Windows open.
    pub open_windows: u64,
}

impl MetricsSnapshot {
    /// Messages committed to the first output: rows.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.outputs.first().copied().unwrap_or(0)
    }

    /// Messages committed to the second output: dead letters.
    #[must_use]
    pub fn dead_letters(&self) -> u64 {
        self.outputs.get(1).copied().unwrap_or(0)
    }

    /// Messages between the committed positions and the ends of the logs, over the partitions that
    /// this run has.
    #[must_use]
    pub fn lag(&self) -> u64 {
        self.held().filter_map(|it| Some(it.end?.0.saturating_sub(it.position?.0))).sum()
    }

    /// How long the oldest message has waited at `now_ms` that is not committed, over the
    /// partitions that this run has; 0 when there is none, and `None` when that is not known, as
    /// before it has any.
    ///
    /// It is the wait in the queue, not the age of an event: the events of an archive, or of a
    /// sensor with a slow clock, are old however fast the job is.
    #[must_use]
    pub fn wait_ms(&self, now_ms: i64) -> Option<i64> {
        let waits = self.held().map(|it| it.wait_ms(now_ms));
        waits.reduce(|most, wait| Some(most?.max(wait?))).flatten()
    }

    /// Age at `now_ms` of the oldest among the newest checkpoints of partitions that have committed
    /// more since; 0 when there is no such partition.
    #[must_use]
    pub fn checkpoint_age_ms(&self, now_ms: i64) -> i64 {
        let ahead = self.held().filter(|it| it.is_ahead_of_checkpoint);
        let ages = ahead.filter_map(|it| Some(now_ms.saturating_sub(it.checkpoint_ms?)));
        ages.max().unwrap_or(0).max(0)
    }

    fn held(&self) -> impl Iterator<Item = &PartitionMetrics> {
        self.partitions.iter().filter(|it| it.is_held)
    }
}

impl PartitionMetrics {
    fn wait_ms(&self, now_ms: i64) -> Option<i64> {
        let (position, end) = (self.position?, self.end?);
        let unheard = now_ms.saturating_sub(self.end_seen_ms?);
        let unheard = if unheard > END_IS_FRESH_MS { unheard } else { 0 };
        let waited = match position < end {
            true => now_ms.saturating_sub(self.append_ms?),
            false => 0,
        };
        Some(waited.max(unheard))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(position: u64, end: u64) -> PartitionMetrics {
        PartitionMetrics {
            partition: Partition(0),
            is_held: true,
            position: Some(Offset(position)),
            end: Some(Offset(end)),
            end_seen_ms: Some(100_000),
            append_ms: Some(90_000),
            checkpoint_ms: Some(40_000),
            is_ahead_of_checkpoint: false,
            sensors: 0,
            open_windows: 0,
        }
    }

    fn of(partitions: Vec<PartitionMetrics>) -> MetricsSnapshot {
        MetricsSnapshot { partitions, ..MetricsSnapshot::default() }
    }

    #[test]
    fn nothing_waits_where_everything_is_committed() {
        assert_eq!(of(vec![partition(7, 7)]).wait_ms(100_500), Some(0));
        assert_eq!(of(vec![partition(7, 7), partition(6, 7)]).wait_ms(100_500), Some(10_500));
        assert_eq!(of(Vec::new()).wait_ms(100_500), None);
    }

    #[test]
    fn a_log_that_was_not_heard_of_for_long_is_no_short_wait() {
        assert_eq!(of(vec![partition(7, 7)]).wait_ms(130_000), Some(30_000));
        let unknown = PartitionMetrics { end: None, ..partition(7, 7) };
        assert_eq!(of(vec![partition(7, 7), unknown]).wait_ms(100_500), None);
        let lost = PartitionMetrics { is_held: false, ..unknown };
        assert_eq!(of(vec![partition(7, 7), lost]).wait_ms(100_500), Some(0));
    }

    #[test]
    fn a_checkpoint_is_no_older_than_what_is_not_in_it() {
        assert_eq!(of(vec![partition(7, 7)]).checkpoint_age_ms(100_000), 0);
        let ahead = PartitionMetrics { is_ahead_of_checkpoint: true, ..partition(7, 7) };
        assert_eq!(of(vec![partition(7, 7), ahead]).checkpoint_age_ms(100_000), 60_000);
    }
}
