//! The CSV sink passes the suite, whether it uses one file or one for each batch.

use seismic_sinks::conformance;

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
