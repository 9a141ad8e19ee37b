//! The source files of the workspace's crates.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// One crate.
pub struct Crate {
    /// Where its `Cargo.toml` is.
    pub root: PathBuf,
    /// The same, from the workspace on.
    inside: PathBuf,
    /// Its files below `src`, without those that hold tests alone.
    pub files: Vec<File>,
}

/// One source file.
pub struct File {
    /// From the crate on.
    pub path: PathBuf,
    /// The module that it is, from the crate on.
    pub module: Vec<String>,
    pub text: String,
}

impl Crate {
    /// Every crate that has sources.
    pub fn all() -> Vec<Crate> {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let manifest = fs::read_to_string(workspace.join("Cargo.toml")).unwrap();
        let members = manifest.split_once("members = [").unwrap().1.split_once(']').unwrap().0;
        let members = members.split(',').map(|it| it.trim().trim_matches('"'));
        let members = members.filter(|it| !it.is_empty()).chain([""]);
        // Benches alone have none.
        let members = members.filter(|it| workspace.join(it).join("src").is_dir());
        let all: Vec<_> = members.map(|it| Crate::read(workspace, Path::new(it))).collect();
        assert!(all.iter().all(|it| !it.files.is_empty()), "every member has files");
        all
    }

    /// The crate in that folder of a workspace.
    pub fn read(workspace: &Path, inside: &Path) -> Crate {
        let root = workspace.join(inside);
        let mut files = Vec::new();
        collect(&root, Path::new("src"), &mut files);
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Crate { root, inside: inside.to_owned(), files }
    }

    /// A path of the crate as it is named in the workspace.
    pub fn name(&self, path: &Path) -> String {
        self.inside.join(path).display().to_string()
    }

    /// Folders with files in them.
    pub fn folders(&self) -> BTreeSet<PathBuf> {
        self.files.iter().filter_map(|file| Some(file.path.parent()?.to_owned())).collect()
    }
}

fn collect(root: &Path, folder: &Path, into: &mut Vec<File>) {
    for entry in fs::read_dir(root.join(folder)).unwrap() {
        let entry = entry.unwrap();
        let (path, name) = (folder.join(entry.file_name()), entry.file_name());
        if entry.path().is_dir() {
            if name != "tests" {
                collect(root, &path, into);
            }
        } else if path.extension().is_some_and(|it| it == "rs") && name != "tests.rs" {
            let text = fs::read_to_string(entry.path()).unwrap();
            into.push(File { module: module(&path), path, text });
        }
    }
}

/// `src/a/mod.rs` and `src/a.rs` are both the module `a`.
fn module(path: &Path) -> Vec<String> {
    let path = path.with_extension("");
    let parts = path.iter().skip(1).map(|part| part.to_str().unwrap().to_owned());
    parts.filter(|part| !["lib", "main", "mod"].contains(&part.as_str())).collect()
}
