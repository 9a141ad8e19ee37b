//! Fault 1 of a job that looks things up in a table which changes: `kill -9` again and again, while
//! measurements come and the file is replaced. The proof is `verify`, and that each row has a
//! threshold which the table had, in the order in which it had them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::dice::Dice;
use super::line::Line;
use super::trial::Trial;
use crate::job::dimension::{measured, set_table, stage};
use crate::job::statement::{append, rows};
use crate::stage::{Stage, let_it_work, wait_until};

/// Measurements of a round.
const ROUND: u64 = 300;

fn read(stage: &Stage) -> Option<u64> {
    let done = stage.run(&["status", "--json", "--group", "usage"]);
    serde_json::from_str::<serde_json::Value>(&done.stdout).ok()?["read"].as_u64()
}

#[test]
fn a_job_killed_while_its_table_changes_looks_things_up_in_the_table_of_then() {
    let (stage, mut dice) = (stage(), Dice::new());
    let what = "kill -9 of a job with a statement whose table changes, at random times under load";
    let mut line = Line::new(1, what);
    let start = || stage.spawn(&["run", "--job", "usage.toml", "--checkpoint-interval", "200ms"]);
    let mut job = start();
    let mut expected: BTreeMap<String, u64> = BTreeMap::new();
    let rounds = Trial::rounds(6);
    for round in 0..rounds {
        set_table(&stage, &format!("Type,Value\n1,{round}\n2,{round}.5\n"));
        let lines: Vec<_> = (0..ROUND)
            .map(|i| {
                let job = format!("job{i}-{round}");
                expected.insert(job.clone(), round);
                measured(&job, i as f64 / 8.0, 1 + (i % 2) as i64)
            })
            .collect();
        append(&stage, &lines);
        let_it_work(Duration::from_millis(dice.draw(5..1_500)));
        let before = read(&stage).unwrap_or(0);
        job.kill();
        let killed = Instant::now();
        job = start();
        line.tries += 1;
        wait_until("more rows", || {
            read(&stage).is_some_and(|it| it > before || it == expected.len() as u64)
        });
        line.back.push(killed.elapsed());
    }
    wait_until("all rows", || read(&stage) == Some(expected.len() as u64));
    job.stop(rustix::process::Signal::TERM).ok();
    let proof = stage.ok(&["verify", "--complete", "--group", "usage"]);
    assert!(proof.starts_with("verified: "), "{proof}");
    for row in rows(&stage, "usage", "demo-sink") {
        let job = row["JobName"].as_str().unwrap();
        let threshold = row["UsedThreshold"].as_f64().unwrap();
        match expected.remove(job) {
            // Of the round in which it was measured, or what was not read of the table before, or is
            // newer.
            Some(_) => assert!(threshold < rounds as f64, "{row}"),
            None => line.doubled += 1,
        }
    }
    line.lost = expected.len() as u64;
    line.print();
    assert_eq!((line.lost, line.doubled), (0, 0));
}
