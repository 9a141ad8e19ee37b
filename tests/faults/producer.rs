//! Fault 24: a producer dies in the middle of a batch and retries.

use seismic_queue::failpoints::{APPEND_IN_TRANSACTION, APPENDING};

use super::trial::{Trial, assert_aborted};
use crate::stage::DATA;
use crate::truth::int;

const LOAD: &str = "generate --seed 7 --start 2020-06-23T15:29:00Z --records 60000 \
     --sensors 200 --anomaly-percent 10 --json";

#[test]
fn a_killed_generator_repeats_its_run_and_adds_nothing_twice() {
    let mut trial = Trial::new(24, "kill -9 of a producer, which then repeats all it sent");
    let load: Vec<&str> = LOAD.split_whitespace().collect();
    // Each append takes so long that a kill meets one.
    let spawn = |trial: &Trial| {
        let mut command = trial.stage.command(&load);
        command.env("FAILPOINTS", format!("{APPEND_IN_TRANSACTION}=sleep(1000)"));
        trial.stage.start(command)
    };
    // The first try makes the topic and gives the consumer something to do.
    let generator = spawn(&trial);
    let consumer = trial.start();
    trial.line.tries += u64::from(generator.kill());
    for _ in 0..Trial::rounds(6) {
        let generator = spawn(&trial);
        trial.wait(100..1_500);
        trial.line.tries += u64::from(generator.kill());
    }
    assert!(consumer.kill(), "the consumer went on all the time");
    repeat(trial, &load);
}

#[test]
fn a_generator_that_dies_at_each_place_of_an_append_adds_nothing_twice() {
    let mut trial = Trial::new(24, "death of a producer before and after an append is durable");
    let load: Vec<&str> = LOAD.split_whitespace().collect();
    let mut consumer = None;
    for place in APPENDING.iter().cycle().take(2 * Trial::rounds(2) as usize) {
        let mut command = trial.stage.command(&load);
        // All of it may be one append: the first dies in any case.
        let passes = if trial.line.tries == 0 { 0 } else { trial.dice.draw(0..2) };
        command.env("FAILPOINTS", format!("{place}={passes}*off->return(abort)"));
        let done = trial.stage.start(command).wait();
        if done.code != Some(0) {
            assert_aborted(&done);
            trial.line.tries += 1;
        }
        if consumer.is_none() && !trial.stage.run(&["read", DATA, "--max", "1"]).stdout.is_empty() {
            consumer = Some(trial.start());
        }
    }
    consumer.expect("something was published").stop(rustix::process::Signal::TERM).ok();
    repeat(trial, &load);
}

/// The repeated run says what is there, also what the killed ones had published.
fn repeat(trial: Trial, load: &[&str]) {
    let summary = trial.stage.json(load);
    assert_eq!(int(&summary, "published"), 60_000);
    trial.prove_records(Some(&summary));
}
