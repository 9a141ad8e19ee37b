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
    /// Bytes that the topic gets in an hour, as far as those that are held tell.
    pub bytes_per_hour: u64,
    /// In how long the disk is full if it goes on so, ms; none where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_full_in_ms: Option<u64>,
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
            bytes_per_hour: lag.bytes_per_hour,
            disk_full_in_ms: None,
            release: in_words(&lag.remedy()).trim_matches('`').to_owned(),
        }
    }

    /// With so many bytes free on the disk of its topic.
    pub(in crate::status) fn with_free(&mut self, bytes: u64) {
        let ms = |per_hour| u128::from(bytes) * 3_600_000 / u128::from(per_hour);
        let per_hour = Some(self.bytes_per_hour).filter(|bytes| *bytes > 0);
        self.disk_full_in_ms = per_hour.map(|it| u64::try_from(ms(it)).unwrap_or(u64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_full_when_what_is_free_has_grown() {
        let lag = RetentionLag {
            topic: "rows".to_owned(),
            in_store: true,
            holder: "csv:rows".to_owned(),
            bytes: 1,
            age_ms: 1,
            bytes_per_hour: 50,
        };
        let mut status = PinnedStatus::of(&lag);
        status.with_free(100);
        assert_eq!(status.disk_full_in_ms, Some(7_200_000));
        status.bytes_per_hour = 0;
        status.with_free(100);
        assert_eq!(status.disk_full_in_ms, None);
    }
}
