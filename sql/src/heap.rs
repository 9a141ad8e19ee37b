//! How much memory SQLite has, in the whole process.
//!
//! One of the two files with `unsafe` code.

#![allow(unsafe_code)]

/// Bytes that SQLite has allocated now.
pub fn used_bytes() -> u64 {
    // SAFETY: takes no argument, and may be called at any time from any thread
    // (https://sqlite.org/c3ref/memory_highwater.html): it reads a counter under SQLite's mutex.
    let bytes = unsafe { rusqlite::ffi::sqlite3_memory_used() };
    u64::try_from(bytes).unwrap_or(0)
}
