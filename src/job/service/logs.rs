//! Where and how much a job logs.

use std::path::PathBuf;

use crate::logs::LogFormat;

/// What `[logs]` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logs {
    /// What is logged, written as in `RUST_LOG`.
    pub level: String,
    /// Bytes of a file before it is replaced.
    pub max_bytes: u64,
    /// Files kept, the one being written included.
    pub files: usize,
    /// How lines are written; `None`: a job that no one serves logs only what is wrong.
    pub format: Option<LogFormat>,
    /// File that `seismic run` also logs into.
    pub file: Option<PathBuf>,
    /// Days that replaced files of it are kept.
    pub days: Option<u32>,
}

impl Default for Logs {
    fn default() -> Self {
        let (format, file, days) = (None, None, None);
        Logs { level: "info".to_owned(), max_bytes: 16 << 20, files: 5, format, file, days }
    }
}
