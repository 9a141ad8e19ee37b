//! The contents of a backup: `manifest.json`.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use anyhow::Context as _;
use seismic_queue::Topic;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Its name in the folder.
pub const NAME: &str = "manifest.json";

/// Layout that this program writes and reads.
const VERSION: u32 = 1;

/// What a backup holds.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Layout of this file.
    pub seismic_backup: u32,
    /// When it was complete, ms since 1970 UTC.
    pub made_ms: i64,
    /// Name of the job.
    pub group: String,
    /// Its input topic.
    pub topic: String,
    /// Where the queue was.
    pub queue: String,
    /// Name of its copy; `None` when the queue is a cluster, which has backups of its own.
    pub queue_file: Option<String>,
    /// Where the store was.
    pub store: String,
    /// Name of its copy.
    pub store_file: String,
    /// Name of the copy of the store of the first step, for a job that repartitions its input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_step_file: Option<String>,
    /// The CSV folders.
    pub csv: Vec<CsvFolder>,
    /// Position of the job in each partition, as far as it has one.
    pub positions: Vec<Option<u64>>,
    /// Every file but this one, by its path in the backup.
    pub files: Vec<BackupFile>,
}

/// A CSV folder.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CsvFolder {
    /// Where it was.
    pub from: PathBuf,
    /// Name of its copy.
    pub folder: String,
}

/// A file of a backup.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BackupFile {
    /// Its path in the backup.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, as hexadecimal digits.
    pub sha256: String,
}

impl Manifest {
    /// One without files yet.
    pub fn new(group: &str, topic: &str, queue: String, store: String) -> Self {
        Manifest {
            seismic_backup: VERSION,
            made_ms: 0,
            group: group.to_owned(),
            topic: topic.to_owned(),
            queue,
            queue_file: None,
            store,
            store_file: String::new(),
            first_step_file: None,
            csv: Vec::new(),
            positions: Vec::new(),
            files: Vec::new(),
        }
    }

    /// That of a backup.
    ///
    /// # Errors
    /// When the folder holds none, or one of another version.
    pub fn read(backup: &Path) -> anyhow::Result<Manifest> {
        let at = backup.join(NAME);
        let text = std::fs::read_to_string(&at).with_context(|| {
            format!(
                "{} cannot be read: the folder holds no backup, or an unfinished one",
                at.display()
            )
        })?;
        let manifest: Manifest = serde_json::from_str(&text)
            .with_context(|| format!("{} is not what a backup writes", at.display()))?;
        let version = manifest.seismic_backup;
        anyhow::ensure!(
            version == VERSION,
            "{} has layout {version}, and this program knows {VERSION}",
            at.display()
        );
        if let Some(fault) = manifest.fault() {
            anyhow::bail!(
                "{} is not what a backup writes, and nothing of it is used: {fault}",
                at.display()
            );
        }
        Ok(manifest)
    }

    /// What no backup says. A folder that came from elsewhere may say anything, and nothing outside
    /// of it and of the places of a restore may be read or written.
    fn fault(&self) -> Option<String> {
        if Topic::check_name(&self.group).is_err() {
            return Some(format!("{:?} is not a valid group name", self.group));
        }
        let files = self.files.iter().map(|file| &*file.path);
        let copies = self.queue_file.iter().chain(&self.first_step_file);
        let copies = copies.chain([&self.store_file]).map(Path::new);
        let folders = self.csv.iter().map(|csv| Path::new(&csv.folder));
        if let Some(path) = files.chain(copies.clone()).chain(folders).find(|it| !is_inside(it)) {
            return Some(format!("{path:?} is not a path inside the backup"));
        }
        let is_listed = |path: &&Path| self.files.iter().any(|file| file.path == **path);
        let missing = copies.into_iter().find(|path| !is_listed(path))?;
        Some(format!("{missing:?} is not among its files"))
    }

    /// Notes a file of the backup as it is now.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn add(&mut self, backup: &Path, path: impl Into<PathBuf>) -> anyhow::Result<()> {
        let path = path.into();
        let at = backup.join(&path);
        let (bytes, sha256) = sum(&at).with_context(|| format!("reading {}", at.display()))?;
        self.files.push(BackupFile { path, bytes, sha256 });
        Ok(())
    }

    /// Compares every file with what was noted.
    ///
    /// # Errors
    /// Naming each that is missing or differs.
    pub fn check(&self, backup: &Path) -> anyhow::Result<()> {
        let mut faults = Vec::new();
        for file in &self.files {
            let at = backup.join(&file.path);
            match sum(&at) {
                Ok((bytes, sha256)) if (bytes, &sha256) == (file.bytes, &file.sha256) => {}
                Ok((bytes, _)) if bytes != file.bytes => {
                    faults.push(format!("{} has {bytes} bytes, not {}", at.display(), file.bytes))
                }
                Ok(_) => faults.push(format!("{} has other content", at.display())),
                Err(error) => faults.push(format!("{}: {error}", at.display())),
            }
        }
        anyhow::ensure!(faults.is_empty(), "the backup is damaged: {}", faults.join("; "));
        Ok(())
    }
}

/// Whether a path stays in the folder that it is relative to.
fn is_inside(path: &Path) -> bool {
    let mut parts = path.components().peekable();
    parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_)))
}

/// Length and SHA-256 of a file.
fn sum(path: &Path) -> io::Result<(u64, String)> {
    let (mut file, mut hasher, mut bytes) = (File::open(path)?, Sha256::new(), 0);
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = match file.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        if read == 0 {
            let digits = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
            return Ok((bytes, digits));
        }
        bytes += read as u64;
        hasher.update(&buffer[..read]);
    }
}
