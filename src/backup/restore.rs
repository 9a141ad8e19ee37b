//! Restoring and inspecting a backup.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::manifest::{BackupFile, Manifest};
use crate::backends::Url;
use crate::error::Usage;
use crate::job::location::{Location, LocationOptions};

/// Checks every file of a backup, and says where the job in it is.
///
/// # Errors
/// When the folder is no backup, or a file is missing or damaged.
pub fn check(backup: &Path) -> anyhow::Result<(Manifest, Location)> {
    let manifest = Manifest::read(backup)?;
    manifest.check(backup)?;
    let queue = match &manifest.queue_file {
        Some(file) => Url::of_file(&backup.join(file)),
        None => manifest.queue.parse()?,
    };
    let store = Some(Url::of_file(&backup.join(&manifest.store_file)));
    let group = manifest.group.clone();
    Ok((manifest, Location { queue, store, group, kafka: Vec::new() }))
}

/// Copies a backup to where `options` say and its CSV folders to `csv`, in their order. Nothing
/// that is there is written over. Returns also where the job is now.
///
/// # Errors
/// [`Usage`] for another group than that of the backup, whose name is in the store. When the backup
/// is damaged, a place is taken or is in a cluster, or something cannot be written.
pub fn restore(
    backup: &Path,
    options: LocationOptions,
    csv: &[PathBuf],
) -> anyhow::Result<(Manifest, Location)> {
    let (manifest, backed_up) = check(backup)?;
    let location = place_of_job(&manifest, &backed_up, options)?;
    anyhow::ensure!(
        csv.len() == manifest.csv.len(),
        "the backup has {} CSV folders, but {} places were given for them",
        manifest.csv.len(),
        csv.len()
    );
    let store_url = location.store_url();
    let mut copies = Vec::new();
    for file in &manifest.files {
        copies.push((file, place(&manifest, file, &location, csv)?));
    }
    for (_, to) in &copies {
        // What SQLite keeps beside a file belongs to that file, and would be played into the copy.
        for suffix in ["", "-wal", "-shm"] {
            let mut beside = to.as_os_str().to_owned();
            beside.push(suffix);
            let beside = PathBuf::from(beside);
            anyhow::ensure!(
                !beside.exists(),
                "{} exists already: move it away, or restore elsewhere",
                beside.display()
            );
        }
    }
    for (file, to) in &copies {
        copy(&backup.join(&file.path), to)
            .with_context(|| format!("restoring {}", to.display()))?;
    }
    tracing::info!("restored {} to {store_url}", backup.display());
    Ok((manifest, location))
}

/// Where the job is to be: its group is that of the backup, and a queue in a cluster is where it
/// was.
fn place_of_job(
    manifest: &Manifest,
    backed_up: &Location,
    mut options: LocationOptions,
) -> Result<Location, Usage> {
    let group = options.group.get_or_insert_with(|| manifest.group.clone());
    if *group != manifest.group {
        return Err(Usage(format!(
            "the backup is of group {}, not {group}, and keeps it: leave the group out",
            manifest.group
        )));
    }
    if manifest.queue_file.is_none() {
        options.queue.get_or_insert_with(|| backed_up.queue.clone());
    }
    Ok(options.into())
}

/// Where a file of a backup goes.
fn place(
    manifest: &Manifest,
    file: &BackupFile,
    location: &Location,
    csv: &[PathBuf],
) -> anyhow::Result<PathBuf> {
    let is = |name: &str| file.path == Path::new(name);
    let in_file = |url: &seismic_queue::Url| {
        let path = url.file().map(Path::to_owned);
        path.with_context(|| format!("{url} is not a file, so nothing can be restored to it"))
    };
    if is(&manifest.store_file) {
        return in_file(&location.store_url());
    }
    if manifest.first_step_file.as_deref().is_some_and(is) {
        return in_file(&location.first_step().store_url());
    }
    if manifest.queue_file.as_deref().is_some_and(is) {
        return in_file(&location.queue);
    }
    for (folder, to) in manifest.csv.iter().zip(csv) {
        if let Ok(name) = file.path.strip_prefix(&folder.folder) {
            return Ok(to.join(name));
        }
    }
    anyhow::bail!("the backup has a file that is no part of it: {}", file.path.display())
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut target = File::create_new(to)?;
    std::io::copy(&mut File::open(from)?, &mut target)?;
    target.sync_all()?;
    File::open(folder)?.sync_all()?;
    Ok(())
}
