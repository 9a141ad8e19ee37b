//! Windows of silent sensors are closed, and a replay closes them at the same places.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use seismic_pipeline::verify::{Difference, DifferenceKind, Report};
use seismic_pipeline::{Entry, Finish, Note};
use seismic_proto::ClosedBy;
use seismic_queue::{JournalEntry, PartitionView};

use crate::faulty::{Fate, FaultyStore};
use crate::stage::{RECORDS, Stage, publish};

fn open_windows(stage: &Stage) -> u64 {
    let Ok(view) = stage.store.view() else { return u64::MAX };
    let open = |part: &PartitionView| {
        part.progress
            .as_ref()
            .map_or(u64::MAX / 100, |p| Note::decode(&p.note).unwrap().open_windows)
    };
    view.partitions.iter().map(open).sum()
}

/// Runs as a service until everything is read and every window is closed.
fn run_until_all_closed(stage: &Stage) {
    let stop = Arc::new(AtomicBool::new(false));
    thread::scope(|scope| {
        let running = scope.spawn(|| stage.run_until(&stop).unwrap());
        let deadline = Instant::now() + Duration::from_secs(30);
        while open_windows(stage) > 0 || stage.committed() < RECORDS {
            assert!(Instant::now() < deadline, "windows of silent sensors stay open");
            assert!(!running.is_finished(), "the job ended");
            thread::yield_now();
        }
        stop.store(true, Ordering::Relaxed);
        running.join().unwrap();
    });
}

#[test]
fn windows_of_silent_sensors_are_closed_by_idle_and_a_proof_gives_the_same() {
    let mut stage = Stage::new();
    stage.settings.finish = Finish::Never;
    stage.settings.idle_timeout = Duration::from_millis(300);
    run_until_all_closed(&stage);

    let rows = stage.rows();
    let idle = rows.iter().filter(|row| row.closed_by() == ClosedBy::Idle).count();
    assert!(idle >= 10, "one for each sensor at least, not {idle}");
    let report = stage.verify();
    assert!(report.is_fine(), "{:?}", report.differences);
    assert_eq!(report.counters().open, 0);

    // What was closed stays closed: the same windows, each once.
    let windows = |rows: &[seismic_proto::SeismicAggRecord]| {
        let mut all: Vec<_> =
            rows.iter().map(|row| (row.sensor_id.clone(), row.window_start_ts)).collect();
        all.sort();
        all
    };
    let drained = Stage::new();
    drained.run().unwrap();
    assert_eq!(windows(&rows), windows(&drained.rows()));
}

/// The report on a job that closes windows by idle, then continues and drains; `change` may change
/// the journal.
fn report_with_idle_closes(
    mut change: impl FnMut(&mut JournalEntry) + Send + 'static,
) -> (Report, usize) {
    let mut stage = Stage::with_store(Box::new(FaultyStore::new(move |commit| {
        commit.partitions.iter_mut().flat_map(|part| &mut part.journal).for_each(&mut change);
        Fate::Made
    })));
    stage.settings.finish = Finish::Never;
    stage.settings.idle_timeout = Duration::from_millis(300);
    run_until_all_closed(&stage);
    // What comes later shows how long the silence was.
    publish(&stage.queue, 500);
    stage.settings.finish = Finish::Drain;
    stage.run().unwrap();
    let report = stage.verify();
    let used = report.partitions.iter().filter(|proved| proved.counters().read > 0).count();
    (report, used)
}

#[test]
fn honest_idle_closes_are_proved_by_append_times() {
    let (report, used) = report_with_idle_closes(|_| {});
    assert!(report.is_fine(), "{:?}", report.differences);
    let proved: u64 = report.partitions.iter().map(|proved| proved.idle_proved).sum();
    assert!(proved >= used as u64, "one for each partition at least, not {proved}");
}

#[test]
fn a_dishonest_idle_close_is_found() {
    // As if the sensors had been given an hour.
    let (report, used) = report_with_idle_closes(|entry| {
        if let Entry::Idle { input, below, .. } = Entry::decode(&entry.bytes).unwrap() {
            entry.bytes = Entry::Idle { input, below, idle_timeout_ms: 3_600_000 }.encode();
        }
    });
    assert!(report.total >= used as u64);
    let is_dishonest = |found: &Difference| found.kind == DifferenceKind::IdleDishonest;
    assert!(report.differences.iter().all(is_dishonest), "{:?}", report.differences);
}

#[test]
fn a_job_told_never_to_close_by_idle_does_not() {
    let mut stage = Stage::new();
    stage.settings.finish = Finish::CaughtUp;
    stage.settings.idle_timeout = Duration::ZERO;
    stage.run().unwrap();
    assert!(stage.rows().iter().all(|row| row.closed_by() == ClosedBy::Time));
}
