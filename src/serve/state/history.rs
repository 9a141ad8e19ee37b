//! Numbers of each job over time: an hour in steps of a second, a week in steps of a minute.

use rusqlite::{Connection, params};

use crate::http::history::Point;
use crate::serve::limits;

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
    pub fn add(&mut self, points: &[(String, Point)]) -> anyhow::Result<()> {
        let Some(now_ms) = points.iter().map(|(_, point)| point.at_ms).max() else { return Ok(()) };
        let now_s = now_ms / 1_000;
        let act = self.db.transaction()?;
        for (job, point) in points {
            put(&act, job, 1, point)?;
        }
        let minute_s = now_s / 60 * 60;
        for (job, _) in points {
            let is_summed_up: bool = act.query_row(
                "SELECT EXISTS (SELECT 1 FROM history WHERE job = ?1 AND step_s = 60 AND at_s >= ?2)",
                params![job, minute_s - 60],
                |row| row.get(0),
            )?;
            if !is_summed_up {
                sum_up(&act, job, minute_s)?;
            }
        }
        for (step_s, kept) in [(1, limits::HISTORY_S), (60, limits::HISTORY_MIN)] {
            let oldest = now_s - step_s * kept;
            for (job, _) in points {
                act.execute(
                    "DELETE FROM history WHERE job = ?1 AND step_s = ?2 AND at_s <= ?3",
                    params![job, step_s, oldest],
                )?;
            }
        }
        Ok(act.commit()?)
    }
}

/// What was since `from_ms`, the oldest first: in seconds as far as there are any, and in minutes
/// before that.
///
/// # Errors
/// Those of SQLite.
pub fn read(db: &Connection, job: &str, from_ms: i64) -> anyhow::Result<Vec<Point>> {
    let seconds = points(db, job, 1, (from_ms / 1_000, i64::MAX))?;
    let oldest_s = seconds.first().map_or(i64::MAX, |point| point.at_ms / 1_000);
    // A minute that reaches into the seconds would count twice.
    let mut all = points(db, job, 60, (from_ms / 1_000, oldest_s.saturating_sub(59)))?;
    all.extend(seconds);
    Ok(all)
}

fn points(
    db: &Connection,
    job: &str,
    step_s: i64,
    (from_s, before_s): (i64, i64),
) -> anyhow::Result<Vec<Point>> {
    let mut all = db.prepare_cached(
        "SELECT point FROM history
         WHERE job = ?1 AND step_s = ?2 AND at_s >= ?3 AND at_s < ?4 ORDER BY at_s",
    )?;
    let texts =
        all.query_map(params![job, step_s, from_s, before_s], |row| row.get::<_, String>(0))?;
    texts.map(|text| Ok(serde_json::from_str(&text?)?)).collect()
}

fn put(db: &Connection, job: &str, step_s: i64, point: &Point) -> anyhow::Result<()> {
    let mut one = db.prepare_cached("INSERT OR REPLACE INTO history VALUES (?1, ?2, ?3, ?4)")?;
    one.execute(params![job, step_s, point.at_ms / 1_000, serde_json::to_string(point)?])?;
    Ok(())
}

/// Makes minutes of the seconds before `end_s` that have none yet.
fn sum_up(db: &Connection, job: &str, end_s: i64) -> anyhow::Result<()> {
    let newest: Option<i64> = db.query_row(
        "SELECT max(at_s) FROM history WHERE job = ?1 AND step_s = 60",
        [job],
        |row| row.get(0),
    )?;
    let from_s = newest.map_or(0, |at| at / 60 * 60 + 60);
    let seconds = points(db, job, 1, (from_s, end_s))?;
    for minute in seconds.chunk_by(|a, b| a.at_ms / 60_000 == b.at_ms / 60_000) {
        if let Some(point) = minute_of(minute) {
            put(db, job, 60, &point)?;
        }
    }
    Ok(())
}

/// A minute: rates are means, what is behind or used is the most, and counts are the newest.
fn minute_of(seconds: &[Point]) -> Option<Point> {
    let last = seconds.last()?;
    let mean = |of: fn(&Point) -> f64| seconds.iter().map(of).sum::<f64>() / seconds.len() as f64;
    Some(Point {
        at_ms: last.at_ms / 60_000 * 60_000,
        records_per_s: mean(|point| point.records_per_s),
        cpu: mean(|point| point.cpu),
        lag: seconds.iter().map(|point| point.lag).max().unwrap_or(0),
        wait_ms: seconds.iter().map(|point| point.wait_ms).max().flatten(),
        memory_bytes: seconds.iter().map(|point| point.memory_bytes).max().unwrap_or(0),
        checkpoint_age_ms: seconds.iter().map(|point| point.checkpoint_age_ms).max().unwrap_or(0),
        ..last.clone()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::state::StateFile;

    fn point(at_s: i64, lag: u64) -> Point {
        Point { at_ms: at_s * 1_000, records_per_s: 10.0, lag, ..Point::default() }
    }

    #[test]
    fn an_hour_of_seconds_and_the_minutes_before_it_stay() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFile::open(&folder.path().join("serve.db")).unwrap();
        let mut history = History::new(state.connect().unwrap()).unwrap();
        history.db.pragma_update(None, "synchronous", "OFF").unwrap();
        // Two hours; the minutes in the middle were not seen, as when no server ran.
        for at in (0..1_800).chain(5_400..7_260) {
            history.add(&[("a".to_owned(), point(at, (at % 60) as u64))]).unwrap();
        }
        let all = read(&history.db, "a", 0).unwrap();
        let minutes = all.iter().filter(|point| point.at_ms < 3_600_000).count();
        assert_eq!((minutes, all[0].lag, all[0].at_ms), (30, 59, 0));
        let seconds = &all[minutes..];
        assert!(seconds.len() <= 3_600 && seconds[0].at_ms == 5_400_000, "{}", seconds.len());
        assert!(all.is_sorted_by_key(|point| point.at_ms));
        assert_eq!(read(&history.db, "a", 7_259_000).unwrap().len(), 1);
        assert!(read(&history.db, "b", 0).unwrap().is_empty());
    }
}
