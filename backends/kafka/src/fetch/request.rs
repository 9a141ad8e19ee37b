//! The request to a leader: `Fetch`, version 13, for one topic
//! (<https://kafka.apache.org/protocol#The_Messages_Fetch>).
//!
//! Kafka 3.1 and newer support version 13. It names a topic by its id, so messages of a topic that
//! was recreated under the same name are never returned. Given the epoch of the last message read,
//! the leader reports when its log has diverged since (KIP-595).

use super::eligibility::FetchSettings;
use crate::wire::{FETCH, FETCH_VERSION, framed, head};
use seismic_queue::Partition;

/// Where a partition is read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FetchPosition {
    pub(super) partition: Partition,
    pub(super) offset: u64,
    /// Epoch of the leader that took the message before; -1 when there was none.
    pub(super) epoch: i32,
}

/// The question for what lies at these places, and whatever follows it.
pub(super) fn fetch(
    number: i32,
    settings: &FetchSettings,
    topic: &[u8; 16],
    at: &[FetchPosition],
) -> Vec<u8> {
    framed(|to| {
        head(to, FETCH, FETCH_VERSION, number, &settings.client);
        to.push(0); // No tagged fields of the head.
        to.extend((-1_i32).to_be_bytes()); // No replica.
        for number in [settings.wait_ms, settings.min_bytes, settings.answer_bytes] {
            to.extend(number.to_be_bytes());
        }
        to.push(1); // Read committed.
        to.extend([0_i32.to_be_bytes(), (-1_i32).to_be_bytes()].concat()); // No session.
        count(to, 1);
        to.extend(topic);
        count(to, at.len());
        for at in at {
            to.extend(at.partition.0.to_be_bytes());
            to.extend((-1_i32).to_be_bytes()); // Whatever the leader's epoch is.
            to.extend((at.offset as i64).to_be_bytes());
            to.extend(at.epoch.to_be_bytes());
            to.extend((-1_i64).to_be_bytes()); // Only replicas say where their log begins.
            to.extend(settings.partition_bytes.to_be_bytes());
            to.push(0);
        }
        to.push(0); // No tagged fields of the topic.
        count(to, 0); // No session forgets a topic.
        count(to, 0); // No rack.
        to.push(0);
    })
}

/// A number of elements, as a varint of one more.
fn count(to: &mut Vec<u8>, elements: usize) {
    let mut rest = elements + 1;
    while rest >= 0x80 {
        to.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    to.push(rest as u8);
}
