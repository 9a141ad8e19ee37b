//! From reports of workers to a sample. A report that is old is of a worker that may be dead: it is
//! not counted, and the worker is missing.

use std::collections::BTreeMap;

use crate::limits;
use crate::sample::{Activity, Sample, WorkerLoad};

/// What a worker says about itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Report {
    /// Its number in the job.
    pub worker: u32,
    /// Another number for each process that has that place.
    pub process: u64,
    /// When it was made, ms since 1970 UTC.
    pub at_ms: i64,
    /// Records since the process started.
    pub records: u64,
    /// Slots that are active.
    pub slots: u32,
    /// Share of the cores that it may use.
    pub cpu: f64,
    /// Share of time in which its slots did not wait for records.
    pub busy: f64,
    /// What it does.
    pub activity: Activity,
}

/// What the queue says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QueueReport {
    /// Partitions of the input.
    pub partitions: u32,
    /// Records that wait there.
    pub lag: f64,
    /// From a row's newest event to its commit, ms.
    pub latency_ms: Option<f64>,
}

/// Remembers the counters of the reports before.
#[derive(Debug, Default)]
pub struct Collector {
    before: BTreeMap<u32, Report>,
}

impl Collector {
    /// A sample of what is fresh. `expected` workers should run, and one without a fresh report is
    /// missing. None where the queue does not answer.
    pub fn collect(
        &mut self,
        now_ms: i64,
        interval_s: u32,
        expected: u32,
        reports: &[Report],
        queue: Option<QueueReport>,
    ) -> Option<Sample> {
        let oldest = now_ms - limits::STALE_INTERVALS * i64::from(interval_s) * 1_000;
        let fresh = reports
            .iter()
            .filter(|report| report.at_ms > oldest)
            .take(limits::WORKERS as usize)
            .map(|report| (report.worker, *report))
            .collect::<BTreeMap<_, _>>();
        let mut sample = Sample {
            at_ms: now_ms,
            workers: Vec::with_capacity(fresh.len()),
            missing: expected.saturating_sub(fresh.len() as u32),
            activity: Activity::Reading,
            partitions: 0,
            records: 0,
            lag: 0.0,
            latency_ms: None,
        };
        for (&worker, report) in &fresh {
            let since = self.before.get(&worker).and_then(|before| read_since(before, report));
            let (records, throughput) = since.unwrap_or_default();
            // Without a report before, nobody knows how fast it is.
            let activity = if since.is_none() { Activity::Starting } else { Activity::Reading };
            sample.activity = sample.activity.max(report.activity).max(activity);
            sample.records = sample.records.saturating_add(records);
            let Report { slots, cpu, busy, .. } = *report;
            sample.workers.push(WorkerLoad { worker, slots, throughput, cpu, busy });
        }
        self.before = fresh;
        let queue = queue?;
        sample.partitions = queue.partitions;
        sample.lag = queue.lag;
        sample.latency_ms = queue.latency_ms;
        Some(sample)
    }
}

/// Records, and records/s, between two reports of one process.
fn read_since(before: &Report, now: &Report) -> Option<(u64, f64)> {
    let ms = now.at_ms.checked_sub(before.at_ms).filter(|&ms| ms > 0)?;
    let is_same = before.process == now.process;
    let records = now.records.checked_sub(before.records).filter(|_| is_same)?;
    Some((records, records as f64 * 1_000.0 / ms as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(worker: u32, at_ms: i64, records: u64) -> Report {
        let activity = Activity::Reading;
        Report { worker, process: 1, at_ms, records, slots: 2, cpu: 0.5, busy: 0.5, activity }
    }

    const QUEUE: Option<QueueReport> =
        Some(QueueReport { partitions: 8, lag: 7.0, latency_ms: None });

    #[test]
    fn rates_are_those_between_two_reports_of_one_process() {
        let mut collector = Collector::default();
        let first = collector.collect(1_000, 5, 2, &[report(0, 900, 50), report(1, 900, 0)], QUEUE);
        assert_eq!(first.unwrap().activity, Activity::Starting);
        let reports = [report(0, 5_900, 100), report(1, 5_900, 25)];
        let second = collector.collect(6_000, 5, 2, &reports, QUEUE).unwrap();
        assert_eq!((second.activity, second.records), (Activity::Reading, 75));
        assert_eq!((second.throughput(), second.lag), (15.0, 7.0));
        let other = Report { process: 2, ..report(1, 10_900, 5) };
        let third = collector.collect(11_000, 5, 2, &[report(0, 10_900, 100), other], QUEUE);
        assert_eq!(third.unwrap().activity, Activity::Starting, "its counter began again");
    }

    #[test]
    fn without_the_queue_there_is_no_sample() {
        let mut collector = Collector::default();
        assert_eq!(collector.collect(1_000, 5, 1, &[report(0, 900, 50)], None), None);
    }
}
