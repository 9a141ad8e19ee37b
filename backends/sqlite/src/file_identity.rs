//! Whether a file is still the one that was opened. One that was deleted or replaced still takes
//! writes through its open handles, which nobody will ever find.

use std::fs;
use std::path::{Path, PathBuf};

use seismic_queue::{Error, Result};

/// The file at a path, as it was when it was opened.
pub(crate) struct Identity {
    path: PathBuf,
    opened: Option<Key>,
}

/// Device and number of a file on it.
#[cfg(unix)]
type Key = (u64, u64);
/// Elsewhere a file that is open cannot be taken away.
#[cfg(not(unix))]
type Key = ();

impl Identity {
    /// To be called right after opening.
    pub(crate) fn of(path: &Path) -> Self {
        Identity { path: path.to_owned(), opened: key(path) }
    }

    /// # Errors
    /// [`Error::Replaced`] when another file, or none, is there now.
    pub(crate) fn check(&self, at: &str) -> Result<()> {
        if key(&self.path) == self.opened {
            return Ok(());
        }
        Err(Error::Replaced { at: at.to_owned() })
    }
}

#[cfg(unix)]
fn key(path: &Path) -> Option<Key> {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

#[cfg(not(unix))]
fn key(path: &Path) -> Option<Key> {
    fs::metadata(path).ok().map(drop)
}
