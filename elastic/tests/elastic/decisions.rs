//! What the guide asks for, and what must never be.

use seismic_elastic::{Activity, Alert, Limits, Reason, Schedule, Settings, State, decide};

use crate::scene::{CALM, HIGH, LOW, Load, Scene, shape};

#[test]
fn fewer_than_three_samples_never_act() {
    for mut scene in [Scene::threshold(3, 6), Scene::target(3, 6)] {
        scene.settings.interval_s = 30;
        assert!(scene.see_until_change(HIGH, 2).is_none());
        assert!(scene.see(HIGH).is_change(), "the third one, 60 s after the first");
    }
}

#[test]
fn a_threshold_must_be_passed_for_30_s() {
    let mut scene = Scene::threshold(3, 6);
    assert!(scene.see_until_change(HIGH, 6).is_none(), "samples over 25 s");
    assert!(scene.see(HIGH).is_change());
    let mut scene = Scene::threshold(3, 6);
    scene.live(HIGH, 4);
    scene.see(CALM);
    assert!(scene.see_until_change(HIGH, 6).is_none(), "one sample in between was calm");
}

#[test]
fn more_than_1000_records_a_second_are_two_slots_more_with_their_worker() {
    let high = Load { cpu: 0.5, ..HIGH };
    let change = Scene::threshold(3, 6).see_until_change(high, 7).unwrap();
    assert_eq!(change.to, shape(4, 8));
    let reason = change.reason.to_string();
    assert_eq!(reason, "throughput 1500/s > 1000/s for 30 s (8 active slots need 4 workers)");
    let change = Scene::threshold(3, 3).see_until_change(high, 7).unwrap();
    assert_eq!(change.to, shape(3, 5), "they fit into the workers there are");
}

#[test]
fn less_than_200_records_a_second_are_one_slot_less() {
    let low = Load { cpu: 0.5, ..LOW };
    let change = Scene::threshold(4, 8).see_until_change(low, 7).unwrap();
    assert_eq!(change.to, shape(4, 7));
    assert_eq!(change.reason.to_string(), "throughput 100/s < 200/s for 30 s");
}

#[test]
fn cpu_above_80_per_cent_is_a_worker_more_and_below_30_one_less() {
    let change = Scene::threshold(3, 6).see_until_change(Load { cpu: 0.9, ..CALM }, 7).unwrap();
    assert_eq!(change.to, shape(4, 6));
    let change = Scene::threshold(5, 6).see_until_change(Load { cpu: 0.1, ..CALM }, 7).unwrap();
    assert_eq!(change.to, shape(4, 6));
    let mut needed = Scene::threshold(5, 10);
    assert!(needed.see_until_change(Load { cpu: 0.1, ..CALM }, 20).is_none());
    let reason = needed.see(Load { cpu: 0.1, ..CALM }).reason.to_string();
    assert!(reason.contains("but 10 active slots need 5 workers, no change"), "{reason}");
}

#[test]
fn up_wins_over_down_also_at_the_limit() {
    let both = Load { cpu: 0.1, ..HIGH };
    let change = Scene::threshold(3, 6).see_until_change(both, 7).unwrap();
    assert_eq!(change.to, shape(4, 8));
    let mut highest = Scene::threshold(6, 12);
    assert!(highest.see_until_change(both, 30).is_none());
    assert!(matches!(highest.see(both).reason, Reason::AtLimit { .. }));
}

#[test]
fn the_limits_are_hard_and_said_when_they_are_reached() {
    let mut lowest = Scene::threshold(3, 3);
    assert!(lowest.see_until_change(LOW, 30).is_none());
    let reason = lowest.see(LOW).reason.to_string();
    assert_eq!(
        reason,
        "throughput 100/s < 200/s for 30 s and cpu 0.10 < 0.30 for 30 s, but parallelism at the \
         lower limit (3/3) and workers at the lower limit (3/3), no change"
    );
    let mut highest = Scene::threshold(6, 12);
    let alerts: Vec<_> = (0..30).flat_map(|_| highest.see(HIGH).alerts).collect();
    assert_eq!(alerts, [Alert::AtUpperLimit { shape: shape(6, 12) }], "once");
    let reason = highest.see(HIGH).reason.to_string();
    assert!(reason.contains("parallelism at the upper limit (12/12)"), "{reason}");
    assert!(reason.contains("workers at the upper limit (6/6)"), "{reason}");
}

#[test]
fn threshold_goes_from_3_to_12_and_back_and_no_further() {
    let mut scene = Scene::threshold(3, 3);
    let up = scene.live(HIGH, 200);
    assert_eq!(up.last(), Some(&shape(6, 12)));
    let down = scene.live(LOW, 400);
    assert_eq!(down.last(), Some(&shape(3, 3)));
    assert!(scene.live(LOW, 100).is_empty());
}

#[test]
fn there_are_never_more_slots_than_partitions() {
    let mut scene = Scene::threshold(3, 6);
    scene.partitions = 7;
    assert_eq!(scene.live(HIGH, 200).last().map(|shape| shape.parallelism), Some(7));
    let mut scene = Scene::target(3, 6);
    scene.partitions = 7;
    assert_eq!(scene.live(HIGH, 200), [shape(4, 7)]);
    let reason = scene.see(HIGH).reason.to_string();
    assert!(reason.contains("parallelism at the number of partitions (7/7)"), "{reason}");
}

#[test]
fn target_goes_up_at_once_as_far_as_is_needed() {
    // 6 slots are busy with 1,425 of the 1,500 that they can do; 10 slots are busy with 0.57.
    let change = Scene::target(3, 6).see_until_change(HIGH, 7).unwrap();
    assert_eq!(change.to, shape(5, 10));
    let reason = change.reason.to_string();
    assert_eq!(reason, "arrivals need 0.95 > 0.80 of the capacity for 30 s");
}

#[test]
fn target_goes_down_one_worker_on_evidence_three_times_as_long() {
    let mut scene = Scene::target(6, 12);
    let low = Load { busy: 0.3, ..LOW };
    assert!(scene.see_until_change(low, 18).is_none(), "samples over 85 s");
    let change = scene.see(low);
    assert_eq!(change.to, shape(5, 10));
    assert_eq!(
        change.reason.to_string(),
        "arrivals need 0.30 < 0.40 of the capacity for 90 s, 0.36 after one step down"
    );
}

#[test]
fn target_does_not_go_down_where_it_would_soon_be_too_small() {
    let mut scene = Scene::target(2, 4);
    scene.settings.limits = Limits { workers_min: 1, parallelism_min: 1, ..Limits::default() };
    assert!(scene.see_until_change(Load { busy: 0.39, ..CALM }, 100).is_none());
    assert!(scene.see_until_change(Load { busy: 0.25, ..CALM }, 100).is_some());
}

#[test]
fn target_changes_slots_alone_where_there_is_one_process() {
    let mut scene = Scene::target(1, 4);
    scene.settings.limits =
        Limits { workers_min: 1, workers_max: 1, slots: 8, parallelism_min: 1, parallelism_max: 8 };
    let change = scene.see_until_change(HIGH, 7).unwrap();
    assert_eq!(change.to, shape(1, 7));
    scene.act(&change);
    assert_eq!(scene.live(LOW, 24).first(), Some(&shape(1, 6)));
}

#[test]
fn a_lag_that_grows_while_workers_are_busy_is_too_small_a_job() {
    let mut scene = Scene::target(3, 6);
    let mut lag = 0.0;
    let change = (0..7).map(|_| {
        lag += 5_000.0;
        scene.see(Load { throughput: 1_500.0, cpu: 0.5, busy: 1.0, lag })
    });
    let change = change.last().unwrap();
    // 2,500/s arrive, and 6 slots can do 1,500: 17 are needed, 12 allowed.
    assert_eq!(change.to, shape(6, 12));
    let reason = change.reason.to_string();
    assert!(reason.starts_with("lag 35000 grows by 1000/s while workers are busy"), "{reason}");
}

#[test]
fn thresholds_that_do_not_fit_a_job_neither_hold_it_down_nor_make_it_flap() {
    // Its slots can do 50/s each, so that 8 of them never reach 1,000/s, and 150/s are under 200/s.
    let mut scene = Scene::threshold(3, 4);
    let mut lag = 0.0;
    let up = (0..40).map(|_| {
        lag += 1_000.0;
        scene.see(Load { throughput: 200.0, cpu: 0.5, busy: 1.0, lag })
    });
    let reason = up.into_iter().find(|it| it.is_change()).unwrap().reason.to_string();
    assert!(reason.starts_with("lag 7000 grows by 200/s while workers are busy"), "{reason}");
    let mut scene = Scene::threshold(3, 4);
    let load = Load { throughput: 150.0, cpu: 0.5, busy: 0.75, lag: 0.0 };
    assert!(scene.live(load, 100).is_empty(), "3 slots would be busy all the time");
}

#[test]
fn nothing_goes_down_while_the_lag_grows() {
    let mut scene = Scene::threshold(4, 8);
    let mut lag = 0.0;
    for _ in 0..60 {
        lag += 50.0;
        let decision = scene.see(Load { lag, ..LOW });
        assert!(!decision.is_change(), "{}", decision.reason);
    }
    let reason = scene.see(Load { lag: lag + 50.0, ..LOW }).reason.to_string();
    assert!(reason.contains("but the lag grows by 10/s, no change"), "{reason}");
}

#[test]
fn after_a_change_nothing_is_done_for_twice_its_cost() {
    let mut scene = Scene::threshold(3, 3);
    let change = scene.see_until_change(HIGH, 7).unwrap();
    scene.state.begin(&change);
    // It takes 25 s until samples show it.
    for _ in 0..4 {
        assert!(matches!(scene.see(HIGH).reason, Reason::UnderWay { .. }));
    }
    scene.shape = change.to;
    let reason = scene.see(HIGH).reason;
    assert_eq!(reason, Reason::CoolDown { left_s: 50 });
    for left_s in (1..10).rev() {
        assert_eq!(scene.see(HIGH).reason, Reason::CoolDown { left_s: left_s * 5 });
    }
    assert!(scene.see(HIGH).is_change(), "evidence was gathered meanwhile");
}

#[test]
fn what_whoever_acted_measured_is_the_cost() {
    let mut scene = Scene::threshold(3, 3);
    let change = scene.see_until_change(HIGH, 7).unwrap();
    scene.act(&change);
    scene.state.acted(700);
    scene.see(HIGH);
    assert_eq!(scene.state.cost_ms(), 700);
}

#[test]
fn metrics_that_are_missing_stale_or_of_another_time_change_nothing() {
    let mut scene = Scene::threshold(3, 6);
    scene.live(HIGH, 6);
    assert_eq!(scene.see_nothing().reason, Reason::NoMetrics);
    let old = scene.see_changed(HIGH, |sample| sample.at_ms -= 16_000);
    assert_eq!(old.reason, Reason::Stale { age_s: 16 });
    let ahead = scene.see_changed(HIGH, |sample| sample.at_ms += 60_000);
    assert_eq!(ahead.reason, Reason::Ahead { by_s: 60 });
    scene.see(HIGH);
    let again = scene.see_changed(HIGH, |sample| sample.at_ms -= 5_000);
    assert_eq!(again.reason, Reason::Repeated);
}

#[test]
fn a_gap_of_one_sample_ends_no_evidence_and_a_longer_one_does() {
    let mut scene = Scene::threshold(3, 6);
    scene.live(HIGH, 5);
    scene.see_nothing();
    assert!(scene.see(HIGH).is_change());
    let mut scene = Scene::threshold(3, 6);
    scene.live(HIGH, 6);
    for _ in 0..3 {
        scene.see_nothing();
    }
    assert!(scene.see_until_change(HIGH, 6).is_none());
}

#[test]
fn values_that_cannot_be_change_nothing_and_are_named() {
    let mut scene = Scene::threshold(3, 6);
    scene.live(HIGH, 6);
    let wrong = [f64::NAN, f64::INFINITY, -1.0];
    for value in wrong {
        let decision = scene.see_changed(HIGH, |sample| sample.workers[1].throughput = value);
        let why = "a worker's throughput is no possible number";
        assert_eq!(decision.reason, Reason::Absurd(why));
    }
    let decision = scene.see_changed(HIGH, |sample| sample.lag = f64::NAN);
    assert_eq!(decision.reason, Reason::Absurd("the lag is no possible number"));
    let decision = scene.see_changed(HIGH, |sample| sample.workers[0].busy = 7.0);
    assert_eq!(decision.reason, Reason::Absurd("a worker's busy share is no possible number"));
    let decision = scene.see_changed(HIGH, |sample| sample.workers.clear());
    assert_eq!(decision.reason, Reason::Absurd("it has no worker"));
}

#[test]
fn nothing_is_done_while_partitions_move_or_a_worker_recovers_or_starts() {
    for activity in [Activity::Rebalancing, Activity::Recovering, Activity::Starting] {
        let mut scene = Scene::threshold(3, 6);
        scene.live(HIGH, 6);
        let decision = scene.see_changed(HIGH, |sample| sample.activity = activity);
        assert_eq!(decision.reason, Reason::Unsettled(activity));
        assert!(scene.see_until_change(HIGH, 6).is_none(), "evidence begins after it");
        assert!(scene.see(HIGH).is_change());
    }
}

#[test]
fn metrics_that_stay_away_are_one_alert() {
    let mut scene = Scene::threshold(3, 6);
    scene.live(CALM, 3);
    let alerts: Vec<_> = (0..200).flat_map(|_| scene.see_nothing().alerts).collect();
    assert_eq!(alerts, [Alert::Blind { for_s: 300 }]);
}

#[test]
fn the_schedule_is_a_floor() {
    for mut scene in [Scene::threshold(3, 6), Scene::target(3, 6)] {
        let floors = ["at 12:01 keep >= 4", "at 13:00 keep >= 0"].map(|text| text.parse().unwrap());
        scene.settings.schedule = Schedule::new(floors.to_vec(), 0).unwrap();
        assert!(scene.see_until_change(CALM, 11).is_none());
        let change = scene.see(CALM);
        assert_eq!(change.to, shape(4, 8));
        let reason = change.reason.to_string();
        assert_eq!(reason, "the schedule keeps ≥ 4 workers from 12:01");
        scene.act(&change);
        scene.live(LOW, 100);
        assert_eq!(scene.shape.workers, 4);
        // Past 13:00.
        scene.live(LOW, 900);
        assert_eq!(scene.shape.workers, 3);
    }
}

#[test]
fn limits_and_thresholds_change_without_a_restart() {
    let mut scene = Scene::threshold(3, 6);
    scene.live(CALM, 10);
    scene.settings.limits.workers_min = 4;
    let change = scene.see(CALM);
    assert_eq!(change.to, shape(4, 6));
    assert_eq!(
        change.reason.to_string(),
        "what runs is outside of the limits (workers at the lower limit (4/4))"
    );
}

#[test]
fn a_process_that_dies_in_the_middle_of_a_change_is_continued() {
    let mut scene = Scene::threshold(3, 6);
    let change = scene.see_until_change(HIGH, 7).unwrap();
    scene.state.begin(&change);
    let stored = serde_json::to_string(&scene.state).unwrap();
    scene.state = serde_json::from_str::<State>(&stored).unwrap();
    assert_eq!(scene.state.shape(), Some(change.to));
    assert!(matches!(scene.see(HIGH).reason, Reason::UnderWay { .. }));
    scene.shape = change.to;
    assert!(matches!(scene.see(HIGH).reason, Reason::CoolDown { .. }));
}

#[test]
fn a_change_during_which_metrics_are_lost_is_looked_at_when_they_are_back() {
    let mut scene = Scene::threshold(3, 6);
    let change = scene.see_until_change(HIGH, 7).unwrap();
    scene.act(&change);
    let alerts: Vec<_> = (0..40).flat_map(|_| scene.see_nothing().alerts).collect();
    assert_eq!(alerts, []);
    assert!(matches!(scene.see(HIGH).reason, Reason::CoolDown { .. }), "it is done");
    assert_eq!(scene.state.cost_ms(), 3_000, "nobody has seen how long it took");
}

#[test]
fn a_change_whose_worker_does_not_come_fails() {
    let mut scene = Scene::threshold(3, 6);
    let change = scene.see_until_change(HIGH, 7).unwrap();
    scene.state.begin(&change);
    let lacks = |scene: &mut Scene| scene.see_changed(HIGH, |sample| sample.missing = 1);
    let decisions: Vec<_> = (0..12).map(|_| lacks(&mut scene)).collect();
    assert_eq!(decisions[11].reason, Reason::Failed { to: change.to });
    assert_eq!(decisions[11].alerts, [Alert::ChangeFailed { wanted: change.to, seen: None }]);
}

#[test]
fn three_reversals_in_an_hour_are_an_alert_and_widen_the_band() {
    let mut scene = Scene::threshold(3, 6);
    let mut alerts = vec![];
    for round in 0..4 {
        let load = if round % 2 == 0 { HIGH } else { LOW };
        let change = scene.see_until_change(load, 20).unwrap();
        alerts.extend(change.alerts.iter().copied());
        scene.act(&change);
    }
    assert_eq!(alerts, [Alert::Flapping { reversals: 3 }]);
    assert_eq!(scene.state.widenings(), 1);
    let below = Load { throughput: 180.0, ..CALM };
    assert!(scene.see_until_change(below, 60).is_none(), "150/s is the threshold now");
}

#[test]
fn what_somebody_else_changed_is_taken_over_when_it_stays() {
    let mut scene = Scene::threshold(3, 6);
    scene.live(CALM, 10);
    scene.shape = shape(5, 10);
    assert_eq!(scene.see(CALM).reason, Reason::OtherShape { seen: shape(5, 10) });
    let alerts: Vec<_> = (0..20).flat_map(|_| scene.see(CALM).alerts).collect();
    assert_eq!(alerts, [Alert::ChangedElsewhere { wanted: shape(3, 6), seen: shape(5, 10) }]);
    assert_eq!(scene.state.shape(), Some(shape(5, 10)));
}

#[test]
fn nothing_is_changed_unless_it_is_begun() {
    let mut scene = Scene::threshold(3, 6);
    let wishes: Vec<_> = (0..30).map(|_| scene.see(HIGH)).filter(|it| it.is_change()).collect();
    assert_eq!(wishes.len(), 24, "a dry run says it each time");
    assert_eq!(scene.state.changes_of_a_day(), 0);
}

#[test]
fn before_the_first_sample_nothing_is_known() {
    let mut state = State::default();
    let decision = decide(&mut state, &Settings::default(), 0, None);
    assert_eq!((decision.is_change(), decision.figures), (false, None));
}
