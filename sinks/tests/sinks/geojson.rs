//! A map of stations: the newest window of each, after crashes, and refusals.

use seismic_proto::SeismicAggRecord;
use seismic_queue::{Kind, Offset, Partition};
use seismic_sinks::conformance::{self, ROWS, SinkTarget as _, batch, row, spans_of, write};
use serde_json::Value;

use crate::geojson_place::MapPlace;

#[test]
fn the_map_passes_the_suite() {
    conformance::run(&|| Box::new(MapPlace::new()));
}

/// Row `i` of partition 0, of that pane.
fn pane(i: u64, pane: i32) -> SeismicAggRecord {
    SeismicAggRecord { pane, sensor_id: "S0".to_owned(), ..row(0, i) }
}

#[test]
fn a_map_shows_the_newest_window_of_each_station_over_crashes() {
    let scene = MapPlace::new();
    let mut sink = scene.open("home").unwrap();
    assert_eq!(sink.recover(&spans_of(ROWS)).unwrap()[0], Offset(0));
    assert_eq!(scene.map()["features"], Value::Array(Vec::new()));
    let elsewhere = SeismicAggRecord { pane: 0, sensor_id: "S9".to_owned(), ..row(0, 1) };
    let rows = [pane(2, 0), elsewhere, pane(1, 0), pane(3, 1)];
    write(&mut *sink, &batch(Partition(0), Offset(0), &rows)).unwrap();
    sink.sync().unwrap();
    write(&mut *sink, &batch(Partition(0), Offset(4), &[pane(5, 0)])).unwrap();
    // As by a crash: what was not synced comes again.
    drop(sink);
    let map = scene.map();
    assert_eq!(map["type"], "FeatureCollection");
    assert_eq!(map["seismic"]["panes_skipped"], 1);
    let [one, other] = map["features"].as_array().unwrap().as_slice() else { panic!("{map}") };
    assert_eq!(one["geometry"]["coordinates"], serde_json::json!([-122.25, 47.5]));
    assert_eq!((&one["id"], &one["properties"]["window_start_ts"]), (&"S0".into(), &2_000.into()));
    assert_eq!((&other["id"], &other["geometry"]), (&"S9".into(), &Value::Null));
    let mut sink = scene.open("home").unwrap();
    assert_eq!(sink.recover(&spans_of(ROWS)).unwrap()[0], Offset(4));
    write(&mut *sink, &batch(Partition(0), Offset(4), &[pane(5, 0)])).unwrap();
    sink.sync().unwrap();
    assert_eq!(scene.map()["features"][0]["properties"]["window_start_ts"], 5_000);
    assert_eq!(scene.map()["features"].as_array().unwrap().len(), 2);
}

#[test]
fn a_map_of_another_store_a_second_sink_and_a_file_that_is_no_map_are_refused() {
    let scene = MapPlace::new();
    let mut first = scene.open("home").unwrap();
    first.recover(&spans_of(ROWS)).unwrap();
    let second = scene.open("home").err().unwrap();
    assert_eq!(second.kind(), Kind::Fenced);
    assert!(second.to_string().contains(&std::process::id().to_string()), "{second}");
    drop(first);
    let error = scene.open("other").unwrap().recover(&spans_of(ROWS)).unwrap_err();
    assert_eq!(error.kind(), Kind::Config, "{error}");
    std::fs::write(scene.path("maps/now.geojson"), "{}").unwrap();
    let error = scene.open("home").unwrap().recover(&spans_of(ROWS)).unwrap_err();
    assert_eq!(error.kind(), Kind::Config, "{error}");
    std::fs::write(scene.path("stations.csv"), "sensor_id,latitude,longitude\nS0,91,0\n").unwrap();
    let error = scene.open("home").err().unwrap();
    assert!(error.to_string().contains("line 2"), "{error}");
}
