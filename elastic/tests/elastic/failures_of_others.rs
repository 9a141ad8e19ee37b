//! What users report of other autoscalers: none of it happens here.

use seismic_elastic::simulate::{Plant, run};
use seismic_elastic::{
    Activity, Alert, Collector, Limits, Policy, QueueReport, Reason, Report, Settings, Target,
    Threshold,
};

use crate::scene::{CALM, HIGH, LOW, Load, Scene, shape};

fn wide_limits() -> Limits {
    Limits { workers_min: 1, workers_max: 12, slots: 2, parallelism_min: 1, parallelism_max: 24 }
}

#[test]
fn to_zero_while_a_broker_is_replaced() {
    for mut scene in [Scene::threshold(6, 12), Scene::target(6, 12)] {
        scene.settings.limits = wide_limits();
        scene.live(Load { throughput: 900.0, ..CALM }, 30);
        // The queue does not answer; then it does, and nothing comes; then what waited comes.
        let dead = Load { throughput: 0.0, cpu: 0.0, busy: 0.0, lag: 0.0 };
        for _ in 0..24 {
            assert!(!scene.see_nothing().is_change());
        }
        assert!(scene.live(dead, 60).is_empty(), "five minutes of silence");
        assert!(scene.live(Load { lag: 9e4, ..dead }, 60).is_empty(), "records wait, none is read");
        assert_eq!(scene.shape, shape(6, 12));
    }
}

#[test]
fn silence_for_a_quarter_of_an_hour_is_quiet() {
    let mut scene = Scene::target(6, 12);
    let silent = Load { throughput: 0.0, cpu: 0.0, busy: 0.0, lag: 0.0 };
    scene.live(CALM, 10);
    assert!(scene.live(silent, 175).is_empty());
    assert!(!scene.live(silent, 60).is_empty());
}

#[test]
fn to_the_maximum_at_start() {
    // Five minutes of records wait, so that it is busy all the time until it has caught up.
    let plant = Plant { slot_capacity: 1_000.0, ..Plant::default() };
    let settings = Settings { limits: wide_limits(), ..Settings::default() };
    let rate = 3_000.0;
    let mut load = |second| if second == 0 { 300.0 * rate } else { rate };
    let outcome = run(plant, shape(3, 6), Some(&settings), &mut load, 3_600, &mut []);
    assert_eq!(outcome.shapes, [], "half of its capacity is what it needs");
    assert!(outcome.lag < 10.0 * rate);
}

#[test]
fn down_then_a_rebalance_then_a_stall_then_up() {
    // A change stops everything for a minute, and what has come meanwhile takes two more to be read.
    let plant = Plant { slot_capacity: 1_000.0, pause_s: 60, ..Plant::default() };
    let settings = Settings { limits: wide_limits(), verify_within_s: 120, ..Settings::default() };
    let mut load = |second: u64| if second < 1_800 { 7_000.0 } else { 2_000.0 };
    let outcome = run(plant, shape(6, 12), Some(&settings), &mut load, 4 * 3_600, &mut []);
    let down = [shape(5, 10), shape(4, 8), shape(3, 6), shape(2, 4)];
    let shapes: Vec<_> = outcome.shapes.iter().map(|(_, shape)| *shape).collect();
    assert!(down.starts_with(&shapes) && shapes.len() >= 3, "{shapes:?}");
}

#[test]
fn more_than_20_changes_a_day() {
    // Up and down every 40 minutes.
    let plant = Plant { slot_capacity: 1_000.0, ..Plant::default() };
    let policies = [Policy::Threshold(Threshold::default()), Policy::Target(Target::default())];
    for policy in policies {
        let settings = Settings { policy, ..Settings::default() };
        let mut load =
            |second: u64| if (second / 1_200).is_multiple_of(2) { 100.0 } else { 7_000.0 };
        let outcome = run(plant, shape(3, 6), Some(&settings), &mut load, 3 * 86_400, &mut []);
        assert!(outcome.changes_of_a_day <= 20, "{}", outcome.changes_of_a_day);
        assert!(outcome.shape.is_some_and(|shape| shape.workers > 3), "it stays up then");
        let said = |alert: &(u64, Alert)| matches!(alert.1, Alert::TooManyChanges { .. });
        assert!(outcome.alerts.iter().any(said), "{:?}", outcome.alerts);
    }
}

#[test]
fn metrics_of_a_dead_worker_are_counted_on() {
    let report = |worker, at_ms: i64, records| {
        let activity = Activity::Reading;
        Report { worker, process: 1, at_ms, records, slots: 2, cpu: 0.9, busy: 0.9, activity }
    };
    let queue = Some(QueueReport { partitions: 8, lag: 0.0, latency_ms: None });
    let mut collector = Collector::default();
    let mut scene = Scene::threshold(3, 6);
    for round in 1..40i64 {
        scene.now_ms += 5_000;
        // The last report of the third one is of its third round.
        let died_at = scene.now_ms - 5_000 * (round - 3).max(0);
        let records = |per_s: i64, at: i64| (per_s * at / 1_000) as u64;
        let reports = [
            report(0, scene.now_ms, records(400, scene.now_ms)),
            report(1, scene.now_ms, records(400, scene.now_ms)),
            report(2, died_at, records(400, died_at)),
        ];
        let sample = collector.collect(scene.now_ms, 5, 3, &reports, queue).unwrap();
        let decision =
            seismic_elastic::decide(&mut scene.state, &scene.settings, scene.now_ms, Some(&sample));
        assert!(!decision.is_change(), "{}", decision.reason);
        if round > 6 {
            assert_eq!(decision.reason, Reason::MissingWorkers { missing: 1, of: 3 });
            assert_eq!(sample.throughput(), 800.0);
        }
    }
}

#[test]
fn a_change_acknowledged_that_never_happened() {
    let mut scene = Scene::threshold(3, 6);
    let change = scene.see_until_change(HIGH, 7).unwrap();
    scene.state.begin(&change);
    scene.state.acted(100);
    let decisions: Vec<_> = (0..12).map(|_| scene.see(HIGH)).collect();
    assert!(decisions[..11].iter().all(|it| matches!(it.reason, Reason::UnderWay { .. })));
    assert_eq!(decisions[11].reason, Reason::Failed { to: shape(4, 8) });
    assert_eq!(
        decisions[11].alerts,
        [Alert::ChangeFailed { wanted: shape(4, 8), seen: Some(shape(3, 6)) }]
    );
    // It is tried again, but not at once.
    assert_eq!(scene.see(HIGH).reason, Reason::CoolDown { left_s: 115 });
    assert!(scene.see_until_change(HIGH, 30).is_some());
}

#[test]
fn more_workers_for_a_queue_that_is_slow() {
    let mut scene = Scene::target(3, 6);
    let mut lag = 0.0;
    let mut alerts = vec![];
    for _ in 0..60 {
        lag += 5_000.0;
        let decision = scene.see(Load { throughput: 200.0, cpu: 0.1, busy: 0.1, lag });
        assert!(!decision.is_change(), "{}", decision.reason);
        alerts.extend(decision.alerts);
    }
    assert!(matches!(alerts[..], [Alert::NotTheWorkers { .. }]), "{alerts:?}");
}

#[test]
fn a_worker_that_is_lost_is_no_smaller_job() {
    let mut scene = Scene::target(6, 12);
    scene.live(LOW, 5);
    for _ in 0..60 {
        let decision = scene.see_changed(LOW, |sample| {
            sample.workers.pop();
            sample.missing = 1;
        });
        assert_eq!(decision.reason, Reason::MissingWorkers { missing: 1, of: 6 });
    }
}
