//! The copy of a CSV folder: its committed part, while the sink may continue to write.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use anyhow::Context as _;

use super::manifest::Manifest;

/// The commit file first: files only grow, so what it counts is there afterwards.
const COMMIT_FILE: &str = "windows.mark";

/// Copies what counts of the folder `from` into the folder `name` of a backup.
pub(super) fn copy(
    from: &Path,
    backup: &Path,
    name: &str,
    manifest: &mut Manifest,
) -> anyhow::Result<()> {
    let to = backup.join(name);
    fs::create_dir(&to).with_context(|| format!("making {}", to.display()))?;
    let mark = from.join(COMMIT_FILE);
    let Some(committed) = seismic_sinks::csv::committed_files(from)? else {
        anyhow::bail!("{} is missing: nothing was written there yet", mark.display());
    };
    for (file, bytes) in &committed.files {
        let (source, copy) = (from.join(file), to.join(file));
        copy_start(&source, &copy, *bytes)
            .with_context(|| format!("copying {} to {}", source.display(), copy.display()))?;
        manifest.add(backup, Path::new(name).join(file))?;
    }
    let copy = to.join(COMMIT_FILE);
    fs::write(&copy, &committed.mark)
        .and_then(|()| File::open(&copy)?.sync_all())
        .with_context(|| format!("writing {}", copy.display()))?;
    manifest.add(backup, Path::new(name).join(COMMIT_FILE))?;
    File::open(&to)?.sync_all().with_context(|| format!("syncing {}", to.display()))
}

/// Copies the first bytes of a file, or all of it.
fn copy_start(from: &Path, to: &Path, bytes: Option<u64>) -> io::Result<()> {
    let mut to = File::create_new(to)?;
    let copied = io::copy(&mut File::open(from)?.take(bytes.unwrap_or(u64::MAX)), &mut to)?;
    if bytes.is_some_and(|bytes| copied < bytes) {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it is shorter than it counts"));
    }
    to.sync_all()
}
