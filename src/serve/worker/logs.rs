//! The log of a worker: standard output and error in a file that is rotated.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use rustix::stdio::{dup2_stderr, dup2_stdout};

/// A log and the files before it: `log`, `log.1`, `log.2` and so on, the newest first.
#[derive(Clone, Debug)]
pub struct RollingLog {
    path: PathBuf,
    bytes: u64,
    files: usize,
}

impl RollingLog {
    /// A log of `files` files of about `bytes` each.
    #[must_use]
    pub fn new(path: PathBuf, bytes: u64, files: usize) -> Self {
        RollingLog { path, bytes, files }
    }

    /// Opens it at its end.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open(path: &Path) -> io::Result<File> {
        OpenOptions::new().create(true).append(true).open(path)
    }

    /// Replaces the file if it is long: this process writes to a new one from then on.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn roll(&self) -> io::Result<()> {
        if fs::metadata(&self.path).map_or(0, |file| file.len()) < self.bytes {
            return Ok(());
        }
        for number in (1..self.files).rev() {
            let older = numbered(&self.path, number);
            let newer =
                if number == 1 { self.path.clone() } else { numbered(&self.path, number - 1) };
            match fs::rename(newer, older) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        if self.files <= 1 {
            fs::remove_file(&self.path)?;
        }
        let file = RollingLog::open(&self.path)?;
        dup2_stdout(&file)?;
        dup2_stderr(&file)?;
        Ok(())
    }
}

/// The file that was replaced `number` replacements ago.
#[must_use]
pub fn numbered(path: &Path, number: usize) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    PathBuf::from(name)
}
