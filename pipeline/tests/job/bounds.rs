//! Runs that end on their own, and runs that continue where one ended.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use seismic_pipeline::{Finish, RejectReason};

use crate::stage::{RECORDS, Stage, publish};

#[test]
fn a_drained_job_has_every_record_in_its_place() {
    let stage = Stage::new();
    let progress = stage.run().unwrap();
    assert_eq!(progress.records(), RECORDS);
    let report = stage.verify();
    assert!(report.is_fine() && report.is_complete(), "{:?}", report.differences);
    let counters = report.counters();
    assert_eq!((counters.read, counters.open), (RECORDS, 0));
    assert!(counters.late() > 0 && counters.dead(RejectReason::Unparseable) > 0);
    assert_eq!(stage.rows().len() as u64, counters.windows);
}

#[test]
fn the_number_of_slots_changes_nothing_about_the_rows() {
    let mut all = Vec::new();
    for slots in [1, 2, 3, 4, 9] {
        let stage = Stage { slots, ..Stage::new() };
        stage.run().unwrap();
        all.push(stage.rows());
    }
    assert!(all.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn a_job_that_only_catches_up_leaves_windows_open_and_goes_on_from_there() {
    let mut stage = Stage::new();
    stage.settings.finish = Finish::CaughtUp;
    stage.run().unwrap();
    assert!(stage.verify().counters().open > 0);
    // Nothing new: nothing read, nothing replayed, since the stop left a snapshot.
    let again = stage.run().unwrap();
    assert_eq!((again.records(), again.messages_replayed()), (0, 0));

    stage.settings.finish = Finish::Drain;
    stage.run().unwrap();
    let whole = Stage::new();
    whole.run().unwrap();
    assert_eq!(stage.rows(), whole.rows());
}

#[test]
fn a_run_of_some_records_stops_after_them_and_the_next_goes_on() {
    let mut stage = Stage { slots: 1, ..Stage::new() };
    stage.settings.finish = Finish::Never;
    stage.settings.max_records = Some(1_000);
    assert_eq!(stage.run().unwrap().records(), 1_000);
    assert_eq!(stage.committed(), 1_000);
    assert_eq!(stage.run().unwrap().records(), 1_000);
    assert!(stage.verify().is_fine());
}

#[test]
fn further_slots_read_at_most_one_message_more_each_than_they_were_told() {
    let mut stage = Stage { slots: 4, ..Stage::new() };
    stage.settings.finish = Finish::Never;
    stage.settings.max_records = Some(500);
    let records = stage.run().unwrap().records();
    assert!((500..=503).contains(&records), "messages of one record, and {records} were read");
    assert!(stage.verify().is_fine());
}

#[test]
fn records_that_come_after_a_drain_are_read_by_the_next_run() {
    let stage = Stage::new();
    stage.run().unwrap();
    publish(&stage.queue, 500);
    let again = stage.run().unwrap();
    assert_eq!(again.records(), 500);
    assert!(stage.verify().is_fine());
}

#[test]
fn a_job_that_is_told_to_stop_leaves_nothing_to_replay() {
    let mut stage = Stage::new();
    stage.settings.finish = Finish::Never;
    let stop = Arc::new(AtomicBool::new(false));
    std::thread::scope(|scope| {
        let running = scope.spawn(|| stage.run_until(&stop).unwrap());
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while stage.store.view().is_err() || stage.committed() < RECORDS {
            assert!(std::time::Instant::now() < deadline, "it never reads all");
            std::thread::yield_now();
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        running.join().unwrap();
    });
    stage.settings.finish = Finish::Drain;
    assert_eq!(stage.run().unwrap().messages_replayed(), 0);
    assert!(stage.verify().is_fine());
}

#[test]
fn a_drain_that_a_record_limit_cut_short_closes_nothing() {
    let mut stage = Stage::new();
    stage.settings.max_records = Some(1_000);
    stage.run().unwrap();
    assert!(stage.verify().counters().open > 0, "the log goes on, so windows stay open");
    stage.settings.max_records = None;
    stage.run().unwrap();
    let whole = Stage::new();
    whole.run().unwrap();
    assert!(stage.rows() == whole.rows(), "nothing became late by it");
}
