//! One file of the plan.

use std::path::{Path, PathBuf};

use seismic_queue::Before;

use super::file_note::Track;

/// A file that is to be imported.
pub(super) struct PlannedFile {
    pub(super) at: PathBuf,
    /// Where its note is; `None` for a file without records.
    pub(super) key: Option<Vec<u8>>,
    /// What its note is.
    pub(super) stored: Before,
    /// What it gave so far: all up to `track.line`.
    pub(super) track: Track,
    /// Lines above that which were refused before and are not any more.
    pub(super) mended: Vec<u64>,
    /// Whether it is an older copy of what is known, which has more.
    pub(super) is_older: bool,
    /// Whether it is shorter than a file that began in the same way, so that it may become a copy.
    pub(super) may_be_copy: bool,
    /// Whether further lines are mended, which come when these are in.
    pub(super) has_rest: bool,
}

impl PlannedFile {
    /// A file that is not known.
    pub(super) fn unknown(at: &Path, key: Option<Vec<u8>>) -> Self {
        PlannedFile {
            at: at.to_owned(),
            key,
            stored: Before::Absent,
            track: Track::default(),
            mended: Vec::new(),
            is_older: false,
            may_be_copy: false,
            has_rest: false,
        }
    }
}
