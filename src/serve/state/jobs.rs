//! The stored jobs of a server.

use anyhow::Context as _;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::StateFile;
use super::versions::Authorship;
use crate::job::location::Location;
use crate::serve::life::Saved;
use crate::serve::worker::order::{Begin, Description};

/// A job as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredJob {
    /// Its name.
    pub name: String,
    /// Its job file.
    pub description: Description,
    /// The file of the jobs folder that it is from; `None`: it was submitted.
    pub source: Option<String>,
    /// Where its next start begins.
    pub begin: Begin,
    /// What became of it.
    pub life: Saved,
    /// When it was submitted, ms since 1970 UTC.
    pub created_ms: i64,
    /// Its version that the description is; 0 of a further process.
    pub version: u64,
}

impl StateFile {
    /// All jobs.
    ///
    /// # Errors
    /// Those of SQLite, and what cannot be understood.
    pub fn jobs(&self) -> anyhow::Result<Vec<StoredJob>> {
        let mut all = self.db.prepare(
            "SELECT name, description, source, begin, life, created_ms, version FROM jobs ORDER BY name",
        )?;
        let mut rows = all.query([])?;
        let mut jobs = Vec::new();
        while let Some(row) = rows.next()? {
            let name: String = row.get(0)?;
            let text = |column| row.get::<_, String>(column);
            let json = || format!("reading what is stored of job {name}");
            jobs.push(StoredJob {
                description: serde_json::from_str(&text(1)?).with_context(json)?,
                source: row.get(2)?,
                begin: serde_json::from_str(&text(3)?).with_context(json)?,
                life: serde_json::from_str(&text(4)?).with_context(json)?,
                created_ms: row.get(5)?,
                version: row.get(6)?,
                name,
            });
        }
        Ok(jobs)
    }

    /// Stores a job, and its state if that has changed.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn save(&mut self, job: &StoredJob, has_changed: bool) -> anyhow::Result<()> {
        let act = self.db.transaction()?;
        put(&act, job)?;
        if has_changed {
            super::transitions::add(&act, &job.name, &job.life.standing)?;
        }
        act.commit().with_context(|| format!("storing job {}", job.name))
    }

    /// Stores a job that was submitted, with its version; the number of that, and whether it is
    /// new.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn save_submitted(
        &mut self,
        job: &StoredJob,
        has_changed: bool,
        by: &Authorship,
        now_ms: i64,
    ) -> anyhow::Result<(u64, bool)> {
        let act = self.db.transaction()?;
        let version = super::versions::add(&act, &job.name, &job.description, by, now_ms)?;
        put(&act, &StoredJob { version: version.0, ..job.clone() })?;
        if has_changed {
            super::transitions::add(&act, &job.name, &job.life.standing)?;
        }
        act.commit().with_context(|| format!("storing job {}", job.name))?;
        Ok(version)
    }

    /// Forgets a job, with all that is known of it.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn delete(&mut self, name: &str) -> anyhow::Result<()> {
        let act = self.db.transaction()?;
        for table in [
            "jobs WHERE name",
            "transitions WHERE job",
            "history WHERE job",
            "alarms WHERE job",
            "followed WHERE job",
            "versions WHERE job",
            "drafts WHERE job",
            "elastic WHERE job",
            "elastic_history WHERE job",
        ] {
            act.execute(&format!("DELETE FROM {table} = ?1"), [name])?;
        }
        Ok(act.commit()?)
    }
}

fn put(db: &Connection, job: &StoredJob) -> anyhow::Result<()> {
    db.execute(
        "INSERT INTO jobs (name, description, source, begin, life, created_ms, version)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (name) DO UPDATE SET description = ?2, source = ?3, begin = ?4, life = ?5,
             version = ?7",
        params![
            job.name,
            serde_json::to_string(&job.description)?,
            job.source,
            serde_json::to_string(&job.begin)?,
            serde_json::to_string(&job.life)?,
            job.created_ms,
            job.version
        ],
    )?;
    Ok(())
}

/// Where a job is, for those on other threads than the server's loop.
///
/// # Errors
/// When there is no such job, or its file is not understood.
pub fn location_of(db: &Connection, name: &str) -> anyhow::Result<Location> {
    let text: Option<String> = db
        .query_row("SELECT description FROM jobs WHERE name = ?1", [name], |row| row.get(0))
        .optional()?;
    let text = text.with_context(|| format!("job {name} is gone"))?;
    let description: Description = serde_json::from_str(&text)?;
    Ok(description.resolve()?.0.location())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::service::RestartPolicy;
    use crate::serve::life::{Input, Life};

    #[test]
    fn a_job_is_read_back_as_it_was_stored_and_each_change_is_a_row() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("serve.db");
        let mut state = StateFile::open(&path).unwrap();
        let mut life = Life::new(RestartPolicy::default(), false, 1);
        let mut job = StoredJob {
            name: "coast".to_owned(),
            description: Description { text: "window = '1s'".to_owned(), ..Description::default() },
            source: None,
            begin: Begin { from: Some("latest".to_owned()), ..Begin::default() },
            life: life.saved().clone(),
            created_ms: 1,
            version: 0,
        };
        state.save(&job, true).unwrap();
        life.step(2, Input::Start);
        job.life = life.saved().clone();
        state.save(&job, true).unwrap();
        drop(state);
        let mut state = StateFile::open(&path).unwrap();
        // Its first version was made when the state was opened.
        assert_eq!(state.jobs().unwrap(), [StoredJob { version: 1, ..job }]);
        let states: Vec<_> = state.transitions("coast", 10).unwrap();
        assert_eq!(
            states.iter().map(|it| it.state.name()).collect::<Vec<_>>(),
            ["starting", "created"]
        );
        state.delete("coast").unwrap();
        assert!(
            state.jobs().unwrap().is_empty() && state.transitions("coast", 10).unwrap().is_empty()
        );
    }
}
