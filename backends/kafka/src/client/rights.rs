//! The rights of a user, as reported by brokers, without trying or changing anything (`Metadata`,
//! version 8, and `DescribeGroups`, version 3, with authorized operations, KIP-430; Kafka 2.3 and
//! newer).
//!
//! No call reports the rights on a transactional id. Looking up its coordinator shows whether it
//! may be described, and the right to write includes that.

#![deny(clippy::arithmetic_side_effects, clippy::indexing_slicing)] // It parses foreign bytes.

use std::collections::BTreeMap;

use super::cluster::{Cluster, NO_TOPIC};
use super::coordinator::{Coordinator, Of, text};
use crate::error_kind::{Resource, Right};
use crate::limits;
use crate::security::ask;
use crate::wire::string;
use seismic_queue::backend::byte_reader::Bytes;
use seismic_queue::{Error, Result};

const METADATA: (i16, i16) = (3, 8);
const DESCRIBE_GROUPS: (i16, i16) = (15, 3);

/// Error codes of the protocol.
const UNKNOWN_TOPIC: i16 = 3;
const DENIED: [i16; 3] = [29, 30, 53];

/// Numbers of operations (`AclOperation` of the protocol).
const OPERATIONS: [(&str, u32); 8] = [
    ("Read", 3),
    ("Write", 4),
    ("Create", 5),
    ("Delete", 6),
    ("Alter", 7),
    ("Describe", 8),
    ("DescribeConfigs", 10),
    ("AlterConfigs", 11),
];

/// What may be done: bits by the numbers of operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Allowed(i32);

impl Allowed {
    /// What brokers without KIP-430, or without rights, say: nothing.
    const UNTOLD: Allowed = Allowed(i32::MIN);

    fn has(self, right: &str) -> bool {
        if self == Allowed::UNTOLD {
            return true;
        }
        let number = OPERATIONS.iter().find(|(name, _)| *name == right).map(|(_, number)| *number);
        number.is_some_and(|number| self.0 & 1_i32.wrapping_shl(number) != 0)
    }
}

/// What brokers report about topics and about the cluster.
#[derive(Debug, Default, PartialEq, Eq)]
struct TopicRights {
    /// `None`: there is no such topic.
    topics: BTreeMap<String, Option<i32>>,
    cluster: i32,
}

impl Cluster {
    /// Those of the rights that are missing. A right on a topic that is not there yet is one to
    /// make it.
    pub(crate) fn missing_rights(&self, needs: &[Right]) -> Result<Vec<Right>> {
        let untold = || Error::Busy { at: self.at.clone(), doing: "asking for our rights" };
        let security = self.security().ok_or_else(untold)?;
        let brokers = self.leaders(NO_TOPIC).map_err(self.failed("looking for brokers"))?.at;
        let asked = |call, body: &[u8]| {
            let mut each = brokers.values();
            each.find_map(|(host, port)| {
                let told = ask(&security, (host, *port), limits::BROKER_WAIT, call, body);
                told.inspect_err(|error| tracing::debug!("{host}:{port} says no rights: {error}"))
                    .ok()
            })
        };
        let names = needs.iter().filter_map(|(_, resource)| match resource {
            Resource::Topic(name) => Some(name.as_str()),
            _ => None,
        });
        let told = asked(METADATA, &metadata(names.collect())).and_then(|it| topic_rights(&it));
        let told = told.ok_or_else(untold)?;
        let mut groups: BTreeMap<&str, Option<Allowed>> = BTreeMap::new();
        let mut missing = Vec::new();
        for (right, resource) in needs {
            let is_there = match resource {
                Resource::Cluster => Allowed(told.cluster).has(right),
                Resource::Topic(name) => match told.topics.get(name) {
                    Some(Some(allowed)) => Allowed(*allowed).has(right),
                    // It is made when it is needed, if that is allowed.
                    _ => true,
                },
                Resource::Group(group) => {
                    let allowed = groups.entry(group).or_insert_with(|| {
                        match self.coordinator(Of::Group, group)? {
                            Coordinator::Denied => Some(Allowed(0)),
                            Coordinator::At(host, port) => {
                                let at = (host.as_str(), port);
                                let wait = limits::BROKER_WAIT;
                                let body = group_of(group);
                                let told = ask(&security, at, wait, DESCRIBE_GROUPS, &body).ok()?;
                                group_rights(&told)
                            }
                        }
                    });
                    // A coordinator that is not there yet says nothing.
                    allowed.is_none_or(|allowed| allowed.has(right))
                }
                Resource::TransactionalId(id) => {
                    self.coordinator(Of::Transactions, id) != Some(Coordinator::Denied)
                }
            };
            if !is_there {
                missing.push((*right, resource.clone()));
            }
        }
        Ok(missing)
    }
}

fn metadata(topics: Vec<&str>) -> Vec<u8> {
    let mut body = i32::try_from(topics.len()).unwrap_or(0).to_be_bytes().to_vec();
    topics.iter().for_each(|topic| string(&mut body, topic));
    // Makes none, and tells the rights on the cluster and on topics.
    body.extend([0, 1, 1]);
    body
}

fn group_of(group: &str) -> Vec<u8> {
    let mut body = 1_i32.to_be_bytes().to_vec();
    string(&mut body, group);
    body.push(1);
    body
}

fn topic_rights(answer: &[u8]) -> Option<TopicRights> {
    let mut rest = Bytes(answer);
    let _throttled_ms = rest.i32()?;
    for _ in 0..rest.length()? {
        let _number = rest.i32()?;
        text(&mut rest)?;
        let _port = rest.i32()?;
        text(&mut rest)?;
    }
    text(&mut rest)?;
    let _controller = rest.i32()?;
    let mut told = TopicRights::default();
    for _ in 0..rest.length()? {
        let error = rest.i16()?;
        let name = text(&mut rest)?;
        let _is_internal = rest.u8()?;
        for _ in 0..rest.length()? {
            let _error = rest.i16()?;
            let (_partition, _leader, _epoch) = (rest.i32()?, rest.i32()?, rest.i32()?);
            for _ in 0..3 {
                let replicas = rest.length()?;
                rest.take(replicas.checked_mul(4)?)?;
            }
        }
        let allowed = rest.i32()?;
        let allowed = match error {
            UNKNOWN_TOPIC => None,
            error if DENIED.contains(&error) => Some(0),
            _ => Some(allowed),
        };
        told.topics.insert(name, allowed);
    }
    told.cluster = rest.i32()?;
    Some(told)
}

fn group_rights(answer: &[u8]) -> Option<Allowed> {
    let mut rest = Bytes(answer);
    let _throttled_ms = rest.i32()?;
    if rest.length()? != 1 {
        return None;
    }
    let error = rest.i16()?;
    // Group, state, kind and protocol.
    for _ in 0..4 {
        text(&mut rest)?;
    }
    for _ in 0..rest.length()? {
        for _ in 0..3 {
            text(&mut rest)?;
        }
        for _ in 0..2 {
            let length = rest.length()?;
            rest.take(length)?;
        }
    }
    let allowed = rest.i32()?;
    match error {
        0 => Some(Allowed(allowed)),
        error if DENIED.contains(&error) => Some(Allowed(0)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_answer_is_read_without_harm(bytes: Vec<u8>) {
            let _ = (topic_rights(&bytes), group_rights(&bytes));
        }
    }

    #[test]
    fn rights_are_read_by_their_numbers() {
        let all = Allowed(0b1101_1111_1000);
        assert!(OPERATIONS.iter().all(|(name, _)| all.has(name)));
        let some = Allowed(0b1_0000_1000);
        assert!(some.has("Read") && some.has("Describe") && !some.has("Write"));
        assert!(!all.has("Fly"));
        assert!(OPERATIONS.iter().all(|(name, _)| Allowed::UNTOLD.has(name)));
    }
}
