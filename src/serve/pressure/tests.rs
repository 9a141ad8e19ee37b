//! Pressure of every kind and length on servers of every kind.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const SECOND: i64 = 1_000;
const HOLD: Duration = Duration::from_secs(5);
const CALM: Duration = Duration::from_secs(20);

fn none_yet() -> Pressure {
    Pressure::new(HOLD, CALM)
}

fn seen(name: &str, priority: u8) -> WantedJob {
    let (name, level, has_rows_to_write) = (name.to_owned(), Level::Full, false);
    WantedJob { name, priority, level, works: true, lags: false, has_rows_to_write }
}

/// What a second of this does to the jobs; the step.
fn second(
    pressure: &mut Pressure,
    at_s: i64,
    short: Short,
    jobs: &mut [WantedJob],
) -> Option<Step> {
    let step = pressure.see(at_s * SECOND, short, jobs);
    if let Some(step) = &step {
        jobs.iter_mut().find(|job| job.name == step.name).unwrap().level = step.level;
    }
    step
}

const CPU: Short = Short { cpu: true, memory: false };

#[test]
fn the_lowest_job_is_slowed_then_paused_then_the_next_and_the_highest_never() {
    let mut jobs = [seen("alert", 9), seen("rows", 5), seen("report", 1)];
    let mut pressure = none_yet();
    let steps: Vec<_> =
        (0..60).filter_map(|at| second(&mut pressure, at, CPU, &mut jobs)).collect();
    let what: Vec<_> = steps.iter().map(|step| (&*step.name, step.level)).collect();
    let expected = [
        ("report", Level::Slowed),
        ("report", Level::Paused),
        ("rows", Level::Slowed),
        ("rows", Level::Paused),
    ];
    assert_eq!(what, expected);
    assert_eq!(steps[0].why, "cores are short, and its priority 1 is below 9");
    // And back, the other way round.
    let steps: Vec<_> =
        (60..160).filter_map(|at| second(&mut pressure, at, Short::default(), &mut jobs)).collect();
    let what: Vec<_> = steps.iter().map(|step| (&*step.name, step.level)).collect();
    let expected = [
        ("rows", Level::Slowed),
        ("rows", Level::Full),
        ("report", Level::Slowed),
        ("report", Level::Full),
    ];
    assert_eq!(what, expected);
}

#[test]
fn sinks_are_paused_after_their_job_where_they_have_rows_to_write_and_return_before_it() {
    let mut jobs = [seen("alert", 9), seen("rows", 5), seen("report", 1)];
    jobs[2].has_rows_to_write = true;
    let mut pressure = none_yet();
    let mut steps = |from_s: i64, to_s: i64, short: Short, jobs: &mut [WantedJob]| -> Vec<_> {
        let all = (from_s..to_s).filter_map(|at| second(&mut pressure, at, short, jobs));
        all.map(|step| (step.name, step.level)).collect()
    };
    let (report, rows) = (|level| ("report".to_owned(), level), |level| ("rows".to_owned(), level));
    let down = steps(0, 60, CPU, &mut jobs);
    let expected = [
        report(Level::Slowed),
        report(Level::Paused),
        report(Level::Held),
        rows(Level::Slowed),
        rows(Level::Paused),
    ];
    assert_eq!(down, expected);
    let up = steps(60, 160, Short::default(), &mut jobs);
    let expected = [
        rows(Level::Slowed),
        rows(Level::Full),
        report(Level::Paused),
        report(Level::Slowed),
        report(Level::Full),
    ];
    assert_eq!(up, expected);
}

#[test]
fn a_return_that_brings_the_pressure_back_is_tried_less_and_less_often() {
    let mut jobs = [seen("alert", 9), seen("report", 1)];
    let mut pressure = none_yet();
    let mut returns = Vec::new();
    // Cores are short whenever the lower job reads.
    for at in 0..2_000 {
        let short = Short { cpu: jobs[1].level < Level::Paused, memory: false };
        let before = jobs[1].level;
        if second(&mut pressure, at, short, &mut jobs).is_some() && jobs[1].level < before {
            returns.push(at);
        }
    }
    let gaps: Vec<i64> = returns.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.windows(2).all(|pair| pair[0] <= pair[1]), "{gaps:?}");
    assert!(gaps.first() < Some(&60) && gaps.last() > Some(&300), "{gaps:?}");
    // When nothing brings it back, the next time begins as the first one.
    for at in 2_000..3_000 {
        second(&mut pressure, at, Short::default(), &mut jobs);
    }
    assert_eq!((jobs[1].level, pressure.patience), (Level::Full, CALM));
}

#[test]
fn jobs_above_one_that_lags_keep_what_they_have_and_a_short_pressure_changes_nothing() {
    let mut jobs = [seen("alert", 9), seen("rows", 5), seen("report", 1)];
    jobs[1].lags = true;
    let mut pressure = none_yet();
    for at in 0..100 {
        second(&mut pressure, at, Short::default(), &mut jobs);
    }
    assert_eq!(jobs.each_ref().map(|job| job.level), [Level::Full, Level::Full, Level::Paused]);
    let mut jobs = [seen("alert", 9), seen("report", 1)];
    let mut pressure = none_yet();
    for at in 0..100 {
        let short = if at % 4 == 0 { Short::default() } else { CPU };
        assert_eq!(second(&mut pressure, at, short, &mut jobs), None);
    }
}

#[test]
fn a_job_that_is_the_highest_now_has_all_of_it_at_once() {
    let mut jobs = vec![seen("alert", 9), seen("report", 1)];
    let mut pressure = none_yet();
    for at in 0..30 {
        second(&mut pressure, at, CPU, &mut jobs);
    }
    assert_eq!(jobs[1].level, Level::Paused);
    jobs.remove(0);
    second(&mut pressure, 30, CPU, &mut jobs);
    assert_eq!(jobs[0].level, Level::Full);
}

#[test]
fn a_highest_job_that_is_started_again_is_still_the_highest() {
    let mut jobs = [seen("alert", 9), seen("rows", 5), seen("report", 1)];
    let mut pressure = none_yet();
    for at in 0..12 {
        second(&mut pressure, at, CPU, &mut jobs);
    }
    let levels = [Level::Full, Level::Full, Level::Paused];
    assert_eq!(jobs.each_ref().map(|job| job.level), levels);
    // It dies: no one gets anything back for that, and the others yield on for it.
    jobs[0].works = false;
    assert_eq!(second(&mut pressure, 12, Short::default(), &mut jobs), None);
    assert_eq!(jobs.each_ref().map(|job| job.level), levels);
    for at in 13..40 {
        second(&mut pressure, at, CPU, &mut jobs);
    }
    let levels = [Level::Full, Level::Paused, Level::Paused];
    assert_eq!(jobs.each_ref().map(|job| job.level), levels);
    // What does not work neither yields nor returns.
    jobs[1].works = false;
    for at in 40..100 {
        second(&mut pressure, at, Short::default(), &mut jobs);
    }
    let levels = [Level::Full, Level::Paused, Level::Full];
    assert_eq!(jobs.each_ref().map(|job| job.level), levels);
}

proptest! {
    /// On a machine with that many cores, whatever the jobs want of them: the highest one keeps all
    /// it has, and within a time that only the number of jobs decides, the cores are enough.
    #[test]
    fn an_overload_is_over_after_the_steps_of_all_jobs_below(
        cores in 1..64u32,
        top in 1..4u32,
        others in prop::collection::vec((0..9u8, 1..64u32, any::<bool>()), 1..8),
    ) {
        let mut jobs: Vec<WantedJob> = others
            .iter()
            .enumerate()
            .map(|(n, &(priority, _, has_rows_to_write))| WantedJob {
                has_rows_to_write,
                ..seen(&format!("j{n}"), priority)
            })
            .collect();
        jobs.push(seen("top", 9));
        // In quarters of a core; a slowed job takes a quarter of what it wants.
        let is_short = |jobs: &[WantedJob]| {
            let wants = others.iter().zip(jobs).map(|(&(_, wants, _), job)| match job.level {
                Level::Full => 4 * wants,
                Level::Slowed => wants,
                Level::Paused | Level::Held => 0,
            });
            wants.sum::<u32>() + 4 * top.min(cores) > 4 * cores
        };
        let (mut pressure, mut at) = (none_yet(), 0);
        let most = (1 + 3 * others.len() as i64) * HOLD.as_secs() as i64;
        while is_short(&jobs) {
            prop_assert!(at <= most, "{at} s: {jobs:?}");
            second(&mut pressure, at, CPU, &mut jobs);
            at += 1;
        }
        prop_assert_eq!(jobs.last().unwrap().level, Level::Full);
    }

    /// Whatever is short and for how long: the highest job is never touched, of two jobs the lower
    /// one yields at least as much, steps keep their distance, and in the end all have everything
    /// back.
    #[test]
    fn the_order_of_priorities_holds_and_everything_returns(
        priorities in prop::collection::vec((0..10u8, any::<bool>()), 1..8),
        looks in prop::collection::vec((1..30i64, any::<bool>(), any::<bool>(), any::<u8>()), 0..60),
    ) {
        let all = priorities.iter().enumerate();
        let one = |(n, &(priority, has_rows_to_write))| {
            WantedJob { has_rows_to_write, ..seen(&format!("j{n}"), priority) }
        };
        let mut jobs: Vec<WantedJob> = all.map(one).collect();
        let highest = priorities.iter().map(|(priority, _)| *priority).max().unwrap();
        let (mut pressure, mut at, mut last) = (none_yet(), 0, None::<i64>);
        let mut check = |jobs: &mut [WantedJob], at: i64, short: Short| -> Result<(), TestCaseError> {
            if second(&mut pressure, at, short, jobs).is_some() {
                prop_assert!(last.is_none_or(|last| (at - last) * SECOND >= HOLD.as_millis() as i64));
                last = Some(at);
            }
            let by_priority: BTreeMap<u8, Vec<Level>> =
                jobs.iter().fold(BTreeMap::new(), |mut all, job| {
                    // Sinks without rows rest on their own.
                    let rests = job.level == Level::Paused && !job.has_rows_to_write;
                    let level = if rests { Level::Held } else { job.level };
                    all.entry(job.priority).or_default().push(level);
                    all
                });
            prop_assert!(by_priority[&highest].iter().all(|level| *level == Level::Full));
            let levels: Vec<(Level, Level)> = by_priority
                .values()
                .map(|all| (*all.iter().min().unwrap(), *all.iter().max().unwrap()))
                .collect();
            for pair in levels.windows(2) {
                prop_assert!(pair[0].0 >= pair[1].1, "{jobs:?}");
            }
            Ok(())
        };
        for (seconds, cpu, memory, lagging) in looks {
            let n = usize::from(lagging) % (jobs.len() * 2);
            for (place, job) in jobs.iter_mut().enumerate() {
                job.lags = place == n;
            }
            for _ in 0..seconds {
                check(&mut jobs, at, Short { cpu, memory })?;
                at += 1;
            }
        }
        jobs.iter_mut().for_each(|job| job.lags = false);
        for _ in 0..((MOST_CALM as i64 * CALM.as_secs() as i64) + 3 * jobs.len() as i64 * HOLD.as_secs() as i64 + 1) {
            check(&mut jobs, at, Short::default())?;
            at += 1;
        }
        prop_assert!(jobs.iter().all(|job| job.level == Level::Full), "{jobs:?}");
    }
}
