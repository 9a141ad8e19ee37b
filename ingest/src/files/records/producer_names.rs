//! The producer name of each file: its content, topic, partitions and packing.

use std::path::{Path, PathBuf};

use super::options::Options;
use super::reader::is_stdin;
use crate::files::file_digest::{Digest32, digests};
use crate::{Result, producer_name};

/// One name per file. A file that can be read only once gets a name that is never repeated.
///
/// # Errors
/// When a file cannot be read or is named twice.
pub(super) fn producer_names(options: &Options) -> Result<Vec<String>> {
    let repeatable = |file: &Path| !is_stdin(file) && !is_stream(file);
    let lasting: Vec<PathBuf> =
        options.files.iter().filter(|file| repeatable(file)).cloned().collect();
    let mut digests = digests(&lasting)?.into_iter();
    let mut name = |file: &PathBuf| match repeatable(file) {
        true => by_digest(options, &digests.next().expect("there is one for each such file")),
        false => producer_name::unique("records"),
    };
    Ok(options.files.iter().map(&mut name).collect())
}

/// Whether a path leads to a pipe or the like. A path that leads nowhere is a missing file.
fn is_stream(file: &Path) -> bool {
    std::fs::metadata(file).is_ok_and(|found| !found.is_file() && !found.is_dir())
}

fn by_digest(options: &Options, digest: &Digest32) -> String {
    let Options { format, topic, partitions, pack, .. } = options;
    let mut content = format!("1 {format:?} {topic} {partitions} {pack} ").into_bytes();
    content.extend_from_slice(digest);
    producer_name::by_content("records", &content)
}
