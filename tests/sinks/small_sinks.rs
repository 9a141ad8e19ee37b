//! Sinks without a server: a map of stations, and lines for InfluxDB.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::stage::{Stage, csv_files};

#[test]
fn a_map_and_lines_are_written_beside_each_other_and_verify_knows_the_map() {
    let stage = Stage::with_records(&["--records", "2000", "--seed", "1"]);
    let args = ["--sink", "geojson:maps/now.geojson", "--sink", "influx:lines/windows.lp"];
    stage.ok(&[&["run", "--drain"][..], &args].concat());
    let rows = stage.read("seismic-agg-topic");
    let lines = fs::read_to_string(stage.path("lines/windows.lp")).unwrap();
    assert_eq!(lines.lines().count(), rows.len());
    let at = stage.path("maps/now.geojson");
    let map: Value = serde_json::from_slice(&fs::read(&at).unwrap()).unwrap();
    let sensors: std::collections::BTreeSet<_> = rows
        .iter()
        .filter(|row| row["value"]["pane"] == 0)
        .map(|row| row["value"]["sensor_id"].to_string())
        .collect();
    assert_eq!(map["features"].as_array().unwrap().len(), sensors.len());
    stage.ok(&["verify", "--sink", "geojson:maps/now.geojson"]);
    let examined = stage.run(&["doctor", "--sink", "geojson:maps/now.geojson"]);
    assert!(examined.stdout.contains("stations=FILE"), "{}", examined.stdout);
    let changed = fs::read_to_string(&at).unwrap().replacen("\"rsam\":", "\"rsam\":1", 1);
    fs::write(&at, changed).unwrap();
    assert_eq!(stage.run(&["verify", "--sink", "geojson:maps/now.geojson"]).code, Some(3));
    // Lines hold no position to compare with.
    stage.refused(&["verify", "--sink", "influx:lines/windows.lp"], 2);
}

#[test]
fn a_folder_that_lacks_every_row_is_compared_without_a_wait_for_each() {
    let stage = Stage::with_records(&["--records", "60000", "--sensors", "200", "--seed", "1"]);
    stage.ok(&["run", "--drain", "--sink", "csv:rows"]);
    let compared = |code| {
        let began = Instant::now();
        let done = stage.run(&["verify", "--sink", "csv:rows"]);
        assert_eq!(done.code, Some(code), "{done}");
        (began.elapsed(), done.stdout)
    };
    let (whole, _) = compared(0);
    let rows = stage.read("seismic-agg-topic").len() as u64;
    assert!(rows > 2_000, "{rows}");
    for file in csv_files(&stage.path("rows")) {
        fs::remove_file(file).unwrap();
    }
    let (empty, said) = compared(3);
    assert!(said.contains("row_missing"), "{said}");
    // A wait of 10 ms for each would take 20 s.
    assert!(empty < whole * 10 + Duration::from_secs(10), "{empty:?} without rows, {whole:?} with");
}
