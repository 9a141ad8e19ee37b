//! Two jobs never have the same group, store or folder: each would undo what the other does.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use crate::job::JobSpec;

/// What one job has for itself, in words.
#[must_use]
pub fn places(spec: &JobSpec) -> BTreeSet<String> {
    let store = spec.location().store_url();
    let store = match store.file() {
        Some(file) => format!("store {}", absolute(file).display()),
        None => format!("store {store}"),
    };
    let queue = match spec.queue.file() {
        Some(file) => absolute(file).display().to_string(),
        None => spec.queue.to_string(),
    };
    let sinks =
        spec.sink.iter().filter(|sink| !sink.entry().shows_only).map(|sink| match file(sink) {
            Some(file) => format!("file or folder {}", absolute(&file).display()),
            None => format!("sink {sink}"),
        });
    sinks.chain([store, format!("group {} on {queue}", spec.group)]).collect()
}

/// Files and folders that its sinks write.
pub fn files(spec: &JobSpec) -> impl Iterator<Item = PathBuf> {
    spec.sink.iter().filter_map(file)
}

fn file(sink: &seismic_sinks::SinkSpec) -> Option<PathBuf> {
    (sink.entry().file)(sink)
}

/// A path from the root, without `.` and `..`; symbolic links of the part that is there are followed.
#[must_use]
pub fn absolute(path: &Path) -> PathBuf {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut plain = PathBuf::new();
    for part in whole.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            part => plain.push(part),
        }
        if let Ok(real) = plain.canonicalize() {
            plain = real;
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(group: &str, sink: &str) -> JobSpec {
        JobSpec { group: group.to_owned(), sink: vec![sink.parse().unwrap()], ..JobSpec::default() }
    }

    #[test]
    fn a_folder_under_two_names_is_one_place_and_a_console_is_none() {
        let both = |a: &JobSpec, b: &JobSpec| {
            places(a).intersection(&places(b)).cloned().collect::<Vec<_>>()
        };
        assert!(both(&spec("a", "console"), &spec("b", "console")).is_empty());
        assert_eq!(both(&spec("a", "csv:x/../rows"), &spec("b", "csv:./rows")).len(), 1);
        let same = both(&spec("a", "csv:r"), &spec("a", "csv:s"));
        assert!(same.iter().any(|place| place.starts_with("group a on")), "{same:?}");
        assert!(same.iter().any(|place| place.starts_with("store")), "{same:?}");
    }
}
