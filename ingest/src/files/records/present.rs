//! The existing files among those named, and in the folders named.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::file_id::FileState;

/// The regular files that are there now, by path. One that has several names, by links, is there
/// once, rather under a name of its own than under a symbolic link.
pub(super) fn present(named: &[PathBuf]) -> Vec<(PathBuf, FileState)> {
    let mut files: Vec<_> = named.iter().flat_map(|named| listed(named)).collect();
    files.sort_by_cached_key(|(path, _)| (path.is_symlink(), path.clone()));
    let mut seen = HashSet::new();
    files.retain(|(_, state)| seen.insert(state.id));
    files.sort_by(|a, b| a.0.cmp(&b.0));
    files
}

/// A file itself, or the files of a folder, without those that are hidden.
fn listed(named: &Path) -> Vec<(PathBuf, FileState)> {
    let found = |path: PathBuf| {
        let meta = fs::metadata(&path).ok().filter(fs::Metadata::is_file)?;
        Some((path, FileState::of(&meta)))
    };
    let Ok(entries) = fs::read_dir(named) else {
        return found(named.to_owned()).into_iter().collect();
    };
    let is_hidden = |path: &PathBuf| {
        path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."))
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths.filter(|path| !is_hidden(path)).filter_map(found).collect()
}
