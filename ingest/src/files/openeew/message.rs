//! One line of an OpenEEW file: a second of ground motion from one accelerometer.

use serde::Deserialize;

use crate::limits;

/// A message of one device; the samples are evenly spaced and the last was taken at `device_us`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Message {
    pub(crate) device: String,
    /// Accelerations along the axes, gal; as many of each, at least one.
    pub(crate) x: Vec<f64>,
    pub(crate) y: Vec<f64>,
    pub(crate) z: Vec<f64>,
    /// Samples per second.
    pub(crate) rate_hz: f64,
    /// Time of the last sample, µs since 1970 UTC.
    pub(crate) device_us: i64,
    /// Arrival at the gateway, µs since 1970 UTC.
    pub(crate) cloud_us: i64,
}

/// The fields that are used; others are skipped.
#[derive(Deserialize)]
struct Reading {
    device_id: String,
    x: Vec<f64>,
    y: Vec<f64>,
    z: Vec<f64>,
    sr: f64,
    device_t: f64,
    cloud_t: f64,
}

impl Message {
    /// # Errors
    /// What is wrong with the line.
    pub(crate) fn parse(line: &[u8]) -> Result<Message, String> {
        let line: Reading = serde_json::from_slice(line)
            .map_err(|error| format!("it is not an OpenEEW message: {error}"))?;
        let n = line.x.len();
        if line.device_id.is_empty() || line.device_id.len() > limits::DEVICE_ID_BYTES {
            return Err(format!("device_id is not of 1 to {} bytes", limits::DEVICE_ID_BYTES));
        }
        if n == 0 || n > limits::MESSAGE_SAMPLES || line.y.len() != n || line.z.len() != n {
            return Err(format!(
                "x, y and z have {n}, {} and {} samples; they must have the same number, \
                 between 1 and {}",
                line.y.len(),
                line.z.len(),
                limits::MESSAGE_SAMPLES
            ));
        }
        if !limits::SAMPLE_RATE_HZ.contains(&line.sr) {
            return Err(format!("sr = {} is no sample rate", line.sr));
        }
        let device_us = micros("device_t", line.device_t)?;
        let cloud_us = micros("cloud_t", line.cloud_t)?;
        let Reading { device_id: device, x, y, z, sr: rate_hz, .. } = line;
        Ok(Message { device, x, y, z, rate_hz, device_us, cloud_us })
    }

    /// Number of samples.
    pub(crate) fn len(&self) -> usize {
        self.x.len()
    }

    /// Time from its first sample to that of the next message, µs.
    pub(crate) fn lasts_us(&self) -> i64 {
        (self.len() as f64 * 1e6 / self.rate_hz).round() as i64
    }

    /// Event time of sample `i`: `device_t − (n − 1 − i) / sr`, floored to ms.
    ///
    /// In whole µs, because seconds as `f64` differ by up to 0.12 µs from the decimal number that
    /// was meant, and flooring would turn that into a whole millisecond.
    pub(crate) fn sample_ms(&self, i: usize) -> i64 {
        let before_last = (self.len() - 1 - i) as f64;
        let before_us = (before_last * 1e6 / self.rate_hz).round() as i64;
        (self.device_us - before_us).div_euclid(1_000)
    }

    /// Arrival at the gateway, ms since 1970 UTC.
    pub(crate) fn arrival_ms(&self) -> i64 {
        self.cloud_us.div_euclid(1_000)
    }
}

/// Seconds since 1970 to µs. Times far from our days are refused, so that arithmetic cannot fail.
fn micros(field: &str, seconds: f64) -> Result<i64, String> {
    // The years 1901 to 2199 contain every instrument.
    if (-2_177_452_800.0..7_226_582_400.0).contains(&seconds) {
        Ok((seconds * 1e6).round() as i64)
    } else {
        Err(format!("{field} = {seconds} is no time in seconds since 1970"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"country_code": "mx", "device_id": "024", "x": [0.03, 0.1, 0],
        "y": [1, 2, 3], "z": [0, 0, -1], "device_t": 1592925898.946, "cloud_t": 1592925900.265,
        "sr": 31.25}"#;

    #[test]
    fn samples_are_spaced_back_from_the_device_time() {
        let message = Message::parse(LINE.as_bytes()).unwrap();
        let times: Vec<_> = (0..3).map(|i| message.sample_ms(i)).collect();
        assert_eq!(times, [1_592_925_898_882, 1_592_925_898_914, 1_592_925_898_946]);
        assert_eq!(message.arrival_ms(), 1_592_925_900_265);
    }

    #[test]
    fn each_wrong_line_is_refused_with_what_is_wrong() {
        for (from, to, says) in [
            ("\"024\"", "\"\"", "device_id"),
            ("[1, 2, 3]", "[1, 2]", "3, 2 and 3 samples"),
            ("[1, 2, 3]", "[1, 2, 1e999]", "number out of range"),
            ("31.25", "0", "sr = 0"),
            ("1592925898.946", "1e30", "device_t"),
            ("\"cloud_t\"", "\"cloud\"", "missing field `cloud_t`"),
            ("}", "", "EOF"),
        ] {
            let error = Message::parse(LINE.replacen(from, to, 1).as_bytes()).unwrap_err();
            assert!(error.contains(says), "{error} does not say {says}");
        }
    }
}
