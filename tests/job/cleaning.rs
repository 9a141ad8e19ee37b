//! Validity limits in options and job files, and counts of rejected records in rows.

use std::fs;

use serde_json::Value;

use crate::stage::{DEAD, ROWS, Stage};
use crate::truth::{int, text};

/// A strong second between two quiet ones, 25 samples each, of a sensor whose range is exceeded in
/// it; and a sensor in counts of its digitiser.
fn stage() -> Stage {
    let stage = Stage::new();
    let mut lines = "sensor_id,collect_timestamp,longitude,latitude,seismic_amplitude,phase_type,\
                     data_quality\n"
        .to_owned();
    for i in 0..75 {
        let (at, strong) = (1_600_000_000_000 + 40 * i64::from(i), i / 25 == 1);
        let amplitude = if strong { f64::from(i % 25) * 16.0 } else { 1.5 };
        let phase = if i % 5 == 0 { "P" } else { "N" };
        lines += &format!("SM01,{at},-98.5,16.5,{amplitude},{phase},1\n");
        lines += &format!("COUNTS,{at},-70.5,-30.5,{},N,1\n", 52_000 + i);
    }
    fs::write(stage.path("strong.csv"), lines).unwrap();
    stage.ok(&["import", "csv", "strong.csv"]);
    stage
}

/// Rows of a sensor, oldest first.
fn rows(stage: &Stage, sensor: &str) -> Vec<Value> {
    let rows = stage.read(ROWS).into_iter().map(|line| line["value"].clone());
    rows.filter(|row| text(row, "sensor_id") == sensor).collect()
}

#[test]
fn a_row_says_how_many_records_of_its_window_were_out_of_range() {
    let stage = stage();
    stage.ok(&["run", "--quiet", "--drain"]);
    let clipped: Vec<_> = rows(&stage, "SM01")
        .iter()
        .map(|row| (int(row, "record_count"), int(row, "clipped_count")))
        .collect();
    // 16 times 13 is the first above 200.
    assert_eq!(clipped, [(25, 0), (13, 12), (25, 0)]);
    assert!(rows(&stage, "SM01").iter().all(|row| int(row, "rejected_count") == 0));
    assert!(rows(&stage, "COUNTS").is_empty());
    stage.verify(&[]);
}

#[test]
fn without_a_range_every_amplitude_counts() {
    let stage = stage();
    stage.ok(&["run", "--quiet", "--drain", "--amplitude", "none"]);
    let peaks: Vec<_> =
        rows(&stage, "SM01").iter().map(|row| row["max_amplitude"].as_f64().unwrap()).collect();
    assert_eq!(peaks, [1.5, 384.0, 1.5]);
    assert_eq!(rows(&stage, "COUNTS").iter().map(|row| int(row, "record_count")).sum::<u64>(), 75);
    assert!(stage.read(DEAD).is_empty());
    stage.verify(&[]);
}

#[test]
fn a_job_file_says_what_is_valid_and_a_group_keeps_it() {
    let stage = stage();
    let file = "amplitude = \"-8388608..8388607\"\nregion = \"-100..-90,14..20\"\n\
                earliest_event = \"2020-09-13T12:26:40.5Z\"\nlatest_event = \"2021-01-01\"\n\
                phases = \"S,N\"\n";
    fs::write(stage.path("job.toml"), file).unwrap();
    let job = ["run", "--quiet", "--drain", "--job", "job.toml"];
    stage.ok(&job);
    let all = rows(&stage, "SM01");
    let counts: Vec<_> = all.iter().map(|row| int(row, "record_count")).collect();
    // From half a second on, and a fifth is of phase P.
    assert_eq!(counts, [10, 20, 20]);
    assert_eq!(all.iter().map(|row| int(row, "p_phase_count")).sum::<u64>(), 0);
    assert!(all[1..].iter().all(|row| int(row, "rejected_count") == 5), "{all:?}");
    assert!(rows(&stage, "COUNTS").is_empty());
    stage.verify(&[]);
    let refused = stage.refused(&[&job[..], &["--amplitude", "-100..200"]].concat(), 2);
    assert!(refused.contains("amplitude") && refused.contains("--group"), "{refused}");
}

#[test]
fn what_is_no_range_is_refused_with_its_option() {
    let stage = Stage::new();
    for (option, value) in [
        ("--amplitude", "5..1"),
        ("--amplitude", "loud"),
        ("--region", "170..-170,0..1"),
        ("--region", "0..1"),
        ("--earliest-event", "2300-01-01"),
        ("--phases", "Q"),
    ] {
        let refused = stage.refused(&["run", option, value], 2);
        assert!(refused.contains(option), "{option} {value}: {refused}");
    }
}
