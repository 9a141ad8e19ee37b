//! The documents are correct: options, commands, links and paths.

mod ignored;
mod links;
mod reference;

use std::path::{Path, PathBuf};

/// The top folder of the project.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every document, by its path.
fn documents() -> Vec<(PathBuf, String)> {
    let folders = ["", "docs", "deploy/compose", "fuzz", "tests/data/openeew-2020"];
    let mut documents = Vec::new();
    for folder in folders {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "md") {
                documents.push((path.clone(), std::fs::read_to_string(path).unwrap()));
            }
        }
    }
    documents
}
