//! Fault 20: checkpoints that are missing, damaged, or of other rules. The job falls back to an
//! older one and its journal, and reports which, or it refuses.

use rusqlite::Connection;
use rustix::process::Signal;

use super::trial::{STORE, Trial};

impl Trial {
    pub fn tamper(&self, sql: &str) -> usize {
        let db = Connection::open(self.stage.path(STORE)).unwrap();
        db.busy_timeout(std::time::Duration::from_secs(60)).unwrap();
        db.execute(sql, []).unwrap()
    }
}

/// What may become of the bytes of a checkpoint.
const DAMAGES: [&str; 3] = [
    // A byte in the middle is another one.
    "UPDATE chunk AS t SET bytes = cast(substr(bytes, 1, length(bytes) / 2) || x'ee' ||
         substr(bytes, length(bytes) / 2 + 2) AS blob)",
    "UPDATE chunk AS t SET bytes = substr(bytes, 1, length(bytes) / 2)",
    "DELETE FROM chunk AS t",
];

#[test]
fn damaged_and_missing_checkpoints_are_passed_over_for_older_ones() {
    let mut trial = Trial::new(20, "newest checkpoints with a flipped byte, cut short, or gone");
    let load = trial.load();
    trial.start().stop(Signal::TERM).ok();
    for damage in DAMAGES.iter().cycle().take(DAMAGES.len() * Trial::rounds(1) as usize) {
        // One more of each partition, so that there is something to fall back to.
        trial.resume().stop(Signal::TERM).ok();
        trial.tamper(
            "CREATE TABLE hit AS SELECT partition, max(number) AS number FROM checkpoint \
                      GROUP BY partition",
        );
        let is_hit = "(t.partition, t.checkpoint) IN (SELECT partition, number FROM hit)";
        let changed = trial.tamper(&format!("{damage} WHERE {is_hit}"));
        assert!(changed >= 4, "{changed} checkpoints were changed");
        let stderr = trial.resume().stop(Signal::TERM).ok().stderr;
        assert!(stderr.contains("an older checkpoint is used"), "{stderr}");
        assert!(stderr.contains("after replaying "), "{stderr}");
        trial.line.tries += 1;
        // `verify` would find them, so they are taken away before it.
        trial.tamper("DELETE FROM checkpoint WHERE (partition, number) IN (SELECT * FROM hit)");
        trial.tamper(&format!("DELETE FROM chunk AS t WHERE {is_hit}"));
        trial.tamper("DROP TABLE hit");
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
    let mut trial = Trial::new(20, "progress of other rules; a store of another version");
    let load = trial.load();
    trial.start().stop(Signal::TERM).ok();
    for (option, value) in [("--dedupe", "time"), ("--max-ahead-ms", "1"), ("--time", "ingest")] {
        let stderr = trial.stage.refused(&trial.job(&[option, value]), 2);
        assert!(stderr.contains("made under other rules"), "{stderr}");
        trial.line.tries += 1;
    }
    let version = |trial: &Trial, set: &str| {
        let db = Connection::open(trial.stage.path(STORE)).unwrap();
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
