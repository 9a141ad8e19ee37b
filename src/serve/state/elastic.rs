//! What is stored of the scaling of jobs: what the next decision and a change under way need, and the
//! newest samples with their decisions.

use rusqlite::{Connection, OptionalExtension as _, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::StateFile;
use crate::serve::limits;

/// The tables.
pub(super) const TABLES: &str = "
    CREATE TABLE elastic (job TEXT PRIMARY KEY, stored TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE elastic_history (
        job TEXT NOT NULL,
        at_ms INTEGER NOT NULL,
        entry TEXT NOT NULL,
        PRIMARY KEY (job, at_ms)
    ) WITHOUT ROWID;
";

impl StateFile {
    /// What is stored of a job; `None` without anything.
    ///
    /// # Errors
    /// Those of SQLite, and what cannot be understood.
    pub fn elastic<T: DeserializeOwned>(&self, job: &str) -> anyhow::Result<Option<T>> {
        let select = "SELECT stored FROM elastic WHERE job = ?1";
        let text: Option<String> = self.db.query_row(select, [job], |row| row.get(0)).optional()?;
        Ok(text.map(|text| serde_json::from_str(&text)).transpose()?)
    }

    /// Stores it; on disk when this returns.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn save_elastic(&mut self, job: &str, stored: &impl Serialize) -> anyhow::Result<()> {
        self.db.execute(
            "INSERT OR REPLACE INTO elastic VALUES (?1, ?2)",
            params![job, serde_json::to_string(stored)?],
        )?;
        Ok(())
    }

    /// Stores it with a sample and its decision, in one act. Older ones go.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn add_elastic(
        &mut self,
        job: &str,
        stored: &impl Serialize,
        (at_ms, entry): (i64, &impl Serialize),
    ) -> anyhow::Result<()> {
        // A kill of the server loses nothing; a power cut may lose the newest samples. What is done
        // about them is stored before by `save_elastic`.
        self.db.pragma_update(None, "synchronous", "NORMAL")?;
        let done = self.add(job, stored, at_ms, entry);
        self.db.pragma_update(None, "synchronous", "FULL")?;
        done
    }

    fn add(
        &mut self,
        job: &str,
        stored: &impl Serialize,
        at_ms: i64,
        entry: &impl Serialize,
    ) -> anyhow::Result<()> {
        let act = self.db.transaction()?;
        act.execute(
            "INSERT OR REPLACE INTO elastic VALUES (?1, ?2)",
            params![job, serde_json::to_string(stored)?],
        )?;
        act.execute(
            "INSERT OR REPLACE INTO elastic_history VALUES (?1, ?2, ?3)",
            params![job, at_ms, serde_json::to_string(entry)?],
        )?;
        act.execute(
            "DELETE FROM elastic_history WHERE job = ?1 AND at_ms <= (
                SELECT at_ms FROM elastic_history WHERE job = ?1
                ORDER BY at_ms DESC LIMIT 1 OFFSET ?2)",
            params![job, limits::ELASTIC_ENTRIES],
        )?;
        Ok(act.commit()?)
    }

    /// The newest samples with their decisions from `from_ms` on, the oldest first.
    ///
    /// # Errors
    /// Those of SQLite, and what cannot be understood.
    pub fn elastic_history<T: DeserializeOwned>(
        &self,
        job: &str,
        from_ms: i64,
        most: u64,
    ) -> anyhow::Result<Vec<T>> {
        read(&self.db, job, from_ms, most)
    }

    /// Forgets the samples of a job, or all of its scaling.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn forget_elastic(&mut self, job: &str, is_all: bool) -> anyhow::Result<()> {
        let act = self.db.transaction()?;
        act.execute("DELETE FROM elastic_history WHERE job = ?1", [job])?;
        if is_all {
            act.execute("DELETE FROM elastic WHERE job = ?1", [job])?;
        }
        Ok(act.commit()?)
    }
}

fn read<T: DeserializeOwned>(
    db: &Connection,
    job: &str,
    from_ms: i64,
    most: u64,
) -> anyhow::Result<Vec<T>> {
    let mut newest = db.prepare_cached(
        "SELECT entry FROM elastic_history WHERE job = ?1 AND at_ms >= ?2
         ORDER BY at_ms DESC LIMIT ?3",
    )?;
    let texts = newest.query_map(params![job, from_ms, most], |row| row.get::<_, String>(0))?;
    let mut all = Vec::new();
    for text in texts {
        all.push(serde_json::from_str(&text?)?);
    }
    all.reverse();
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_samples_stay_and_what_is_stored_is_read_by_the_next_server() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("serve.db");
        let mut state = StateFile::open(&path).unwrap();
        state.db.pragma_update(None, "synchronous", "OFF").unwrap();
        assert_eq!(state.elastic::<u64>("coast").unwrap(), None);
        let entries = limits::ELASTIC_ENTRIES + 5;
        let act = state.db.transaction().unwrap();
        for at in 0..entries {
            act.execute("INSERT INTO elastic_history VALUES ('coast', ?1, ?1)", [at]).unwrap();
        }
        act.commit().unwrap();
        state.add_elastic("coast", &7u64, (entries as i64, &1u64)).unwrap();
        state.save_elastic("other", &8u64).unwrap();
        drop(state);
        let mut state = StateFile::open(&path).unwrap();
        assert_eq!(state.elastic::<u64>("coast").unwrap(), Some(7));
        let all: Vec<u64> = state.elastic_history("coast", 0, u64::MAX >> 1).unwrap();
        assert_eq!(all.len() as u64, limits::ELASTIC_ENTRIES);
        let newest: Vec<u64> = state.elastic_history("coast", 0, 2).unwrap();
        assert_eq!(newest, [entries - 1, 1]);
        state.forget_elastic("coast", false).unwrap();
        assert!(state.elastic_history::<u64>("coast", 0, 9).unwrap().is_empty());
        assert_eq!(state.elastic::<u64>("coast").unwrap(), Some(7));
        state.forget_elastic("coast", true).unwrap();
        assert_eq!(state.elastic::<u64>("coast").unwrap(), None);
        assert_eq!(state.elastic::<u64>("other").unwrap(), Some(8));
    }
}
