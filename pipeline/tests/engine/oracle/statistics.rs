//! Statistics of samples: the numbers of a row, and the estimated sampling interval.

use seismic_proto::SeismicAggRecord;

#[derive(Clone)]
pub struct Sample {
    pub time: i128,
    pub amplitude: f32,
    pub phase: String,
}

/// Where an estimated interval (µs) goes after a step of the clock (ms): the first as it is, then
/// a 64th of the way, rounded up, and at most a 256th of itself or 16 µs.
pub fn moved(interval: Option<i128>, step: i128) -> i128 {
    let step = step.min(60 * 60 * 1_000) * 1_000;
    let Some(interval) = interval else {
        return step;
    };
    let way = step - interval;
    let at_most = (interval / 256).max(16);
    let by = (way.abs() / 64 + i128::from(way.abs() % 64 > 0)).min(at_most);
    interval + by * way.signum()
}

/// The numbers of some windows together. Sums are made window by window, and these added up.
pub fn statistics(windows: &[Vec<Sample>]) -> SeismicAggRecord {
    let samples: Vec<Sample> = windows.iter().flatten().cloned().collect();
    let count = samples.len() as f64;
    let sum_up = |of: fn(f64) -> f64| {
        let of_window = |window: &Vec<Sample>| {
            window.iter().fold(0.0, |sum, sample| sum + of(f64::from(sample.amplitude)))
        };
        windows.iter().map(of_window).reduce(|sum, more| sum + more).unwrap()
    };
    let (sum, sum_of_squares, sum_of_magnitudes) =
        (sum_up(|x| x), sum_up(|x| x * x), sum_up(|x| if x < 0.0 { -x } else { x }));
    let (mut min, mut max) = (samples[0].amplitude, samples[0].amplitude);
    for sample in &samples {
        min = if sample.amplitude < min { sample.amplitude } else { min };
        max = if sample.amplitude > max { sample.amplitude } else { max };
    }
    let from_sums = ((sum_of_squares - sum * sum / count).max(0.0) / count).sqrt();
    let rms = (sum_of_squares / count).sqrt();
    let in_two_passes = deviation(&samples, sum / count);
    let bound = rms * (3.0 * count / 2.0f64.powi(53)).sqrt() * (1.0 + 1e-6);
    assert!((from_sums - in_two_passes).abs() <= bound, "{from_sums} is not {in_two_passes}");
    // Stable sorts: of several samples at one time, the log's order stays.
    let mut by_time: Vec<&Sample> = samples.iter().collect();
    by_time.sort_by_key(|sample| sample.time);
    let phases = |name| samples.iter().filter(|sample| sample.phase == name).count() as i32;
    SeismicAggRecord {
        avg_amplitude: (sum / count) as f32,
        max_amplitude: max,
        min_amplitude: min,
        p_phase_count: phases("P"),
        s_phase_count: phases("S"),
        n_phase_count: phases("N"),
        record_count: samples.len() as i64,
        mean_amplitude: sum / count,
        rms_amplitude: rms,
        first_sample_ts: by_time.first().unwrap().time as i64,
        last_sample_ts: by_time.last().unwrap().time as i64,
        rsam: sum_of_magnitudes / count,
        std_amplitude: from_sums,
        peak_to_peak: f64::from(max) - f64::from(min),
        first_amplitude: by_time.first().unwrap().amplitude,
        last_amplitude: by_time.last().unwrap().amplitude,
        ..Default::default()
    }
}

/// The standard deviation as statistics books have it: about the mean, in a pass of its own.
fn deviation(samples: &[Sample], mean: f64) -> f64 {
    let squares = samples.iter().map(|sample| (f64::from(sample.amplitude) - mean).powi(2));
    (squares.sum::<f64>() / samples.len() as f64).sqrt()
}
