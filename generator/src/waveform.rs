//! The physical signal of every sensor: background noise and, one after the other, earthquakes.
//!
//! Pure: the signal of a sensor depends on the seed and the time since the start of the run. Times
//! of successive calls must not decrease. At most one earthquake is active, from its origin until
//! its last wave has decayed at the farthest sensor, so the cost of a sample does not grow with the
//! length of the run; its arrivals are computed once, at its origin.
//!
//! Amplitudes stay between -90 and 90, well within the valid range of -100 to 200: noise adds at
//! most 2.25, P at most 21 and S at most 60.

use crate::earthquake::{Arrival, CODA_S, Earthquake, P_DECAY_S, P_HZ, S_DECAY_S, S_HZ};
use crate::network::Sensor;
use crate::portable_math::{decay, sine};
use crate::random::{Purpose, Random};

/// Frequency of the microseism that all sites share, Hz: ocean waves.
const MICROSEISM_HZ: f32 = 0.15;

/// Seconds in which a wave rises to its peak.
const RISE_S: f32 = 0.2;

/// Which wave dominates a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Background noise.
    Noise,
    /// After the arrival of P.
    P,
    /// After the arrival of S.
    S,
}

impl Phase {
    /// Its name in records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Phase::Noise => "N",
            Phase::P => "P",
            Phase::S => "S",
        }
    }
}

/// The signal at all sensors.
pub(crate) struct Waveform {
    noise: Random,
    earthquakes: Random,
    quake: Earthquake,
    /// When `quake` is over everywhere, ms since the start.
    over_ms: i64,
    /// How `quake` reaches each sensor.
    arrivals: Vec<Arrival>,
}

impl Waveform {
    pub(crate) fn new(seed: u64, sensors: &[Sensor]) -> Self {
        let mut earthquakes = Random::new(seed, Purpose::Earthquakes);
        let origin_ms = earthquakes.between(500.0, 2_000.0) as i64;
        let mut waveform = Waveform {
            noise: Random::new(seed, Purpose::Noise),
            quake: Earthquake::draw(origin_ms, &mut earthquakes),
            earthquakes,
            over_ms: 0,
            arrivals: Vec::with_capacity(sensors.len()),
        };
        waveform.reach(sensors);
        waveform
    }

    /// Amplitude and phase of a sensor, `at_ms` since the start of the run.
    #[inline]
    pub(crate) fn sample(&mut self, sensors: &[Sensor], sensor: usize, at_ms: i64) -> (f32, Phase) {
        while at_ms >= self.over_ms {
            self.next_earthquake(sensors);
        }
        let background = self.background(sensors[sensor].noise, at_ms);
        let since_ms = at_ms - self.quake.origin_ms;
        if since_ms < 0 {
            return (background, Phase::Noise);
        }
        let (motion, phase) = shaking(&self.arrivals[sensor], since_ms as f32 / 1_000.0);
        (background + motion, phase)
    }

    /// Noise of triangular distribution on the microseism.
    #[inline]
    fn background(&mut self, level: f32, at_ms: i64) -> f32 {
        let bits = self.noise.bits();
        let white = ((bits & 0xffff) as f32 - (bits >> 16) as f32) / 65_536.0;
        // The microseism repeats after 20 s, which keeps the number small enough for f32.
        let seconds = at_ms.rem_euclid(20_000) as f32 / 1_000.0;
        level * (white + 0.5 * sine(MICROSEISM_HZ * seconds))
    }

    #[cold]
    fn next_earthquake(&mut self, sensors: &[Sensor]) {
        let pause_ms = self.earthquakes.between(2_000.0, 10_000.0) as i64;
        self.quake = Earthquake::draw(self.over_ms + pause_ms, &mut self.earthquakes);
        self.reach(sensors);
    }

    fn reach(&mut self, sensors: &[Sensor]) {
        self.arrivals.clear();
        self.arrivals.extend(sensors.iter().map(|sensor| self.quake.arrival(sensor)));
        let last_s = self.arrivals.iter().map(|arrival| arrival.s_s).fold(0.0, f32::max);
        self.over_ms = self.quake.origin_ms + ((last_s + CODA_S) * 1_000.0) as i64 + 1;
    }
}

/// Ground motion `since_s` seconds after the origin.
#[inline]
fn shaking(arrival: &Arrival, since_s: f32) -> (f32, Phase) {
    let after_p = since_s - arrival.p_s;
    let after_s = since_s - arrival.s_s;
    if after_p < 0.0 || after_s > CODA_S {
        return (0.0, Phase::Noise);
    }
    let p = arrival.p_peak * wave(after_p, P_HZ, P_DECAY_S);
    if after_s < 0.0 {
        return (p, Phase::P);
    }
    (p + arrival.s_peak * wave(after_s, S_HZ, S_DECAY_S), Phase::S)
}

#[inline]
fn wave(after_s: f32, hz: f32, decay_s: f32) -> f32 {
    (after_s / RISE_S).min(1.0) * decay(after_s / decay_s) * sine(hz * after_s)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::network;
    use proptest::prelude::*;

    /// What one sensor shows at 25 samples/s.
    fn trace(seed: u64, sensors: u32, sensor: usize, seconds: i64) -> Vec<(f32, Phase)> {
        let sensors = network(seed, sensors, 4);
        let mut waveform = Waveform::new(seed, &sensors);
        (0..seconds * 25).map(|i| waveform.sample(&sensors, sensor, i * 40)).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn amplitudes_stay_within_the_valid_range_with_margin(seed: u64, sensor in 0usize..10) {
            for (amplitude, _) in trace(seed, 10, sensor, 300) {
                prop_assert!(amplitude.abs() < 90.0);
            }
        }

        #[test]
        fn each_earthquake_shows_as_noise_then_p_then_s(seed: u64, sensor in 0usize..10) {
            let phases: Vec<_> = trace(seed, 10, sensor, 300).iter().map(|s| s.1).collect();
            prop_assert_eq!(phases[0], Phase::Noise);
            let mut changes: Vec<_> = phases.clone();
            changes.dedup();
            for pair in changes.windows(2) {
                let next = match pair[0] {
                    Phase::Noise => Phase::P,
                    Phase::P => Phase::S,
                    Phase::S => Phase::Noise,
                };
                prop_assert_eq!(pair[1], next);
            }
            prop_assert!(changes.len() > 12, "{} changes in five minutes", changes.len());
        }
    }

    #[test]
    fn waves_stand_out_of_the_noise_and_s_is_the_strongest() {
        let mut peaks = [0f32; 3];
        for (amplitude, phase) in trace(5, 10, 0, 120) {
            let peak = &mut peaks[phase as usize];
            *peak = peak.max(amplitude.abs());
        }
        let [noise, p, s] = peaks;
        assert!(noise < p && p < s, "noise {noise}, P {p}, S {s}");
    }

    #[test]
    fn a_long_pause_skips_earthquakes_and_goes_on() {
        let sensors = network(1, 10, 4);
        let mut waveform = Waveform::new(1, &sensors);
        waveform.sample(&sensors, 0, 0);
        let (amplitude, _) = waveform.sample(&sensors, 0, 86_400_000);
        assert!(amplitude.is_finite() && waveform.over_ms > 86_400_000);
    }
}
