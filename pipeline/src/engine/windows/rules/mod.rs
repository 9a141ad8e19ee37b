//! The semantics of a job: every option that changes its results, and their hash.
//!
//! Rules are written into the progress, the journal and every snapshot, so that `verify` and a
//! restart use the rules of the job and not those of the current command line.

pub mod faults;
pub mod stored;

use std::fmt;
use std::ops::RangeInclusive;

use seismic_proto::validity;

use crate::engine::windows::phases::Phases;

/// Raised whenever the same log and rules would give other results than before.
pub const ENGINE_VERSION: u32 = 5;

/// The oldest version whose jobs continue, by the rules of that version and to the same bits.
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
    /// How long a window waits for late records after its end, ms of event time. Up to 30 days.
    /// This is the bounded out-of-orderness of a Flink watermark (its watermark delay), per sensor;
    /// it is not Flink's allowed lateness, which would emit a window again.
    pub lateness_ms: i64,
    /// How long after its end and the lateness a window still gets further rows for late records,
    /// ms of event time. Up to 30 days; 0: they are dead letters. This is Flink's allowed lateness,
    /// with discarding panes.
    pub allowed_lateness_ms: i64,
    /// How far event time may be ahead of append time, ms. Up to 30 days.
    pub max_ahead_ms: i64,
    /// How far a record may move its sensor's clock without a confirmation by later ones, ms; at
    /// least a window. Up to 30 days; 0: any record moves it.
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
    /// Whether rows say how many records of their window were rejected.
    pub(crate) fn counts_rejects(&self) -> bool {
        self.version >= 3
    }

    /// Whether late panes say so too.
    pub(crate) fn counts_late_rejects(&self) -> bool {
        self.version >= 5 && self.allows_late()
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

    /// How far a late record lies behind its sensor's clock for it to be asked whether the clock
    /// was set back. A quarter less than ahead: a clock that was set back by an hour is less than
    /// an hour behind, by the time from one record to the next.
    pub(crate) fn jump_back_ms(&self) -> i64 {
        self.max_jump_ms - self.max_jump_ms / 4
    }

    /// These rules for a job that began with `stored`: an older job continues by the version that
    /// it began with, in which newer rules are not there.
    #[must_use]
    pub fn continuing(&self, stored: &Rules) -> Rules {
        let mut rules = Rules { version: stored.version, ..self.clone() };
        if stored.version < 4 && self.max_jump_ms == Rules::default().max_jump_ms {
            rules.max_jump_ms = stored.max_jump_ms;
        }
        rules
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

#[cfg(test)]
mod tests {
    use super::*;

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
        for version in OLDEST_ENGINE_VERSION..4 {
            let stored = Rules { version, max_jump_ms: 0, ..Rules::default() };
            let rules = Rules::default().continuing(&stored);
            assert_eq!(rules, stored, "{version}");
            assert!(!rules.judges_clocks());
        }
        // Today's version was told not to.
        let told = Rules { max_jump_ms: 0, ..Rules::default() };
        assert_ne!(Rules::default().continuing(&told), told);
    }
}
