//! Foreign and damaged bytes: nothing panics, no input takes more memory than its size allows, and
//! accepted input is decoded correctly.
//!
//! The bodies in `bodies.rs` are also those of the fuzz targets in `fuzz/`, whose corpora are the
//! seeds of mutations here.

#![allow(clippy::print_stderr, clippy::print_stdout, reason = "a test says what it measured")]
#![allow(clippy::unwrap_used)] // Helpers of tests are tests.
#![allow(clippy::disallowed_methods, reason = "tests have files")]

mod bodies;
mod corpus;
#[allow(dead_code, reason = "a bench counts with it, too")]
mod counting;
mod lies;
#[path = "../../../tests/faults/trial/line.rs"]
mod line;
mod memory;
mod message;
mod steady;

use corpus::hostile;
use proptest::prelude::*;

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn a_message_is_decoded_as_prost_decodes_it(bytes in hostile("message")) {
        bodies::message(&bytes);
    }

    #[test]
    fn a_message_of_any_bytes_leaves_the_counters_balanced(bytes in hostile("engine")) {
        bodies::engine(&bytes);
    }

    #[test]
    fn a_snapshot_of_any_bytes_is_refused_or_goes_on(bytes in hostile("snapshot")) {
        bodies::snapshot(&bytes);
    }

    #[test]
    fn a_journal_entry_of_any_bytes_is_refused_or_done(bytes in hostile("entry")) {
        bodies::entry(&bytes);
    }

    #[test]
    fn a_note_of_any_bytes_is_refused_or_balanced(bytes in hostile("note")) {
        bodies::note(&bytes);
    }

    #[test]
    fn a_block_of_any_bytes_is_refused_or_holds_its_messages(bytes in hostile("block")) {
        bodies::block(&bytes);
    }
}

proptest! {
    // Each is a file on the disk.
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn lines_of_any_bytes_are_refused_or_imported(bytes in hostile("openeew")) {
        bodies::openeew(&bytes);
    }

    #[test]
    fn json_lines_of_any_bytes_are_refused_or_imported(bytes in hostile("jsonl")) {
        bodies::jsonl(&bytes);
    }

    #[test]
    fn rows_of_any_bytes_are_refused_or_imported(bytes in hostile("csv")) {
        bodies::csv(&bytes);
    }
}
