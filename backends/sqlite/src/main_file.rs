//! The content of the main file alone, without the commits in its WAL.
//!
//! If another file of the same length is copied over it, this goes unnoticed as long as the WAL has
//! the pages that are read: SQLite reads these from the WAL and the others from the foreign file.
//! Only a checkpoint writes to the main file, and only newer pages. So its content never goes back;
//! an older copy has less.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use crate::limits;

#[cfg(unix)]
use crate::read_only;

/// The file at a path, as it was when that was looked at last.
pub(crate) struct MainFile {
    path: PathBuf,
    seen: Mutex<LastLook>,
}

#[derive(Default)]
struct LastLook {
    /// Messages in it when it was read last; `None` before that.
    messages: Option<u64>,
    /// When it had been changed then.
    changed: Option<SystemTime>,
    /// When a file was changed that has fewer, and since when that is known: nothing is said as
    /// long as a checkpoint may be under way, which leaves pages of two moments.
    doubtful: Option<(Option<SystemTime>, Instant)>,
}

impl MainFile {
    pub(crate) fn at(path: &Path) -> Self {
        MainFile { path: path.to_owned(), seen: Mutex::default() }
    }

    /// Whether another file was written over it, as far as two looks show it that are
    /// [`limits::DOUBT`] apart, whoever takes them. Reads the file only when it was changed since.
    pub(crate) fn is_overwritten(&self) -> bool {
        let changed = fs::metadata(&self.path).and_then(|file| file.modified()).ok();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if changed.is_none() || changed == seen.changed {
            return false;
        }
        match (self.contents(), seen.messages) {
            (Contents::Unreadable, _) | (Contents::Others, None) => false,
            (Contents::Messages(now), known) if known.is_none_or(|known| now >= known) => {
                *seen = LastLook { messages: Some(now), changed, doubtful: None };
                false
            }
            _ => match seen.doubtful {
                Some((doubted, since)) if doubted == changed => since.elapsed() >= limits::DOUBT,
                _ => {
                    seen.doubtful = Some((changed, Instant::now()));
                    false
                }
            },
        }
    }

    #[cfg(unix)]
    fn contents(&self) -> Contents {
        use rusqlite::ErrorCode::{NotADatabase, Unknown};
        let sum = "SELECT coalesce(sum(next), 0) FROM partition";
        let read = read_only::open_without_wal(&self.path)
            .and_then(|db| db.query_row(sum, [], |row| row.get(0)));
        match read {
            Ok(messages) => Contents::Messages(messages),
            // The last one is that there is no such table. What does not fit together says nothing:
            // a checkpoint writes the first page, which has the length, before it makes the file
            // longer, and may freeze between the two.
            Err(error) => match error.sqlite_error_code() {
                Some(NotADatabase | Unknown) => Contents::Others,
                _ => Contents::Unreadable,
            },
        }
    }

    #[cfg(not(unix))]
    fn contents(&self) -> Contents {
        Contents::Unreadable
    }
}

/// What was found in a file.
#[cfg_attr(not(unix), allow(dead_code))]
enum Contents {
    /// So many messages, all partitions together.
    Messages(u64),
    /// Something else, or nothing yet: everything is in the WAL.
    Others,
    /// It could not be read at this moment, or does not fit together.
    Unreadable,
}
