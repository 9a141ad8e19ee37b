//! Positions of stations: a CSV file with the columns `sensor_id`, `latitude` and `longitude`, in
//! degrees.

use std::collections::BTreeMap;
use std::path::Path;

use crate::{Error, Result};

/// Longitude and latitude of each station, in the order of GeoJSON.
pub(super) type Stations = BTreeMap<String, (f64, f64)>;

/// Reads the file.
pub(super) fn read(at: &Path) -> Result<Stations> {
    let refuse = |what: String| Error::Config { at: at.to_owned(), what };
    let of_csv = |error: ::csv::Error| refuse(format!("it cannot be read ({error})"));
    let mut reader = ::csv::Reader::from_path(at).map_err(of_csv)?;
    let headers = reader.headers().map_err(of_csv)?.clone();
    let place = |name: &str| {
        let found = headers.iter().position(|header| header.trim() == name);
        found.ok_or_else(|| refuse(format!("it has no column {name}")))
    };
    let (id, latitude, longitude) = (place("sensor_id")?, place("latitude")?, place("longitude")?);
    let mut stations = Stations::new();
    for row in reader.records() {
        let row = row.map_err(of_csv)?;
        let degrees = |place: usize, most: f64| {
            let value: Option<f64> = row.get(place).and_then(|text| text.trim().parse().ok());
            value.filter(|value| value.abs() <= most)
        };
        let (Some(longitude), Some(latitude)) =
            (degrees(longitude, 180.0), degrees(latitude, 90.0))
        else {
            let line = row.position().map_or(0, ::csv::Position::line);
            return Err(refuse(format!("line {line} has no latitude and longitude in degrees")));
        };
        stations.insert(row.get(id).unwrap_or_default().to_owned(), (longitude, latitude));
    }
    Ok(stations)
}
