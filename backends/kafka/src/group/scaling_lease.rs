//! The right to decide how many workers a job has, as one transactional id.
//!
//! A note is the metadata of an offset of group `GROUP.scaling`, committed in a transaction: a broker
//! refuses it from a producer that another one with the same transactional id came after. The offset is
//! the number of the note. Nobody is a member of that group, and nothing of ours grows with its notes.

use std::sync::Arc;

use rdkafka::TopicPartitionList;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::producer::{BaseProducer, Producer as _};
use seismic_queue::{Error, Offset, Partition, Result, ScalingLease, ScalingNote, Topic};

use super::offsets::GroupOffsets;
use crate::client::cluster::Cluster;
use crate::client::connection::{FirstFailure, connect, make_with, number};
use crate::error_kind::{self, Resource, Right};
use crate::limits;
use crate::store::committer::bounded::within;

const DOING: &str = "noting who scales the job";

/// Bytes of a note: a broker takes 4 KiB.
const HOLDER_BYTES: usize = 1_024;

/// Bytes of messages, of which there are none.
const MESSAGE_BYTES: usize = 1 << 20;

/// The right of one job.
pub(crate) struct KafkaScalingLease {
    cluster: Cluster,
    group: String,
    input: Topic,
    offsets: GroupOffsets,
    held: Option<Held>,
}

/// What whoever has it has.
struct Held {
    client: Arc<BaseProducer<FirstFailure>>,
    holder: String,
    number: u64,
}

impl KafkaScalingLease {
    /// That of the job of a group which reads that topic.
    pub(crate) fn new(cluster: &Cluster, group: &str, input: &Topic) -> Result<KafkaScalingLease> {
        // No slot has that name: theirs end with a number.
        let group = format!("{group}.scaling");
        let offsets = GroupOffsets::new(cluster, &group)?;
        let (cluster, input) = (cluster.clone(), input.clone());
        Ok(KafkaScalingLease { cluster, group, input, offsets, held: None })
    }

    fn needs(&self) -> Vec<Right> {
        vec![
            ("Write", Resource::TransactionalId(self.group.clone())),
            ("Read", Resource::Group(self.group.clone())),
        ]
    }

    fn put(&self, held: &Held) -> std::result::Result<(), KafkaError> {
        let mut offsets = TopicPartitionList::new();
        let mut offset = offsets.add_partition(&self.input.name, number(Partition(0)));
        offset.set_offset(rdkafka::Offset::Offset(held.number as i64))?;
        offset.set_metadata(&held.holder);
        held.client.begin_transaction()?;
        let place = self.offsets.without_member().metadata;
        within(&held.client, limits::OFFSETS_WAIT, move |client| {
            client.send_offsets_to_transaction(&offsets, &place, limits::TRANSACTION_WAIT)
        })?;
        held.client.commit_transaction(limits::TRANSACTION_WAIT)
    }

    /// What a failure means, as far as that is known.
    fn failed(&self, source: KafkaError) -> Error {
        let is_fenced = matches!(
            error_kind::code(&source),
            Some(Code::ProducerFenced | Code::Fenced | Code::InvalidProducerEpoch | Code::Fatal)
        );
        if is_fenced {
            let by = match self.note() {
                Ok(Some(note)) => note.holder,
                _ => "somebody else".to_owned(),
            };
            return Error::Owned { at: self.cluster.at.clone(), by };
        }
        self.cluster.failed_on(DOING, self.needs())(source)
    }
}

impl ScalingLease for KafkaScalingLease {
    fn note(&self) -> Result<Option<ScalingNote>> {
        let found = self.offsets.committed_now(&self.input, &[Partition(0)])?;
        let note = found.into_iter().next().flatten();
        Ok(note.map(|(Offset(number), holder)| ScalingNote { holder, number }))
    }

    fn acquire(&mut self, holder: &str) -> Result<Option<ScalingNote>> {
        self.held = None;
        let config = self.cluster.settings.committing(&self.group, MESSAGE_BYTES);
        let client: BaseProducer<FirstFailure> = make_with(&config, FirstFailure::default())?;
        connect(client.client(), &self.input.name);
        client.init_transactions(limits::TRANSACTION_WAIT).map_err(|error| self.failed(error))?;
        // From here on nobody else notes anything, so the next number is known.
        let before = self.note()?;
        let number = before.as_ref().map_or(0, |note| note.number + 1);
        let holder: String = holder.chars().take(HOLDER_BYTES / 4).collect();
        let held = Held { client: Arc::new(client), holder, number };
        self.put(&held).map_err(|error| self.failed(error))?;
        self.held = Some(held);
        Ok(before)
    }

    fn renew(&mut self) -> Result<()> {
        let Some(mut held) = self.held.take() else {
            let (at, by) = (self.cluster.at.clone(), "nobody here".to_owned());
            return Err(Error::Owned { at, by });
        };
        held.number += 1;
        self.put(&held).map_err(|error| self.failed(error))?;
        self.held = Some(held);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
