//! The versions of each job: what was submitted, by whom, when and why. A version never changes;
//! what is submitted again as it is makes no further one. Numbers go on where a job of that name
//! was forgotten.

use std::collections::BTreeMap;

use anyhow::Context as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use sha2::{Digest as _, Sha256};

use super::stages::{Decided, Marks};
use super::{StateFile, resources};
use crate::serve::limits;
use crate::serve::worker::order::Description;

/// Who submits, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authorship {
    /// Who.
    pub author: String,
    /// What is said of it; may be empty.
    pub comment: String,
    /// Whether a token says who it is, or it was the server itself.
    pub is_proved: bool,
}

impl Authorship {
    /// Somebody who says so, without a word.
    #[must_use]
    pub fn of(author: &str) -> Authorship {
        Authorship { author: author.to_owned(), ..Authorship::default() }
    }
}

/// What is known of a version without its content.
#[derive(Clone, Debug, PartialEq)]
pub struct VersionHead {
    /// Its number, from 1.
    pub number: u64,
    /// When it was submitted, ms since 1970 UTC.
    pub at_ms: i64,
    /// By whom, and why.
    pub by: Authorship,
    /// HMAC-SHA-256 of its content with a key of this server, in hexadecimal digits: tells which
    /// versions say the same, and lets nobody try out passwords.
    pub hash: String,
    /// What became of it.
    pub marks: Marks,
    /// SHA-256 of the content of each resource that it has pinned, by name.
    pub resources: BTreeMap<String, String>,
}

/// A version.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    /// What is known of it.
    pub head: VersionHead,
    /// What was submitted, with what the server had for all jobs then.
    pub description: Description,
}

/// SHA-256 of what a description says: not of the name of its file, nor of how often it was begun
/// again. Passwords are part of it, so it does not leave the server.
fn content_hash(description: &Description) -> String {
    let Description { text, variables, server, defaults, connections, .. } = description;
    let mut all = serde_json::json!([text, variables, server, defaults.text, connections]);
    // The hash of a version that names none is the same as before there were any.
    if let (serde_json::Value::Array(all), false) = (&mut all, description.resources.is_empty()) {
        all.push(serde_json::json!(description.resources.hashes));
    }
    hexadecimal(Sha256::digest(all.to_string()))
}

fn hexadecimal(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Adds a version; the number of the newest one, and whether it is new. The same again is one where
/// the one before cannot be approved any more, or its author was not proved and this one is.
pub(super) fn add(
    db: &Connection,
    job: &str,
    description: &Description,
    by: &Authorship,
    at_ms: i64,
) -> anyhow::Result<(u64, bool)> {
    let hash = content_hash(description);
    let newest: Option<(u64, String, bool)> = db
        .query_row(
            "SELECT number, hash,
                 coalesce(decision, '') IN ('rejected', 'withdrawn') OR is_proved < ?2
             FROM versions WHERE job = ?1 ORDER BY number DESC LIMIT 1",
            params![job, by.is_proved],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .optional()?;
    if let Some((number, known, is_over)) = newest
        && known == hash
        && !is_over
    {
        return Ok((number, false));
    }
    let number = last_number(db, job)? + 1;
    db.execute(
        "INSERT INTO versions (job, number, at_ms, author, comment, hash, description, is_proved)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            job,
            number,
            at_ms,
            by.author,
            by.comment,
            hash,
            serde_json::to_string(description)?,
            by.is_proved
        ],
    )?;
    resources::pin(db, (job, number), description.resources.hashes.iter())?;
    db.execute(
        "INSERT INTO version_numbers (job, last) VALUES (?1, ?2)
         ON CONFLICT (job) DO UPDATE SET last = ?2",
        params![job, number],
    )?;
    db.execute(
        "DELETE FROM versions WHERE job = ?1 AND number <= ?2 - ?3
             AND number NOT IN (SELECT version FROM jobs WHERE name = ?1)",
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

/// Makes a first version of each job that was there before versions were, of all or of none.
pub(super) fn add_missing(db: &Connection, at_ms: i64) -> anyhow::Result<()> {
    let act = db.unchecked_transaction()?;
    add_missing_in(&act, at_ms)?;
    Ok(act.commit()?)
}

fn add_missing_in(db: &Connection, at_ms: i64) -> anyhow::Result<()> {
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
            is_proved: false,
        };
        let (number, _) = add(db, &name, &description, &by, created_ms.min(at_ms))?;
        db.execute("UPDATE jobs SET version = ?2 WHERE name = ?1", params![name, number])?;
    }
    Ok(())
}

/// Columns of a head.
pub(super) const HEAD: &str = "number, at_ms, author, comment, hash, is_proved, tested, decision, \
                               decided_by, decided_ms, decided_why, started_ms, \
                               (SELECT json_group_object(name, pins.hash) FROM pins \
                                WHERE pins.job = versions.job AND version = number) AS pinned";

impl StateFile {
    /// A head from a row that begins with the columns of one.
    pub(super) fn head_of(&self, row: &Row<'_>) -> rusqlite::Result<VersionHead> {
        let by = Authorship { author: row.get(2)?, comment: row.get(3)?, is_proved: row.get(5)? };
        let (number, at_ms, hash): (_, _, String) = (row.get(0)?, row.get(1)?, row.get(4)?);
        let tested: Option<String> = row.get(6)?;
        let decided = match row.get::<_, Option<String>>(7)?.and_then(|word| word.parse().ok()) {
            Some(what) => {
                let (by, at_ms, comment) = (row.get(8)?, row.get(9)?, row.get(10)?);
                Some(Decided { what, by, at_ms, comment })
            }
            None => None,
        };
        let marks = Marks {
            // What cannot be read shows no test.
            tested: tested.and_then(|text| serde_json::from_str(&text).ok()),
            decided,
            started_ms: row.get(11)?,
        };
        let pinned: String = row.get(12)?;
        let resources = serde_json::from_str(&pinned).unwrap_or_default();
        Ok(VersionHead { number, at_ms, by, hash: self.shown_hash(&hash), marks, resources })
    }

    /// What tells this server from others, in a few letters: the same as long as it has this state.
    #[must_use]
    pub fn short_id(&self) -> String {
        let mut id = self.shown_hash("server");
        id.truncate(6);
        id
    }

    fn shown_hash(&self, hash: &str) -> String {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.hash_key).expect("HMAC takes keys of any length");
        mac.update(hash.as_bytes());
        hexadecimal(mac.finalize().into_bytes())
    }

    /// Adds a version of a job, which stays what it is; the number of the newest one, and whether it is
    /// new.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn add_version(
        &mut self,
        job: &str,
        description: &Description,
        by: &Authorship,
        at_ms: i64,
    ) -> anyhow::Result<(u64, bool)> {
        let act = self.db.transaction()?;
        let version = add(&act, job, description, by, at_ms)?;
        act.commit()?;
        Ok(version)
    }

    /// The newest versions of a job, the newest first, without what they say.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn versions(&self, job: &str, most: u64) -> anyhow::Result<Vec<VersionHead>> {
        let mut all = self.db.prepare(&format!(
            "SELECT {HEAD} FROM versions WHERE job = ?1 ORDER BY number DESC LIMIT ?2"
        ))?;
        let rows = all.query_map(params![job, most], |row| self.head_of(row))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// One version of a job.
    ///
    /// # Errors
    /// Those of SQLite, and what cannot be understood.
    pub fn version(&self, job: &str, number: u64) -> anyhow::Result<Option<Version>> {
        let select =
            format!("SELECT {HEAD}, description FROM versions WHERE job = ?1 AND number = ?2");
        let one = |row: &Row<'_>| Ok((self.head_of(row)?, row.get::<_, String>("description")?));
        let found = self.db.query_row(&select, params![job, number], one).optional()?;
        let Some((head, text)) = found else { return Ok(None) };
        let description = serde_json::from_str(&text)
            .with_context(|| format!("reading what is stored of version {number}"))?;
        Ok(Some(Version { head, description }))
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
        let by = |author: &str| Authorship { comment: "why".to_owned(), ..Authorship::of(author) };
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
    fn a_hash_that_is_shown_is_of_this_server_alone() {
        let folder = tempfile::tempdir().unwrap();
        let shown = |name: &str| {
            let state = StateFile::open(&folder.path().join(name)).unwrap();
            add(&state.db, "a", &described("a"), &Authorship::of("x"), 1).unwrap();
            state.versions("a", 1).unwrap()[0].hash.clone()
        };
        let (one, other) = (shown("one.db"), shown("other.db"));
        assert_eq!(one, shown("one.db"), "also when it was opened again");
        assert_ne!(one, other);
        assert!(one != content_hash(&described("a")) && one.len() == 64);
    }

    #[test]
    fn jobs_from_before_versions_get_one_each_or_none_does() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("serve.db");
        let state = StateFile::open(&path).unwrap();
        let put = |name: &str, description: &str| {
            let insert = "INSERT INTO jobs VALUES (?1, ?2, NULL, '{}', '{}', 5, 0)";
            state.db.execute(insert, [name, description]).unwrap();
        };
        put("a", &serde_json::to_string(&described("a")).unwrap());
        put("b", "{");
        assert!(add_missing(&state.db, 7).is_err());
        assert_eq!(state.newest_version("a").unwrap(), 0);
        put("a/1", "{");
        state.db.execute("DELETE FROM jobs WHERE name = 'b'", []).unwrap();
        add_missing(&state.db, 7).unwrap();
        assert_eq!(state.versions("a", 9).unwrap()[0].at_ms, 5);
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
