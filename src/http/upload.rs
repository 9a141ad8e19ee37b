//! Files that are sent: to a server, where one is written as it comes and nothing of it is in memory
//! for long, and from it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest as _, Sha256};

/// Names of files that have not come whole begin with this.
const COMING: &str = ".new";

/// Tells the files apart that come to one process.
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// Where a file that a route takes is written.
#[derive(Clone, Debug)]
pub struct Upload {
    /// A folder, which is made.
    pub folder: PathBuf,
    /// Bytes that it may have.
    pub most_bytes: u64,
}

/// A file that is being written.
#[derive(Debug)]
pub struct UploadFile {
    file: File,
    hash: Sha256,
    of: Uploaded,
}

/// A file that has come whole and is on disk. It is deleted when this is dropped, unless somebody has
/// taken it to another place.
#[derive(Debug)]
pub struct Uploaded {
    path: PathBuf,
    bytes: u64,
    sha256: String,
}

/// A file that is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileContent {
    /// Where it is.
    pub path: PathBuf,
}

impl UploadFile {
    /// A new file in the folder that only its user can read.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn create(folder: &Path) -> io::Result<UploadFile> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("{COMING}-{}-{number}", std::process::id()));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let of = Uploaded { path, bytes: 0, sha256: String::new() };
        Ok(UploadFile { file, hash: Sha256::new(), of })
    }

    /// Writes what has come next.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.file.write_all(piece)?;
        self.hash.update(piece);
        self.of.bytes += piece.len() as u64;
        Ok(())
    }

    /// The whole file, once it is on disk.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn finish(self) -> io::Result<Uploaded> {
        let UploadFile { file, hash, mut of } = self;
        file.sync_all()?;
        of.sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(of)
    }
}

impl Uploaded {
    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its length.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Its SHA-256 in hexadecimal digits.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }
}

impl Drop for Uploaded {
    fn drop(&mut self) {
        // Gone where it was taken; what cannot be deleted is swept later.
        let _ = fs::remove_file(&self.path);
    }
}
