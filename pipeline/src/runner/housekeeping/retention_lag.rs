//! How far a holder of a topic lags behind its retention policy: which holder keeps how many
//! messages that the policy would have deleted, so that an operator knows before the disk is full.

use std::fmt;

use seismic_queue::{HeldTopic, Policy, Queue, Remedy, SinkPosition, Topic};

use crate::limits;

/// A job or sink that keeps much more of a topic than its policy would.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetentionLag {
    /// The topic.
    pub topic: String,
    /// Whether the topic is in a store, and so the holder is a sink.
    pub in_store: bool,
    /// The job or sink that holds it.
    pub holder: String,
    /// Bytes that would be gone, over all partitions.
    pub bytes: u64,
    /// Age of the oldest message of them, ms.
    pub age_ms: u64,
    /// Bytes that the topic gets in an hour, as far as those that are held tell.
    pub bytes_per_hour: u64,
}

/// Bytes that a topic gets in an hour, where so many are held beyond its policy.
fn bytes_per_hour(bytes: u64, age_ms: u64, policy: &Policy, partitions: u32) -> u64 {
    let (bytes, ms) = match (policy.max_bytes, policy.max_age_ms) {
        // What the policy leaves is of the same time.
        (Some(most), _) => (bytes.saturating_add(most.saturating_mul(partitions.into())), age_ms),
        (None, Some(most_ms)) => (bytes, age_ms.saturating_sub(most_ms)),
        (None, None) => (bytes, age_ms),
    };
    let per_hour = u128::from(bytes) * 3_600_000 / u128::from(ms.max(LEAST_MS));
    u64::try_from(per_hour).unwrap_or(u64::MAX)
}

/// Messages of a shorter time say nothing of an hour.
const LEAST_MS: u64 = 60_000;

impl RetentionLag {
    /// Every holder that keeps [`limits::PINNED_BYTES`] or more, or messages that are
    /// [`limits::PINNED_AGE_MS`] older than the policy allows.
    ///
    /// # Errors
    /// When the queue cannot say.
    pub fn of(
        queue: &dyn Queue,
        topic: &Topic,
        in_store: bool,
    ) -> seismic_queue::Result<Vec<Self>> {
        let mut all: Vec<RetentionLag> = Vec::new();
        // What is kept for a sink beyond its position is meant to be there.
        let held = queue.held(topic)?.into_iter();
        for held in held.filter(|held| !SinkPosition::is_kept(&held.hold)) {
            let holder = held.hold.holder;
            match all.iter_mut().find(|lag| lag.holder == holder) {
                Some(lag) => {
                    lag.bytes += held.bytes;
                    lag.age_ms = lag.age_ms.max(held.age_ms);
                }
                None => {
                    let (topic, bytes) = (topic.name.clone(), held.bytes);
                    all.push(RetentionLag {
                        topic,
                        in_store,
                        holder,
                        bytes,
                        age_ms: held.age_ms,
                        bytes_per_hour: 0,
                    });
                }
            }
        }
        let policy = queue.policy(topic)?;
        let most_ms = policy.max_age_ms;
        all.retain(|lag| {
            let is_old = |most_ms: u64| {
                lag.age_ms.saturating_sub(most_ms) >= limits::PINNED_AGE_MS && lag.bytes > 0
            };
            lag.bytes >= limits::PINNED_BYTES || most_ms.is_some_and(is_old)
        });
        for lag in &mut all {
            lag.bytes_per_hour = bytes_per_hour(lag.bytes, lag.age_ms, &policy, topic.partitions);
        }
        Ok(all)
    }

    /// What to do when the holder is gone for good.
    #[must_use]
    pub fn remedy(&self) -> Remedy {
        let RetentionLag { topic, in_store, holder, .. } = self.clone();
        Remedy::ReleaseHold(Box::new(HeldTopic { topic, in_store, holder }))
    }
}

impl fmt::Display for RetentionLag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mib, minutes) = (self.bytes.div_ceil(1 << 20), self.age_ms / 60_000);
        write!(
            f,
            "{} holds {mib} MiB of {} that retention would have deleted, the oldest of it {minutes} min \
             old",
            self.holder, self.topic
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_says_how_fast_a_topic_grows() {
        const HOUR: u64 = 3_600_000;
        let by_age = Policy { max_age_ms: Some(24 * HOUR), max_bytes: None };
        assert_eq!(bytes_per_hour(100, 34 * HOUR, &by_age, 2), 10);
        let by_size = Policy { max_age_ms: None, max_bytes: Some(50) };
        assert_eq!(bytes_per_hour(100, 10 * HOUR, &by_size, 2), 20);
        assert_eq!(bytes_per_hour(100, 0, &Policy { max_bytes: None, ..by_size }, 1), 6_000);
    }
}
