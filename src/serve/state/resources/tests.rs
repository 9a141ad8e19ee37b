//! What is kept, for how long, and what is refused.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::*;
use crate::http::UploadFile;
use crate::serve::state::versions::Authorship;
use crate::serve::worker::order::Description;

fn open(folder: &Path) -> StateFile {
    StateFile::open(&folder.join("serve.db")).unwrap()
}

fn name(text: &str) -> ResourceName {
    text.parse().unwrap()
}

fn uploaded(folder: &Path, text: &str) -> Uploaded {
    let mut file = UploadFile::create(&folder.join("serve.db.resources")).unwrap();
    file.write(text.as_bytes()).unwrap();
    file.finish().unwrap()
}

fn put(state: &mut StateFile, folder: &Path, of: &str, text: &str) -> anyhow::Result<Resource> {
    put_within(state, folder, of, text, ResourceLimits::default())
}

fn put_within(
    state: &mut StateFile,
    folder: &Path,
    of: &str,
    text: &str,
    most: ResourceLimits,
) -> anyhow::Result<Resource> {
    state.put_resource(&name(of), &uploaded(folder, text), most, "anna", 7)
}

fn files(folder: &Path) -> BTreeSet<String> {
    let all = fs::read_dir(folder.join("serve.db.resources")).unwrap();
    all.map(|it| it.unwrap().file_name().into_string().unwrap()).collect()
}

/// Makes a version of a job that has pinned a resource.
fn submit(state: &mut StateFile, job: &str, text: &str, pinned: &Resource) -> u64 {
    let mut description = Description { text: text.to_owned(), ..Description::default() };
    description.resources.hashes.insert(pinned.name.clone(), pinned.sha256.clone());
    state.add_version(job, &description, &Authorship::of("anna"), 1).unwrap().0
}

#[test]
fn a_content_is_kept_while_a_name_or_a_version_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut state = open(folder);
    let first = put(&mut state, folder, "table.csv", "1").unwrap();
    assert_eq!((first.bytes, &*first.author, first.at_ms), (1, "anna", 7));
    assert_eq!(state.resource(&name("table.csv")).unwrap(), Some(first.clone()));
    assert_eq!(submit(&mut state, "coast", "a", &first), 1);
    let second = put(&mut state, folder, "table.csv", "22").unwrap();
    // What was before is that of the version.
    assert_eq!(files(folder), [first.sha256.clone(), second.sha256.clone()].into());
    assert_eq!(state.resource_bytes().unwrap(), 3);
    let third = put(&mut state, folder, "table.csv", "333").unwrap();
    assert_eq!(files(folder), [first.sha256.clone(), third.sha256.clone()].into());
    // The newest content is no version's, and the older one stays.
    assert!(state.delete_resource(&name("table.csv"), |_| true).unwrap());
    assert!(!state.delete_resource(&name("table.csv"), |_| true).unwrap());
    assert_eq!(files(folder), [first.sha256.clone()].into());
    drop(state);
    let mut state = open(folder);
    assert!(state.has_content(&first.sha256).unwrap());
    state.delete("coast").unwrap();
    drop(state);
    let state = open(folder);
    assert!(files(folder).is_empty() && state.resource_bytes().unwrap() == 0);
}

#[test]
fn what_a_version_has_pinned_is_not_deleted_and_the_version_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut state = open(folder);
    let table = put(&mut state, folder, "table.csv", "1").unwrap();
    submit(&mut state, "coast", "a", &table);
    assert_eq!(submit(&mut state, "coast", "b", &table), 2);
    let why = state.delete_resource(&name("table.csv"), |_| true).unwrap_err().to_string();
    assert!(why.contains("version 2 of job coast and another version"), "{why}");
    let why = state.delete_resource(&name("table.csv"), |_| false).unwrap_err().to_string();
    assert!(why.contains("of another project") && !why.contains("coast"), "{why}");
    assert_eq!(state.versions("coast", 1).unwrap()[0].resources["table.csv"], table.sha256);
    state.delete("coast").unwrap();
    assert!(state.delete_resource(&name("table.csv"), |_| true).unwrap());
    assert!(files(folder).is_empty());
}

#[test]
fn two_names_of_one_content_are_one_file_and_another_content_is_another_version() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut state = open(folder);
    let one = put(&mut state, folder, "a.csv", "same").unwrap();
    put(&mut state, folder, "b.csv", "same").unwrap();
    assert_eq!((files(folder).len(), state.resource_bytes().unwrap()), (1, 4));
    assert!(state.delete_resource(&name("a.csv"), |_| true).unwrap());
    assert_eq!(files(folder), [one.sha256.clone()].into(), "the other name has it");
    assert_eq!(submit(&mut state, "coast", "text", &one), 1);
    assert_eq!(submit(&mut state, "coast", "text", &one), 1, "the same again");
    let other = put(&mut state, folder, "a.csv", "other").unwrap();
    assert_eq!(submit(&mut state, "coast", "text", &other), 2);
}

#[test]
fn more_than_fits_is_refused_and_everything_is_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut state = open(folder);
    let most = ResourceLimits { names: 2, bytes: 10 };
    let a = put_within(&mut state, folder, "a", "12345", most).unwrap();
    let why = put_within(&mut state, folder, "b", "123456", most).unwrap_err().to_string();
    assert!(why.contains("11 bytes") && why.contains("10 at most"), "{why}");
    assert_eq!(files(folder), [a.sha256.clone()].into());
    put_within(&mut state, folder, "b", "2", most).unwrap();
    let why = put_within(&mut state, folder, "c", "3", most).unwrap_err().to_string();
    assert!(why.contains("2 resources at most"), "{why}");
    assert_eq!(state.resources().unwrap().len(), 2);
    // A name that is there may get another content: what it had gives way.
    put_within(&mut state, folder, "a", "999999999", most).unwrap();
    assert_eq!((files(folder).len(), state.resource_bytes().unwrap()), (2, 10));
}

#[test]
fn what_a_death_has_left_is_swept_when_the_next_server_begins() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut state = open(folder);
    let kept = put(&mut state, folder, "a", "1").unwrap();
    drop(state);
    let at = folder.join("serve.db.resources");
    for left in [".new-1-0", &"0".repeat(64), "notes.txt"] {
        fs::write(at.join(left), "half").unwrap();
    }
    fs::create_dir(at.join("folder")).unwrap();
    let state = open(folder);
    // What is no file stays, and is no reason not to serve.
    assert_eq!(files(folder), [kept.sha256.clone(), "folder".to_owned()].into());
    drop(state);
    fs::remove_dir(at.join("folder")).unwrap();
    // One that somebody has deleted is missing, and no reason not to serve.
    fs::remove_file(at.join(&kept.sha256)).unwrap();
    let mut state = open(folder);
    assert_eq!(state.resources().unwrap().len(), 1);
    // Put again, it is there.
    put(&mut state, folder, "a", "1").unwrap();
    assert_eq!(files(folder), [kept.sha256].into());
}
