//! Where and how much a served job logs.

/// What `[logs]` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logs {
    /// What is logged, written as in `RUST_LOG`.
    pub level: String,
    /// Bytes of a file before it is replaced.
    pub max_bytes: u64,
    /// Files kept, the one being written included.
    pub files: usize,
}

impl Default for Logs {
    fn default() -> Self {
        Logs { level: "info".to_owned(), max_bytes: 16 << 20, files: 5 }
    }
}
