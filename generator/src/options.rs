//! What a run is asked for, and whether it can be done.

use std::fmt;
use std::ops::RangeInclusive;

use seismic_queue::Topic;

use crate::limits;
use crate::{Error, Result};

/// What to generate. The default is a run of seconds that anyone can look at.
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
    /// What everything random is drawn from. `None`: a new one, which the summary tells.
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
            partitions: 4,
            topic: "seismic-data-topic".to_owned(),
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

/// Records of a run when nobody says.
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

    /// Looks at everything.
    ///
    /// # Errors
    /// [`Error::Options`] with all that is wrong.
    pub fn check(&self) -> Result<()> {
        let mut wrong = Vec::new();
        if let Some(records) = self.records {
            within(&mut wrong, "--records", records, &limits::RECORDS);
            if self.forever {
                wrong.push(Wrong::Both("--records", "--forever"));
            }
        }
        within(&mut wrong, "--sensors", self.sensors, &limits::SENSORS);
        let partitions = 1..=seismic_queue::limits::PARTITIONS;
        within(&mut wrong, "--partitions", self.partitions, &partitions);
        if let Err(error) = Topic::check_name(&self.topic) {
            wrong.push(Wrong::Name(error));
        }
        if self.rate != 0.0 {
            within(&mut wrong, "--rate", self.rate, &limits::RATE);
        }
        within(&mut wrong, "--sample-rate-hz", self.sample_rate_hz, &limits::SAMPLE_RATE_HZ);
        within(&mut wrong, "--anomaly-percent", self.anomaly_percent, &(0.0..=100.0));
        within(&mut wrong, "--pack", self.pack, &limits::PACK);
        if u64::from(self.pack) * u64::from(self.partitions) > limits::PACKED_RECORDS {
            wrong.push(Wrong::Packs {
                pack: self.pack,
                partitions: self.partitions,
                limit: limits::PACKED_RECORDS,
            });
        }
        if let Some(start_ms) = self.start_ms {
            // The end matters as much, as soon as it can be reckoned.
            let known = wrong.is_empty() && !self.forever;
            let span_ms = if known { self.span_ms() } else { 0.0 };
            let fits = limits::EVENT_MS.contains(&start_ms)
                && start_ms as f64 + span_ms <= *limits::EVENT_MS.end() as f64;
            if !fits {
                wrong.push(Wrong::Start);
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(Error::Options { wrong }) }
    }

    /// Event time between the first record and the end of the run, ms.
    pub(crate) fn span_ms(&self) -> f64 {
        self.total() as f64 * 1_000.0 / self.records_per_second()
    }
}

pub(crate) fn within<T: PartialOrd + Copy + fmt::Display>(
    wrong: &mut Vec<Wrong>,
    option: &'static str,
    given: T,
    allowed: &RangeInclusive<T>,
) {
    if !allowed.contains(&given) {
        wrong.push(Wrong::Outside {
            option,
            given: given.to_string(),
            from: allowed.start().to_string(),
            to: allowed.end().to_string(),
        });
    }
}

/// One thing that is wrong with the options.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum Wrong {
    #[error("{option} {given} is not between {from} and {to}")]
    Outside { option: &'static str, given: String, from: String, to: String },
    #[error("{0} and {1} exclude each other")]
    Both(&'static str, &'static str),
    #[error(
        "--pack {pack} times --partitions {partitions} is more than {limit} records in memory; \
         use smaller packs"
    )]
    Packs { pack: u32, partitions: u32, limit: u64 },
    #[error("--start: the run does not lie between the years 1901 and 2149")]
    Start,
    #[error(transparent)]
    Name(seismic_queue::Error),
    #[error("no files to import were named")]
    NoFiles,
    #[error("{given} files are more than one import takes, which is {limit}; give some at a time")]
    ManyFiles { given: usize, limit: usize },
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
    fn everything_wrong_is_said_at_once() {
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
        let Err(Error::Options { wrong }) = options.check() else { panic!("it is all wrong") };
        assert_eq!(wrong.len(), 10, "{wrong:?}");
        let text = options.check().unwrap_err().to_string();
        assert!(text.contains("--sensors 0 is not between 1 and 1000000"), "{text}");
    }
}
