//! Drafts: job files that are saved and not submitted, one for each job.

use anyhow::Context as _;
use rusqlite::{OptionalExtension as _, params};

use super::StateFile;
use super::versions::Authorship;
use crate::serve::worker::order::Description;

/// A draft.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// How often a draft of this job was saved: tells one from the one before.
    pub revision: u64,
    /// When it was saved, ms since 1970 UTC.
    pub at_ms: i64,
    /// By whom, and what is said of it.
    pub by: Authorship,
    /// The version of the job from which it began.
    pub base: u64,
    /// The job file.
    pub description: Description,
}

impl StateFile {
    /// The draft of a job.
    ///
    /// # Errors
    /// Those of SQLite, and what cannot be understood.
    pub fn draft(&self, job: &str) -> anyhow::Result<Option<Draft>> {
        let found = self
            .db
            .query_row(
                "SELECT revision, at_ms, author, comment, base, description FROM drafts
                 WHERE job = ?1 AND description IS NOT NULL",
                [job],
                |row| {
                    let author: String = row.get(2)?;
                    let by = Authorship { comment: row.get(3)?, ..Authorship::of(&author) };
                    let (revision, at_ms, base) = (row.get(0)?, row.get(1)?, row.get(4)?);
                    let description = Description::default();
                    let draft = Draft { revision, at_ms, by, base, description };
                    Ok((draft, row.get::<_, String>(5)?))
                },
            )
            .optional()?;
        let Some((draft, text)) = found else { return Ok(None) };
        let description = serde_json::from_str(&text).context("reading a draft")?;
        Ok(Some(Draft { description, ..draft }))
    }

    /// Saves a draft in place of the one before; its revision.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn save_draft(
        &mut self,
        job: &str,
        description: &Description,
        by: &Authorship,
        base: u64,
        at_ms: i64,
    ) -> anyhow::Result<u64> {
        let text = serde_json::to_string(description)?;
        let revision = self.db.query_row(
            "INSERT INTO drafts (job, revision, at_ms, author, comment, base, description)
             VALUES (?1, 1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (job) DO UPDATE SET revision = revision + 1, at_ms = ?2, author = ?3,
                 comment = ?4, base = ?5, description = ?6
             RETURNING revision",
            params![job, at_ms, by.author, by.comment, base, text],
            |row| row.get(0),
        )?;
        Ok(revision)
    }

    /// Forgets the draft of a job; whether there was one. Its revision is not used again.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn discard_draft(&mut self, job: &str) -> anyhow::Result<bool> {
        let discard =
            "UPDATE drafts SET description = NULL WHERE job = ?1 AND description IS NOT NULL";
        Ok(self.db.execute(discard, [job])? > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_is_replaced_and_discarded_and_revisions_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let mut state = StateFile::open(&folder.path().join("serve.db")).unwrap();
        let described =
            |text: &str| Description { text: text.to_owned(), ..Description::default() };
        let by = Authorship::of("anna");
        assert_eq!(state.draft("coast").unwrap(), None);
        assert_eq!(state.save_draft("coast", &described("a"), &by, 3, 7).unwrap(), 1);
        assert_eq!(state.save_draft("coast", &described("b"), &by, 3, 8).unwrap(), 2);
        let draft = state.draft("coast").unwrap().unwrap();
        assert_eq!((draft.revision, draft.base, &*draft.description.text), (2, 3, "b"));
        assert!(state.discard_draft("coast").unwrap());
        assert!(!state.discard_draft("coast").unwrap() && state.draft("coast").unwrap().is_none());
        assert_eq!(state.save_draft("coast", &described("c"), &by, 3, 9).unwrap(), 3);
    }
}
