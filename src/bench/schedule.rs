//! Times at which records were appended and their rows were seen, and the latencies between them.
//! Pure: times are inputs.
//!
//! **Coordinated omission.** The load is open: each append has a time at which it is due, and later
//! ones do not wait for earlier ones. Latency is counted from when an append was *due*, even when a
//! stall made it late, so a stall counts for everything that it delayed and no correction is needed
//! afterwards. Every row is counted: the caller waits for the last one.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use seismic_queue::{Offset, Partition};

/// Latencies in µs, three digits, up to ten minutes: anything longer counts as that.
pub struct Latencies(Histogram<u64>);

const LONGEST_US: u64 = 600_000_000;
const DIGITS: u8 = 3;

impl Latencies {
    pub fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, LONGEST_US, DIGITS);
        Latencies(histogram.expect("the bounds are in order and the digits within 0 to 5"))
    }

    pub fn add(&mut self, latency: Duration) {
        self.0.saturating_record(latency.as_micros().try_into().unwrap_or(LONGEST_US));
    }

    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The latency, ms, that this share of all did not exceed; 1 = the longest.
    pub fn quantile_ms(&self, share: f64) -> f64 {
        self.0.value_at_quantile(share) as f64 / 1e3
    }
}

/// Appends, and when each was due.
pub struct Schedule {
    partitions: Vec<Vec<Entry>>,
    /// When each append was due and when it was durable.
    appends: Vec<(Instant, Instant)>,
}

/// Messages `from..end` of one partition.
struct Entry {
    from: Offset,
    end: Offset,
    due: Instant,
}

/// A row as a reader saw it.
#[derive(Clone, Copy, Debug)]
pub struct SeenRow {
    pub partition: Partition,
    /// The message that closed its window.
    pub closing: Offset,
    pub at: Instant,
}

impl Schedule {
    pub fn new(partitions: u32) -> Self {
        let partitions = (0..partitions).map(|_| Vec::new()).collect();
        Schedule { partitions, appends: Vec::new() }
    }

    /// Notes an append that was due at `due` and durable at `done`.
    pub fn appended(&mut self, due: Instant, done: Instant) {
        self.appends.push((due, done));
    }

    /// Notes the messages `from..end` of a partition that were in an append due at `due`. Offsets
    /// and times rise.
    pub fn messages(&mut self, partition: Partition, from: Offset, end: Offset, due: Instant) {
        self.partitions[partition.0 as usize].push(Entry { from, end, due });
    }

    /// When the message was due to be appended; `None` when it is not on the schedule.
    fn due(&self, partition: Partition, offset: Offset) -> Option<Instant> {
        let entries = self.partitions.get(partition.0 as usize)?;
        let entry = entries.get(entries.partition_point(|entry| entry.end <= offset))?;
        (entry.from <= offset).then_some(entry.due)
    }

    /// From when an append was due to when it was durable, for those due from `since` on.
    pub fn durable(&self, since: Instant) -> Latencies {
        let mut latencies = Latencies::new();
        for &(due, done) in self.appends.iter().filter(|(due, _)| *due >= since) {
            latencies.add(done.saturating_duration_since(due));
        }
        latencies
    }

    /// From when the closing message of a row was due to when the row was seen, for those due from
    /// `since` on.
    pub fn visible(&self, seen: &[SeenRow], since: Instant) -> Latencies {
        let mut latencies = Latencies::new();
        for row in seen {
            if let Some(due) = self.due(row.partition, row.closing).filter(|&due| due >= since) {
                latencies.add(row.at.saturating_duration_since(due));
            }
        }
        latencies
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn seen(partition: u32, closing: u64, at: Instant) -> SeenRow {
        SeenRow { partition: Partition(partition), closing: Offset(closing), at }
    }

    /// Ten messages every 10 ms, in partition 1 of two.
    fn schedule(began: Instant, appends: u32) -> Schedule {
        let mut schedule = Schedule::new(2);
        for tick in 0..appends {
            let due = began + MS * 10 * tick;
            let from = 10 * u64::from(tick);
            schedule.messages(Partition(1), Offset(from), Offset(from + 10), due);
            schedule.appended(due, due + MS * 2);
        }
        schedule
    }

    #[test]
    fn a_row_is_late_by_what_passed_since_its_closing_message_was_due() {
        let began = Instant::now();
        let schedule = schedule(began, 3);
        let rows = [seen(1, 10, began + MS * 30), seen(1, 19, began + MS * 40)];
        let latencies = schedule.visible(&rows, began);
        assert_eq!(latencies.count(), 2);
        assert!((latencies.quantile_ms(0.0) - 20.0).abs() < 0.1);
        assert!((latencies.quantile_ms(1.0) - 30.0).abs() < 0.1);
    }

    #[test]
    fn what_is_not_on_the_schedule_or_was_due_in_the_warm_up_is_not_counted() {
        let began = Instant::now();
        let schedule = schedule(began, 3);
        let late = began + MS * 100;
        let rows = [seen(0, 5, late), seen(1, 30, late), seen(1, 5, late), seen(1, 25, late)];
        assert_eq!(schedule.visible(&rows, began).count(), 2);
        assert_eq!(schedule.visible(&rows, began + MS * 15).count(), 1);
        assert_eq!(schedule.durable(began + MS * 15).count(), 1);
    }

    #[test]
    fn a_stall_counts_for_everything_that_it_delayed() {
        let began = Instant::now();
        let mut schedule = Schedule::new(1);
        // 100 appends a second; the first takes a second, and all others wait for it.
        for tick in 0..100 {
            schedule.appended(began + MS * 10 * tick, began + MS * 1_000);
        }
        let latencies = schedule.durable(began);
        assert!((latencies.quantile_ms(0.5) - 505.0).abs() < 10.0, "and not 0");
    }
}
