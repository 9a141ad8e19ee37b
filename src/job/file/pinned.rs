//! Resources that a job file names as `resource:NAME`: files that a server keeps. A version of a
//! job has the content that each name had when it was submitted, whatever the name has later.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What stands before the name of a resource where a file could be named.
pub const PREFIX: &str = "resource:";

/// Characters of a name.
const NAME_CHARS: usize = 100;

/// The name of a resource: a part of no path, and no markup.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ResourceName(String);

/// What the resources that a job names are pinned to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PinnedResources {
    /// Where the server keeps contents, each in a file that is named by its hash.
    pub folder: PathBuf,
    /// SHA-256 of the content of each name, in hexadecimal digits.
    pub hashes: BTreeMap<String, String>,
}

/// The content of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinnedFile {
    /// Its SHA-256 in hexadecimal digits.
    pub hash: String,
    /// Where it is.
    pub path: PathBuf,
}

impl ResourceName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ResourceName {
    type Err = String;

    fn from_str(text: &str) -> Result<ResourceName, String> {
        let is_fine = |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '_' | '.');
        let begins = text.starts_with(|it: char| it.is_ascii_alphanumeric());
        match begins && text.len() <= NAME_CHARS && text.chars().all(is_fine) {
            true => Ok(ResourceName(text.to_owned())),
            false => Err(format!(
                "{text:?} is no name of a resource: write up to {NAME_CHARS} letters, digits, '.', '-' \
                 and '_', a letter or digit first"
            )),
        }
    }
}

impl fmt::Display for ResourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PinnedResources {
    /// Whether none is pinned.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// The content to which a name is pinned.
    #[must_use]
    pub fn file(&self, name: &ResourceName) -> Option<PinnedFile> {
        let hash = self.hashes.get(name.as_str())?.clone();
        Some(PinnedFile { path: self.folder.join(&hash), hash })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_part_of_no_path_and_no_markup() {
        for name in ["thresholds.csv", "a", "Pack-2026_11.jsonl.gz", "7.wasm"] {
            assert_eq!(name.parse::<ResourceName>().unwrap().as_str(), name);
        }
        let long = "x".repeat(NAME_CHARS + 1);
        for wrong in [
            "", ".", "..", "../x", "a/b", "a\\b", ".x", "-x", "a b", "<b>", "a\n", "ä", "a%2f",
            &long,
        ] {
            let why = wrong.parse::<ResourceName>().unwrap_err();
            assert!(why.contains("no name of a resource"), "{why}");
        }
    }
}
