//! The virtual sensors: their ids and positions.
//!
//! Sensors are placed on a sunflower spiral around the coast of Oaxaca, with random offsets: ten
//! about 10 km apart, a million still within 300 km. Each site has its own noise level.

use seismic_queue::{Partition, partition_of};

use crate::portable_math::{cosine, sine};
use crate::random::{Purpose, Random};

/// Longitude and latitude of the middle, degrees.
const CENTRE: (f64, f64) = (-98.0, 16.6);

/// A degree of latitude on the GRS80 ellipsoid at 16.6° north, km.
pub(crate) const KM_PER_DEGREE_NORTH: f64 = 110.66;
/// A degree of longitude there, km: 111.32 km · cos 16.6°, with the ellipsoid's flattening.
pub(crate) const KM_PER_DEGREE_EAST: f64 = 106.71;

/// Usual distance between neighbours, km, while that keeps all within [`RADIUS_KM`].
const SPACING_KM: f64 = 10.0;
const RADIUS_KM: f64 = 300.0;

/// 1 / golden ratio: the turn from one sensor of the spiral to the next.
const GOLDEN_TURN: f64 = 0.618_033_988_749_895;

/// One sensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Sensor {
    /// `S001`, `S002`, …
    pub id: String,
    /// Where its records go.
    pub partition: Partition,
    /// Degrees, east positive, 5 decimals.
    pub longitude: f64,
    /// Degrees, north positive, 5 decimals.
    pub latitude: f64,
    /// East of the middle, km.
    pub(crate) east_km: f32,
    /// North of the middle, km.
    pub(crate) north_km: f32,
    /// Scale of its background noise, in units of amplitude.
    pub(crate) noise: f32,
}

/// All sensors of a run, in the order in which they take turns.
#[must_use]
pub fn network(seed: u64, sensors: u32, partitions: u32) -> Vec<Sensor> {
    let mut random = Random::new(seed, Purpose::Network);
    let spacing_km = SPACING_KM.min(RADIUS_KM / f64::from(sensors).sqrt());
    (0..sensors).map(|number| sensor(number, spacing_km, partitions, &mut random)).collect()
}

fn sensor(number: u32, spacing_km: f64, partitions: u32, random: &mut Random) -> Sensor {
    let id = format!("S{:03}", number + 1);
    let from_centre_km = spacing_km * (f64::from(number) + 0.5).sqrt();
    let turns = (f64::from(number) * GOLDEN_TURN).fract() as f32;
    let mut shaken = |km: f64| km + spacing_km * random.between(-0.3, 0.3);
    let east_km = shaken(from_centre_km * f64::from(cosine(turns)));
    let north_km = shaken(from_centre_km * f64::from(sine(turns)));
    let longitude = rounded(CENTRE.0 + east_km / KM_PER_DEGREE_EAST);
    let latitude = rounded(CENTRE.1 + north_km / KM_PER_DEGREE_NORTH);
    Sensor {
        partition: partition_of(id.as_bytes(), partitions),
        id,
        longitude,
        latitude,
        east_km: ((longitude - CENTRE.0) * KM_PER_DEGREE_EAST) as f32,
        north_km: ((latitude - CENTRE.1) * KM_PER_DEGREE_NORTH) as f32,
        noise: random.between(0.3, 1.5) as f32,
    }
}

/// To 5 decimals, about a metre.
fn rounded(degrees: f64) -> f64 {
    (degrees * 1e5).round() / 1e5
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sensors_are_numbered_from_s001_and_stand_apart() {
        let sensors = network(1, 50, 4);
        assert_eq!((sensors[0].id.as_str(), sensors[9].id.as_str()), ("S001", "S010"));
        for (i, a) in sensors.iter().enumerate() {
            for b in &sensors[..i] {
                let (east, north) = (a.east_km - b.east_km, a.north_km - b.north_km);
                let km = (east * east + north * north).sqrt();
                assert!((4.0..150.0).contains(&km), "{} and {}: {km} km", a.id, b.id);
            }
        }
    }

    #[test]
    fn a_large_network_stays_in_the_region() {
        let sensors = network(7, 100_000, 4);
        assert_eq!(sensors[99_999].id, "S100000");
        for sensor in sensors {
            let km = sensor.east_km.hypot(sensor.north_km);
            assert!(km < 301.0, "{} stands {km} km away", sensor.id);
        }
    }

    #[test]
    fn the_seed_decides_where_they_stand() {
        assert_eq!(network(3, 10, 4), network(3, 10, 4));
        assert_ne!(network(3, 10, 4)[0].longitude, network(4, 10, 4)[0].longitude);
    }
}
