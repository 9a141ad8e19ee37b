//! The stored form of a job's rules, and its hash.

use seismic_proto::{Message, state};
use sha2::{Digest, Sha256};

use crate::engine::journal::EntryError;
use crate::engine::semantics_error::SemanticsError;
use crate::engine::snapshot_error::SnapshotError;
use crate::engine::windows::phases::Phases;
use crate::engine::windows::rules::faults::RuleFault;
use crate::engine::windows::rules::{
    Dedupe, ENGINE_VERSION, OLDEST_ENGINE_VERSION, Region, Rules, TimeMode,
};

impl Rules {
    /// Short name of the semantics: the first 8 bytes of the SHA-256 of the encoded rules, in hex.
    #[must_use]
    pub fn hash(&self) -> String {
        let digest = Sha256::digest(state::Rules::from(self).encode_to_vec());
        digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
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

impl From<RulesError> for SemanticsError {
    fn from(error: RulesError) -> Self {
        match error {
            RulesError::Version { .. } => SemanticsError::OtherVersion(error.into()),
            RulesError::Damaged(_) => SemanticsError::Damaged(error.into()),
        }
    }
}

impl From<RulesError> for EntryError {
    fn from(error: RulesError) -> Self {
        SemanticsError::from(error).into()
    }
}

impl From<RulesError> for SnapshotError {
    fn from(error: RulesError) -> Self {
        SemanticsError::from(error).into()
    }
}

impl Rules {
    /// From their stored form.
    ///
    /// # Errors
    /// [`RulesError`] for anything that [`OperatorKind::semantics`](crate::OperatorKind::semantics)
    /// did not write.
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

fn in_one_line(faults: &[RuleFault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
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
    fn another_engine_version_is_refused() {
        let stored = state::Rules { engine_version: 99, ..(&Rules::default()).into() };
        let error = Rules::try_from(Some(&stored)).unwrap_err().to_string();
        assert!(error.contains("version 99"), "{error}");
    }
}
