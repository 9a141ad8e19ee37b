//! Making a backup.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use seismic_queue::clock::now_ms;

use super::csv_folder;
use super::manifest::{CsvFolder, Manifest, NAME};
use crate::job::location::Location;
use crate::job::repartition::repartitioned_topic;

/// Copy of the store of a first step: beside that of the job, as the names of stores say.
const FIRST_STEP: &str = "store-repartition.db";

/// Backs up the job at `location` and these CSV folders into `backup`, which must not exist or be
/// empty. The job may run meanwhile.
///
/// # Errors
/// When there is no job in a file, or something cannot be read or written; what was written stays,
/// and is no backup without its manifest.
pub fn make(location: &Location, csv: &[PathBuf], backup: &Path) -> anyhow::Result<Manifest> {
    let store_url = location.store_url();
    anyhow::ensure!(
        store_url.file().is_some(),
        "the job store {store_url} is in a cluster: back up the cluster with its own tools"
    );
    let store = location.open_store()?;
    let view = store.view()?;
    fs::create_dir_all(backup).with_context(|| format!("making {}", backup.display()))?;
    let is_empty = fs::read_dir(backup)?.next().is_none();
    anyhow::ensure!(is_empty, "{} is not empty: use a new folder", backup.display());
    let repartitioned = repartitioned_topic(&view);
    let topic = repartitioned.as_ref().unwrap_or(&view.job.input().name);
    let queue = location.queue.to_string();
    let mut manifest = Manifest::new(&location.group, topic, queue, store_url.to_string());
    for (number, from) in (1..).zip(csv) {
        let folder = format!("csv-{number}");
        csv_folder::copy(from, backup, &folder, &mut manifest)?;
        manifest.csv.push(CsvFolder { from: from.clone(), folder });
    }
    manifest.store_file = "store.db".to_owned();
    let copy = backup.join(&manifest.store_file);
    store_url.copy_file(&copy)?;
    let view = location_of_store(location, &copy).open_store()?.view()?;
    let next = |part: &seismic_queue::PartitionView| Some(part.progress.as_ref()?.next.0);
    manifest.positions = view.partitions.iter().map(next).collect();
    manifest.add(backup, "store.db")?;
    if repartitioned.is_some() {
        // After what reads it, before what it reads.
        location.first_step().store_url().copy_file(&backup.join(FIRST_STEP))?;
        manifest.first_step_file = Some(FIRST_STEP.to_owned());
        manifest.add(backup, FIRST_STEP)?;
    }
    if location.queue.file().is_some() {
        location.queue.copy_file(&backup.join("queue.db"))?;
        manifest.queue_file = Some("queue.db".to_owned());
        manifest.add(backup, "queue.db")?;
    }
    manifest.made_ms = now_ms();
    let at = backup.join(NAME);
    let text = serde_json::to_string_pretty(&manifest)? + "\n";
    let mut file = File::create_new(&at).with_context(|| format!("making {}", at.display()))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    File::open(backup)?.sync_all()?;
    Ok(manifest)
}

fn location_of_store(location: &Location, file: &Path) -> Location {
    Location { store: Some(crate::backends::Url::of_file(file)), ..location.clone() }
}
