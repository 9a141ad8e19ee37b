//! Every change of the state of a job, the newest thousand of each.

use rusqlite::{Connection, params};

use super::StateFile;
use crate::serve::life::state::{Standing, State};
use crate::serve::limits;

/// Adds a change.
pub(super) fn add(db: &Connection, job: &str, standing: &Standing) -> rusqlite::Result<()> {
    db.execute(
        "INSERT INTO transitions (job, at_ms, state, why, error) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![job, standing.since_ms, standing.state.name(), standing.why, standing.last_error],
    )?;
    db.execute(
        "DELETE FROM transitions WHERE job = ?1 AND id <= (
             SELECT id FROM transitions WHERE job = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
        params![job, limits::TRANSITIONS],
    )?;
    Ok(())
}

impl StateFile {
    /// The newest changes of a job, the newest first.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn transitions(&self, job: &str, most: usize) -> anyhow::Result<Vec<Standing>> {
        let mut all = self.db.prepare(
            "SELECT at_ms, state, why, error FROM transitions WHERE job = ?1 ORDER BY id DESC LIMIT ?2",
        )?;
        let one = |row: &rusqlite::Row<'_>| {
            Ok(Standing {
                since_ms: row.get(0)?,
                // A state of a newer version is none that this one can be in.
                state: row.get::<_, String>(1)?.parse().unwrap_or(State::Failed),
                why: row.get(2)?,
                last_error: row.get(3)?,
            })
        };
        Ok(all.query_map(params![job, most], one)?.collect::<Result<_, _>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_changes_stay() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFile::open(&folder.path().join("serve.db")).unwrap();
        state.db.pragma_update(None, "synchronous", "OFF").unwrap();
        for at in 0..limits::TRANSITIONS as i64 + 5 {
            let standing = Standing {
                state: State::Running,
                since_ms: at,
                why: String::new(),
                last_error: None,
            };
            add(&state.db, "a", &standing).unwrap();
        }
        let all = state.transitions("a", usize::MAX >> 1).unwrap();
        assert_eq!(all.len(), limits::TRANSITIONS);
        assert_eq!(all.last().map(|oldest| oldest.since_ms), Some(5));
    }
}
