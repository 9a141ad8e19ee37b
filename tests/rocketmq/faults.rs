//! The faults of the embedded queue, for a job between two topics of RocketMQ.

use std::time::Duration;

use rustix::process::Signal;
use seismic_brokers::RocketMq;
use seismic_sinks::failpoints as sink;

use super::trial;
use crate::faults::dice::Dice;
use crate::faults::poison::{amplitudes, event_times, payloads, poison};
use crate::faults::trial::Trial;
use crate::faults::{kill, kill_points, second, silence, slow_sink, stop};
use crate::stage::let_it_work;
use crate::truth::int;

/// A little less than a broker takes, in bytes.
const LONG: u64 = 3_900_000;

#[test]
fn consumers_killed_under_live_load_lose_and_double_nothing() {
    let Some(rocketmq) = RocketMq::shared() else { return };
    let trial =
        trial(&rocketmq, 1, "kill -9 of the worker and its sink at random times under load");
    kill::kill_consumers(trial, "--rate 5000 --sensors 50 --pack 5", 6);
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn a_consumer_that_dies_at_each_named_place_loses_and_doubles_nothing() {
    let Some(rocketmq) = RocketMq::shared() else { return };
    let what = "death at each named place of step, commit, snapshot, replay and RocketMQ sink";
    kill_points::die_at_each(trial(&rocketmq, 1, what), &sink::ROCKETMQ);
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn five_recoveries_that_die_one_after_the_other_change_nothing() {
    let Some(rocketmq) = RocketMq::shared() else { return };
    let what = "death in five recoveries running, in replay and after the sink's fence";
    kill_points::die_in_recoveries(trial(&rocketmq, 2, what), sink::AFTER_FENCE);
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn sigterm_under_load_stops_a_run_that_the_next_one_continues_without_replay() {
    let Some(rocketmq) = RocketMq::shared() else { return };
    let trial = trial(&rocketmq, 3, "SIGTERM of the worker and its sink under load");
    stop::stop_under_load(trial, Signal::TERM, "off");
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn event_times_of_any_value_touch_no_other_sensor() {
    let Some(rocketmq) = RocketMq::shared() else { return };
    let what = "event times: 2100, 1970, negative, i64 limits, one hour ahead";
    poison(trial(&rocketmq, 14, what), &event_times());
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn payloads_of_any_kind_are_dead_letters_once() {
    let Some(rocketmq) = RocketMq::shared() else { return };
    let what = "payloads: truncated, wrong wire type, 3.9 MB, not UTF-8, empty, random";
    poison(trial(&rocketmq, 15, what), &payloads(&mut Dice::new(), LONG));
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn amplitudes_that_are_no_numbers_are_rejected_and_the_smallest_are_exact() {
    let Some(rocketmq) = RocketMq::shared() else { return };
    let what = "amplitudes: NaN, infinite, out of range, -0.0, subnormal";
    poison(trial(&rocketmq, 16, what), &amplitudes());
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn silent_sensors_are_closed_within_the_idle_bound_and_a_burst_after_silence_is_counted() {
    let Some(rocketmq) = RocketMq::shared() else { return };
    silence::fall_silent(trial(
        &rocketmq,
        17,
        "one sensor silent, all silent, a burst after silence",
    ));
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_slow_sink_never_stalls_windows() {
    let Some(rocketmq) = RocketMq::shared() else { return };
    let trial = trial(&rocketmq, 18, "a RocketMQ sink that takes 300 ms for each send");
    slow_sink::slow_down(trial, sink::BEFORE_SEND);
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_second_service_on_one_store_is_refused_and_harms_nothing() {
    let Some(rocketmq) = RocketMq::shared() else { return };
    second::start_a_second(trial(&rocketmq, 21, "a second service on a store that has one"));
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_killed_generator_repeats_its_run_and_adds_nothing_twice() {
    let Some(rocketmq) = RocketMq::shared() else { return };
    let mut trial = trial(&rocketmq, 24, "kill -9 of a producer, which then repeats all it sent");
    let options = "generate --seed 7 --start 2020-06-23T15:29:00Z --records 60000 --sensors 200 \
                   --anomaly-percent 10 --pack 2 --json --topic";
    let topic = trial.stage.data.clone();
    let load: Vec<&str> = options.split_whitespace().chain([&*topic]).collect();
    // Each try lives twice as long as the one before, until one is done before it is killed:
    // however fast the machine is, some die in the middle.
    let mut life = Duration::from_millis(25);
    loop {
        let generator = trial.stage.spawn(&load);
        let_it_work(life);
        if !generator.kill() {
            break;
        }
        trial.line.tries += 1;
        // What it had under way may still land: readers pass over what is repeated.
        life *= 2;
    }
    let consumer = trial.start();
    for _ in 0..Trial::rounds(3) {
        let generator = trial.stage.spawn(&load);
        trial.wait(0..700);
        trial.line.tries += u64::from(generator.kill());
    }
    assert!(consumer.kill(), "the consumer went on all the time");
    let summary = trial.stage.json(&load);
    assert_eq!(int(&summary, "published"), 60_000);
    trial.prove_records(Some(&summary));
}
