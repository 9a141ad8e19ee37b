//! The folder of a CSV sink: its lock, its files, its commit file. All paths and fsyncs of the sink
//! are in this file; `mod.rs` explains them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::commit_file::{self, CommitFile, Refused};
use super::file_name::FileName;
use crate::files::durable;
use crate::{Error, Result, limits};

const COMMIT_FILE: &str = "windows.mark";
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
        durable::make(path)?;
        let path = path.canonicalize().map_err(Error::io(path, "opening the folder"))?;
        let lock = durable::lock(&path, LOCK)?;
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
        let what =
            ["making the commit file", "writing the commit file", "replacing the commit file"];
        durable::replace(&self.commit_path(), &commit.encode(), what)
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
        durable::sync_folder(&self.path)
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

/// Name of the sink of a folder: its path as it is from everywhere, once there is such a folder.
pub(crate) fn name(folder: &Path) -> String {
    let path = folder.canonicalize();
    format!("csv:{}", path.as_deref().unwrap_or(folder).display())
}
