//! One earthquake and its arrivals at a sensor: P, then S, later and weaker with distance.
//!
//! Straight rays in a uniform crust: v_p = 6.0 km/s, the usual average of continental crust, and
//! v_p / v_s = √3 (a Poisson solid). Amplitudes follow A(r) = A(r0) · (r0 / r) · exp(−π f (r − r0)
//! / (Q v)), geometric spreading of a body wave and loss in the rock (Aki & Richards, *Quantitative
//! Seismology*, 2nd ed., ch. 5.5), with Q = 200, r0 = 10 km, P at 6 Hz and S at 3 Hz. Each wave
//! rises within 0.2 s and decays exponentially.

use crate::network::Sensor;
use crate::portable_math::decay;
use crate::random::Random;

/// Speed of P waves, km/s.
pub(crate) const P_KM_PER_S: f32 = 6.0;
/// Speed of S waves, km/s: v_p / √3.
pub(crate) const S_KM_PER_S: f32 = 3.464;

/// Frequency of P waves, Hz.
pub(crate) const P_HZ: f32 = 6.0;
/// Frequency of S waves, Hz.
pub(crate) const S_HZ: f32 = 3.0;

/// Seconds in which P and S fall to 1/e.
pub(crate) const P_DECAY_S: f32 = 2.5;
pub(crate) const S_DECAY_S: f32 = 4.0;
/// Seconds after the arrival of S in which it counts as S; 2 % of it are left then.
pub(crate) const CODA_S: f32 = 16.0;

/// Distance at which the peak amplitude is given, km. No hypocentre is nearer to any sensor.
const NEAR_KM: f32 = 10.0;
/// Q v / (π f), km: distance in which the rock takes 1/e. Both waves as Q = 200 gives them.
const P_LOSS_KM: f32 = 200.0 * P_KM_PER_S / (std::f32::consts::PI * P_HZ);
const S_LOSS_KM: f32 = 200.0 * S_KM_PER_S / (std::f32::consts::PI * S_HZ);

/// Peak of P where S peaks at 1.
const P_TO_S: f32 = 0.35;

/// Where, when and how strong.
pub(crate) struct Earthquake {
    /// Origin time, ms since the start of the run.
    pub(crate) origin_ms: i64,
    east_km: f32,
    north_km: f32,
    depth_km: f32,
    /// Peak of S at 10 km, in units of amplitude: at most 60.
    peak: f32,
}

/// How an earthquake reaches one sensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Arrival {
    /// Seconds from origin to arrival.
    pub(crate) p_s: f32,
    pub(crate) s_s: f32,
    /// Peak amplitudes.
    pub(crate) p_peak: f32,
    pub(crate) s_peak: f32,
}

impl Earthquake {
    /// An earthquake under the middle of the network.
    pub(crate) fn draw(origin_ms: i64, random: &mut Random) -> Self {
        Earthquake {
            origin_ms,
            east_km: random.between(-20.0, 20.0) as f32,
            north_km: random.between(-20.0, 20.0) as f32,
            depth_km: random.between(10.0, 20.0) as f32,
            peak: random.between(15.0, 60.0) as f32,
        }
    }

    /// Distance from the hypocentre, km.
    pub(crate) fn distance_km(&self, sensor: &Sensor) -> f32 {
        let (east, north) = (sensor.east_km - self.east_km, sensor.north_km - self.north_km);
        (east * east + north * north + self.depth_km * self.depth_km).sqrt()
    }

    pub(crate) fn arrival(&self, sensor: &Sensor) -> Arrival {
        let km = self.distance_km(sensor);
        let left = |loss_km| NEAR_KM / km * decay((km - NEAR_KM) / loss_km);
        Arrival {
            p_s: km / P_KM_PER_S,
            s_s: km / S_KM_PER_S,
            p_peak: self.peak * P_TO_S * left(P_LOSS_KM),
            s_peak: self.peak * left(S_LOSS_KM),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::network;
    use crate::random::Purpose;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn p_comes_before_s_and_both_later_and_weaker_at_farther_sensors(seed: u64) {
            let mut random = Random::new(seed, Purpose::Earthquakes);
            let quake = Earthquake::draw(0, &mut random);
            let mut sensors = network(seed, 200, 4);
            sensors.sort_by(|a, b| quake.distance_km(a).total_cmp(&quake.distance_km(b)));
            let arrivals: Vec<_> = sensors.iter().map(|sensor| quake.arrival(sensor)).collect();
            for arrival in &arrivals {
                prop_assert!(1.0 < arrival.p_s && arrival.p_s < arrival.s_s);
                prop_assert!(0.0 < arrival.p_peak && arrival.p_peak < arrival.s_peak);
                prop_assert!(arrival.s_peak <= 60.0);
            }
            for pair in arrivals.windows(2) {
                prop_assert!(pair[0].p_s <= pair[1].p_s && pair[0].s_s <= pair[1].s_s);
                // Rounding decides between sensors at almost the same distance.
                prop_assert!(pair[0].s_peak * 1.001 >= pair[1].s_peak);
            }
        }
    }
}
