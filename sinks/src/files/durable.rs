//! Folders and files whose changes are on the disk: making, locking and flushing them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write as _};
use std::path::Path;

use seismic_queue::lock_file;

use crate::{Error, Result, failpoints};

/// Flushes a file to the disk. A failure is never one that may be retried, whatever its reason: the
/// system may have dropped what it could not write.
pub(in crate::files) fn sync(file: &File, at: &Path) -> Result<()> {
    failpoints::pass_io(failpoints::FSYNC)
        .and_then(|()| file.sync_all())
        .map_err(|source| Error::Io { at: at.to_owned(), doing: "flushing to the disk", source })
}

/// Makes names that came, went or changed durable.
pub(in crate::files) fn sync_folder(path: &Path) -> Result<()> {
    sync(&File::open(path).map_err(Error::io(path, "opening the folder"))?, path)
}

/// Makes a folder and those above it, each durable in the one above.
pub(in crate::files) fn make(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if parent != path {
        make(parent)?;
    }
    match fs::create_dir(path) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
        made => made.map_err(Error::io(path, "making the folder"))?,
    }
    sync_folder(parent)
}

/// Locks a folder by the file of that name in it, and names this process there.
pub(in crate::files) fn lock(folder: &Path, name: &str) -> Result<File> {
    let at = folder.join(name);
    let doing = "locking the folder";
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&at)
        .map_err(Error::io(&at, doing))?;
    if !lock_file(&file).map_err(Error::io(&at, doing))? {
        let mut by = String::new();
        // The name is for people; without it the refusal stands all the same.
        let read = file.take(100).read_to_string(&mut by);
        let known = read.is_ok() && !by.trim().is_empty();
        let by = if known { by.trim().to_owned() } else { "another process".to_owned() };
        return Err(Error::Owned { at: folder.to_owned(), by });
    }
    file.set_len(0)
        .and_then(|()| writeln!(file, "process {}", std::process::id()))
        .map_err(Error::io(&at, doing))?;
    Ok(file)
}

/// Replaces a file by one with these bytes; after `Ok` the new one is durable, and at any moment one of
/// both is there, whole.
pub(in crate::files) fn replace(at: &Path, bytes: &[u8], what: [&'static str; 3]) -> Result<()> {
    let [making, writing, replacing] = what;
    let new = at.with_added_extension("new");
    let mut file = failpoints::pass_io(failpoints::MARK_WRITE)
        .and_then(|()| File::create(&new))
        .map_err(Error::io(&new, making))?;
    file.write_all(bytes).map_err(Error::io(&new, writing))?;
    sync(&file, &new)?;
    failpoints::pass(failpoints::BEFORE_MARK_RENAME)?;
    fs::rename(&new, at).map_err(Error::io(at, replacing))?;
    at.parent().map_or(Ok(()), sync_folder)?;
    failpoints::pass(failpoints::AFTER_MARK_RENAME)
}
