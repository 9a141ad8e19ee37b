//! Resources: files that a server keeps for jobs and tests, by name. A content is a file in a folder
//! beside the state, named by its SHA-256; names, sizes and what versions of jobs have pinned are in
//! the state. What decides is the state: a content that it does not know is no content, and is swept
//! when the next server begins.
//!
//! A content is whole and on disk before the state knows it, and its file is deleted after the state
//! has forgotten it.

mod files;

use anyhow::Context as _;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use seismic_queue::failpoints;
use serde::Serialize;

pub use self::files::folder_beside;
use super::StateFile;
use crate::error::Usage;
use crate::http::Uploaded;
use crate::job::file::pinned::ResourceName;
use crate::serve::limits;

/// Its tables. What a version has pinned goes with it, whoever deletes it.
pub(super) const TABLES: &str = "
    CREATE TABLE resources (
        name TEXT PRIMARY KEY,
        hash TEXT NOT NULL,
        at_ms INTEGER NOT NULL,
        author TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE contents (hash TEXT PRIMARY KEY, bytes INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE pins (
        job TEXT NOT NULL,
        version INTEGER NOT NULL,
        name TEXT NOT NULL,
        hash TEXT NOT NULL,
        PRIMARY KEY (job, version, name)
    ) WITHOUT ROWID;
    CREATE INDEX pins_of_hash ON pins (hash);
    CREATE TRIGGER unpinned AFTER DELETE ON versions BEGIN
        DELETE FROM pins WHERE job = old.job AND version = old.number;
    END;
";

/// A content is placed, and the state does not know it yet.
const PLACED: &str = "resource-placed";
/// The state has what it is to have, and files that it has forgotten are still there.
const FORGOTTEN: &str = "resource-forgotten";

/// A resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Resource {
    /// Its name.
    pub name: String,
    /// SHA-256 of its content, in hexadecimal digits.
    pub sha256: String,
    /// Bytes of its content.
    pub bytes: u64,
    /// When it was put, ms since 1970 UTC.
    pub at_ms: i64,
    /// By whom.
    pub author: String,
}

/// A job of which versions have pinned a content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinnedBy {
    /// Its name.
    pub job: String,
    /// The newest of these versions.
    pub version: u64,
    /// How many there are.
    pub versions: u64,
}

/// How much a server keeps.
#[derive(Clone, Copy, Debug)]
pub struct ResourceLimits {
    /// Names.
    pub names: u64,
    /// Bytes of all contents, those of versions too.
    pub bytes: u64,
}

impl Default for ResourceLimits {
    fn default() -> ResourceLimits {
        ResourceLimits { names: limits::RESOURCES, bytes: limits::RESOURCES_BYTES }
    }
}

const SELECT: &str = "SELECT name, hash, contents.bytes, at_ms, author
                      FROM resources JOIN contents USING (hash)";

fn resource(row: &Row<'_>) -> rusqlite::Result<Resource> {
    Ok(Resource {
        name: row.get(0)?,
        sha256: row.get(1)?,
        bytes: row.get(2)?,
        at_ms: row.get(3)?,
        author: row.get(4)?,
    })
}

impl StateFile {
    /// All resources, in order of names.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn resources(&self) -> anyhow::Result<Vec<Resource>> {
        let mut all = self.db.prepare_cached(&format!("{SELECT} ORDER BY name"))?;
        Ok(all.query_map([], resource)?.collect::<Result<_, _>>()?)
    }

    /// The resource of that name.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn resource(&self, name: &ResourceName) -> anyhow::Result<Option<Resource>> {
        let mut one = self.db.prepare_cached(&format!("{SELECT} WHERE name = ?1"))?;
        Ok(one.query_row([name.as_str()], resource).optional()?)
    }

    /// Bytes of all contents that are kept.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn resource_bytes(&self) -> anyhow::Result<u64> {
        Ok(kept_bytes(&self.db)?)
    }

    /// Whether there is a content with that hash.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn has_content(&self, hash: &str) -> anyhow::Result<bool> {
        let found = self.db.query_row("SELECT 1 FROM contents WHERE hash = ?1", [hash], |_| Ok(()));
        Ok(found.optional()?.is_some())
    }

    /// The jobs of which versions have pinned this content under this name.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn pinned_by(&self, name: &str, hash: &str) -> anyhow::Result<Vec<PinnedBy>> {
        let mut all = self.db.prepare_cached(
            "SELECT job, max(version), count(*) FROM pins WHERE name = ?1 AND hash = ?2
             GROUP BY job ORDER BY job",
        )?;
        let one = |row: &Row<'_>| {
            Ok(PinnedBy { job: row.get(0)?, version: row.get(1)?, versions: row.get(2)? })
        };
        Ok(all.query_map([name, hash], one)?.collect::<Result<_, _>>()?)
    }

    /// Has a name mean a content that has come; what it was before stays for versions that have it.
    ///
    /// # Errors
    /// [`Usage`] where there would be more than `most`, and those of SQLite and the file system. Then
    /// everything is as it was.
    pub fn put_resource(
        &mut self,
        name: &ResourceName,
        content: &Uploaded,
        most: ResourceLimits,
        author: &str,
        at_ms: i64,
    ) -> anyhow::Result<Resource> {
        let folder = folder_beside(&self.path);
        let act = self.db.transaction()?;
        act.execute(
            "INSERT INTO contents (hash, bytes) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            params![content.sha256(), content.bytes()],
        )?;
        act.execute(
            "INSERT INTO resources (name, hash, at_ms, author) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (name) DO UPDATE SET hash = ?2, at_ms = ?3, author = ?4",
            params![name.as_str(), content.sha256(), at_ms, author],
        )?;
        let forgotten = forget_unused(&act)?;
        check_limits(&act, most)?;
        files::place(content, &folder).context("keeping the content of a resource")?;
        failpoints::pass(name.as_str(), PLACED)?;
        let put = act.query_row(&format!("{SELECT} WHERE name = ?1"), [name.as_str()], resource)?;
        act.commit()?;
        failpoints::pass(name.as_str(), FORGOTTEN)?;
        files::delete(&folder, &forgotten);
        Ok(put)
    }

    /// Forgets a name, and its content where nothing else has it; whether there was one.
    ///
    /// # Errors
    /// [`Usage`] where a version that is kept has pinned it, with the job if that may be said.
    pub fn delete_resource(
        &mut self,
        name: &ResourceName,
        may_be_said: impl Fn(&str) -> bool,
    ) -> anyhow::Result<bool> {
        let Some(known) = self.resource(name)? else { return Ok(false) };
        let pinned = self.pinned_by(name.as_str(), &known.sha256)?;
        if !pinned.is_empty() {
            let first = pinned.iter().find(|it| may_be_said(&it.job));
            let all: u64 = pinned.iter().map(|it| it.versions).sum();
            let why = match first {
                None => "a job of another project has pinned its content".to_owned(),
                Some(PinnedBy { job, version, .. }) => {
                    let more = match all - 1 {
                        0 => String::new(),
                        1 => " and another version".to_owned(),
                        more => format!(" and {more} other versions"),
                    };
                    format!(
                        "version {version} of job {job}{more} has pinned its content; it can be deleted \
                         when the server has forgotten the job (`seismic job delete {job}`)"
                    )
                }
            };
            return Err(Usage(format!("the resource {name} is kept: {why}")).into());
        }
        let act = self.db.transaction()?;
        act.execute("DELETE FROM resources WHERE name = ?1", [name.as_str()])?;
        let forgotten = forget_unused(&act)?;
        act.commit()?;
        failpoints::pass(name.as_str(), FORGOTTEN)?;
        files::delete(&folder_beside(&self.path), &forgotten);
        Ok(true)
    }

    /// Forgets contents that neither a name nor a version has, and deletes every file of the folder
    /// that is no content: what a death has left.
    ///
    /// # Errors
    /// Those of SQLite.
    pub(super) fn sweep_resources(&mut self) -> anyhow::Result<()> {
        let act = self.db.transaction()?;
        forget_unused(&act)?;
        let mut all = act.prepare("SELECT hash FROM contents")?;
        let kept: Vec<String> = all.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        drop(all);
        act.commit()?;
        files::sweep(&folder_beside(&self.path), kept.into_iter().collect());
        Ok(())
    }
}

/// Stores what a version has pinned.
pub(super) fn pin<'a>(
    db: &Connection,
    (job, version): (&str, u64),
    pinned: impl Iterator<Item = (&'a String, &'a String)>,
) -> rusqlite::Result<()> {
    for (name, hash) in pinned {
        db.execute(
            "INSERT INTO pins (job, version, name, hash) VALUES (?1, ?2, ?3, ?4)",
            params![job, version, name, hash],
        )?;
    }
    Ok(())
}

/// Forgets contents that neither a name nor a version has; their hashes.
fn forget_unused(db: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut unused = db.prepare_cached(
        "DELETE FROM contents WHERE hash NOT IN (SELECT hash FROM resources)
             AND hash NOT IN (SELECT hash FROM pins) RETURNING hash",
    )?;
    unused.query_map([], |row| row.get(0))?.collect()
}

fn kept_bytes(db: &Connection) -> rusqlite::Result<u64> {
    db.query_row("SELECT coalesce(sum(bytes), 0) FROM contents", [], |row| row.get(0))
}

fn check_limits(db: &Connection, most: ResourceLimits) -> anyhow::Result<()> {
    let names: u64 = db.query_row("SELECT count(*) FROM resources", [], |row| row.get(0))?;
    let bytes = kept_bytes(db)?;
    if names > most.names {
        let why = format!(
            "this server keeps {} resources at most: delete one with `seismic resource delete` first",
            most.names
        );
        return Err(Usage(why).into());
    }
    if bytes > most.bytes {
        let why = format!(
            "resources would take {bytes} bytes with those that versions of jobs have pinned, and this \
             server keeps {} at most: delete resources, or jobs whose versions have old contents, first",
            most.bytes
        );
        return Err(Usage(why).into());
    }
    Ok(())
}

#[cfg(test)]
mod tests;
