//! The stored state of a server: its jobs, their state changes, their history, alarms, and resources.
//!
//! One SQLite file in WAL mode. State that decides what the server does next is synced to disk
//! before it acts (`synchronous=FULL`); history and alarms are written at once, so that they
//! survive a kill, and reach the disk with the next sync.

pub mod alarms;
pub mod approvals;
pub mod audit;
pub mod drafts;
pub mod elastic;
pub mod history;
pub mod jobs;
pub mod resources;
pub mod stages;
pub mod token_requests;
pub mod tokens;
pub mod transitions;
pub mod versions;

use std::fs::{self, File, OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use rusqlite::Connection;
use seismic_queue::lock_file;

use crate::error::Usage;
use crate::time::now_ms;

/// Layout of the file; raised when it changes.
const LAYOUT: i64 = 10;

/// What makes the next layout of each that was before.
const UPGRADES: [&str; 9] = [
    // 1: alarms were of jobs alone, and rows were not followed.
    "ALTER TABLE alarms ADD COLUMN subject TEXT NOT NULL DEFAULT '';
     CREATE TABLE followed (job TEXT PRIMARY KEY, places TEXT NOT NULL) WITHOUT ROWID;",
    // 2: jobs had no versions, and nobody noted who did what.
    VERSIONS,
    // 3: refusals of the guards pushed out what was done, and hashes of versions had no key.
    GUARDED,
    // 4: nobody had a token of their own.
    TOKENS,
    // 5: every version was started, and nobody approved one.
    STAGES,
    // 6: nothing was scaled.
    elastic::TABLES,
    // 7: tokens were for every topic.
    TOPICS,
    // 8: nothing was kept for jobs.
    resources::TABLES,
    // 9: nobody asked for a token.
    token_requests::TABLES,
];

/// Topics that a token may have read and written.
const TOPICS: &str = "
    ALTER TABLE tokens ADD COLUMN selects TEXT NOT NULL DEFAULT '*';
    ALTER TABLE tokens ADD COLUMN inserts TEXT NOT NULL DEFAULT '*';
";

/// What became of each version, and which one a job is. That an author was proved is not known of
/// those before: they are submitted again before they are approved.
const STAGES: &str = "
    ALTER TABLE versions ADD COLUMN is_proved INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE versions ADD COLUMN tested TEXT;
    ALTER TABLE versions ADD COLUMN decision TEXT;
    ALTER TABLE versions ADD COLUMN decided_by TEXT;
    ALTER TABLE versions ADD COLUMN decided_ms INTEGER;
    ALTER TABLE versions ADD COLUMN decided_why TEXT;
    ALTER TABLE versions ADD COLUMN started_ms INTEGER;
    ALTER TABLE jobs ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
    UPDATE jobs SET version =
        coalesce((SELECT max(number) FROM versions WHERE versions.job = jobs.name), 0);
";

/// Tokens of persons and programs, and whether one of them says who did something.
const TOKENS: &str = "
    CREATE TABLE tokens (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        hash BLOB NOT NULL,
        roles TEXT NOT NULL,
        jobs TEXT NOT NULL,
        created_ms INTEGER NOT NULL,
        created_by TEXT NOT NULL,
        rotated_ms INTEGER,
        last_used_ms INTEGER,
        expires_ms INTEGER,
        revoked_ms INTEGER
    );
    ALTER TABLE audit ADD COLUMN is_proved INTEGER NOT NULL DEFAULT 0;
";

/// Which entries of the audit log the guards made, each kind numbered by itself, so that each pushes
/// out only its own; and the key of the hashes that are shown. An action with a path is a guard's.
const GUARDED: &str = "
    ALTER TABLE audit ADD COLUMN by_guard INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE audit ADD COLUMN place INTEGER NOT NULL DEFAULT 0;
    UPDATE audit SET place = id, by_guard = action GLOB '* /*';
    CREATE INDEX audit_of_kind ON audit (by_guard, place);
    CREATE TABLE hash_key (key BLOB NOT NULL);
    INSERT INTO hash_key (key) VALUES (randomblob(32));
";

/// Versions of jobs, and who did what.
const VERSIONS: &str = "
    CREATE TABLE versions (
        job TEXT NOT NULL,
        number INTEGER NOT NULL,
        at_ms INTEGER NOT NULL,
        author TEXT NOT NULL,
        comment TEXT NOT NULL,
        hash TEXT NOT NULL,
        description TEXT NOT NULL,
        PRIMARY KEY (job, number)
    ) WITHOUT ROWID;
    CREATE TABLE version_numbers (job TEXT PRIMARY KEY, last INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE drafts (
        job TEXT PRIMARY KEY,
        revision INTEGER NOT NULL,
        at_ms INTEGER NOT NULL,
        author TEXT NOT NULL,
        comment TEXT NOT NULL,
        base INTEGER NOT NULL,
        description TEXT
    ) WITHOUT ROWID;
    CREATE TABLE audit (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        at_ms INTEGER NOT NULL,
        who TEXT NOT NULL,
        action TEXT NOT NULL,
        job TEXT,
        version INTEGER,
        result TEXT NOT NULL,
        detail TEXT NOT NULL
    );
    CREATE INDEX audit_of_job ON audit (job, id);
";

const TABLES: &str = "
    CREATE TABLE jobs (
        name TEXT PRIMARY KEY,
        description TEXT NOT NULL,
        source TEXT,
        begin TEXT NOT NULL,
        life TEXT NOT NULL,
        created_ms INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE transitions (
        id INTEGER PRIMARY KEY,
        job TEXT NOT NULL,
        at_ms INTEGER NOT NULL,
        state TEXT NOT NULL,
        why TEXT NOT NULL,
        error TEXT
    );
    CREATE INDEX transitions_of_job ON transitions (job, id);
    CREATE TABLE history (
        job TEXT NOT NULL,
        step_s INTEGER NOT NULL,
        at_s INTEGER NOT NULL,
        point TEXT NOT NULL,
        PRIMARY KEY (job, step_s, at_s)
    ) WITHOUT ROWID;
    CREATE TABLE alarms (
        id INTEGER PRIMARY KEY,
        job TEXT NOT NULL,
        kind TEXT NOT NULL,
        text TEXT NOT NULL,
        raised_ms INTEGER NOT NULL,
        recovered_ms INTEGER,
        subject TEXT NOT NULL DEFAULT ''
    );
    CREATE TABLE followed (
        job TEXT PRIMARY KEY,
        places TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE deliveries (
        id INTEGER PRIMARY KEY,
        alarms TEXT NOT NULL,
        target TEXT NOT NULL,
        body TEXT NOT NULL,
        tries INTEGER NOT NULL DEFAULT 0,
        next_ms INTEGER NOT NULL,
        error TEXT,
        state TEXT NOT NULL DEFAULT 'waiting'
    );
";

/// The state of one server. While it is open, no other server has it.
pub struct StateFile {
    db: Connection,
    path: PathBuf,
    /// Key of the hashes of versions that are shown.
    hash_key: Vec<u8>,
    _lock: File,
}

impl StateFile {
    /// Opens the file at `path`, or makes it.
    ///
    /// # Errors
    /// When another server has it, or a newer version wrote it.
    pub fn open(path: &Path) -> anyhow::Result<StateFile> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder)
                .with_context(|| format!("making the folder {}", folder.display()))?;
        }
        let lock = lock(path)?;
        let db = connect(path)?;
        let layout: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        match layout {
            0 => {
                let all = format!(
                    "BEGIN; {TABLES} {VERSIONS} {GUARDED} {TOKENS} {STAGES} {} {TOPICS} {} {} PRAGMA user_version = {LAYOUT}; COMMIT;",
                    elastic::TABLES,
                    resources::TABLES,
                    token_requests::TABLES
                );
                db.execute_batch(&all).context("making the server's state")?;
            }
            older @ 1..LAYOUT => {
                let from = usize::try_from(older - 1).unwrap_or_default();
                let all = UPGRADES[from..].concat();
                let all = format!("BEGIN; {all} PRAGMA user_version = {LAYOUT}; COMMIT;");
                db.execute_batch(&all).context("bringing the server's state to a newer layout")?;
                tracing::info!("{}: layout {older} is {LAYOUT} now", path.display());
            }
            LAYOUT => {}
            newer => {
                let why = format!(
                    "the server's state {} has layout {newer}, and this version understands {LAYOUT}: \
                     use the newer version of seismic that wrote it, or another --state",
                    path.display()
                );
                return Err(Usage(why).into());
            }
        }
        versions::add_missing(&db, now_ms())?;
        let hash_key = db.query_row("SELECT key FROM hash_key", [], |row| row.get(0))?;
        let mut state = StateFile { db, path: path.to_owned(), hash_key, _lock: lock };
        state.sweep_resources().context("sweeping resources")?;
        Ok(state)
    }

    /// How many deliveries of alarms wait for a target.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn waiting(&self, target: &alarms::Target) -> anyhow::Result<u64> {
        alarms::waiting(&self.db, target)
    }

    /// What is not delivered of alarms.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn undelivered(&self, most: u64) -> anyhow::Result<Vec<alarms::Delivery>> {
        alarms::undelivered(&self.db, most)
    }

    /// Another connection to it, for another thread.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn connect(&self) -> anyhow::Result<Connection> {
        connect(&self.path)
    }
}

fn connect(path: &Path) -> anyhow::Result<Connection> {
    // It has the variables of jobs. SQLite gives the files beside it the mode of this one.
    let made = private().open(path);
    made.and_then(|file| file.set_permissions(Permissions::from_mode(0o600)))
        .with_context(|| format!("opening the server's state {}", path.display()))?;
    let db = Connection::open(path)
        .with_context(|| format!("opening the server's state {}", path.display()))?;
    db.busy_timeout(Duration::from_secs(30))?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    Ok(db)
}

/// Options of a file that only its user can read, made if it is not there.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true).mode(0o600);
    options
}

/// A lock that ends with the process, beside the file.
fn lock(path: &Path) -> anyhow::Result<File> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file = private()
        .open(&name)
        .with_context(|| format!("opening the lock of the server's state {}", path.display()))?;
    if !lock_file(&file).with_context(|| format!("locking {}", path.display()))? {
        let (at, by) = (path.display().to_string(), "another seismic serve".to_owned());
        return Err(seismic_queue::Error::Owned { at, by }.into());
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_server_has_the_state_and_a_newer_layout_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made/serve.db");
        let state = StateFile::open(&path).unwrap();
        for name in ["serve.db", "serve.db-wal", "serve.db.lock"] {
            let mode = fs::metadata(path.with_file_name(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        let other = StateFile::open(&path).err().unwrap().to_string();
        assert!(other.contains("another seismic serve"), "{other}");
        state.db.pragma_update(None, "user_version", LAYOUT + 1).unwrap();
        drop(state);
        let newer = StateFile::open(&path).err().unwrap().to_string();
        assert!(
            newer.contains(&format!("layout {}", LAYOUT + 1)) && newer.contains("newer version"),
            "{newer}"
        );
    }
    #[test]
    fn a_token_of_layout_7_is_for_every_topic_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("serve.db");
        let db = Connection::open(&path).unwrap();
        db.execute_batch(&format!(
            "{TABLES} {VERSIONS} {GUARDED} {TOKENS} {STAGES} {} PRAGMA user_version = 7;
             INSERT INTO tokens (name, hash, roles, jobs, created_ms, created_by)
             VALUES ('anna', zeroblob(32), 'viewer', 'coast*', 1, 'root');",
            elastic::TABLES
        ))
        .unwrap();
        drop(db);
        let known = StateFile::open(&path).unwrap().known_tokens().unwrap();
        assert_eq!(known[0].facts.topics, crate::http::TopicScope::all());
        assert!(!known[0].facts.scope.is_all());
    }

    #[test]
    fn a_version_of_layout_8_has_pinned_nothing_and_its_state_keeps_resources_from_now_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("serve.db");
        let db = Connection::open(&path).unwrap();
        db.execute_batch(&format!(
            "{TABLES} {VERSIONS} {GUARDED} {TOKENS} {STAGES} {} {TOPICS} PRAGMA user_version = 8;
             INSERT INTO versions (job, number, at_ms, author, comment, hash, description)
             VALUES ('coast', 1, 1, 'anna', '', 'h', '{{\"text\":\"a\",\"file\":\"f\"}}');",
            elastic::TABLES
        ))
        .unwrap();
        drop(db);
        let state = StateFile::open(&path).unwrap();
        let version = state.version("coast", 1).unwrap().unwrap();
        assert!(version.head.resources.is_empty() && version.description.resources.is_empty());
        assert_eq!((state.resources().unwrap().len(), state.resource_bytes().unwrap()), (0, 0));
    }

    #[test]
    fn the_audit_log_of_layout_3_tells_what_the_guards_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("serve.db");
        let db = Connection::open(&path).unwrap();
        let entry = "INSERT INTO audit (at_ms, who, action, result, detail) VALUES (1, 'a',";
        db.execute_batch(&format!(
            "{TABLES} {VERSIONS} PRAGMA user_version = 3;
             {entry} 'submit', 'done', ''); {entry} 'POST /api/v1/jobs', 'unauthorized', '');"
        ))
        .unwrap();
        drop(db);
        let mut state = StateFile::open(&path).unwrap();
        let next = audit::AuditEntry { action: "start".to_owned(), ..Default::default() };
        state.note(&next).unwrap();
        let query = audit::AuditQuery { most: 9, ..Default::default() };
        let all = query.entries(&state.db, |_| true).unwrap();
        let kinds: Vec<_> = all.iter().map(|it| (&*it.action, it.by_guard)).collect();
        assert_eq!(kinds, [("start", false), ("POST /api/v1/jobs", true), ("submit", false)]);
    }
}
