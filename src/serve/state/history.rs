//! Numbers of each job over time: an hour in steps of a second, a week in steps of a minute.

use rusqlite::{Connection, params};
use serde::Serialize;

use crate::serve::limits;

/// Numbers of one job in one step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sample {
    /// Where the step begins, seconds since 1970 UTC.
    pub at_s: i64,
    /// Records read per second.
    pub records_per_s: f64,
    /// Rows committed per second.
    pub rows_per_s: f64,
    /// Dead letters committed per second.
    pub dead_letters_per_s: f64,
    /// Messages behind the ends of the logs; in a step of a minute, the most.
    pub lag: f64,
    /// Memory of its workers, bytes; in a step of a minute, the most.
    pub memory_bytes: f64,
}

/// The history of all jobs.
pub struct History {
    db: Connection,
}

impl History {
    /// That in the server's state.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn new(db: Connection) -> anyhow::Result<History> {
        // A kill of the server loses nothing; a power cut may lose the newest seconds.
        db.pragma_update(None, "synchronous", "NORMAL")?;
        Ok(History { db })
    }

    /// Adds one second of each job. Once a minute, minutes that are over are summed up, and what is
    /// too old is deleted.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn add(&mut self, samples: &[(&str, Sample)]) -> anyhow::Result<()> {
        let Some(now_s) = samples.iter().map(|(_, sample)| sample.at_s).max() else {
            return Ok(());
        };
        let act = self.db.transaction()?;
        {
            let mut one = act.prepare_cached(
                "INSERT OR REPLACE INTO history VALUES (?1, 1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?;
            for (job, it) in samples {
                one.execute(params![
                    job,
                    it.at_s,
                    it.records_per_s,
                    it.rows_per_s,
                    it.dead_letters_per_s,
                    it.lag,
                    it.memory_bytes
                ])?;
            }
        }
        let is_new_minute: bool = act.query_row(
            "SELECT NOT EXISTS (SELECT 1 FROM history WHERE step_s = 60 AND at_s = ?1 / 60 * 60 - 60)",
            [now_s],
            |row| row.get(0),
        )?;
        if is_new_minute {
            sum_up(&act, now_s)?;
        }
        Ok(act.commit()?)
    }

    /// The newest steps of a job, the oldest first.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn read(&self, job: &str, step_s: i64, since_s: i64) -> anyhow::Result<Vec<Sample>> {
        let mut all = self.db.prepare_cached(
            "SELECT at_s, records_per_s, rows_per_s, dead_letters_per_s, lag, memory_bytes FROM history
             WHERE job = ?1 AND step_s = ?2 AND at_s >= ?3 ORDER BY at_s",
        )?;
        let one = |row: &rusqlite::Row<'_>| {
            Ok(Sample {
                at_s: row.get(0)?,
                records_per_s: row.get(1)?,
                rows_per_s: row.get(2)?,
                dead_letters_per_s: row.get(3)?,
                lag: row.get(4)?,
                memory_bytes: row.get(5)?,
            })
        };
        Ok(all.query_map(params![job, step_s, since_s], one)?.collect::<Result<_, _>>()?)
    }
}

fn sum_up(db: &Connection, now_s: i64) -> rusqlite::Result<()> {
    db.execute(
        "INSERT OR IGNORE INTO history
         SELECT job, 60, at_s / 60 * 60, avg(records_per_s), avg(rows_per_s),
                avg(dead_letters_per_s), max(lag), max(memory_bytes)
         FROM history WHERE step_s = 1 AND at_s < ?1 / 60 * 60 GROUP BY job, at_s / 60",
        [now_s],
    )?;
    for (step_s, kept) in [(1, limits::HISTORY_S), (60, limits::HISTORY_MIN)] {
        let oldest = now_s - step_s * kept;
        db.execute("DELETE FROM history WHERE step_s = ?1 AND at_s <= ?2", [step_s, oldest])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::state::StateFile;

    fn sample(at_s: i64, lag: f64) -> Sample {
        Sample {
            at_s,
            records_per_s: 10.0,
            rows_per_s: 1.0,
            dead_letters_per_s: 0.0,
            lag,
            memory_bytes: 0.0,
        }
    }

    #[test]
    fn an_hour_of_seconds_and_the_minutes_before_it_stay() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFile::open(&folder.path().join("serve.db")).unwrap();
        let mut history = History::new(state.connect().unwrap()).unwrap();
        history.db.pragma_update(None, "synchronous", "OFF").unwrap();
        // Two hours; the minutes in the middle were not seen, as when no server ran.
        for at in (0..1_800).chain(5_400..7_260) {
            history.add(&[("a", sample(at, (at % 60) as f64))]).unwrap();
        }
        let seconds = history.read("a", 1, 0).unwrap();
        assert!(seconds.len() <= 3_600 && seconds[0].at_s > 3_600, "{}", seconds.len());
        let minutes = history.read("a", 60, 0).unwrap();
        assert_eq!((minutes[0].at_s, minutes[0].lag, minutes[0].records_per_s), (0, 59.0, 10.0));
        assert_eq!(minutes.len(), 30 + 30);
        assert_eq!(history.read("a", 60, 7_140).unwrap().len(), 1);
        assert!(history.read("b", 1, 0).unwrap().is_empty());
    }
}
