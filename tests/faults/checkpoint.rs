//! Fault 20: checkpoints that are missing, damaged, or of other rules. The job falls back to an
//! older one and its journal, and says which, or it refuses.

use rusqlite::Connection;
use rustix::process::Signal;

use super::trial::{HOME, Trial};

impl Trial {
    fn tamper(&self, sql: &str) -> usize {
        let db = Connection::open(self.stage.path(HOME)).unwrap();
        db.busy_timeout(std::time::Duration::from_secs(60)).unwrap();
        db.execute(sql, []).unwrap()
    }
}

/// The newest checkpoint of each partition, as SQL on a row of `chunk` or `checkpoint` named `t`.
fn newest(number: &str) -> String {
    format!(
        "t.{number} = (SELECT max(number) FROM checkpoint WHERE checkpoint.partition = t.partition)"
    )
}

#[test]
fn damaged_and_missing_checkpoints_are_passed_over_for_older_ones() {
    let mut trial = Trial::new(20, "newest checkpoints with a flipped bit, cut short, or gone");
    let load = trial.load();
    trial.start().stop(Signal::TERM).ok();
    for round in 0..Trial::rounds(3) {
        // Three more of each partition, so that there is something to fall back to.
        trial.resume().stop(Signal::TERM).ok();
        let changed = match round % 3 {
            0 => {
                let at = trial.dice.draw(1..100);
                trial.tamper(&format!(
                    "UPDATE chunk AS t SET bytes = cast(substr(bytes, 1, {at} % length(bytes)) ||
                       x'ee' || substr(bytes, {at} % length(bytes) + 2) AS blob)
                     WHERE {}",
                    newest("checkpoint")
                ))
            }
            1 => trial.tamper(&format!(
                "UPDATE chunk AS t SET bytes = substr(bytes, 1, length(bytes) / 2) WHERE {}",
                newest("checkpoint")
            )),
            _ => trial.tamper(&format!("DELETE FROM chunk AS t WHERE {}", newest("checkpoint"))),
        };
        assert!(changed >= 4, "{changed} checkpoints were changed");
        let consumer = trial.resume();
        let stderr = consumer.stop(Signal::TERM).ok().stderr;
        assert!(stderr.contains("an older checkpoint is used"), "{stderr}");
        assert!(stderr.contains("after replaying "), "{stderr}");
        trial.line.tries += 1;
        // Damage stays found, so it is taken away before the proof.
        trial.tamper(
            "DELETE FROM checkpoint AS t WHERE (SELECT total(length(bytes)) FROM chunk
             WHERE chunk.partition = t.partition AND chunk.checkpoint = t.number) <> t.bytes",
        );
    }
    trial.prove(load);
}

#[test]
fn without_any_checkpoint_the_job_begins_with_its_journal() {
    let mut trial =
        Trial::new(20, "every checkpoint gone; the journal and the whole log are there");
    let load = trial.load();
    trial.start().stop(Signal::TERM).ok();
    for _ in 0..Trial::rounds(2) {
        assert!(trial.tamper("DELETE FROM checkpoint") >= 4);
        trial.tamper("DELETE FROM chunk");
        let stderr = trial.resume().stop(Signal::TERM).ok().stderr;
        assert!(stderr.contains("after replaying "), "{stderr}");
        trial.line.tries += 1;
    }
    trial.prove(load);
}

#[test]
fn progress_of_other_rules_and_files_of_another_version_are_refused() {
    let mut trial = Trial::new(20, "progress of other rules; a home of another version");
    let load = trial.load();
    trial.start().stop(Signal::TERM).ok();
    for (option, value) in [("--dedupe", "time"), ("--max-ahead-ms", "1"), ("--time", "ingest")] {
        let stderr = trial.stage.refused(&trial.job(&[option, value]), 2);
        assert!(stderr.contains("made under other rules"), "{stderr}");
        trial.line.tries += 1;
    }
    let version = |trial: &Trial, set: &str| {
        let db = Connection::open(trial.stage.path(HOME)).unwrap();
        let now: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
        db.execute_batch(&format!("PRAGMA user_version = {set}")).unwrap();
        now.to_string()
    };
    let own = version(&trial, "99");
    let stderr = trial.stage.refused(&trial.job(&[]), 2);
    assert!(stderr.contains("newer version"), "{stderr}");
    trial.line.tries += 1;
    version(&trial, &own);
    trial.resume().stop(Signal::TERM).ok();
    trial.prove(load);
}
