//! Faults of one worker: kill -9, a stop, and sleep beyond its session.

use std::time::Duration;

use rustix::process::Signal;

use crate::kafka::trial::{STOP_LIMIT, Trial, ended_with};
use crate::stage::{ROWS, let_it_work, wait_until};

#[test]
fn a_worker_that_is_killed_again_and_again_loses_and_doubles_nothing() {
    let what =
        "kill -9 of the worker at random times under load, started again with its slot's name";
    let Some(mut trial) = Trial::of(1, what) else { return };
    trial.load();
    // A name of its own: it is back at once, and settles what it left.
    let mut worker = trial.worker("--slot one --slots 2");
    for round in 0..Trial::rounds(3) {
        trial.wait_for_rows(50);
        let_it_work(Duration::from_millis(137 * (round % 4)));
        assert!(worker.kill(), "it ran");
        worker = trial.flows_again(|trial| trial.worker("--slot one --slots 2"));
    }
    assert!(worker.kill(), "it ran");
    trial.prove();
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_worker_that_is_stopped_leaves_nothing_to_replay_and_ends_with_code_0() {
    let Some(mut trial) = Trial::new() else { return };
    trial.load();
    let worker = trial.worker("");
    trial.wait_for_rows(50);
    ended_with(&worker.stop_within(Signal::TERM, STOP_LIMIT), 0);
    trial.prove();
}

#[test]
fn a_worker_that_slept_beyond_its_session_is_fenced_and_ends_with_code_4() {
    let what = "SIGSTOP of a worker beyond its session, then SIGCONT";
    let Some(mut trial) = Trial::of(4, what) else { return };
    trial.load();
    let zombie = trial.worker("");
    trial.wait_for_rows(50);
    zombie.signal(Signal::STOP);
    let heir = trial.worker("");
    // Every partition comes to the other one when the session is over.
    trial.wait_for_rows(400);
    // By its own clock, too, it must have slept for longer than that.
    let_it_work(Duration::from_secs(12));
    zombie.signal(Signal::CONT);
    ended_with(&zombie.wait(), 4);
    trial.tried();
    trial.wait_for_rows(50);
    ended_with(&heir.stop_within(Signal::TERM, STOP_LIMIT), 0);
    trial.prove();
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_second_process_with_the_name_of_a_slot_takes_its_place() {
    let Some(mut trial) = Trial::of(21, "a second process with the name of a slot") else { return };
    trial.load();
    let mut first = trial.worker("--slot one --slots 1");
    trial.wait_for_rows(50);
    for _ in 0..Trial::rounds(1) {
        let second = trial.worker("--slot one --slots 1");
        let done = first.wait();
        ended_with(&done, 4);
        trial.tried();
        assert!(done.stderr.contains("taken"), "it says so: {done}");
        trial.wait_for_rows(50);
        first = second;
    }
    ended_with(&first.stop_within(Signal::TERM, STOP_LIMIT), 0);
    trial.prove();
}

#[test]
fn a_batch_job_is_read_to_its_end_and_proved_like_an_embedded_one() {
    let Some(trial) = Trial::new() else { return };
    let stage = &trial.stage;
    // The second run lies behind the first one: all of it is over when few seconds are.
    let run = ["--records", "20000", "--sensors", "50", "--sample-rate-hz", "100", "--seed", "7"];
    stage.generate(&run);
    let again = stage.generate(&run);
    assert_eq!(again["published"], 20_000, "{again}");
    stage.ok(&["run", "--quiet", "--until-caught-up", "--sink", "csv:rows"]);
    let status = stage.status();
    assert_eq!((&status["lag"], &status["read"]), (&0.into(), &40_000.into()), "{status}");
    stage.ok(&["run", "--quiet", "--drain", "--sink", "csv:rows"]);
    stage.verify(&["rows"]);
    crate::truth::check(stage);
    assert!(stage.ok(&["checkpoint", "list"]).lines().count() > 4);
    wait_until("rows can be read", || !stage.read(ROWS).is_empty());
}
