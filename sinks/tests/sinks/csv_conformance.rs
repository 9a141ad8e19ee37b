//! The CSV sink passes the suite, whether it uses one file or one for each batch.

use std::borrow::Cow;
use std::path::Path;

use seismic_proto::{Row, ValueRef};
use seismic_queue::Partition;
use seismic_sinks::conformance::{self, three};
use seismic_sinks::csv::{Csv, CsvReader};
use seismic_sinks::{Context, Result, Sink};
use tempfile::TempDir;

use crate::csv_place::CsvPlace;

#[test]
fn with_one_file() {
    conformance::run(&|| Box::new(CsvPlace::new(64 << 20)));
}

#[test]
fn with_a_new_file_after_every_batch() {
    conformance::run(&|| Box::new(CsvPlace::new(1)));
}

#[test]
fn with_files_of_a_few_batches() {
    conformance::run(&|| Box::new(CsvPlace::new(400)));
}

/// A folder with rows of three columns.
struct ThreeColumns(TempDir);

impl ThreeColumns {
    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl three::SinkTarget for ThreeColumns {
    fn open(&self) -> Result<Box<dyn Sink>> {
        let schema = Cow::Owned(three::schema());
        let context = Context { schema, ..Context::new("home", "three") };
        Ok(Box::new(Csv::open(self.path(), &context)?))
    }

    fn rows(&self) -> Vec<(Partition, Row)> {
        let reader = CsvReader::open(self.path(), &three::schema()).unwrap().unwrap();
        let of_partition = |row: Row| match row.get(0) {
            ValueRef::Int32(partition) => (Partition(partition as u32), row),
            other => panic!("{other:?}"),
        };
        reader.rows().map(|row| of_partition(row.unwrap())).collect()
    }
}

#[test]
fn with_a_topic_of_three_columns() {
    three::run(&ThreeColumns(tempfile::tempdir().unwrap()));
}
