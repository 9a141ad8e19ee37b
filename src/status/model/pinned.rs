//! Holders that prevent retention, in the status.

use seismic_pipeline::RetentionLag;
use serde::Serialize;

use crate::remedy::in_words;

/// Someone who keeps much more of a topic than its policy would.
#[derive(Clone, Debug, Serialize)]
pub struct PinnedStatus {
    /// The topic.
    pub topic: String,
    /// Who.
    pub holder: String,
    /// Bytes that would be deleted.
    pub bytes: u64,
    /// Age of the oldest message of them, ms.
    pub age_ms: u64,
    /// The command that releases them.
    pub release: String,
}

impl PinnedStatus {
    pub(super) fn of(lag: &RetentionLag) -> Self {
        PinnedStatus {
            topic: lag.topic.clone(),
            holder: lag.holder.clone(),
            bytes: lag.bytes,
            age_ms: lag.age_ms,
            release: in_words(&lag.remedy()).trim_matches('`').to_owned(),
        }
    }
}
