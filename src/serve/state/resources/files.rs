//! The files of contents.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::http::Uploaded;

/// The folder of contents beside a state.
#[must_use]
pub fn folder_beside(state: &Path) -> PathBuf {
    let mut folder = state.as_os_str().to_owned();
    folder.push(".resources");
    PathBuf::from(folder)
}

/// Puts a content that is whole and on disk to its place. A file that is there already has the same
/// content, or was damaged.
pub(super) fn place(content: &Uploaded, folder: &Path) -> io::Result<()> {
    fs::rename(content.path(), folder.join(content.sha256()))?;
    File::open(folder)?.sync_all()
}

/// Deletes contents. One that cannot be deleted now is swept when the next server begins.
pub(super) fn delete(folder: &Path, hashes: &[String]) {
    for hash in hashes {
        if let Err(error) = fs::remove_file(folder.join(hash))
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!("the content {hash} of a resource stays until the next start: {error}");
        }
    }
}

/// Deletes all files but these contents, and says which of them are missing. What cannot be deleted is
/// no reason not to serve.
pub(super) fn sweep(folder: &Path, mut kept: BTreeSet<String>) {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => Some(entries),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return tracing::error!("{} cannot be read: {error}", folder.display()),
    };
    for entry in entries.into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(|name| kept.remove(name)) {
            continue;
        }
        let path = entry.path();
        match fs::remove_file(&path) {
            Ok(()) => tracing::info!("{} is no resource any more, and was deleted", path.display()),
            Err(error) => {
                tracing::warn!("{} is no resource, and cannot be deleted: {error}", path.display());
            }
        }
    }
    for hash in kept {
        tracing::error!(
            "{} is missing: jobs that have pinned this resource cannot read it; put it again, from where \
             it came from",
            folder.join(hash).display()
        );
    }
}
