//! The identity of a file, and its length.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What stays the same while a file is renamed or grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct FileId(u64, u64);

impl FileId {
    pub(super) fn of(meta: &Metadata) -> Self {
        FileId(meta.dev(), meta.ino())
    }

    /// Whether a path leads to this file.
    pub(super) fn is_at(self, path: &Path) -> bool {
        fs::metadata(path).is_ok_and(|meta| FileId::of(&meta) == self)
    }
}

/// A file as it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileState {
    pub(super) id: FileId,
    pub(super) length: u64,
}

impl FileState {
    pub(super) fn of(meta: &Metadata) -> Self {
        FileState { id: FileId::of(meta), length: meta.len() }
    }
}
