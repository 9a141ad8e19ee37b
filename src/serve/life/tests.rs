//! The state machine under every order of events.

use std::time::Duration;

use proptest::prelude::*;

use super::ending::{Ending, LastWords};
use super::restart::HOUR_MS;
use super::*;
use crate::serve::limits;

fn life(policy: RestartPolicy) -> Life {
    Life::new(policy, false, 0)
}

/// Of a worker of an older version.
const PAUSE: Input = Input::Pause { worker_can_stay: false };

fn exited(code: i32) -> Ending {
    Ending::Exited { code, words: None }
}

#[test]
fn a_job_is_started_runs_and_is_stopped() {
    let mut job = life(RestartPolicy::default());
    assert_eq!(job.step(1, Input::Start), [Act::Spawn]);
    assert_eq!(job.standing().state, State::Starting);
    job.step(2, Input::Reported(Doing::Running));
    assert_eq!((job.standing().state, job.standing().since_ms), (State::Running, 2));
    assert_eq!(job.step(3, Input::Stop), [Act::Stop]);
    assert_eq!(job.step(4, Input::Stop), []);
    assert_eq!(job.standing().state, State::Draining);
    job.step(5, Input::Ended(exited(0)));
    assert_eq!(job.standing().state, State::Stopped);
    assert_eq!(job.step(6, Input::Tick), []);
}

#[test]
fn a_job_that_is_put_away_is_stopped_and_not_started_before_it_is_brought_back() {
    let mut job = life(RestartPolicy::default());
    job.step(1, Input::Start);
    job.step(2, Input::Reported(Doing::Running));
    assert_eq!(job.step(3, Input::Archive("olga".to_owned())), [Act::Stop]);
    assert_eq!(job.step(4, Input::Archive("anna".to_owned())), []);
    job.step(5, Input::Ended(exited(0)));
    assert_eq!(job.standing().state, State::Stopped);
    let archived = Archived { at_ms: 3, by: "olga".to_owned() };
    assert_eq!(job.saved().archived, Some(archived));
    for input in [Input::Start, Input::Resume, Input::Tick] {
        assert_eq!(job.step(6, input), []);
    }
    // The next server knows it, and what was stored before has none.
    let mut stored = serde_json::to_value(job.saved()).unwrap();
    assert_eq!(&serde_json::from_value::<Saved>(stored.clone()).unwrap(), job.saved());
    stored.as_object_mut().unwrap().remove("archived");
    assert_eq!(serde_json::from_value::<Saved>(stored).unwrap().archived, None);
    assert_eq!(job.step(7, Input::Unarchive), []);
    assert_eq!(job.standing().state, State::Stopped);
    assert_eq!(job.step(8, Input::Start), [Act::Spawn]);
}

#[test]
fn a_killed_worker_is_started_again_after_a_pause_that_grows() {
    let mut job = life(RestartPolicy::default());
    job.step(0, Input::Start);
    let mut now = 10;
    for pause in [1_000, 2_000, 4_000] {
        job.step(now, Input::Ended(Ending::Killed { signal: 9 }));
        assert_eq!(job.standing().state, State::Restarting);
        assert!(job.standing().last_error.as_deref().unwrap().contains("signal 9"));
        assert_eq!(job.step(now + pause - 1, Input::Tick), []);
        now += pause;
        assert_eq!(job.step(now, Input::Tick), [Act::Spawn]);
    }
    // One that ran well resets the backoff.
    job.step(now + 60_000, Input::Ended(exited(1)));
    assert_eq!(job.step(now + 61_000, Input::Tick), [Act::Spawn]);
}

#[test]
fn a_clock_that_is_set_back_keeps_no_job_from_its_restart() {
    let mut job = life(RestartPolicy { max_per_hour: Some(1), ..RestartPolicy::default() });
    let late = 100 * HOUR_MS;
    job.step(late, Input::Start);
    job.step(late + 10, Input::Ended(exited(1)));
    assert_eq!(job.step(late + 11, Input::Tick), []);
    // Hours before it was planned, and the one restart counts no more.
    assert_eq!(job.step(HOUR_MS, Input::Tick), [Act::Spawn]);
    job.step(2, Input::Ended(exited(1)));
    assert_eq!(job.standing().state, State::Restarting);
}

#[test]
fn what_no_retry_can_mend_fails_at_once_and_says_what_to_do() {
    let words =
        LastWords { code: 1, reason: Some("the file is damaged".to_owned()), is_final: true };
    for (ending, remedy) in [
        (exited(2), "correct the job file"),
        (exited(4), "another process"),
        (Ending::Exited { code: 1, words: Some(words) }, "mend what it says"),
    ] {
        let mut job = life(RestartPolicy::default());
        job.step(0, Input::Start);
        job.step(1, Input::Ended(ending));
        assert_eq!(job.standing().state, State::Failed);
        assert!(job.standing().why.contains(remedy), "{:?}", job.standing());
        assert_eq!(job.step(1_000_000, Input::Tick), []);
        assert_eq!(job.step(1_000_001, Input::Start), [Act::Spawn]);
    }
}

#[test]
fn a_bounded_job_finishes_and_one_that_takes_too_long_is_tried_again() {
    let policy = RestartPolicy {
        run_timeout: Some(Duration::from_secs(10)),
        start_timeout: Some(Duration::from_secs(5)),
        ..RestartPolicy::default()
    };
    let mut job = Life::new(policy.clone(), true, 0);
    job.step(0, Input::Start);
    assert_eq!(job.step(4_999, Input::Tick), []);
    assert_eq!(job.step(5_000, Input::Tick), [Act::Stop]);
    job.step(5_001, Input::Ended(exited(0)));
    assert_eq!(job.standing().state, State::Restarting);
    assert_eq!(job.step(6_001, Input::Tick), [Act::Spawn]);
    job.step(6_002, Input::Reported(Doing::Running));
    job.step(7_000, Input::Ended(exited(0)));
    assert_eq!(job.standing().state, State::Finished);
    let strict = RestartPolicy { retry_on_timeout: false, ..policy };
    let mut job = Life::new(strict, true, 0);
    job.step(0, Input::Start);
    job.step(5_000, Input::Tick);
    job.step(5_001, Input::Ended(exited(0)));
    assert_eq!(job.standing().state, State::Failed);
}

#[test]
fn a_resumed_worker_has_the_whole_time_of_a_start() {
    let start_timeout = Some(Duration::from_secs(5));
    let mut job = life(RestartPolicy { start_timeout, ..RestartPolicy::default() });
    job.step(0, Input::Start);
    job.step(1, Input::Reported(Doing::Running));
    job.step(10_000, Input::Pause { worker_can_stay: true });
    job.step(10_001, Input::Reported(Doing::Paused));
    assert_eq!(job.step(20_000, Input::Resume), [Act::Resume]);
    assert_eq!(job.step(24_999, Input::Tick), []);
    assert_eq!(job.step(25_000, Input::Tick), [Act::Stop]);
}

#[test]
fn a_worker_that_does_not_end_is_killed() {
    let mut job = life(RestartPolicy::default());
    job.step(0, Input::Start);
    job.step(1, Input::Stop);
    let late = 1 + limits::STOP_PATIENCE.as_millis() as i64;
    assert_eq!(job.step(late - 1, Input::Tick), []);
    assert_eq!(job.step(late, Input::Tick), [Act::Kill]);
    job.step(late + 1, Input::Ended(Ending::Killed { signal: 9 }));
    assert_eq!(job.standing().state, State::Stopped);
}

#[test]
fn a_pause_keeps_the_worker_also_through_its_death() {
    let mut job = life(RestartPolicy::default());
    job.step(0, Input::Start);
    job.step(1, Input::Reported(Doing::Running));
    assert_eq!(job.step(2, Input::Pause { worker_can_stay: true }), [Act::Pause]);
    assert_eq!(job.standing().state, State::Paused);
    assert!(job.standing().why.contains("keeps its partitions"), "{:?}", job.standing());
    job.step(3, Input::Reported(Doing::Paused));
    // A worker that was not reported yet is told again.
    assert_eq!(job.step(4, Input::Reported(Doing::Running)), [Act::Pause]);
    job.step(5, Input::Ended(Ending::Killed { signal: 9 }));
    assert_eq!(job.standing().state, State::Restarting);
    assert_eq!(job.step(1_005, Input::Tick), [Act::Spawn]);
    job.step(1_006, Input::Reported(Doing::Paused));
    assert_eq!(job.standing().state, State::Paused);
    assert_eq!(job.step(1_007, Input::Resume), [Act::Resume]);
    assert_eq!(job.step(1_008, Input::Reported(Doing::Paused)), [Act::Resume]);
    job.step(1_009, Input::Reported(Doing::Running));
    assert_eq!(job.standing().state, State::Running);
    // A start is a resume, too, and a stop stops it.
    job.step(1_010, Input::Pause { worker_can_stay: true });
    assert_eq!(job.step(1_011, Input::Start), [Act::Resume]);
    job.step(1_012, Input::Pause { worker_can_stay: true });
    assert_eq!(job.step(1_013, Input::Stop), [Act::Stop]);
    job.step(1_014, Input::Ended(exited(0)));
    assert_eq!(job.standing().state, State::Stopped);
}

#[test]
fn a_paused_job_stays_paused_until_it_is_resumed() {
    let mut job = life(RestartPolicy::default());
    job.step(0, Input::Start);
    job.step(1, Input::Reported(Doing::Running));
    assert_eq!(job.step(2, PAUSE), [Act::Stop]);
    job.step(4, Input::Ended(Ending::Vanished));
    assert_eq!(job.standing().state, State::Paused);
    assert_eq!(job.step(5, Input::Tick), []);
    assert_eq!(job.step(6, Input::Resume), [Act::Spawn]);
    // One that is resumed while its worker ends is started when it has.
    job.step(7, Input::Reported(Doing::Running));
    assert_eq!(job.step(8, PAUSE), [Act::Stop]);
    assert_eq!(job.step(9, Input::Resume), []);
    assert_eq!(job.step(10, Input::Ended(exited(0))), [Act::Spawn]);
}

#[test]
fn a_job_that_yields_is_degraded_says_why_and_returns_also_through_deaths() {
    let mut job = life(RestartPolicy::default());
    let yields = |level| Input::Yield(level, "cores are short".to_owned());
    assert_eq!(job.step(0, yields(Level::Slowed)), [], "there is nothing to slow");
    job.step(0, Input::Start);
    job.step(1, Input::Reported(Doing::Running));
    assert_eq!(job.step(2, yields(Level::Slowed)), [Act::Slow]);
    assert_eq!(job.standing().state, State::Degraded);
    assert!(
        job.standing().why.starts_with("it is slowed: cores are short"),
        "{:?}",
        job.standing()
    );
    // A report is no sign that it is over.
    job.step(3, Input::Trouble(None));
    job.step(3, Input::Reported(Doing::Running));
    assert_eq!(job.standing().state, State::Degraded);
    assert_eq!(job.step(4, yields(Level::Paused)), [Act::Pause]);
    assert_eq!(job.step(5, Input::Reported(Doing::Paused)), []);
    assert_eq!(job.standing().state, State::Degraded);
    // The next server has it as it is, and a worker that dies is started paused.
    let stored = serde_json::to_string(job.saved()).unwrap();
    let saved = serde_json::from_str(&stored).unwrap();
    let mut job = Life::restore(RestartPolicy::default(), false, saved);
    job.step(6, Input::Ended(Ending::Killed { signal: 9 }));
    assert_eq!(job.step(1_006, Input::Tick), [Act::Spawn]);
    assert_eq!(job.level(), Level::Paused);
    assert_eq!(job.step(1_007, Input::Reported(Doing::Paused)), []);
    assert_eq!(job.standing().state, State::Degraded);
    assert_eq!(job.step(1_008, yields(Level::Slowed)), [Act::Resume, Act::Slow]);
    assert_eq!(job.step(1_009, yields(Level::Full)), [Act::Resume]);
    assert_eq!(job.standing().state, State::Running);
    // A request of a person has precedence.
    job.step(1_010, yields(Level::Paused));
    assert_eq!(job.step(1_011, Input::Pause { worker_can_stay: true }), [Act::Pause]);
    assert_eq!((job.standing().state, job.level()), (State::Paused, Level::Full));
    assert_eq!(job.step(1_012, Input::Resume), [Act::Resume]);
}

#[test]
fn a_worker_that_did_not_hear_of_its_speed_is_told_again() {
    let mut job = life(RestartPolicy::default());
    let yields = |level| Input::Yield(level, "cores are short".to_owned());
    job.step(0, Input::Start);
    job.step(1, Input::Reported(Doing::Running));
    assert_eq!((job.mends_slowed(false), job.mends_slowed(true)), (None, Some(false)));
    job.step(2, yields(Level::Slowed));
    assert_eq!((job.mends_slowed(false), job.mends_slowed(true)), (Some(true), None));
    job.step(3, yields(Level::Full));
    assert_eq!((job.mends_slowed(false), job.mends_slowed(true)), (None, Some(false)));
    // No one tells one that ends.
    job.step(4, Input::Stop);
    assert_eq!(job.mends_slowed(true), None);
}

#[test]
fn sinks_of_a_job_that_yields_are_held_and_freed_by_what_its_worker_says_of_them() {
    let mut job = life(RestartPolicy::default());
    let yields = |level| Input::Yield(level, "cores are short".to_owned());
    job.step(0, Input::Start);
    job.step(1, Input::Reported(Doing::Running));
    job.step(2, yields(Level::Paused));
    assert_eq!((job.mends_sinks(false), job.mends_sinks(true)), (None, Some(false)));
    assert_eq!(job.step(3, yields(Level::Held)), []);
    assert!(job.standing().why.starts_with("it and its sinks are paused"), "{:?}", job.standing());
    assert_eq!((job.mends_sinks(false), job.mends_sinks(true)), (Some(true), None));
    assert_eq!(job.step(4, Input::Reported(Doing::Paused)), []);
    // The next worker begins so, too, and the next server knows it.
    let stored = serde_json::to_string(job.saved()).unwrap();
    let saved = serde_json::from_str(&stored).unwrap();
    let mut job = Life::restore(RestartPolicy::default(), false, saved);
    assert_eq!(job.mends_sinks(false), Some(true));
    assert_eq!(job.step(5, yields(Level::Paused)), []);
    assert_eq!(job.mends_sinks(true), Some(false));
    job.step(6, yields(Level::Held));
    assert_eq!(job.step(7, yields(Level::Full)), [Act::Resume]);
    assert_eq!(job.mends_sinks(true), Some(false));
    // Sinks of a job that a person pauses write what is committed.
    job.step(8, yields(Level::Held));
    job.step(9, Input::Pause { worker_can_stay: true });
    assert_eq!(job.mends_sinks(true), Some(false));
}

#[test]
fn a_worker_that_is_started_again_gets_back_what_was_returned_meanwhile() {
    let yields = |level| Input::Yield(level, "cores are short".to_owned());
    // It was returned while it waited for its restart, or while it started.
    for late in [false, true] {
        let mut job = life(RestartPolicy::default());
        job.step(0, Input::Start);
        job.step(1, Input::Reported(Doing::Running));
        job.step(2, yields(Level::Paused));
        job.step(3, Input::Ended(Ending::Killed { signal: 9 }));
        if late {
            assert_eq!(job.step(1_003, Input::Tick), [Act::Spawn]);
        }
        assert_eq!(job.step(1_004, yields(Level::Slowed)), []);
        assert_eq!(job.level(), Level::Slowed);
        assert_eq!(job.step(1_005, yields(Level::Full)), []);
        assert_eq!(job.level(), Level::Full);
        if !late {
            assert_eq!(job.step(1_006, Input::Tick), [Act::Spawn]);
        }
        // Started paused, as it was ordered then.
        assert_eq!(job.step(1_007, Input::Reported(Doing::Paused)), [Act::Resume]);
        job.step(1_008, Input::Reported(Doing::Running));
        assert_eq!(job.standing().state, State::Running);
        // One that does not work yields nothing.
        job.step(1_009, Input::Ended(Ending::Killed { signal: 9 }));
        job.step(1_010, yields(Level::Paused));
        assert_eq!(job.level(), Level::Full);
    }
}

#[derive(Clone, Debug)]
enum Happening {
    Start,
    Stop,
    Pause(bool),
    Resume,
    Dies(u8),
    Reports(u8),
    Yields(u8),
    /// The server is restarted: what is not stored is gone.
    ServerRestarts,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        2 => Just(Happening::Start),
        1 => Just(Happening::Stop),
        1 => any::<bool>().prop_map(Happening::Pause),
        1 => Just(Happening::Resume),
        8 => (0..6u8).prop_map(Happening::Dies),
        4 => (0..5u8).prop_map(Happening::Reports),
        2 => (0..4u8).prop_map(Happening::Yields),
        2 => Just(Happening::ServerRestarts),
    ]
}

fn input(of: &Happening) -> Option<Input> {
    Some(match of {
        Happening::Start => Input::Start,
        Happening::Stop => Input::Stop,
        Happening::Pause(worker_can_stay) => Input::Pause { worker_can_stay: *worker_can_stay },
        Happening::Resume => Input::Resume,
        Happening::Dies(0) => Input::Ended(Ending::Killed { signal: 9 }),
        Happening::Dies(1) => Input::Ended(Ending::Vanished),
        Happening::Dies(2) => Input::Ended(exited(0)),
        Happening::Dies(3) => Input::Ended(exited(2)),
        Happening::Dies(_) => Input::Ended(exited(1)),
        Happening::Reports(0) => Input::Reported(Doing::Starting),
        Happening::Reports(4) => Input::Reported(Doing::Paused),
        Happening::Reports(2) => Input::Reported(Doing::Draining),
        Happening::Reports(_) => Input::Reported(Doing::Running),
        Happening::Yields(level) => {
            let all = [Level::Full, Level::Slowed, Level::Paused, Level::Held];
            let level = all[usize::from(*level)];
            Input::Yield(level, "cores are short".to_owned())
        }
        Happening::ServerRestarts => return None,
    })
}

proptest! {
    /// Whatever happens, and however often the server is restarted, no hour has more automatic
    /// starts than the budget, there is never a second worker, and a job at rest has none.
    #[test]
    fn the_budget_holds_and_there_is_one_worker(
        budget in 0..4u32,
        events in prop::collection::vec((0..400_000i64, happening()), 1..200),
    ) {
        let policy = RestartPolicy { max_per_hour: Some(budget), ..RestartPolicy::default() };
        let (mut job, mut now, mut automatic) = (life(policy.clone()), 0, Vec::new());
        let mut is_there = false;
        for (pause, event) in events {
            now += pause;
            let mut steps = Vec::new();
            match input(&event) {
                None => {
                    let stored = serde_json::to_string(job.saved()).unwrap();
                    let saved = serde_json::from_str(&stored).unwrap();
                    job = Life::restore(policy.clone(), false, saved);
                }
                // Only a worker that is there dies or reports.
                Some(Input::Ended(_) | Input::Reported(_)) if !is_there => {}
                Some(input) => {
                    is_there &= !matches!(input, Input::Ended(_));
                    steps.push((job.step(now, input), false));
                }
            }
            steps.push((job.step(now, Input::Tick), true));
            for (acts, by_itself) in steps {
                for act in acts {
                    match act {
                        Act::Spawn => {
                            prop_assert!(!is_there, "a second worker");
                            is_there = true;
                            if by_itself { automatic.push(now) }
                        }
                        _ => prop_assert!(is_there, "{act:?} without a worker"),
                    }
                }
            }
            prop_assert_eq!(job.saved().has_worker, is_there);
            prop_assert!(!job.standing().state.is_at_rest() || !is_there);
            // What yields is wanted, and says so while it works.
            if job.level() != Level::Full {
                prop_assert_eq!(job.saved().intent, Intent::Run);
                prop_assert!(job.standing().state != State::Running, "{:?}", job.standing());
            }
            let in_hour = automatic.iter().filter(|&&at| at > now - HOUR_MS).count();
            prop_assert!(in_hour <= budget as usize, "{in_hour} starts in an hour");
        }
    }
}

#[test]
fn a_worker_that_is_replaced_has_another_one_in_its_place_also_under_the_next_server() {
    let mut job = life(RestartPolicy::default());
    assert_eq!(job.step(0, Input::Replace), [], "there is none");
    job.step(0, Input::Start);
    job.step(1, Input::Reported(Doing::Running));
    assert_eq!(job.step(2, Input::Replace), [Act::Stop]);
    assert_eq!(job.step(3, Input::Replace), []);
    assert_eq!((job.standing().state, job.saved().intent), (State::Draining, Intent::Run));
    // Its server dies meanwhile.
    let saved = job.saved().clone();
    let mut next = Life::restore(RestartPolicy::default(), false, saved.clone());
    assert_eq!(next.step(9, Input::Orphaned(Ending::Vanished)), [Act::Spawn]);
    assert_eq!(next.standing().state, State::Starting);
    assert_eq!(job.step(9, Input::Ended(exited(0))), [Act::Spawn]);
    // One that somebody stops meanwhile stays stopped.
    let mut stopped = Life::restore(RestartPolicy::default(), false, saved);
    stopped.step(4, Input::Stop);
    assert_eq!(stopped.step(9, Input::Ended(exited(0))), []);
    assert_eq!(stopped.standing().state, State::Stopped);
}
