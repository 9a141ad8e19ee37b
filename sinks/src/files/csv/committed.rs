//! The committed part of a CSV folder at one moment, for a backup.

use std::path::Path;

use super::folder;
use crate::Result;

/// The files that count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Bytes of the commit file that says so.
    pub mark: Vec<u8>,
    /// Names of the files, in order, with how much of each counts; `None`: all of it.
    pub files: Vec<(String, Option<u64>)>,
}

/// What counts of a folder; `None` when no sink ever wrote there. Takes no lock: the sink may write
/// on, since what counts does not change.
///
/// # Errors
/// When the commit file is damaged or the folder cannot be read.
pub fn committed_files(folder: &Path) -> Result<Option<Committed>> {
    let Some(commit) = folder::read_commit_file(folder)? else {
        return Ok(None);
    };
    let mut files = Vec::new();
    if let Some((last, bytes)) = commit.file() {
        for name in folder::files(folder)?.iter().filter(|name| name.number() < last.number()) {
            files.push((name.to_string(), None));
        }
        files.push((last.to_string(), Some(bytes)));
    }
    Ok(Some(Committed { mark: commit.encode(), files }))
}
