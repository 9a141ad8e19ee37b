//! `kill -9` of a job between the reading of a table of a database and the commit that first uses it,
//! and of its server: each row once, and by a version that the table had.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use seismic_pipeline::failpoints as slot;
use seismic_sqlite::failpoints as store;

use super::database::{BOTH, Scene};
use crate::faults::dice::Dice;
use crate::faults::line::Line;
use crate::faults::trial::Trial;
use crate::job::dimension::{found, measured};
use crate::job::statement::{append, rows};
use crate::stage::{let_it_work, wait_until};

#[test]
fn a_job_that_dies_at_each_place_between_a_reading_and_its_commit_has_each_row_once() {
    for start in BOTH {
        let Some(mut scene) = Scene::new(start) else { return };
        append(&scene.stage, &[measured("first", 1.0, 1)]);
        scene.run();
        let mut expected = vec!["first 0.8".to_owned()];
        for (round, place) in slot::ALL.iter().chain(&store::COMMITTING).enumerate() {
            let value = round as f64 + 0.25;
            scene.set(value);
            let name = format!("row{round}");
            append(&scene.stage, &[measured(&name, 1.0, 1)]);
            let mut dying =
                scene.stage.command(&["run", "--job", "usage.toml", "--until-caught-up"]);
            dying.env("FAILPOINTS", format!("{place}=return(abort)"));
            scene.stage.start(dying).wait();
            if round % 3 == 0 {
                scene.server.kill();
                scene.server.restart();
            }
            scene.run();
            expected.push(format!("{name} {value:?}"));
            expected.sort();
            assert_eq!(found(&scene.stage), expected, "{place}");
            scene.is_proved();
        }
    }
}

#[test]
fn a_job_and_a_server_that_are_killed_while_a_table_changes_lose_and_double_nothing() {
    for (start, name) in BOTH.into_iter().zip(["PostgreSQL", "MariaDB"]) {
        let Some(mut scene) = Scene::new(start) else { return };
        let what = format!(
            "kill -9 of a job whose table in {name} changes, and of {name} every other time, at random \
             times under load"
        );
        let (mut dice, mut line) = (Dice::new(), Line::new(1, &what));
        let start = |scene: &Scene| {
            scene.stage.spawn(&["run", "--job", "usage.toml", "--checkpoint-interval", "200ms"])
        };
        let mut job = start(&scene);
        let mut expected = std::collections::BTreeSet::new();
        let rounds = Trial::rounds(4);
        for round in 0..rounds {
            scene.set(round as f64 + 1.0);
            let one = |i: u64| {
                let name = format!("job{i}-{round}");
                expected.insert(name.clone());
                measured(&name, i as f64 / 8.0, 1)
            };
            let lines: Vec<_> = (0..300).map(one).collect();
            append(&scene.stage, &lines);
            let_it_work(Duration::from_millis(dice.draw(5..1_500)));
            let before = scene.status()["read"].as_u64().unwrap_or(0);
            job.kill();
            if round % 2 == 0 {
                scene.server.kill();
            }
            let killed = Instant::now();
            job = start(&scene);
            if round % 2 == 0 {
                scene.server.restart();
            }
            line.tries += 1;
            wait_until("more rows", || {
                let read = scene.status()["read"].as_u64();
                read.is_some_and(|it| it > before || it == expected.len() as u64)
            });
            line.back.push(killed.elapsed());
        }
        wait_until("all rows", || scene.status()["read"] == expected.len() as u64);
        job.stop(Signal::TERM).ok();
        scene.is_proved();
        for row in rows(&scene.stage, "usage", "demo-sink") {
            let threshold = row["UsedThreshold"].as_f64().unwrap();
            assert!(threshold == 0.8 || (1.0..=rounds as f64).contains(&threshold), "{row}");
            if !expected.remove(row["JobName"].as_str().unwrap()) {
                line.doubled += 1;
            }
        }
        line.lost = expected.len() as u64;
        line.print();
        assert_eq!((line.lost, line.doubled), (0, 0), "{name}");
    }
}
