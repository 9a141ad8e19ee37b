//! The audit log: who had this server do what, when, and what came of it. Entries are only added;
//! of very many the oldest go.

use rusqlite::{Row, params};
use serde::Serialize;

use super::StateFile;
use crate::serve::limits;

/// What somebody wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AuditEntry {
    /// Its number.
    pub id: u64,
    /// When, ms since 1970 UTC.
    pub at_ms: i64,
    /// Who.
    pub who: String,
    /// What: `submit`, `start` and so on.
    pub action: String,
    /// The job, where it is about one.
    pub job: Option<String>,
    /// The job's newest version when it was done, or the one that was made.
    pub version: Option<u64>,
    /// `done`, or why not, as a word.
    pub result: String,
    /// What was said with it, or why it was refused.
    pub detail: String,
}

/// Which entries are shown.
#[derive(Clone, Debug, Default)]
pub struct AuditQuery {
    /// Those of this job.
    pub job: Option<String>,
    /// Those of this person.
    pub who: Option<String>,
    /// Those before this one.
    pub before: Option<u64>,
    /// How many at most.
    pub most: u64,
}

impl StateFile {
    /// Adds an entry; its number is given here.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn note(&mut self, entry: &AuditEntry) -> anyhow::Result<()> {
        let act = self.db.transaction()?;
        let AuditEntry { id: _, at_ms, who, action, job, version, result, detail } = entry;
        act.execute(
            "INSERT INTO audit (at_ms, who, action, job, version, result, detail)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![at_ms, who, action, job, version, result, detail],
        )?;
        act.execute(
            "DELETE FROM audit WHERE id <= (SELECT max(id) FROM audit) - ?1",
            [limits::AUDIT],
        )?;
        Ok(act.commit()?)
    }

    /// Entries, the newest first.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn audit(&self, query: &AuditQuery) -> anyhow::Result<Vec<AuditEntry>> {
        let mut all = self.db.prepare(
            "SELECT id, at_ms, who, action, job, version, result, detail FROM audit
             WHERE (?1 IS NULL OR job = ?1) AND (?2 IS NULL OR who = ?2) AND (?3 IS NULL OR id < ?3)
             ORDER BY id DESC LIMIT ?4",
        )?;
        let AuditQuery { job, who, before, most } = query;
        let one = |row: &Row<'_>| {
            Ok(AuditEntry {
                id: row.get(0)?,
                at_ms: row.get(1)?,
                who: row.get(2)?,
                action: row.get(3)?,
                job: row.get(4)?,
                version: row.get(5)?,
                result: row.get(6)?,
                detail: row.get(7)?,
            })
        };
        Ok(all.query_map(params![job, who, before, most], one)?.collect::<Result<_, _>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(job: &str, who: &str, at_ms: i64) -> AuditEntry {
        AuditEntry {
            at_ms,
            who: who.to_owned(),
            action: "start".to_owned(),
            job: Some(job.to_owned()),
            version: Some(2),
            result: "done".to_owned(),
            ..AuditEntry::default()
        }
    }

    #[test]
    fn entries_are_found_by_job_and_person_and_stay_when_a_job_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let mut state = StateFile::open(&folder.path().join("serve.db")).unwrap();
        for (job, who, at_ms) in [("a", "anna", 1), ("b", "bert", 2), ("a", "bert", 3)] {
            state.note(&entry(job, who, at_ms)).unwrap();
        }
        state.delete("a").unwrap();
        let times = |query: AuditQuery| {
            let all = state.audit(&AuditQuery { most: 10, ..query }).unwrap();
            all.into_iter().map(|it| it.at_ms).collect::<Vec<_>>()
        };
        assert_eq!(times(AuditQuery::default()), [3, 2, 1]);
        assert_eq!(times(AuditQuery { job: Some("a".into()), ..Default::default() }), [3, 1]);
        assert_eq!(times(AuditQuery { who: Some("bert".into()), ..Default::default() }), [3, 2]);
        assert_eq!(times(AuditQuery { before: Some(3), ..Default::default() }), [2, 1]);
    }
}
