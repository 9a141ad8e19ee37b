//! The fault of a test and its result, as one machine-readable line: `docs/reliability.sh`
//! generates docs/reliability.md from these lines alone.
//!
//! Needs nothing but the standard library: tests of other crates include this file by its path, so
//! that faults below the level of processes are in the same table.

use std::fmt::Write as _;
use std::time::Duration;

/// One fault, tried some times by one test.
pub struct Line {
    /// Its number in the list of faults.
    pub fault: u32,
    /// Which queue and store it was done to.
    pub place: &'static str,
    /// What was done, for people.
    pub what: String,
    /// How often.
    pub tries: u64,
    /// Rows and dead letters that should be there and are not, or not with this content.
    pub lost: u64,
    /// Rows and dead letters that are there once too often, or should not be there.
    pub doubled: u64,
    /// How long it took each time until results flowed again.
    pub back: Vec<Duration>,
    /// Further figures, for people.
    pub measured: Vec<String>,
}

impl Line {
    pub fn new(fault: u32, what: &str) -> Self {
        let (what, back, measured) = (what.to_owned(), Vec::new(), Vec::new());
        Line { fault, place: "embedded", what, tries: 0, lost: 0, doubled: 0, back, measured }
    }

    /// Prints it. The test is the one that runs in this thread.
    #[allow(clippy::print_stdout, reason = "what docs/reliability.sh reads")]
    pub fn print(&self) {
        let thread = std::thread::current();
        let test = format!("{}::{}", env!("CARGO_CRATE_NAME"), thread.name().unwrap_or("?"));
        let mut back: Vec<_> = self.back.iter().map(Duration::as_millis).collect();
        back.sort_unstable();
        let (fault, place) = (self.fault, self.place);
        let mut text = format!("FAULT {{\"fault\":{fault},\"where\":\"{place}\"");
        let _ = write!(text, ",\"what\":\"{}\",\"tries\":{}", self.what, self.tries);
        let _ = write!(text, ",\"test\":\"{test}\",\"lost\":{}", self.lost);
        let _ = write!(text, ",\"doubled\":{},\"back_ms\":{back:?}", self.doubled);
        let _ = write!(text, ",\"measured\":\"{}\"}}", self.measured.join("; "));
        println!("{text}");
    }
}
