//! Distances on the Earth.

use libm::{asin, cos, sin, sqrt};
use rusqlite::types::ValueRef;

use super::function::{Answer, Function, number, real};

/// The Earth's mean radius R1 = (2a + b) / 3 of GRS 80, km (H. Moritz, Geodetic Reference System
/// 1980, Journal of Geodesy 74, 2000).
const RADIUS_KM: f64 = 6371.0088;

pub const FUNCTIONS: [Function; 1] =
    [Function { name: "haversine_km", arguments: 4, call: haversine_km }];

/// Great-circle distance on a sphere, km: latitude and longitude of one place, then of the other,
/// in degrees. The haversine formula (R. W. Sinnott, Virtues of the Haversine, Sky and Telescope
/// 68, 1984); a sphere is off by up to 0.5 %.
fn haversine_km(arguments: &[ValueRef<'_>]) -> Answer {
    let mut degrees = [0.0; 4];
    for (degree, argument) in degrees.iter_mut().zip(arguments) {
        *degree = number(*argument)?;
    }
    let [lat_a, lon_a, lat_b, lon_b] = degrees.map(f64::to_radians);
    let (by_lat, by_lon) = (sin((lat_b - lat_a) / 2.0), sin((lon_b - lon_a) / 2.0));
    let h = by_lat * by_lat + cos(lat_a) * cos(lat_b) * by_lon * by_lon;
    // Rounding may take it a little over 1 for places that are opposite.
    Ok(real(2.0 * RADIUS_KM * asin(sqrt(h.min(1.0)))))
}
