//! Sinks without a server: a map of stations, and lines for InfluxDB.

use std::fs;

use serde_json::Value;

use crate::stage::Stage;

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
