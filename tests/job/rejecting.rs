//! A job that rejects its input reports it while it runs, and so do the commands that inspect it.

use std::fs;

use rustix::process::Signal;

use crate::stage::{Stage, wait_until};
use crate::truth::{int, text};

/// Imports 2,000 records of the sensor COUNTS with this amplitude.
fn import(stage: &Stage, amplitude: &str) {
    let head = "sensor_id,collect_timestamp,seismic_amplitude,phase_type,data_quality\n";
    let line = |i: i64| format!("COUNTS,{},{amplitude},N,1\n", 1_600_000_000_000 + i * 10);
    fs::write(stage.path("c.csv"), head.to_owned() + &(0..2_000).map(line).collect::<String>())
        .unwrap();
    stage.ok(&["import", "csv", "c.csv"]);
}

#[test]
fn a_service_that_rejects_everything_of_a_sensor_says_so_and_so_do_status_and_doctor() {
    let stage = Stage::new();
    let service = stage.spawn(&["run"]);
    import(&stage, "16300");
    wait_until("it says so", || service.stderr().contains("records of sensor \"COUNTS\""));
    let said = service.stderr();
    for words in ["amplitude_out_of_range: ", "amplitude 16300,", "--amplitude LOW..HIGH"] {
        assert!(said.contains(words), "{words:?} is not in {said}");
    }
    service.stop(Signal::TERM).ok();
    let status = stage.status();
    let rejecting = &status["rejecting"][0];
    assert_eq!(
        [text(rejecting, "reason"), text(rejecting, "sensor")],
        ["amplitude_out_of_range", "COUNTS"]
    );
    assert_eq!(int(rejecting, "rejected"), int(rejecting, "records"));
    let doctor = stage.ok(&["doctor"]);
    assert!(doctor.contains("warning  amplitude_out_of_range: "), "{doctor}");
    assert!(stage.ok(&["status"]).contains("amplitude_out_of_range: "));
}

#[test]
fn a_bounded_run_says_it_too_and_one_that_loses_nothing_is_silent() {
    let stage = Stage::new();
    import(&stage, "16300");
    let said = stage.run(&["run", "--drain", "--quiet"]).ok().stderr;
    assert!(said.contains("2000 of 2000 records of sensor \"COUNTS\" are dead letters"), "{said}");
    let stage = Stage::new();
    import(&stage, "16.3");
    let said = stage.run(&["run", "--drain", "--quiet"]).ok().stderr;
    assert_eq!(said, "");
    assert_eq!(stage.status()["rejecting"].as_array().unwrap().len(), 0);
}

#[test]
fn a_lone_station_whose_clock_shows_local_time_is_named_with_its_zone() {
    let stage = Stage::new();
    let head = "sensor_id,collect_timestamp,seismic_amplitude,phase_type,data_quality\n";
    let began_ms = seismic_queue::clock::now_ms();
    let first_ms = began_ms + 28_800_000;
    let line = |i: i64| format!("AHEAD8H,{},1.0,N,1\n", first_ms + i * 10);
    fs::write(stage.path("a.csv"), head.to_owned() + &(0..300).map(line).collect::<String>())
        .unwrap();
    stage.ok(&["import", "csv", "a.csv"]);
    let ended_ms = seismic_queue::clock::now_ms();
    stage.ok(&["run", "--drain", "--quiet"]);
    let clock = stage.json(&["status", "--sensors", "--json"])["by_sensor"][0].clone();
    // The import took as long as it took: that is what the clock seems to be less ahead.
    let took_ms = ended_ms - began_ms;
    let ahead_ms = -clock["clock_offset_ms"].as_i64().unwrap();
    assert!((28_800_000 - took_ms..=28_803_000).contains(&ahead_ms), "{took_ms}: {clock}");
    let words = stage.ok(&["status", "--sensors"]);
    let said = format!("the clock of AHEAD8H is {:.1} s fast", ahead_ms as f64 / 1e3);
    assert!(words.contains(&said), "{words}");
    // A zone is told from any other wrong clock by the minute.
    if took_ms < 60_000 {
        assert!(words.contains("s fast: that is the time zone UTC+08:00"), "{words}");
    }
    // Of an archive, nothing can be said.
    let stage = Stage::new();
    import(&stage, "1");
    stage.ok(&["run", "--drain", "--quiet"]);
    let status = stage.json(&["status", "--sensors", "--json"]);
    assert!(status["by_sensor"][0]["clock_offset_ms"].is_null(), "{status}");
}
