//! The state of a repartition for one partition: its position, the newest append time, and counts
//! of where every record went. Note and snapshot have the same format.

use seismic_proto::{Message as _, state};
use seismic_queue::{Fingerprint, Offset};

use crate::engine::repartition::envelope::VERSION;

/// The whole state of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepartitionState {
    /// Partitions of the internal topic.
    pub partitions: u32,
    /// Next offset of the input.
    pub next: Offset,
    /// Running maximum of the append times, ms since 1970 UTC.
    pub append_ms: i64,
    /// Records read; an undecodable message is one.
    pub read: u64,
    /// Records in the internal topic.
    pub passed: u64,
    /// Messages that are dead letters, since they cannot be decoded.
    pub unparseable: u64,
    /// And those that have too many records.
    pub too_many_records: u64,
    /// Messages that were gone before they were read, the loss accepted.
    pub lost_messages: u64,
}

impl RepartitionState {
    /// Of a partition that begins there.
    #[must_use]
    pub fn new(partitions: u32, next: Offset) -> Self {
        RepartitionState {
            partitions,
            next,
            append_ms: i64::MIN,
            read: 0,
            passed: 0,
            unparseable: 0,
            too_many_records: 0,
            lost_messages: 0,
        }
    }

    /// Dead letters.
    #[must_use]
    pub fn dead_letters(&self) -> u64 {
        self.unparseable + self.too_many_records
    }

    /// Whether every record is in exactly one place.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        self.read == self.passed + self.dead_letters()
    }

    /// Appends its stored form to `into`; a note also says which message was the last.
    pub fn encode(&self, delivered: Option<Fingerprint>, into: &mut Vec<u8>) {
        state::Repartitioned {
            version: u32::from(VERSION),
            partitions: self.partitions,
            next: self.next.0,
            append_ms: self.append_ms,
            read: self.read,
            passed: self.passed,
            unparseable: self.unparseable,
            too_many_records: self.too_many_records,
            lost_messages: self.lost_messages,
            delivered: delivered.map(|it| state::Delivered {
                offset: it.offset.0,
                append_ms: it.append_ms,
                crc: it.crc,
            }),
        }
        .encode(into)
        .expect("a Vec grows");
    }

    /// From its stored form, with the last message of a note.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub fn decode(bytes: &[u8]) -> Result<(Self, Option<Fingerprint>), String> {
        let stored = state::Repartitioned::decode(bytes).map_err(|error| error.to_string())?;
        if stored.version != u32::from(VERSION) {
            let found = stored.version;
            return Err(format!("internal messages have version {found}, not {VERSION}"));
        }
        let state = RepartitionState {
            partitions: stored.partitions,
            next: Offset(stored.next),
            append_ms: stored.append_ms,
            read: stored.read,
            passed: stored.passed,
            unparseable: stored.unparseable,
            too_many_records: stored.too_many_records,
            lost_messages: stored.lost_messages,
        };
        let parts = [state.passed, state.unparseable, state.too_many_records];
        // No log holds more than an i64 counts: counting on from here cannot overflow.
        let sum = parts.into_iter().try_fold(0, u64::checked_add);
        let most = i64::MAX as u64;
        if sum != Some(state.read) || state.read.max(state.next.0).max(state.lost_messages) > most {
            return Err("its counts do not add up".to_owned());
        }
        if state.partitions == 0 {
            return Err("it has no partitions".to_owned());
        }
        let delivered = stored.delivered.map(|it| Fingerprint {
            offset: Offset(it.offset),
            append_ms: it.append_ms,
            crc: it.crc,
        });
        Ok((state, delivered))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_comes_back_as_stored_and_must_add_up() {
        let state = RepartitionState {
            read: 5,
            passed: 3,
            unparseable: 1,
            too_many_records: 1,
            lost_messages: 7,
            append_ms: 99,
            ..RepartitionState::new(4, Offset(17))
        };
        assert!(state.is_balanced());
        let delivered = Some(Fingerprint { offset: Offset(16), append_ms: 98, crc: 5 });
        for delivered in [None, delivered] {
            let mut bytes = Vec::new();
            state.encode(delivered, &mut bytes);
            assert_eq!(RepartitionState::decode(&bytes), Ok((state.clone(), delivered)));
        }
        for lying in [
            RepartitionState { read: 6, ..state.clone() },
            RepartitionState { partitions: 0, ..state.clone() },
            RepartitionState { next: Offset(u64::MAX), ..state.clone() },
            RepartitionState { passed: u64::MAX, ..state },
        ] {
            let mut bytes = Vec::new();
            lying.encode(None, &mut bytes);
            assert!(RepartitionState::decode(&bytes).is_err(), "{lying:?}");
        }
        assert!(RepartitionState::decode(&[]).is_err());
    }
}
