//! What holds for every load, every sample, however absurd, and every clock.

use proptest::prelude::*;

use seismic_elastic::simulate::{Outcome, Plant, Random, run};
use seismic_elastic::{
    Activity, Cause, Decision, Limits, Policy, Reason, Settings, Shape, State, Target, Threshold,
    decide,
};

use crate::scene::{Load, Scene, shape};

/// Records/s of a slot.
const SLOT: f64 = 1_000.0;

fn limits() -> impl Strategy<Value = Limits> {
    (1u32..6, 0u32..8, 1u32..5, 1u32..8, 0u32..30).prop_map(
        |(workers_min, more, slots, parallelism_min, more_slots)| {
            let workers_max = workers_min + more;
            let parallelism_min = parallelism_min.min(workers_max * slots);
            let parallelism_max = parallelism_min + more_slots;
            Limits { workers_min, workers_max, slots, parallelism_min, parallelism_max }
        },
    )
}

fn policy() -> impl Strategy<Value = Policy> {
    prop_oneof![
        Just(Policy::Target(Target::default())),
        Just(Policy::Threshold(Threshold::default())),
    ]
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        20 => 0.0..1.0f64,
        20 => 0.0..5_000.0f64,
        1 => Just(f64::NAN),
        1 => Just(f64::INFINITY),
        1 => Just(-1.0),
        1 => Just(1e300),
    ]
}

/// What comes at one interval.
#[derive(Clone, Debug)]
struct Turn {
    /// None: no sample.
    load: Option<[f64; 4]>,
    /// For how many intervals.
    times: usize,
    /// By what the clock jumps before, ms.
    jump_ms: i64,
    activity: Activity,
    missing: u32,
    acts: bool,
}

fn turn() -> impl Strategy<Value = Turn> {
    let load = (number(), number(), number(), number()).prop_map(|(a, b, c, d)| [a, b, c, d]);
    let jump_ms = prop_oneof![
        12 => Just(0i64),
        1 => -10_000_000i64..10_000_000,
        1 => Just(i64::MAX / 2),
        1 => Just(i64::MIN / 2),
    ];
    let activity = prop_oneof![
        8 => Just(Activity::Reading),
        1 => Just(Activity::Rebalancing),
        1 => Just(Activity::Recovering),
    ];
    let missing = prop_oneof![9 => Just(0u32), 1 => 1u32..3];
    let load = prop::option::weighted(0.9, load);
    (load, 1usize..40, jump_ms, activity, missing, prop::bool::weighted(0.8)).prop_map(
        |(load, times, jump_ms, activity, missing, acts)| Turn {
            load,
            times,
            jump_ms,
            activity,
            missing,
            acts,
        },
    )
}

/// Lives through turns. Each decision is handed over, with how many usable samples in a row there were
/// since anything that ends evidence, and how many decisions since the last change.
fn live(
    settings: &Settings,
    turns: &[Turn],
    mut check: impl FnMut(&Decision, usize, usize) -> Result<(), TestCaseError>,
) -> Result<State, TestCaseError> {
    let mut scene = Scene::threshold(settings.limits.workers_min, settings.limits.parallelism_min);
    scene.settings = settings.clone();
    let (mut in_a_row, mut since_change) = (0, 1_000);
    for turn in turns {
        scene.now_ms = scene.now_ms.saturating_add(turn.jump_ms).clamp(i64::MIN / 2, i64::MAX / 2);
        // A jump that is shorter than a gap may end nothing.
        if turn.jump_ms.unsigned_abs() > 20_000 {
            in_a_row = 0;
        }
        for _ in 0..turn.times {
            since_change += 1;
            let Some([throughput, cpu, busy, lag]) = turn.load else {
                let decision = scene.see_nothing();
                check(&decision, in_a_row, since_change)?;
                continue;
            };
            let decision = scene.see_changed(Load { throughput, cpu, busy, lag }, |sample| {
                sample.activity = turn.activity;
                sample.missing = turn.missing;
            });
            let is_usable = decision.figures.is_some() && turn.activity == Activity::Reading;
            in_a_row = if is_usable { in_a_row + 1 } else { in_a_row };
            if turn.activity != Activity::Reading || turn.missing > 0 {
                in_a_row = 0;
            }
            check(&decision, in_a_row, since_change)?;
            if decision.is_change() && turn.acts {
                scene.act(&decision);
                (in_a_row, since_change) = (0, 0);
            }
        }
    }
    Ok(scene.state)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_decision_is_inside_the_limits(
        limits in limits(), policy in policy(), turns in prop::collection::vec(turn(), 1..30),
    ) {
        let settings = Settings { limits, policy, ..Settings::default() };
        prop_assert_eq!(settings.faults(), Vec::<String>::new());
        let state = live(&settings, &turns, |decision, _, _| {
            let Shape { workers, parallelism } = decision.to;
            if decision.is_change() {
                prop_assert!((limits.workers_min..=limits.workers_max).contains(&workers));
                prop_assert!(parallelism >= limits.parallelism_min);
                prop_assert!(parallelism <= limits.parallelism_max.min(64));
                prop_assert!(parallelism <= workers * limits.slots);
            }
            Ok(())
        })?;
        // What is stored is bounded, and can be read again.
        prop_assert!(state.points().len() <= seismic_elastic::limits::POINTS);
        let stored = serde_json::to_string(&state).unwrap();
        prop_assert!(stored.len() < 200_000);
        let read: State = serde_json::from_str(&stored).unwrap();
        prop_assert_eq!((read.points().len(), read.shape()), (state.points().len(), state.shape()));
    }

    #[test]
    fn nothing_is_done_without_evidence(
        policy in policy(), turns in prop::collection::vec(turn(), 1..30),
    ) {
        let settings = Settings { policy, ..Settings::default() };
        live(&settings, &turns, |decision, in_a_row, since_change| {
            if !decision.is_change() {
                return Ok(());
            }
            let Reason::Change { causes, .. } = &decision.reason else {
                return Err(TestCaseError::fail(format!("{}", decision.reason)));
            };
            prop_assert!(in_a_row >= 3, "{} samples: {}", in_a_row, decision.reason);
            prop_assert!(since_change >= 3);
            if !matches!(causes[..], [Cause::OutsideLimits]) {
                let span_s = decision.figures.map_or(0, |figures| figures.span_s);
                prop_assert!(span_s >= 30, "{} s: {}", span_s, decision.reason);
            }
            Ok(())
        })?;
    }

    #[test]
    fn going_down_is_never_decided_while_the_lag_grows(
        policy in policy(), growth in 1.1..100.0f64, share in 0.0..0.3f64,
    ) {
        let mut scene = Scene::threshold(6, 12);
        scene.settings.policy = policy;
        let mut lag = 0.0;
        for _ in 0..80 {
            lag += growth * 5.0;
            let load = Load { throughput: 50.0, cpu: share, busy: share, lag };
            let decision = scene.see(load);
            prop_assert!(!decision.to.is_above(decision.from) || decision.is_change());
            prop_assert!(!decision.is_change(), "{}", decision.reason);
        }
    }
}

/// A job under a load that is a level and noise, for `seconds`.
fn lives_with(
    settings: &Settings,
    begin: Shape,
    seed: u64,
    seconds: u64,
    level: impl Fn(u64) -> f64,
) -> Outcome {
    let plant = Plant { slot_capacity: SLOT, ..Plant::default() };
    let mut random = Random::new(seed);
    let mut load = |second| level(second) * random.between(0.85, 1.15);
    run(plant, begin, Some(settings), &mut load, seconds, &mut [])
}

fn wide() -> Settings {
    let limits = Limits {
        workers_min: 1,
        workers_max: 12,
        slots: 2,
        parallelism_min: 1,
        parallelism_max: 24,
    };
    Settings { limits, ..Settings::default() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Wherever it begins, it goes one way, and then stays.
    #[test]
    fn a_constant_noisy_load_makes_no_oscillation(
        policy in policy(), level in 50.0..20_000.0f64, workers in 1u32..12, seed: u64,
    ) {
        let settings = Settings { policy, ..wide() };
        let begin = shape(workers, workers * 2);
        let outcome = lives_with(&settings, begin, seed, 4 * 3_600, |_| level);
        let mut last = begin;
        let mut ways = vec![];
        for (_, shape) in &outcome.shapes {
            ways.push(shape.is_above(last));
            last = *shape;
        }
        ways.dedup();
        prop_assert!(ways.len() <= 1, "{:?}", outcome.shapes);
    }

    /// 90 s after a step up, target has what the load needs.
    #[test]
    fn target_converges_within_90_s_after_a_step_up(
        before in 500.0..3_000.0f64, step in 1.2..6.0f64, at in 3_600u64..3_700, seed: u64,
    ) {
        let level = |second| if second < at { before } else { before * step };
        let before = lives_with(&wide(), shape(2, 4), seed, at + 90, level);
        let after = lives_with(&wide(), shape(2, 4), seed, at + 1_800, level);
        let needed = level(at);
        let capacity = |outcome: &Outcome| {
            outcome.shape.map_or(0.0, |shape| f64::from(shape.parallelism) * SLOT)
        };
        prop_assert!(capacity(&before) > needed, "{:?} for {}", before.shapes, needed);
        prop_assert!(capacity(&after) * 0.85 > needed || capacity(&after) >= 24.0 * SLOT);
        prop_assert!(after.lag < 10.0 * needed, "{}", after.lag);
    }

    /// Three minutes a worker after a step down, there is no worker too many.
    #[test]
    fn target_converges_within_3_minutes_a_worker_after_a_step_down(
        level in 300.0..12_000.0f64, seed: u64,
    ) {
        let outcome = lives_with(&wide(), shape(12, 24), seed, 12 * 180, |_| level);
        let last = outcome.shape.unwrap();
        let one_less = f64::from(last.parallelism - 2) * SLOT;
        let is_least = last.workers == 1;
        let is_within = level / (f64::from(last.parallelism) * SLOT) > 0.36;
        let would_be_small = one_less * 0.57 < level;
        prop_assert!(is_least || is_within || would_be_small, "{:?}", outcome.shapes);
    }

    /// Five minutes after a step, threshold is at its limit, as its numbers ask for.
    #[test]
    fn threshold_converges_within_5_minutes_after_a_step_up(
        before in 250.0..900.0f64, step in 2_000.0..9_000.0f64, seed: u64,
    ) {
        let settings =
            Settings { policy: Policy::Threshold(Threshold::default()), ..Settings::default() };
        let level = |second| if second < 3_600 { before } else { step };
        let outcome = lives_with(&settings, shape(3, 3), seed, 3_900, level);
        prop_assert_eq!(outcome.shape, Some(shape(6, 12)));
    }

    /// Samples that are missing at random delay it, and change nothing else.
    #[test]
    fn gaps_are_tolerated(seed: u64, level in 6_000.0..12_000.0f64) {
        let mut random = Random::new(seed);
        let mut scene = Scene::target(3, 6);
        scene.settings = wide();
        for _ in 0..400 {
            if random.share() < 0.2 {
                prop_assert!(!scene.see_nothing().is_change());
                continue;
            }
            let capacity = f64::from(scene.shape.parallelism) * SLOT;
            let busy = (level / capacity).min(1.0);
            let load = Load { throughput: level.min(capacity), cpu: busy, busy, lag: 0.0 };
            let decision = scene.see(load);
            if decision.is_change() {
                scene.act(&decision);
            }
        }
        let share = level / (f64::from(scene.shape.parallelism) * SLOT);
        prop_assert!((0.38..=0.8).contains(&share), "{} of {:?}", share, scene.shape);
    }
}

#[test]
fn a_clock_that_stands_still_or_goes_back_lets_no_time_pass() {
    let mut scene = Scene::threshold(3, 6);
    let mut state = State::default();
    for back in 0..1_000i64 {
        let sample = scene.sample(crate::scene::HIGH);
        let decision = decide(&mut state, &scene.settings, scene.now_ms, Some(&sample));
        assert!(!decision.is_change(), "{}", decision.reason);
        scene.now_ms -= 5_000 * (back % 2);
    }
}
