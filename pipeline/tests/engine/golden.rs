//! The scenarios in `golden/`: each file has inputs and expected outputs.
//!
//! `UPDATE_GOLDEN=1 cargo test -p seismic-pipeline --test engine golden` writes the current outputs
//! into the files; review the difference before committing it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::scenario::play;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engine/golden")
}

#[allow(clippy::disallowed_methods, reason = "UPDATE_GOLDEN writes files")]
fn check(name: &str) {
    let path = folder().join(format!("{name}.txt"));
    let scenario = std::fs::read_to_string(&path).unwrap();
    let transcript = play(&scenario);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, transcript).unwrap();
        return;
    }
    let differs = || scenario.lines().zip(transcript.lines()).position(|(a, b)| a != b);
    assert!(
        scenario == transcript,
        "{name}.txt, line {}: the engine answers otherwise (UPDATE_GOLDEN=1 takes this over):\n\n\
         {transcript}",
        differs().unwrap_or(scenario.lines().count().min(transcript.lines().count())) + 1,
    );
}

macro_rules! scenarios {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            check(stringify!($name));
        })*

        #[test]
        fn every_file_is_played() {
            let files: BTreeSet<String> = std::fs::read_dir(folder())
                .unwrap()
                .map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
                .collect();
            assert_eq!(files, [$(stringify!($name)),*].map(str::to_owned).into());
        }
    };
}

scenarios! {
    archive_jump
    backfill
    clock_jump
    clock_set_back
    drained
    duplicates
    future_guard
    gaps
    idle_close
    ingest_mode
    late
    late_reject_counts
    negative_amplitudes
    negative_event_time
    on_time_at_the_edge
    packed_message
    poison
    reject_counts
    restart
    sensor_limit
    slow_clock
    sparse_sensor
}
