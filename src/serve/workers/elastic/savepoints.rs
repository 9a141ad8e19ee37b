//! Savepoints of changes: taken before a change, with a note of each in a file, and deleted when newer ones
//! are there. The savepoint itself is in the job's store; a note says where, and at which positions.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use seismic_queue::{Error, JobStore, View};
use serde_json::{Value, json};

use crate::job::location::Location;
use crate::time::now_ms;

/// Savepoints of changes that are kept.
const KEPT: usize = 3;

/// How often it is looked whether a savepoint is there.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Takes a savepoint, unless a server before has asked for it, and waits until all partitions have it.
///
/// # Errors
/// Why it is not there in time.
pub fn save(
    location: &Location,
    name: &str,
    within: Duration,
) -> anyhow::Result<Box<dyn JobStore>> {
    let store = location.open_store()?;
    save_in(&*store, name, within)?;
    Ok(store)
}

fn save_in(store: &dyn JobStore, name: &str, within: Duration) -> anyhow::Result<()> {
    match store.request_checkpoint(name) {
        Ok(()) | Err(Error::NameTaken { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let asked = Instant::now();
    while store.is_requested(name)? {
        if asked.elapsed() >= within {
            if store.withdraw_request(name)?.is_none() {
                return Ok(());
            }
            let within_s = within.as_secs();
            anyhow::bail!("not all partitions had taken it after {within_s} s");
        }
        thread::sleep(LOOK_EVERY);
    }
    Ok(())
}

/// Writes the note of a savepoint that is there.
///
/// # Errors
/// Those of the store and of the disk.
pub fn note(
    location: &Location,
    store: &dyn JobStore,
    name: &str,
    folder: &Path,
) -> anyhow::Result<()> {
    let view = store.view().context("reading the store")?;
    let url = location.store_url().to_string();
    let text = format!("{:#}\n", note_of(&view, name, (&location.group, &url)));
    fs::create_dir_all(folder)?;
    // Whole or not at all.
    let (new, file) = (folder.join(format!("{name}.new")), file_of(folder, name));
    fs::write(&new, text)?;
    fs::rename(new, file)?;
    Ok(())
}

fn file_of(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.json"))
}

fn note_of(view: &View, name: &str, (job, store): (&str, &str)) -> Value {
    let partitions = (0..).zip(&view.partitions).filter_map(|(partition, it)| {
        let is_it = |info: &&seismic_queue::CheckpointInfo| info.names.iter().any(|it| it == name);
        let info = it.checkpoints.iter().find(is_it)?;
        let positions: Vec<u64> = info.manifest.positions().map(|offset| offset.0).collect();
        Some(json!({
            "partition": partition as u32,
            "checkpoint": info.manifest.checkpoint,
            "positions": positions,
            "bytes": info.bytes,
        }))
    });
    json!({
        "savepoint": name,
        "job": job,
        "store": store,
        "noted_ms": now_ms(),
        "partitions": partitions.collect::<Vec<_>>(),
    })
}

/// Deletes all but the newest savepoints of changes, and their notes.
///
/// # Errors
/// Those of the store and of the disk.
pub fn trim(location: &Location, folder: &Path) -> anyhow::Result<()> {
    let store = location.open_store()?;
    let view = store.view().context("reading the store")?;
    for name in beyond(&view) {
        match store.delete_checkpoint_name(&name) {
            // Somebody was quicker.
            Ok(()) | Err(Error::NameMissing { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    trim_notes(folder).with_context(|| format!("deleting notes in {}", folder.display()))
}

fn trim_notes(folder: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    let name = |entry: io::Result<fs::DirEntry>| {
        let name = entry.ok()?.file_name().into_string().ok()?;
        name.strip_suffix(".json").map(str::to_owned)
    };
    let names: Vec<String> = entries.filter_map(name).collect();
    let all = oldest(names.iter().map(String::as_str));
    all.iter().try_for_each(|name| fs::remove_file(file_of(folder, name)))
}

/// Names of savepoints of changes that are not kept.
fn beyond(view: &View) -> Vec<String> {
    let checkpoints = view.partitions.iter().flat_map(|it| &it.checkpoints);
    oldest(checkpoints.flat_map(|it| &it.names).map(String::as_str))
}

/// All but the newest of them; names that a person gave are none of them.
fn oldest<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut ours: Vec<(u64, &str)> = names
        .filter_map(|name| Some((made_s(name)?, name)))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    ours.truncate(ours.len().saturating_sub(KEPT));
    ours.into_iter().map(|(_, name)| name.to_owned()).collect()
}

/// When a savepoint of a change was made, as its name says: `elastic-1764458303-w4-p8`.
fn made_s(name: &str) -> Option<u64> {
    let number = |text: &str| text.parse::<u64>().ok();
    let (at_s, rest) = name.strip_prefix("elastic-")?.split_once("-w")?;
    let (workers, slots) = rest.split_once("-p")?;
    (number(workers).is_some() && number(slots).is_some()).then(|| number(at_s)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_three_are_kept_and_names_of_people_stay() {
        let names = [
            "elastic-9-w3-p6",
            "elastic-10-w4-p8",
            "elastic-quake",
            "elastic-11-w5",
            "before",
            "elastic-8-w3-p3",
            "elastic-9-w3-p6",
            "elastic-11-w5-p10",
            "elastic-12-w6-p12",
        ];
        assert_eq!(oldest(names.into_iter()), ["elastic-8-w3-p3", "elastic-9-w3-p6"]);
        assert_eq!(oldest(names.into_iter().take(4)), [] as [&str; 0]);
    }

    #[test]
    fn notes_go_with_their_savepoints_and_other_files_stay() {
        let folder = tempfile::tempdir().unwrap();
        let names =
            ["elastic-1-w3-p6", "elastic-2-w4-p8", "elastic-3-w4-p8", "elastic-4-w5-p10", "mine"];
        for name in names {
            fs::write(file_of(folder.path(), name), "{}").unwrap();
        }
        trim_notes(folder.path()).unwrap();
        let left = |name: &&str| file_of(folder.path(), name).exists();
        let left: Vec<_> = names.into_iter().filter(left).collect();
        assert_eq!(left, names[1..]);
        trim_notes(&folder.path().join("nobody")).unwrap();
    }
}
