//! The audit log: who had this server do what, when, and what came of it. Entries are only added;
//! of very many the oldest go. What the guards refused, which anybody can cause, pushes out only
//! its own kind.

use rusqlite::{Connection, Row, params};
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
    /// Whether a token says so, or it was the server itself; otherwise whoever asked said so.
    pub is_proved: bool,
    /// What: `submit`, `start` and so on.
    pub action: String,
    /// The job, where it is about one.
    pub job: Option<String>,
    /// The version that the job was when it was done, or the one that it is about.
    pub version: Option<u64>,
    /// `done`, or why not, as a word.
    pub result: String,
    /// What was said with it, or why it was refused.
    pub detail: String,
    /// Whether a guard refused it before anybody looked at what was wanted.
    #[serde(skip)]
    pub by_guard: bool,
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
        let AuditEntry {
            id: _,
            at_ms,
            who,
            is_proved,
            action,
            job,
            version,
            result,
            detail,
            by_guard,
        } = entry;
        let place: u64 = act.query_row(
            "SELECT coalesce(max(place), 0) + 1 FROM audit WHERE by_guard = ?1",
            [by_guard],
            |row| row.get(0),
        )?;
        act.execute(
            "INSERT INTO audit (at_ms, who, action, job, version, result, detail, by_guard, place, is_proved)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            params![at_ms, who, action, job, version, result, detail, by_guard, place, is_proved],
        )?;
        let most = if *by_guard { limits::AUDIT_REFUSALS } else { limits::AUDIT };
        act.execute(
            "DELETE FROM audit WHERE by_guard = ?1 AND place <= ?2",
            params![by_guard, place.saturating_sub(most)],
        )?;
        Ok(act.commit()?)
    }
}

impl AuditQuery {
    /// These entries of the state behind that connection that may be shown, the newest first. With a person or a job
    /// who did little, all entries are looked at: not in the loop of the server.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn entries(
        &self,
        db: &Connection,
        is_shown: impl Fn(&AuditEntry) -> bool,
    ) -> anyhow::Result<Vec<AuditEntry>> {
        let mut all = db.prepare(
            "SELECT id, at_ms, who, action, job, version, result, detail, by_guard, is_proved FROM audit
             WHERE (?1 IS NULL OR job = ?1) AND (?2 IS NULL OR who = ?2) AND (?3 IS NULL OR id < ?3)
             ORDER BY id DESC",
        )?;
        let AuditQuery { job, who, before, most } = self;
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
                by_guard: row.get(8)?,
                is_proved: row.get(9)?,
            })
        };
        let mut found = Vec::new();
        for entry in all.query_map(params![job, who, before], one)? {
            if found.len() as u64 >= *most {
                break;
            }
            found.extend(Some(entry?).filter(|entry| is_shown(entry)));
        }
        Ok(found)
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
            let all = AuditQuery { most: 10, ..query }.entries(&state.db, |_| true).unwrap();
            all.into_iter().map(|it| it.at_ms).collect::<Vec<_>>()
        };
        assert_eq!(times(AuditQuery::default()), [3, 2, 1]);
        assert_eq!(times(AuditQuery { job: Some("a".into()), ..Default::default() }), [3, 1]);
        assert_eq!(times(AuditQuery { who: Some("bert".into()), ..Default::default() }), [3, 2]);
        assert_eq!(times(AuditQuery { before: Some(3), ..Default::default() }), [2, 1]);
    }
    #[test]
    fn refusals_of_the_guards_push_out_only_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let mut state = StateFile::open(&folder.path().join("serve.db")).unwrap();
        state.db.pragma_update(None, "synchronous", "OFF").unwrap();
        state.note(&entry("a", "anna", 1)).unwrap();
        let refused = AuditEntry { by_guard: true, ..entry("a", "local", 2) };
        for _ in 0..limits::AUDIT_REFUSALS + 5 {
            state.note(&refused).unwrap();
        }
        let kinds = |state: &StateFile| {
            let all = AuditQuery { most: u64::MAX >> 1, ..AuditQuery::default() };
            let all = all.entries(&state.db, |_| true).unwrap();
            let refused = all.iter().filter(|it| it.by_guard).count() as u64;
            let done = all.iter().filter(|it| !it.by_guard).map(|it| it.at_ms).collect::<Vec<_>>();
            (refused, done)
        };
        state.note(&entry("a", "bert", 3)).unwrap();
        assert_eq!(kinds(&state), (limits::AUDIT_REFUSALS, vec![3, 1]));
        // As if so many had been done.
        state.db.execute("UPDATE audit SET place = ?1 WHERE at_ms = 3", [limits::AUDIT]).unwrap();
        state.note(&entry("a", "bert", 4)).unwrap();
        assert_eq!(kinds(&state), (limits::AUDIT_REFUSALS, vec![4, 3]));
    }
}
