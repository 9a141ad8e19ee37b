//! The folder of a CSV sink: its lock, its files, its commit file. All paths and fsyncs of the sink
//! are in this file; `mod.rs` explains them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use seismic_queue::lock_file;

use super::commit_file::{self, CommitFile, Refused};
use super::file_name::FileName;
use crate::{Error, Result, failpoints, limits};

const COMMIT_FILE: &str = "windows.mark";
const NEW_COMMIT_FILE: &str = "windows.mark.new";
const LOCK: &str = "windows.lock";

/// A folder that this process alone writes to, until it is dropped.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    /// The operating system releases the lock with the file, also after `kill -9`.
    _lock: File,
}

impl Folder {
    /// Makes the folder if it is missing and locks it.
    pub(crate) fn lock(path: &Path) -> Result<Self> {
        make(path)?;
        let path = path.canonicalize().map_err(Error::io(path, "opening the folder"))?;
        let lock = lock_folder(&path)?;
        Ok(Folder { path, _lock: lock })
    }

    /// The folder, absolute.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn file(&self, name: &FileName) -> PathBuf {
        self.path.join(name.to_string())
    }

    pub(crate) fn commit_path(&self) -> PathBuf {
        self.path.join(COMMIT_FILE)
    }

    pub(crate) fn commit_file(&self) -> Result<Option<CommitFile>> {
        read_commit_file(&self.path)
    }

    pub(crate) fn files(&self) -> Result<Vec<FileName>> {
        files(&self.path)
    }

    /// Replaces the commit file; after `Ok` the new one is durable, and at any moment one of both
    /// is there, whole.
    pub(crate) fn write_commit_file(&self, commit: &CommitFile) -> Result<()> {
        let (at, new) = (self.commit_path(), self.path.join(NEW_COMMIT_FILE));
        let mut file = failpoints::pass_io(failpoints::MARK_WRITE)
            .and_then(|()| File::create(&new))
            .map_err(Error::io(&new, "making the commit file"))?;
        file.write_all(&commit.encode()).map_err(Error::io(&new, "writing the commit file"))?;
        sync(&file, &new)?;
        failpoints::pass(failpoints::BEFORE_MARK_RENAME)?;
        fs::rename(&new, &at).map_err(Error::io(&at, "replacing the commit file"))?;
        self.sync()?;
        failpoints::pass(failpoints::AFTER_MARK_RENAME)
    }

    /// Makes a file that is not there yet.
    pub(crate) fn begin(&self, name: &FileName) -> Result<File> {
        let at = self.file(name);
        let made = OpenOptions::new().write(true).create_new(true).open(&at);
        made.map_err(Error::io(&at, "making the file"))
    }

    /// Opens a file of which at least `committed` bytes must be there.
    pub(crate) fn reopen(&self, name: &FileName, committed: u64) -> Result<File> {
        let at = self.file(name);
        let doing = "opening the file";
        let file = match OpenOptions::new().write(true).open(&at) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Err(Error::Short { at, have: 0, committed });
            }
            opened => opened.map_err(Error::io(&at, doing))?,
        };
        let have = file.metadata().map_err(Error::io(&at, doing))?.len();
        if have < committed { Err(Error::Short { at, have, committed }) } else { Ok(file) }
    }

    /// Whether a file begins with these bytes.
    pub(crate) fn begins_with(&self, name: &FileName, bytes: &[u8]) -> Result<bool> {
        let at = self.file(name);
        let mut head = Vec::with_capacity(bytes.len());
        let read =
            File::open(&at).and_then(|file| file.take(bytes.len() as u64).read_to_end(&mut head));
        read.map_err(Error::io(&at, "reading the file"))?;
        Ok(head == bytes)
    }

    pub(crate) fn remove(&self, name: &FileName) -> Result<()> {
        let at = self.file(name);
        fs::remove_file(&at).map_err(Error::io(&at, "deleting the file"))
    }

    /// Makes names that came, went or changed durable.
    pub(crate) fn sync(&self) -> Result<()> {
        sync_folder(&self.path)
    }
}

/// The commit file of a folder; `None` when there is none. Needs no lock: it is replaced in one
/// step.
pub(crate) fn read_commit_file(folder: &Path) -> Result<Option<CommitFile>> {
    let at = folder.join(COMMIT_FILE);
    let file = match File::open(&at) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(Error::io(&at, "opening the commit file"))?,
    };
    let mut bytes = Vec::new();
    let read = file.take(limits::COMMIT_FILE_BYTES).read_to_end(&mut bytes);
    read.map_err(Error::io(&at, "reading the commit file"))?;
    match CommitFile::decode(&bytes) {
        Ok(commit) => Ok(Some(commit)),
        Err(Refused::Damaged(what)) => Err(Error::CommitFileDamaged { at, what }),
        Err(Refused::Newer(found)) => {
            Err(Error::CommitFileNewer { at, found, known: commit_file::VERSION })
        }
    }
}

/// The files of a folder whose names are ours, in order.
pub(crate) fn files(folder: &Path) -> Result<Vec<FileName>> {
    let doing = "listing the folder";
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::io(folder, doing))? {
        let name = entry.map_err(Error::io(folder, doing))?.file_name();
        names.extend(name.to_str().and_then(|name| name.parse::<FileName>().ok()));
    }
    names.sort();
    Ok(names)
}

/// Flushes a file to the disk. A failure is never one that may be retried, whatever its reason: the
/// system may have dropped what it could not write.
pub(crate) fn sync(file: &File, at: &Path) -> Result<()> {
    failpoints::pass_io(failpoints::FSYNC)
        .and_then(|()| file.sync_all())
        .map_err(|source| Error::Io { at: at.to_owned(), doing: "flushing to the disk", source })
}

fn sync_folder(path: &Path) -> Result<()> {
    sync(&File::open(path).map_err(Error::io(path, "opening the folder"))?, path)
}

/// Makes a folder and those above it, each durable in the one above.
fn make(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if parent != path {
        make(parent)?;
    }
    match fs::create_dir(path) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
        made => made.map_err(Error::io(path, "making the folder"))?,
    }
    sync_folder(parent)
}

/// Locks the folder and names this process in the lock file.
/// Name of the sink of a folder: its path as it is from everywhere, once there is such a folder.
pub(crate) fn name(folder: &Path) -> String {
    let path = folder.canonicalize();
    format!("csv:{}", path.as_deref().unwrap_or(folder).display())
}

fn lock_folder(folder: &Path) -> Result<File> {
    let at = folder.join(LOCK);
    let doing = "locking the folder";
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&at)
        .map_err(Error::io(&at, doing))?;
    if !lock_file(&file).map_err(Error::io(&at, doing))? {
        let mut by = String::new();
        // The name is for people; without it the refusal stands all the same.
        let read = file.take(100).read_to_string(&mut by);
        let known = read.is_ok() && !by.trim().is_empty();
        let by = if known { by.trim().to_owned() } else { "another process".to_owned() };
        return Err(Error::Owned { at: folder.to_owned(), by });
    }
    file.set_len(0)
        .and_then(|()| writeln!(file, "process {}", std::process::id()))
        .map_err(Error::io(&at, doing))?;
    Ok(file)
}
