//! The shape of the workspace: no file imports a file that imports it, folders stay short, and
//! every file says what it is.
//!
//! It stands with the crate that every other one depends on, because it reads all of them and
//! builds none.

#![allow(clippy::unwrap_used, reason = "tests may")]

mod crates;
mod imports;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crates::Crate;

/// Entries of a folder that a reader still takes in at once.
const FOLDER_ENTRIES: usize = 22;

/// Crates and folders that are not finished yet, by the beginning of their paths in the workspace.
/// Take out what is: the lists only ever get shorter.
const UNFINISHED_CIRCLES: &[&str] = &[];
const UNFINISHED_FOLDERS: &[&str] = &[];

/// Fails with all of `found` that does not begin like something unfinished.
fn check(what: &str, found: BTreeSet<String>, unfinished: &[&str]) {
    let is_listed = |it: &&String| unfinished.iter().any(|listed| it.starts_with(listed));
    let new: Vec<_> = found.iter().filter(|it| !is_listed(it)).cloned().collect();
    assert!(new.is_empty(), "{what}:\n  {}", new.join("\n  "));
}

#[test]
fn no_file_imports_a_file_that_imports_it() {
    let circles = Crate::all().iter().flat_map(imports::circles).collect();
    check("files that import each other in a circle", circles, UNFINISHED_CIRCLES);
}

#[test]
fn no_folder_is_longer_than_a_reader_takes_in_at_once() {
    let mut long = BTreeSet::new();
    for one in Crate::all() {
        for folder in one.folders() {
            let entries = fs::read_dir(one.root.join(&folder)).unwrap().count();
            if entries > FOLDER_ENTRIES {
                long.insert(one.name(&folder));
            }
        }
    }
    let what = format!("folders with more than {FOLDER_ENTRIES} entries");
    check(&what, long, UNFINISHED_FOLDERS);
}

#[test]
fn every_file_begins_with_what_it_is() {
    let mut silent = BTreeSet::new();
    for one in Crate::all() {
        for file in &one.files {
            let is_generated = file.text.contains("@generated");
            if !is_generated && !file.text.starts_with("//!") {
                silent.insert(one.name(&file.path));
            }
        }
    }
    check("files without a module doc", silent, &[]);
}

/// The test must be able to fail: two files that import each other, one of them through a
/// re-export.
#[test]
fn a_circle_is_found_also_where_a_reexport_hides_it() {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join("src").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("lib.rs", "//! A\nmod a;\nmod b;\nmod c;\npub use a::{One, Two as Deux};\n");
    write("a.rs", "//! A\nuse crate::b::{self, inner::Three};\npub struct One;\npub struct Two;\n");
    write("b/mod.rs", "//! B\npub(crate) mod inner;\nuse super::Deux;\n");
    write("b/inner.rs", "//! B\n// use crate::One;\npub struct Three;\n");
    write("c.rs", "//! C\nuse crate::One;\n#[cfg(test)]\nmod tests { use crate::a; }\n");
    let one = Crate::read(folder.path(), Path::new(""));
    let circles: Vec<_> = imports::circles(&one).into_iter().collect();
    assert_eq!(circles, ["src/a.rs, src/b/mod.rs"]);
}
