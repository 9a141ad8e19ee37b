//! A map of stations as a target of the conformance suite: it shows the newest row of each sensor.

use std::fs;
use std::path::PathBuf;

use seismic_proto::{Schema, SeismicAggRecord};
use seismic_queue::Offset;
use seismic_sinks::conformance::{Owners, Promises, Shows, SinkTarget, window};
use seismic_sinks::{Context, Result, Sink, SinkSpec};
use serde_json::Value;
use tempfile::TempDir;

use crate::json_rows::row_of;

/// A folder with a map and a file of stations, deleted with this value.
pub struct MapPlace(TempDir);

impl MapPlace {
    /// An empty folder but for the stations `S0` and `other`.
    pub fn new() -> MapPlace {
        let folder = tempfile::tempdir().unwrap();
        let stations = "sensor_id,latitude,longitude\nS0,47.5,-122.25\nother,1,2\n";
        fs::write(folder.path().join("stations.csv"), stations).unwrap();
        fs::create_dir(folder.path().join("maps")).unwrap();
        MapPlace(folder)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Where the map is.
    pub fn map_path(&self) -> PathBuf {
        self.path("maps/now.geojson")
    }

    /// The map.
    pub fn map(&self) -> Value {
        serde_json::from_slice(&fs::read(self.map_path()).unwrap()).unwrap()
    }
}

impl SinkTarget for MapPlace {
    fn promises(&self) -> Promises {
        Promises { shows: Shows::NewestOfEachSensor, owners: Owners::First }
    }

    fn open(&self, store: &str) -> Result<Box<dyn Sink>> {
        let (map, stations) = (self.map_path(), self.path("stations.csv"));
        let spec = format!("geojson:{},stations={}", map.display(), stations.display());
        let spec: SinkSpec = spec.parse().unwrap();
        seismic_sinks::open(&spec, &Context::new(store, "results"))
    }

    fn store_id(&self, store: &str) -> String {
        store.to_owned()
    }

    fn note(&self, _: &[Offset]) {}

    fn image(&self) -> Option<Box<dyn SinkTarget>> {
        let image = MapPlace::new();
        if self.map_path().exists() {
            fs::copy(self.map_path(), image.map_path()).unwrap();
        }
        Some(Box::new(image))
    }

    fn rows(&self) -> Vec<SeismicAggRecord> {
        let map = self.map();
        let features = map["features"].as_array().unwrap();
        let row = |feature: &Value| window(row_of(Schema::windows(), &feature["properties"]));
        features.iter().map(row).collect()
    }
}
