//! The versions of each job: what was submitted, by whom, when and why. A version never changes;
//! what is submitted again as it is makes no further one. Numbers go on where a job of that name
//! was forgotten.

use anyhow::Context as _;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use sha2::{Digest as _, Sha256};

use super::StateFile;
use crate::serve::limits;
use crate::serve::worker::order::Description;

/// Who submits, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authorship {
    /// Who.
    pub author: String,
    /// What is said of it; may be empty.
    pub comment: String,
}

impl Authorship {
    /// Somebody, without a word.
    #[must_use]
    pub fn of(author: &str) -> Authorship {
        Authorship { author: author.to_owned(), comment: String::new() }
    }
}

/// A version.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    /// Its number, from 1.
    pub number: u64,
    /// When it was submitted, ms since 1970 UTC.
    pub at_ms: i64,
    /// By whom, and why.
    pub by: Authorship,
    /// SHA-256 of its content, in hexadecimal digits.
    pub hash: String,
    /// What was submitted, with what the server had for all jobs then.
    pub description: Description,
}

/// SHA-256 of what a description says: not of the name of its file, nor of how often it was begun
/// again.
#[must_use]
pub fn content_hash(description: &Description) -> String {
    let Description { text, variables, server, defaults, connections, .. } = description;
    let all = serde_json::json!([text, variables, server, defaults.text, connections]).to_string();
    Sha256::digest(all).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Adds a version; the number of the newest one, and whether it is new.
pub(super) fn add(
    db: &Connection,
    job: &str,
    description: &Description,
    by: &Authorship,
    at_ms: i64,
) -> anyhow::Result<(u64, bool)> {
    let hash = content_hash(description);
    let newest: Option<(u64, String)> = db
        .query_row(
            "SELECT number, hash FROM versions WHERE job = ?1 ORDER BY number DESC LIMIT 1",
            [job],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    if let Some((number, known)) = newest
        && known == hash
    {
        return Ok((number, false));
    }
    let number = last_number(db, job)? + 1;
    db.execute(
        "INSERT INTO versions (job, number, at_ms, author, comment, hash, description)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            job,
            number,
            at_ms,
            by.author,
            by.comment,
            hash,
            serde_json::to_string(description)?
        ],
    )?;
    db.execute(
        "INSERT INTO version_numbers (job, last) VALUES (?1, ?2)
         ON CONFLICT (job) DO UPDATE SET last = ?2",
        params![job, number],
    )?;
    db.execute(
        "DELETE FROM versions WHERE job = ?1 AND number <= ?2 - ?3",
        params![job, number, limits::VERSIONS],
    )?;
    Ok((number, true))
}

fn last_number(db: &Connection, job: &str) -> rusqlite::Result<u64> {
    let last = db
        .query_row("SELECT last FROM version_numbers WHERE job = ?1", [job], |row| row.get(0))
        .optional()?;
    Ok(last.unwrap_or_default())
}

/// Makes a first version of each job that was there before versions were.
pub(super) fn add_missing(db: &Connection, at_ms: i64) -> anyhow::Result<()> {
    let mut jobs = db.prepare(
        "SELECT name, description, created_ms FROM jobs
         WHERE name NOT LIKE '%/%' AND name NOT IN (SELECT job FROM versions)",
    )?;
    let one = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let all: Vec<(String, String, i64)> = jobs.query_map([], one)?.collect::<Result<_, _>>()?;
    for (name, text, created_ms) in all {
        let description: Description = serde_json::from_str(&text)
            .with_context(|| format!("reading what is stored of job {name}"))?;
        let by = Authorship {
            author: "server".to_owned(),
            comment: "as it was before versions were kept".to_owned(),
        };
        add(db, &name, &description, &by, created_ms.min(at_ms))?;
    }
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<(Version, String)> {
    let by = Authorship { author: row.get(2)?, comment: row.get(3)? };
    let (number, at_ms, hash) = (row.get(0)?, row.get(1)?, row.get(4)?);
    Ok((Version { number, at_ms, by, hash, description: Description::default() }, row.get(5)?))
}

fn whole((version, text): (Version, String)) -> anyhow::Result<Version> {
    let description = serde_json::from_str(&text)
        .with_context(|| format!("reading what is stored of version {}", version.number))?;
    Ok(Version { description, ..version })
}

const COLUMNS: &str = "number, at_ms, author, comment, hash, description";

impl StateFile {
    /// The newest versions of a job, the newest first.
    ///
    /// # Errors
    /// Those of SQLite, and what cannot be understood.
    pub fn versions(&self, job: &str, most: u64) -> anyhow::Result<Vec<Version>> {
        let mut all = self.db.prepare(&format!(
            "SELECT {COLUMNS} FROM versions WHERE job = ?1 ORDER BY number DESC LIMIT ?2"
        ))?;
        let rows = all.query_map(params![job, most], read)?;
        rows.map(|row| whole(row?)).collect()
    }

    /// One version of a job.
    ///
    /// # Errors
    /// As [`StateFile::versions`].
    pub fn version(&self, job: &str, number: u64) -> anyhow::Result<Option<Version>> {
        let select = format!("SELECT {COLUMNS} FROM versions WHERE job = ?1 AND number = ?2");
        let found = self.db.query_row(&select, params![job, number], read).optional()?;
        found.map(whole).transpose()
    }

    /// Number of the newest version that there is, or ever was, of a job of that name; 0 without
    /// one.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn newest_version(&self, job: &str) -> anyhow::Result<u64> {
        Ok(last_number(&self.db, job)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(text: &str) -> Description {
        Description { text: text.to_owned(), ..Description::default() }
    }

    #[test]
    fn each_other_content_is_a_version_and_numbers_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let mut state = StateFile::open(&folder.path().join("serve.db")).unwrap();
        let by = |author: &str| Authorship { author: author.to_owned(), comment: "why".to_owned() };
        let add = |state: &StateFile, text: &str, author: &str| {
            add(&state.db, "coast", &described(text), &by(author), 7).unwrap()
        };
        assert_eq!(state.newest_version("coast").unwrap(), 0);
        assert_eq!(add(&state, "a", "anna"), (1, true));
        assert_eq!(add(&state, "a", "bert"), (1, false), "the same again is no version");
        assert_eq!(add(&state, "b", "bert"), (2, true));
        assert_eq!(add(&state, "a", "anna"), (3, true), "what was before is one again");
        let all = state.versions("coast", 10).unwrap();
        assert_eq!(all.iter().map(|it| it.number).collect::<Vec<_>>(), [3, 2, 1]);
        assert_eq!((all[0].hash.clone(), all[1].by.clone()), (all[2].hash.clone(), by("bert")));
        assert_eq!(state.version("coast", 2).unwrap().unwrap().description.text, "b");
        assert_eq!(state.version("coast", 4).unwrap(), None);
        state.delete("coast").unwrap();
        assert_eq!(state.versions("coast", 10).unwrap(), []);
        assert_eq!(add(&state, "a", "anna"), (4, true), "a number means one thing for ever");
    }

    #[test]
    fn the_hash_is_of_the_content_alone() {
        let file = Description { file: "other.toml".to_owned(), rerun: 3, ..described("a") };
        assert_eq!(content_hash(&file), content_hash(&described("a")));
        assert_ne!(content_hash(&described("a")), content_hash(&described("b")));
        let mut with = described("a");
        with.variables.insert("x".to_owned(), "y".to_owned());
        assert_ne!(content_hash(&with), content_hash(&described("a")));
        assert_eq!(content_hash(&described("a")).len(), 64);
    }

    #[test]
    fn only_so_many_versions_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFile::open(&folder.path().join("serve.db")).unwrap();
        state.db.pragma_update(None, "synchronous", "OFF").unwrap();
        for number in 0..limits::VERSIONS + 3 {
            add(&state.db, "a", &described(&number.to_string()), &Authorship::of("x"), 1).unwrap();
        }
        let all = state.versions("a", u64::MAX >> 1).unwrap();
        assert_eq!(all.len() as u64, limits::VERSIONS);
        assert_eq!(all[0].number, limits::VERSIONS + 3);
    }
}
