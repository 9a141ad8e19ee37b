//! The options of a run, and their validation.

use seismic_ingest::InvalidOption;
use seismic_ingest::options::{Checks, PARTITIONS, TOPIC};

use crate::{Result, limits};

/// What to generate. The default is a short run that anyone can look at.
///
/// The debug form is part of the names of producers: a renamed field is another run.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Records to publish, anomalies included. `None`: 3000, or without end with `forever`.
    pub records: Option<u64>,
    /// Virtual sensors, which take turns.
    pub sensors: u32,
    /// Partitions of the topic.
    pub partitions: u32,
    /// Where records go; made if it is missing.
    pub topic: String,
    /// Records per second that are published, following the wall clock; 0 = as fast as possible.
    pub rate: f64,
    /// Samples per second of each sensor in event time, and in wall time with `forever`; not used
    /// when there is a `rate`.
    pub sample_rate_hz: f64,
    /// Event time of the first sample, ms since 1970 UTC. `None`: so that the run ends now, but
    /// after the newest valid event of the topic.
    pub start_ms: Option<i64>,
    /// How many of 100 records are anomalies.
    pub anomaly_percent: f64,
    /// What everything random is drawn from. `None`: a new one, which the summary contains.
    pub seed: Option<u64>,
    /// Records per message.
    pub pack: u32,
    /// Publish until stopped, following the wall clock.
    pub forever: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            records: None,
            sensors: 10,
            partitions: PARTITIONS,
            topic: TOPIC.to_owned(),
            rate: 0.0,
            sample_rate_hz: 25.0,
            start_ms: None,
            anomaly_percent: 5.0,
            seed: None,
            pack: 1,
            forever: false,
        }
    }
}

/// Records of a run by default.
const RECORDS: u64 = 3_000;

impl Options {
    /// Whether event time follows the wall clock.
    #[must_use]
    pub fn live(&self) -> bool {
        self.rate > 0.0 || self.forever
    }

    /// Records per second of event time, all sensors together.
    #[must_use]
    pub fn records_per_second(&self) -> f64 {
        if self.rate > 0.0 { self.rate } else { f64::from(self.sensors) * self.sample_rate_hz }
    }

    /// Records to publish; `u64::MAX` for a run without end.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.records.unwrap_or(if self.forever { u64::MAX } else { RECORDS })
    }

    /// Checks everything.
    ///
    /// # Errors
    /// [`Error::Options`](crate::Error::Options) with everything that is wrong.
    pub fn check(&self) -> Result<()> {
        let mut checks = Checks::default();
        if let Some(records) = self.records {
            checks.range("records", records, &limits::RECORDS);
            if self.forever {
                checks.add(InvalidOption::Exclusive("records", "forever"));
            }
        }
        checks.range("sensors", self.sensors, &limits::SENSORS);
        checks.topic(&self.topic, self.partitions);
        if self.rate != 0.0 {
            checks.range("rate", self.rate, &limits::RATE);
        }
        let sample_rates_hz = &seismic_ingest::limits::SAMPLE_RATE_HZ;
        checks.range("sample_rate_hz", self.sample_rate_hz, sample_rates_hz);
        checks.range("anomaly_percent", self.anomaly_percent, &(0.0..=100.0));
        checks.pack(self.pack, self.partitions);
        if let Some(start_ms) = self.start_ms {
            // The end matters as much, as soon as it can be computed.
            let known = checks.are_passed() && !self.forever;
            let span_ms = if known { self.span_ms() } else { 0.0 };
            let fits = limits::EVENT_MS.contains(&start_ms)
                && start_ms as f64 + span_ms <= *limits::EVENT_MS.end() as f64;
            if !fits {
                let (from, to) = limits::EVENT_YEARS;
                checks.add(InvalidOption::Years { option: "start", from, to });
            }
        }
        checks.finish()
    }

    /// Event time between the first record and the end of the run, ms.
    pub(crate) fn span_ms(&self) -> f64 {
        self.total() as f64 * 1_000.0 / self.records_per_second()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_fine() {
        Options::default().check().unwrap();
        assert_eq!(Options::default().total(), 3_000);
    }

    #[test]
    fn everything_wrong_is_reported_at_once() {
        let options = Options {
            records: Some(0),
            sensors: 0,
            partitions: 0,
            topic: "a/b".to_owned(),
            rate: f64::NAN,
            sample_rate_hz: 0.0,
            start_ms: Some(i64::MAX),
            anomaly_percent: 101.0,
            seed: None,
            pack: 0,
            forever: true,
        };
        let Err(crate::Error::Options { invalid }) = options.check() else {
            panic!("it is all wrong")
        };
        assert_eq!(invalid.len(), 10, "{invalid:?}");
        let text = options.check().unwrap_err().to_string();
        assert!(text.contains("sensors 0 is not between 1 and 1000000"), "{text}");
    }
}
