//! Lines of files that may be too large to keep: counted while reading, and compared by
//! fingerprint.

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader};
use std::path::Path;

/// Counts the lines of a file that grows, each byte read once.
pub struct LineCount {
    file: BufReader<File>,
    lines: usize,
}

impl LineCount {
    pub fn new(path: &Path) -> LineCount {
        LineCount { file: BufReader::new(File::open(path).unwrap()), lines: 0 }
    }

    /// How many lines there are by now, whole ones.
    pub fn now(&mut self) -> usize {
        let mut part = Vec::new();
        while self.file.read_until(b'\n', &mut part).unwrap() > 0 {
            self.lines += usize::from(part.ends_with(b"\n"));
            part.clear();
        }
        self.lines
    }
}

/// What stands for each line of a file: equal lines have equal ones, and of different lines not two
/// in any test that will ever be run.
pub fn fingerprints(path: &Path) -> Vec<(u64, u64)> {
    let lines = BufReader::new(File::open(path).unwrap()).lines();
    let of = |line: &str, salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, line).hash(&mut hasher);
        hasher.finish()
    };
    lines.map(|line| line.unwrap()).map(|line| (of(&line, 0), of(&line, 1))).collect()
}
