//! From what workers of a job have said last to reports of which a sample is made.

use std::collections::{BTreeMap, BTreeSet};

use seismic_elastic::{Activity, QueueReport, Report};

use super::change::{SeenWorker, World};
use super::elsewhere::{Elsewhere, Told};
use crate::serve::served_job::ServedJob;
use crate::serve::worker::report::Report as WorkerReport;
use crate::status::numbers::JobNumbers;

/// What is known of the input of a job, apart from what its workers say.
#[derive(Clone, Debug, Default)]
pub struct Input {
    /// How many partitions it has; `None` while that is not known.
    pub partitions: Option<u32>,
    /// Those that workers of others hold.
    pub held_by_others: BTreeSet<u32>,
}

/// The counters of each worker at the sample before.
#[derive(Debug, Default)]
pub struct Meter {
    before: BTreeMap<usize, Counters>,
}

#[derive(Clone, Copy, Debug)]
struct Counters {
    pid: u32,
    at_ms: i64,
    cpu_ms: u64,
    waited_ms: Option<u64>,
    replayed: u64,
}

/// A worker with what it said last.
pub struct Said<'a> {
    /// Its place, from 1 on.
    pub place: usize,
    /// Its process.
    pub pid: u32,
    /// What it said.
    pub report: &'a WorkerReport,
    /// Whether it has a machine of its own.
    pub is_elsewhere: bool,
}

/// What the workers of a job have said last, those that have, wherever they are.
pub fn said<'a>(workers: &'a [&'a ServedJob], others: &'a Elsewhere) -> Vec<Said<'a>> {
    let of = |job: &&'a ServedJob| {
        let (_, report) = job.report.as_ref()?;
        let (place, pid) = (job.place(), job.link.as_ref()?.pid);
        Some(Said { place, pid, report, is_elsewhere: false })
    };
    let of_others = others.answering().map(|(place, report, worker)| Said {
        place,
        pid: worker.pid,
        report,
        is_elsewhere: true,
    });
    workers.iter().filter_map(of).chain(of_others).collect()
}

impl Meter {
    /// Whether each of them has said something since the sample before.
    #[must_use]
    pub fn all_are_new(&self, said: &[Said<'_>]) -> bool {
        let is_new = |it: &Said<'_>| {
            let before = self.before.get(&it.place).filter(|before| before.pid == it.pid);
            before.is_none_or(|before| before.at_ms < it.report.numbers.at_ms)
        };
        said.iter().all(is_new)
    }

    /// Reports of these workers. Each may use a share of so many cores, and no more of them than it
    /// has slots.
    pub fn reports(&mut self, said: &[Said<'_>], cores: f64, input: &Input) -> Vec<Report> {
        let all_held = are_all_held(said, input);
        let reports = said.iter().map(|it| self.report(it, cores, all_held)).collect();
        self.before = said.iter().map(|it| (it.place, Counters::of(it))).collect();
        reports
    }

    fn report(&self, it: &Said<'_>, cores: f64, all_held: bool) -> Report {
        let Said { place, pid, report, is_elsewhere } = it;
        // Of another machine it is not known how many there are: as many as it uses at most.
        let cores = if *is_elsewhere { f64::INFINITY } else { cores };
        let (numbers, slots) = (&report.numbers, report.slots.max(1));
        let before = self.before.get(place).filter(|before| before.pid == *pid);
        let passed_ms = before.map_or(0, |before| numbers.at_ms.saturating_sub(before.at_ms));
        let share = |gained: Option<u64>, of: f64| match (gained, passed_ms) {
            (Some(gained), 1..) if of > 0.0 => {
                (gained as f64 / (passed_ms as f64 * of)).clamp(0.0, 1.0)
            }
            _ => 0.0,
        };
        let cpu_ms = before.map(|before| numbers.cpu_ms.saturating_sub(before.cpu_ms));
        let waited = numbers.waited_ms.zip(before.and_then(|before| before.waited_ms));
        let waited_ms = waited.map(|(now, before)| now.saturating_sub(before));
        let cpu = share(cpu_ms, cores.min(slots as f64));
        let replays = before.is_some_and(|before| numbers.messages_replayed > before.replayed);
        let loads = numbers.partitions.iter().any(|it| it.is_held && it.position.is_none());
        let activity = match &*report.state {
            "starting" => Activity::Starting,
            "running" if replays || loads => Activity::Recovering,
            "running" if all_held => Activity::Reading,
            _ => Activity::Rebalancing,
        };
        Report {
            worker: u32::try_from(place.saturating_sub(1)).unwrap_or(u32::MAX),
            process: u64::from(*pid),
            at_ms: numbers.at_ms,
            records: numbers.records_read,
            slots: u32::try_from(report.slots).unwrap_or(u32::MAX),
            cpu,
            // A worker of an older version does not say it.
            busy: if waited_ms.is_some() { 1.0 - share(waited_ms, slots as f64) } else { cpu },
            activity,
        }
    }
}

impl Counters {
    fn of(it: &Said<'_>) -> Counters {
        let JobNumbers { at_ms, cpu_ms, waited_ms, messages_replayed, .. } = it.report.numbers;
        Counters { pid: it.pid, at_ms, cpu_ms, waited_ms, replayed: messages_replayed }
    }
}

/// Whether every partition is held by one of these workers, and only by one, or by those of others.
#[must_use]
pub fn are_all_held(said: &[Said<'_>], input: &Input) -> bool {
    let held = said.iter().flat_map(|it| &it.report.numbers.partitions).filter(|it| it.is_held);
    let (mut own, others) = (BTreeSet::new(), &input.held_by_others);
    let are_each_of_one = held.map(|it| it.partition).all(|partition| own.insert(partition));
    let of_others = if own.is_disjoint(others) { others.len() } else { 0 };
    let held = own.len() + of_others;
    are_each_of_one && input.partitions.is_some_and(|partitions| held == partitions as usize)
}

/// What is known of the input; `None` while it is not known how many partitions it has, or a worker
/// has not heard how far it goes.
#[must_use]
pub fn queue_of(said: &[Said<'_>], partitions: Option<u32>) -> Option<QueueReport> {
    let partitions = partitions?;
    let lag: u64 = said.iter().map(|it| it.report.numbers.lag).sum();
    let holds = |it: &&Said<'_>| it.report.numbers.partitions.iter().any(|it| it.is_held);
    if said.iter().filter(holds).any(|it| it.report.numbers.wait_ms.is_none()) {
        return None;
    }
    let latency_ms = said.iter().filter_map(|it| it.report.numbers.event_latency_ms).max();
    Some(QueueReport { partitions, lag: lag as f64, latency_ms: latency_ms.map(|ms| ms as f64) })
}

/// The workers of a job as a change sees them: those that are there, whether they are wanted or not.
#[must_use]
pub fn world(workers: &[&ServedJob], (told, others): (&Told, &Elsewhere), input: &Input) -> World {
    let runs = |job: &ServedJob| {
        let (_, report) = job.report.as_ref()?;
        let is_asked = job.life.saved().stop_asked_ms.is_some();
        let runs = job.link.is_some() && !is_asked && report.state == "running";
        runs.then(|| u32::try_from(report.slots).unwrap_or(u32::MAX))
    };
    let runs_elsewhere = |place: usize| {
        let (report, _) = others.report(place).filter(|(report, _)| report.state == "running")?;
        Some(u32::try_from(report.slots).unwrap_or(u32::MAX))
    };
    let seen = workers.iter().map(|job| (job.place(), SeenWorker { slots: runs(job) }));
    let told = told.workers.keys();
    let elsewhere = told.map(|place| (*place, SeenWorker { slots: runs_elsewhere(*place) }));
    let all_held = are_all_held(&said(workers, others), input);
    let partitions = input.partitions.unwrap_or_default();
    World { saved: None, workers: seen.chain(elsewhere).collect(), all_held, partitions }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::numbers::PartitionNumbers;

    fn report(at_ms: i64, cpu_ms: u64, waited_ms: u64, held: &[u32]) -> WorkerReport {
        let of = |&partition| PartitionNumbers {
            partition,
            is_held: true,
            position: Some(0),
            ..PartitionNumbers::default()
        };
        let partitions = held.iter().map(of).collect();
        let numbers = JobNumbers {
            at_ms,
            cpu_ms,
            waited_ms: Some(waited_ms),
            partitions,
            wait_ms: Some(0),
            lag: 7,
            ..JobNumbers::default()
        };
        WorkerReport { state: "running".to_owned(), slots: 2, numbers, ..WorkerReport::default() }
    }

    fn said(place: usize, pid: u32, report: &WorkerReport) -> Said<'_> {
        Said { place, pid, report, is_elsewhere: false }
    }

    fn input(partitions: Option<u32>) -> Input {
        Input { partitions, ..Input::default() }
    }

    fn of(partitions: u32) -> Input {
        input(Some(partitions))
    }

    #[test]
    fn partitions_of_others_count_as_held_unless_a_worker_says_that_it_holds_them() {
        let one = report(1_000, 0, 0, &[0, 1]);
        let are_held = |others: &[u32]| {
            let held_by_others = others.iter().copied().collect();
            are_all_held(&[said(1, 7, &one)], &Input { held_by_others, ..of(4) })
        };
        assert!(!are_held(&[]) && !are_held(&[2]));
        assert!(are_held(&[2, 3]));
        // They move just now.
        assert!(!are_held(&[1, 2, 3]));
    }

    #[test]
    fn shares_are_those_between_two_reports_of_one_process() {
        let mut meter = Meter::default();
        let first = report(1_000, 100, 500, &[0, 1]);
        let reports = meter.reports(&[said(1, 7, &first)], 1.0, &of(2));
        assert_eq!((reports[0].cpu, reports[0].busy), (0.0, 0.0));
        assert!(!meter.all_are_new(&[said(1, 7, &first)]));
        // Two slots waited for 3 s of 4 s together, and a quarter of a core was used.
        let second = report(3_000, 600, 3_500, &[0, 1]);
        assert!(meter.all_are_new(&[said(1, 7, &second)]));
        let reports = meter.reports(&[said(1, 7, &second)], 1.0, &of(2));
        assert_eq!((reports[0].cpu, reports[0].busy), (0.25, 0.25));
        assert_eq!((reports[0].worker, reports[0].activity), (0, Activity::Reading));
        // Another process counts from zero.
        let other = report(5_000, 10, 10, &[0, 1]);
        let reports = meter.reports(&[said(1, 8, &other)], 1.0, &of(2));
        assert_eq!((reports[0].cpu, reports[0].busy, reports[0].process), (0.0, 0.0, 8));
    }

    #[test]
    fn partitions_that_nobody_holds_are_a_rebalance_and_a_replay_is_a_recovery() {
        let mut meter = Meter::default();
        let one = report(1_000, 0, 0, &[0]);
        let activity = |meter: &mut Meter, report: &WorkerReport, partitions| {
            meter.reports(&[said(1, 7, report)], 1.0, &input(partitions))[0].activity
        };
        assert_eq!(activity(&mut meter, &one, Some(2)), Activity::Rebalancing);
        assert_eq!(activity(&mut meter, &one, None), Activity::Rebalancing);
        assert_eq!(activity(&mut meter, &one, Some(1)), Activity::Reading);
        let mut replays = report(2_000, 0, 0, &[0]);
        replays.numbers.messages_replayed = 5;
        assert_eq!(activity(&mut meter, &replays, Some(1)), Activity::Recovering);
        assert_eq!(activity(&mut meter, &replays, Some(1)), Activity::Reading);
        replays.numbers.partitions[0].position = None;
        assert_eq!(activity(&mut meter, &replays, Some(1)), Activity::Recovering);
        replays.state = "starting".to_owned();
        assert_eq!(activity(&mut meter, &replays, Some(1)), Activity::Starting);
    }

    #[test]
    fn a_worker_that_has_not_heard_how_far_its_input_goes_makes_the_lag_unknown() {
        let mut one = report(1_000, 0, 0, &[0]);
        let none = report(1_000, 0, 0, &[]);
        let known = queue_of(&[said(1, 1, &one), said(2, 2, &none)], Some(2)).unwrap();
        assert_eq!((known.lag, known.partitions), (14.0, 2));
        assert_eq!(queue_of(&[said(1, 1, &one)], None), None);
        one.numbers.wait_ms = None;
        assert_eq!(queue_of(&[said(1, 1, &one)], Some(2)), None);
    }
}
