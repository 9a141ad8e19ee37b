//! Whether a file is still the one that was opened. A deleted or replaced file still accepts writes
//! through open handles, and they would be lost. An overwritten file is usually shorter: SQLite
//! never shortens our files, since nothing vacuums them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use seismic_queue::{Error, Result};

/// The file at a path, as it was when it was opened.
pub(crate) struct Identity {
    path: PathBuf,
    opened: Option<Key>,
    /// Its length when that was looked at last.
    bytes: AtomicU64,
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
        let bytes = AtomicU64::new(fs::metadata(path).map_or(0, |file| file.len()));
        Identity { path: path.to_owned(), opened: key(path), bytes }
    }

    /// # Errors
    /// [`Error::Replaced`] when another file, or none, is there now; [`Error::Overwritten`] when it
    /// is shorter than it was.
    pub(crate) fn check(&self, at: &str) -> Result<()> {
        if key(&self.path) != self.opened {
            return Err(Error::Replaced { at: at.to_owned() });
        }
        // Before the file is looked at: others look at it too, and may see it longer meanwhile.
        let known = self.bytes.load(Ordering::Relaxed);
        let bytes = fs::metadata(&self.path).map_or(0, |file| file.len());
        self.bytes.fetch_max(bytes, Ordering::Relaxed);
        if bytes < known {
            return Err(Error::Overwritten { at: at.to_owned() });
        }
        Ok(())
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
