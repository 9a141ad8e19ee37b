//! The semantics of a job: every option that changes its results, and their hash.
//!
//! Rules are written into the progress, the journal and every snapshot, so that `verify` and a
//! restart use those of the job and not those of today's command line.

use std::fmt;
use std::ops::RangeInclusive;

use seismic_proto::{Message, state, validity};
use sha2::{Digest, Sha256};

use crate::engine::windows::phases::Phases;
use crate::limits;

/// Raised whenever the same log and rules would give other results than before.
pub const ENGINE_VERSION: u32 = 4;

/// The oldest version whose jobs go on, by the rules of that version and to the same bits.
pub const OLDEST_ENGINE_VERSION: u32 = 2;

/// Which clock windows follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeMode {
    /// Event time as the sensor reports it.
    #[default]
    Event,
    /// Append time of the message: when the queue took it.
    Ingest,
}

/// Whether a record that repeats another one counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dedupe {
    /// Every record counts.
    #[default]
    Off,
    /// The second record of a sensor with the same event time inside an open window is rejected.
    Time,
}

/// A box of positions, degrees, inclusive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Region {
    /// West and east border.
    pub longitude: (f64, f64),
    /// South and north border.
    pub latitude: (f64, f64),
}

/// Every option that changes results.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// Version of the engine that the job began with: it decides which rules there are.
    pub version: u32,
    /// Length of a window, ms. 1 to one day.
    pub window_ms: i64,
    /// How long a window waits for late records after its end, ms of event time. Up to 30 days. This is
    /// the bounded out-of-orderness of a Flink watermark (its watermark delay), per sensor; it is not
    /// Flink's allowed lateness, which would emit a window again.
    pub lateness_ms: i64,
    /// How long after its end and the lateness a window still gets further rows for late records, ms of
    /// event time. Up to 30 days; 0: they are dead letters. This is Flink's allowed lateness, with
    /// discarding panes.
    pub allowed_lateness_ms: i64,
    /// How far event time may be ahead of append time, ms. Up to 30 days.
    pub max_ahead_ms: i64,
    /// How far a record may move its sensor's clock without a confirmation by later ones, ms; at least a
    /// window. Up to 30 days; 0: any record moves it.
    pub max_jump_ms: i64,
    /// Which clock windows follow.
    pub time: TimeMode,
    /// Valid amplitudes.
    pub amplitude: RangeInclusive<f32>,
    /// Valid event times `[from, to)`, ms since 1970 UTC.
    pub event_ms: (i64, i64),
    /// Positions outside are rejected.
    pub region: Option<Region>,
    /// Phases that count.
    pub phases: Phases,
    /// Sensors per partition; further ones are rejected, none is ever forgotten.
    pub max_sensors: u64,
    /// Whether a record that repeats another one counts.
    pub dedupe: Dedupe,
    /// Lengths of the roll-ups, ms, rising: multiples of the window, up to a day.
    pub rollups_ms: Vec<i64>,
    /// Topic of the records, where what is read is the internal topic of a repartition.
    pub repartitioned: Option<String>,
}

/// A rule that is out of range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFault {
    /// Which rule: the key that sets it in a job file.
    pub rule: &'static str,
    /// What is wrong, with the allowed range.
    pub why: String,
}

impl fmt::Display for RuleFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.why)
    }
}

impl Default for Rules {
    fn default() -> Self {
        Rules {
            version: ENGINE_VERSION,
            window_ms: 1_000,
            lateness_ms: 500,
            allowed_lateness_ms: 0,
            max_ahead_ms: validity::MAX_AHEAD_MS,
            max_jump_ms: 3_600_000,
            time: TimeMode::Event,
            amplitude: validity::AMPLITUDE,
            event_ms: (validity::EVENT_MS.start, validity::EVENT_MS.end),
            region: None,
            phases: Phases::ALL,
            max_sensors: 1_000_000,
            dedupe: Dedupe::Off,
            rollups_ms: Vec::new(),
            repartitioned: None,
        }
    }
}

impl Rules {
    /// Everything that is out of range; empty when the rules can be used.
    #[must_use]
    pub fn faults(&self) -> Vec<RuleFault> {
        let mut faults = Vec::new();
        let mut check = |rule, value: i64, unit: &str, range: RangeInclusive<i64>| {
            if !range.contains(&value) {
                let (low, high) = range.into_inner();
                let why = format!("{value}{unit} is not between {low}{unit} and {high}{unit}");
                faults.push(RuleFault { rule, why });
            }
        };
        check("window", self.window_ms, " ms", limits::WINDOW_MS);
        check("lateness", self.lateness_ms, " ms", limits::WAIT_MS);
        check("allowed_lateness", self.allowed_lateness_ms, " ms", limits::WAIT_MS);
        check("max_ahead", self.max_ahead_ms, " ms", limits::WAIT_MS);
        check("max_jump", self.max_jump_ms, " ms", limits::WAIT_MS);
        check("earliest_event", self.event_ms.0, " ms", limits::EVENT_MS);
        check("latest_event", self.event_ms.1, " ms", limits::EVENT_MS);
        // Sensors are numbered in 32 bits.
        check("max_sensors", self.max_sensors.min(1 << 40) as i64, "", 1..=i64::from(u32::MAX));
        let mut fault = |rule, why| faults.push(RuleFault { rule, why });
        if self.phases.is_empty() {
            fault("phases", "none is left that could count".to_owned());
        }
        let (low, high) = (*self.amplitude.start(), *self.amplitude.end());
        if !(low.is_finite() && high.is_finite() && low <= high) {
            fault("amplitude", format!("{low} to {high} is not a range"));
        }
        if self.dedupe == Dedupe::Time {
            if self.window_ms > limits::DEDUPE_WINDOW_MS {
                let limit = limits::DEDUPE_WINDOW_MS;
                fault("dedupe", format!("it needs windows of at most {limit} ms"));
            }
            if self.time == TimeMode::Ingest {
                let why = "it compares event times, which time = ingest does not use";
                fault("dedupe", why.to_owned());
            }
        }
        self.check_rollups(&mut fault);
        if self.event_ms.0 >= self.event_ms.1 {
            let (from, to) = self.event_ms;
            fault("earliest_event", format!("{from} ms is not before the latest, {to} ms"));
        }
        if let Some(Region { longitude: (west, east), latitude: (south, north) }) = self.region
            && !(-180.0 <= west
                && west <= east
                && east <= 180.0
                && -90.0 <= south
                && south <= north
                && north <= 90.0)
        {
            let why = format!(
                "{west}..{east},{south}..{north} is not a box of west..east from -180 to 180 and \
                 south..north from -90 to 90"
            );
            fault("region", why);
        }
        faults
    }

    fn check_rollups(&self, fault: &mut impl FnMut(&'static str, String)) {
        let (window_ms, limit_ms) = (self.window_ms.max(1), limits::ROLLUP_MS);
        for &length_ms in &self.rollups_ms {
            if length_ms <= window_ms || length_ms > limit_ms || length_ms % window_ms != 0 {
                let why = format!(
                    "{length_ms} ms is not a multiple of the window of {window_ms} ms, not longer \
                     than it, or longer than {limit_ms} ms"
                );
                fault("rollup", why);
            }
        }
        if !self.rollups_ms.is_sorted_by(|a, b| a < b) {
            let lengths: Vec<_> = self.rollups_ms.iter().map(ToString::to_string).collect();
            let why = format!("the lengths {} ms do not rise", lengths.join(", "));
            fault("rollup", why);
        }
        if self.rollups_ms.len() > limits::ROLLUPS {
            fault("rollup", format!("there are more than {}", limits::ROLLUPS));
        }
    }

    /// Whether rows say how many records of their window were rejected.
    pub(crate) fn counts_rejects(&self) -> bool {
        self.version >= 3
    }

    /// Whether late records may still count.
    pub(crate) fn allows_late(&self) -> bool {
        self.version >= 4 && self.allowed_lateness_ms > 0 && self.time == TimeMode::Event
    }

    /// Whether a step of a sensor's clock needs a confirmation.
    pub(crate) fn judges_clocks(&self) -> bool {
        self.version >= 4 && self.max_jump_ms > 0 && self.time == TimeMode::Event
    }

    /// How far a record may move a sensor's clock ahead. Records of one window never need a
    /// confirmation.
    pub(crate) fn jump_ahead_ms(&self) -> i64 {
        self.max_jump_ms.max(self.window_ms)
    }

    /// How far a late record lies behind its sensor's clock for it to be asked whether the clock was
    /// set back. A quarter less than ahead: a clock that was set back by an hour is less than an hour
    /// behind, by the time from one record to the next.
    pub(crate) fn jump_back_ms(&self) -> i64 {
        self.max_jump_ms - self.max_jump_ms / 4
    }

    /// These rules for a job that began with `stored`: an older job goes on by the version that it
    /// began with, in which newer rules are not there.
    #[must_use]
    pub fn continuing(&self, stored: &Rules) -> Rules {
        let mut rules = Rules { version: stored.version, ..self.clone() };
        if stored.version < 4 && self.max_jump_ms == Rules::default().max_jump_ms {
            rules.max_jump_ms = stored.max_jump_ms;
        }
        rules
    }

    /// Short name of the semantics: the first 8 bytes of the SHA-256 of the encoded rules, in hex.
    #[must_use]
    pub fn hash(&self) -> String {
        let digest = Sha256::digest(state::Rules::from(self).encode_to_vec());
        digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    /// Names of the options in which two sets of rules differ, with both values.
    #[must_use]
    pub fn differences(&self, other: &Rules) -> Vec<String> {
        let mut all = Vec::new();
        let mut compare = |name: &str, ours: &dyn fmt::Debug, theirs: &dyn fmt::Debug| {
            let (ours, theirs) = (format!("{ours:?}"), format!("{theirs:?}"));
            if ours != theirs {
                all.push(format!("{name} {ours} (was {theirs})"));
            }
        };
        compare("engine version", &self.version, &other.version);
        compare("window-ms", &self.window_ms, &other.window_ms);
        compare("lateness-ms", &self.lateness_ms, &other.lateness_ms);
        compare("allowed-lateness-ms", &self.allowed_lateness_ms, &other.allowed_lateness_ms);
        compare("max-ahead-ms", &self.max_ahead_ms, &other.max_ahead_ms);
        compare("max-jump-ms", &self.max_jump_ms, &other.max_jump_ms);
        compare("time", &self.time, &other.time);
        compare("amplitude", &self.amplitude, &other.amplitude);
        compare("earliest-event, in ms", &self.event_ms.0, &other.event_ms.0);
        compare("latest-event, in ms", &self.event_ms.1, &other.event_ms.1);
        compare("region", &self.region, &other.region);
        compare("phases", &self.phases, &other.phases);
        compare("max-sensors", &self.max_sensors, &other.max_sensors);
        compare("dedupe", &self.dedupe, &other.dedupe);
        compare("rollup, in ms", &self.rollups_ms, &other.rollups_ms);
        compare("repartition of topic", &self.repartitioned, &other.repartitioned);
        all
    }

    /// Start of the window that holds `time_ms`: ⌊t ÷ window⌋ · window, also for negative t.
    pub(crate) fn window_start(&self, time_ms: i64) -> i64 {
        time_ms - time_ms.rem_euclid(self.window_ms)
    }
}

impl From<&Rules> for state::Rules {
    fn from(rules: &Rules) -> Self {
        state::Rules {
            engine_version: rules.version,
            window_ms: rules.window_ms,
            lateness_ms: rules.lateness_ms,
            allowed_lateness_ms: rules.allowed_lateness_ms,
            max_ahead_ms: rules.max_ahead_ms,
            max_jump_ms: rules.max_jump_ms,
            time: match rules.time {
                TimeMode::Event => state::TimeMode::Event.into(),
                TimeMode::Ingest => state::TimeMode::Ingest.into(),
            },
            amplitude_min: *rules.amplitude.start(),
            amplitude_max: *rules.amplitude.end(),
            earliest_ms: rules.event_ms.0,
            latest_ms: rules.event_ms.1,
            region: rules.region.map(|region| state::Region {
                west: region.longitude.0,
                east: region.longitude.1,
                south: region.latitude.0,
                north: region.latitude.1,
            }),
            max_sensors: rules.max_sensors,
            dedupe: match rules.dedupe {
                Dedupe::Off => state::Dedupe::Off.into(),
                Dedupe::Time => state::Dedupe::Time.into(),
            },
            rollups_ms: rules.rollups_ms.clone(),
            phases_left_out: rules.phases.left_out(),
            repartitioned_topic: rules.repartitioned.clone().unwrap_or_default(),
        }
    }
}

fn in_one_line(faults: &[RuleFault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Why stored rules cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// Made by another version of the engine.
    #[error(
        "it was made by version {found} of the engine and this is version {ENGINE_VERSION}, which \
         gives other results"
    )]
    Version {
        /// The version found.
        found: u32,
    },
    /// Missing or out of range.
    #[error("its rules are damaged: {0}")]
    Damaged(String),
}

impl Rules {
    /// From their stored form.
    ///
    /// # Errors
    /// [`RulesError`] for anything that [`OperatorKind::semantics`](crate::OperatorKind::semantics) did
    /// not write.
    pub fn decode(bytes: &[u8]) -> Result<Rules, RulesError> {
        let stored = state::Rules::decode(bytes);
        let stored = stored.map_err(|error| RulesError::Damaged(error.to_string()))?;
        Rules::try_from(Some(&stored))
    }
}

impl TryFrom<Option<&state::Rules>> for Rules {
    type Error = RulesError;

    fn try_from(stored: Option<&state::Rules>) -> Result<Self, RulesError> {
        let stored = stored.ok_or_else(|| RulesError::Damaged("there are none".into()))?;
        if !(OLDEST_ENGINE_VERSION..=ENGINE_VERSION).contains(&stored.engine_version) {
            return Err(RulesError::Version { found: stored.engine_version });
        }
        let phases = Phases::without(stored.phases_left_out)
            .ok_or_else(|| RulesError::Damaged("phases: there are no such".into()))?;
        let rules = Rules {
            version: stored.engine_version,
            window_ms: stored.window_ms,
            lateness_ms: stored.lateness_ms,
            allowed_lateness_ms: stored.allowed_lateness_ms,
            max_ahead_ms: stored.max_ahead_ms,
            max_jump_ms: stored.max_jump_ms,
            time: match stored.time() {
                state::TimeMode::Event => TimeMode::Event,
                state::TimeMode::Ingest => TimeMode::Ingest,
            },
            amplitude: stored.amplitude_min..=stored.amplitude_max,
            event_ms: (stored.earliest_ms, stored.latest_ms),
            region: stored.region.as_ref().map(|region| Region {
                longitude: (region.west, region.east),
                latitude: (region.south, region.north),
            }),
            phases,
            max_sensors: stored.max_sensors,
            dedupe: match stored.dedupe() {
                state::Dedupe::Off => Dedupe::Off,
                state::Dedupe::Time => Dedupe::Time,
            },
            rollups_ms: stored.rollups_ms.clone(),
            repartitioned: Some(stored.repartitioned_topic.clone()).filter(|it| !it.is_empty()),
        };
        match rules.faults() {
            faults if faults.is_empty() => Ok(rules),
            faults => Err(RulesError::Damaged(in_one_line(&faults))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_come_back_as_stored() {
        let region = Region { longitude: (-100.0, -90.0), latitude: (14.0, 20.0) };
        let rules = Rules {
            lateness_ms: 20_000,
            region: Some(region),
            repartitioned: Some("t".to_owned()),
            ..Rules::default()
        };
        assert_eq!(Rules::try_from(Some(&state::Rules::from(&rules))).unwrap(), rules);
    }

    #[test]
    fn every_option_changes_the_hash() {
        let base = Rules::default();
        let region = Region { longitude: (0.0, 1.0), latitude: (0.0, 1.0) };
        let others = [
            Rules { window_ms: 2, ..base.clone() },
            Rules { lateness_ms: 2, ..base.clone() },
            Rules { max_ahead_ms: 2, ..base.clone() },
            Rules { time: TimeMode::Ingest, ..base.clone() },
            Rules { amplitude: -1.0..=1.0, ..base.clone() },
            Rules { event_ms: (0, base.event_ms.1), ..base.clone() },
            Rules { event_ms: (base.event_ms.0, 0), ..base.clone() },
            Rules { region: Some(region), ..base.clone() },
            Rules { phases: Phases::new(true, true, false), ..base.clone() },
            Rules { version: 2, ..base.clone() },
            Rules { max_sensors: 2, ..base.clone() },
            Rules { dedupe: Dedupe::Time, ..base.clone() },
            Rules { rollups_ms: vec![10_000], ..base.clone() },
            Rules { repartitioned: Some("t".into()), ..base.clone() },
        ];
        for other in others {
            assert_ne!(other.hash(), base.hash(), "{other:?}");
            assert_eq!(other.differences(&base).len(), 1, "{other:?}");
        }
    }

    #[test]
    fn a_job_of_a_version_that_judged_no_clock_goes_on_without() {
        for version in OLDEST_ENGINE_VERSION..ENGINE_VERSION {
            let stored = Rules { version, max_jump_ms: 0, ..Rules::default() };
            let rules = Rules::default().continuing(&stored);
            assert_eq!(rules, stored, "{version}");
            assert!(!rules.judges_clocks());
        }
        // Today's version was told not to.
        let told = Rules { max_jump_ms: 0, ..Rules::default() };
        assert_ne!(Rules::default().continuing(&told), told);
    }

    #[test]
    fn another_engine_version_is_refused() {
        let stored = state::Rules { engine_version: 99, ..(&Rules::default()).into() };
        let error = Rules::try_from(Some(&stored)).unwrap_err().to_string();
        assert!(error.contains("version 99"), "{error}");
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let region = Region { longitude: (f64::NAN, 0.0), latitude: (1.0, 0.0) };
        let rules = Rules {
            window_ms: 0,
            lateness_ms: -1,
            max_sensors: 0,
            event_ms: (1, 0),
            region: Some(region),
            time: TimeMode::Ingest,
            dedupe: Dedupe::Time,
            rollups_ms: vec![5, 5],
            ..Rules::default()
        };
        assert_eq!(rules.faults().len(), 7, "{:?}", rules.faults());
    }

    #[test]
    fn a_rollup_is_a_longer_multiple_of_the_window_and_each_is_named_once() {
        let with = |rollups_ms: &[i64]| {
            Rules { rollups_ms: rollups_ms.to_vec(), ..Rules::default() }.faults().len()
        };
        assert_eq!(with(&[10_000, 60_000, 600_000, 86_400_000]), 0);
        for refused in [&[1_000][..], &[1_500], &[0], &[-2_000], &[86_401_000]] {
            assert_eq!(with(refused), 1, "{refused:?}");
        }
        assert_eq!(with(&[60_000, 10_000]), 1, "they do not rise");
        assert_eq!(with(&[10_000, 10_000]), 1);
        assert_eq!(with(&[2, 3, 4, 5, 6, 7, 8, 9, 10].map(|s| s * 1_000)), 1, "too many");
    }
}
