//! Faults 1, 2, 3 and 9 of jobs with a statement in SQL: `kill -9` of two that are chained, and of one that
//! joins two topics, again and again, while measurements come; and of one while it recovers, which is then
//! stopped, and goes on with another number of slots. The proof is `verify`, and rows that the test
//! computes itself.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use super::dice::Dice;
use super::line::Line;
use super::trial::Trial;
use crate::job::join;
use crate::job::statement::{append, measured, rows, stage};
use crate::stage::{Running, Stage, let_it_work, wait_until};

/// Measurements of a round.
const ROUND: u64 = 500;

fn read(stage: &Stage, group: &str) -> Option<u64> {
    let done = stage.run(&["status", "--json", "--group", group]);
    serde_json::from_str::<Value>(&done.stdout).ok()?["read"].as_u64()
}

#[test]
fn chained_jobs_killed_while_measurements_come_give_each_alert_once() {
    let (stage, mut dice) = (stage(), Dice::new());
    let what = "kill -9 of two chained jobs with a statement in SQL, at random times under load";
    let mut line = Line::new(1, what);
    let start = |file: &str| stage.spawn(&["run", "--job", file, "--checkpoint-interval", "200ms"]);
    let mut jobs = [start("usage.toml"), start("alarm.toml")];
    let mut expected: BTreeMap<String, i64> = BTreeMap::new();
    let rounds = Trial::rounds(6);
    for round in 0..rounds {
        let lines: Vec<Value> = (0..ROUND)
            .map(|i| {
                let (used, job) = ((round * 7 + i) % 101, format!("job{}-{round}", i));
                expected.insert(job.clone(), i64::from(used as f64 / 100.0 > 0.5));
                measured(&job, used as f64, 100.0, Some(0.5))
            })
            .collect();
        append(&stage, &lines);
        let_it_work(Duration::from_millis(dice.draw(5..300)));
        let victims = dice.draw(1..4);
        let before = read(&stage, "usage-alarm").unwrap_or(0);
        let killed = Instant::now();
        jobs = kill_and_start(jobs, victims, &start);
        line.tries += 1;
        wait_until("more alerts", || {
            read(&stage, "usage-alarm").is_some_and(|it| it > before || it == expected.len() as u64)
        });
        line.back.push(killed.elapsed());
    }
    wait_until("all alerts", || read(&stage, "usage-alarm") == Some(expected.len() as u64));
    for job in jobs {
        job.stop(Signal::TERM).ok();
    }
    for group in ["usage", "usage-alarm"] {
        let proof = stage.ok(&["verify", "--complete", "--group", group]);
        assert!(proof.starts_with("verified: "), "{proof}");
    }
    for row in rows(&stage, "usage-alarm", "demo-alarm") {
        let job = row["JobName"].as_str().unwrap();
        match expected.remove(job) {
            Some(alert) => assert_eq!(row["AlertOrNot"], alert, "{row}"),
            None => line.doubled += 1,
        }
    }
    line.lost = expected.len() as u64;
    line.print();
    assert_eq!((line.lost, line.doubled), (0, 0));
}

#[test]
fn a_job_that_dies_while_it_recovers_and_goes_on_with_other_slots_gives_each_row_once() {
    let (stage, mut dice) = (stage(), Dice::new());
    let mut line =
        Line::new(2, "a statement in SQL dies five times while it recovers, and is stopped");
    let start = |slots: &str| {
        let options = ["--slots", slots, "--checkpoint-interval", "200ms"];
        stage.spawn(&[&["run", "--job", "usage.toml"][..], &options].concat())
    };
    let mut expected = BTreeSet::new();
    for (round, slots) in ["1", "3", "1"].into_iter().enumerate() {
        let name = |i: u64| format!("job{i}-{round}");
        expected.extend((0..ROUND).map(name));
        let lines: Vec<_> =
            (0..ROUND).map(|i| measured(&name(i), i as f64, 1_000.0, Some(0.5))).collect();
        append(&stage, &lines);
        for _ in 0..5 {
            let job = start(slots);
            let_it_work(Duration::from_millis(dice.draw(1..80)));
            job.kill();
            line.tries += 1;
        }
        let job = start(slots);
        wait_until("the rows of the round", || {
            read(&stage, "usage") == Some(expected.len() as u64)
        });
        let done = job.stop(Signal::TERM).ok();
        assert!(!done.stderr.contains("panicked"), "{done}");
    }
    let proof = stage.ok(&["verify", "--complete", "--group", "usage"]);
    assert!(proof.starts_with("verified: "), "{proof}");
    for row in rows(&stage, "usage", "demo-sink") {
        let is_there = expected.remove(row["JobName"].as_str().unwrap());
        line.doubled += u64::from(!is_there);
    }
    line.lost = expected.len() as u64;
    line.print();
    assert_eq!((line.lost, line.doubled), (0, 0));
}

/// Kills the first (1), the second (2) or both (3), and starts them again.
fn kill_and_start(
    [usage, alarm]: [Running; 2],
    victims: u64,
    start: &dyn Fn(&str) -> Running,
) -> [Running; 2] {
    let again = |job: Running, file: &str, is_killed: bool| match is_killed {
        true => {
            job.kill();
            start(file)
        }
        false => job,
    };
    [again(usage, "usage.toml", victims != 2), again(alarm, "alarm.toml", victims != 1)]
}

#[test]
fn a_join_killed_while_measurements_come_on_both_sides_gives_each_row_once() {
    let (stage, mut dice) = (join::stage(), Dice::new());
    let what = "kill -9 of a join of two topics, at random times under load";
    let mut line = Line::new(1, what);
    let start = || {
        let options = ["--checkpoint-interval", "200ms", "--idle-timeout", "1h"];
        stage.spawn(&[&["run", "--job", "vector.toml"][..], &options].concat())
    };
    let mut job = start();
    let rounds = Trial::rounds(6) as i64;
    let mut all = [Vec::new(), Vec::new()];
    for round in 0..rounds {
        let sides = join::measured(round * 300, (round + 1) * 300);
        for ((topic, side), all) in ["vertical", "horizontal"].into_iter().zip(sides).zip(&mut all)
        {
            join::append(&stage, topic, &side);
            all.extend(side);
            let_it_work(Duration::from_millis(dice.draw(5..200)));
        }
        let (before, total) = (join::read(&stage).unwrap_or(0), all[0].len() + all[1].len());
        let killed = Instant::now();
        job.kill();
        job = start();
        line.tries += 1;
        wait_until("more records", || {
            join::read(&stage).is_some_and(|it| it > before || it == total as u64)
        });
        line.back.push(killed.elapsed());
    }
    job.stop(Signal::TERM).ok();
    stage.ok(&["run", "--job", "vector.toml", "--drain", "--idle-timeout", "1h"]);
    let proof = stage.ok(&["verify", "--complete", "--group", "vector"]);
    assert!(proof.starts_with("verified: "), "{proof}");
    let ((found, is_doubled), expected) = (join::found(&stage), join::joined(&all));
    line.lost = expected.difference(&found).count() as u64;
    line.doubled = u64::from(is_doubled) + found.difference(&expected).count() as u64;
    line.print();
    assert_eq!((line.lost, line.doubled), (0, 0));
}
