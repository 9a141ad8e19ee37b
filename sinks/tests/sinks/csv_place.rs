//! A folder of CSV files as a target of the conformance suite.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use seismic_proto::{Schema, SeismicAggRecord};
use seismic_queue::Offset;
use seismic_sinks::conformance::{Owners, Promises, Shows, SinkTarget, window};
use seismic_sinks::csv::{Csv, CsvReader};
use seismic_sinks::{Context, Result, Sink};
use tempfile::TempDir;

/// A folder, deleted with this value.
pub struct CsvPlace {
    pub folder: TempDir,
    /// Files are closed at this length, in bytes.
    pub file_bytes: u64,
}

impl CsvPlace {
    pub fn new(file_bytes: u64) -> Self {
        // In memory, where it can be: a process that dies needs no disk, and each sync waits for
        // one.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        CsvPlace { folder, file_bytes }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn csv(&self, store_id: &str) -> Result<Csv> {
        let context = Context::new(store_id, "results");
        let fixed = || "2026-11-21T09:30:00Z".parse::<Timestamp>().unwrap();
        Ok(Csv::open(self.path(), &context)?.file_bytes(self.file_bytes).clock(fixed))
    }

    pub fn copy(&self) -> CsvPlace {
        let copy = CsvPlace::new(self.file_bytes);
        for name in self.names() {
            fs::copy(self.path().join(&name), copy.path().join(&name)).unwrap();
        }
        copy
    }

    /// Names of all files in it, in order.
    pub fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Names of the CSV files in it, in order.
    pub fn csv_names(&self) -> Vec<String> {
        self.names().into_iter().filter(|name| name.ends_with(".csv")).collect()
    }

    /// The newest CSV file's name.
    pub fn newest(&self) -> String {
        self.csv_names().pop().unwrap()
    }
}

impl SinkTarget for CsvPlace {
    fn promises(&self) -> Promises {
        Promises { shows: Shows::EveryRow, owners: Owners::First }
    }

    fn open(&self, store: &str) -> Result<Box<dyn Sink>> {
        Ok(Box::new(self.csv(store)?))
    }

    fn store_id(&self, store: &str) -> String {
        store.to_owned()
    }

    fn note(&self, _: &[Offset]) {}

    fn image(&self) -> Option<Box<dyn SinkTarget>> {
        Some(Box::new(self.copy()))
    }

    /// Also checks that nothing is there that does not count.
    fn rows(&self) -> Vec<SeismicAggRecord> {
        let content =
            CsvReader::open(self.path(), Schema::windows()).unwrap().expect("a sink wrote here");
        let rows: Vec<_> = content.rows().map(|row| window(row.unwrap())).collect();
        let lines: usize = self.csv_names().iter().map(|name| lines(&self.path().join(name))).sum();
        assert_eq!(rows.len(), lines, "every line counts");
        rows
    }
}

/// Lines of a CSV file after its header, read without our own reader.
fn lines(file: &Path) -> usize {
    let mut reader = csv::Reader::from_path(file).unwrap();
    assert!(reader.headers().unwrap().len() == 29, "a header in every file");
    reader.records().inspect(|line| assert!(line.is_ok())).count()
}
