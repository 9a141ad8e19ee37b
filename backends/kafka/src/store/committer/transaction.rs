//! The transaction of a commit, and the messages in it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use super::bounded::within;
use super::{COMMITTING, KafkaCommitter};
use crate::client::connection::{listen, number, send};
use crate::error_kind::on_topic;
use crate::failpoints::COMMIT_SENT;
use crate::group::membership::Membership;
use crate::limits;
use crate::store::checkpoint_names::CheckpointNames;
use crate::store::checkpoint_record::{CheckpointRecord, KeptCheckpoint};
use crate::store::delivery::{DeliveryReports, MessageKind};
use crate::store::job_topic::{self, JobTopic};
use crate::store::partition_state::PartitionState;
use crate::store::tables::staged::Writing;
use seismic_queue::failpoints::{COMMIT_IN_TRANSACTION, pass};
use seismic_queue::{
    CheckpointInfo, Commit, KeyedBlock, Offset, Partition, PartitionCommit, Progress, Result, clock,
};

impl KafkaCommitter {
    /// The transaction.
    pub(super) fn transact(
        &self,
        at: &str,
        token: &Membership,
        commit: &Commit,
        (mut states, tables): (BTreeMap<Partition, PartitionState>, Option<&(Writing<'_>, Offset)>),
    ) -> Result<BTreeMap<Partition, PartitionState>> {
        let client = self.client.as_ref().expect("it was checked");
        let failed = self.cluster().failed(COMMITTING);
        client.context().clear();
        let has_checkpoint = commit.partitions.iter().any(|new| new.manifest.is_some());
        // Where no one answers, it deletes nothing.
        let names = has_checkpoint.then(|| self.context.names.now().ok()).flatten();
        let begun = Instant::now();
        client.begin_transaction().map_err(&failed)?;
        let now_ms = clock::now_ms();
        for new in &commit.partitions {
            self.send_output(client, new)?;
        }
        if let Some(tables) = tables {
            self.send_tables(client, tables)?;
        }
        if commit.partitions.iter().any(|new| !new.chunks.is_empty()) {
            // A manifest says where its chunks are.
            self.flush(client)?;
        }
        for new in &commit.partitions {
            let place = states.get_mut(&new.partition).expect("it was checked");
            place.note_chunks(new, client.context());
            self.send_state(client, new, place, (now_ms, names.as_deref()))?;
        }
        if self.beginning.as_ref().is_some_and(|begun| begun.is_widening) {
            let (group, partitions) = (&self.member.group, self.context.job.partitions());
            let (key, value) = JobTopic::wide(group, partitions);
            let message = (key.as_bytes(), value.as_bytes());
            self.send(client, job_topic::TOPIC, MessageKind::Other, Partition(0), message)?;
        }
        let sent = begun.elapsed();
        self.flush(client)?;
        let arrived = begun.elapsed();
        let mut offsets = TopicPartitionList::new();
        for new in &commit.partitions {
            let place = states.get_mut(&new.partition).expect("it was checked");
            place.note_ends(new, &self.context.output_ids, client.context());
            let nexts = std::iter::once(&new.next).chain(&new.further);
            for (input, next) in self.context.job.inputs.iter().zip(nexts) {
                let mut offset = offsets.add_partition(&input.name, number(new.partition));
                let next = rdkafka::Offset::Offset(next.0 as i64);
                offset.set_offset(next).map_err(&failed)?;
                // Only the first input's metadata has what recovery needs.
                if input.name == self.context.job.input().name {
                    offset.set_metadata(place.offset_metadata.encode());
                }
            }
        }
        pass(at, COMMIT_SENT)?;
        let wait = limits::TRANSACTION_WAIT;
        let place = Arc::clone(&token.metadata);
        within(client, limits::OFFSETS_WAIT, move |client| {
            client.send_offsets_to_transaction(&offsets, &place, wait)
        })
        .map_err(&failed)?;
        pass(at, COMMIT_IN_TRANSACTION)?;
        let noted = begun.elapsed();
        client.commit_transaction(wait).map_err(failed)?;
        let made = begun.elapsed();
        let us = |time: Duration| time.as_micros();
        tracing::trace!(
            sent_us = us(sent),
            arrived_us = us(arrived),
            noted_us = us(noted),
            made_us = us(made),
            "a transaction"
        );
        Ok(states)
    }

    /// Rows, journal and chunks.
    fn send_output(
        &self,
        client: &BaseProducer<DeliveryReports>,
        new: &PartitionCommit,
    ) -> Result<()> {
        let (job, partition) = (&self.context.job, new.partition);
        for (place, (output, rows)) in (0..).zip(job.outputs.iter().zip(&new.outputs)) {
            let mut rows = rows.messages();
            rows.try_for_each(|row| {
                self.send_to(
                    client,
                    &output.topic,
                    MessageKind::Output(place).tag(partition),
                    partition,
                    row,
                )
            })?;
        }
        for KeyedBlock { output, partition: to, rows } in &new.keyed {
            let topic = &job.outputs[*output].topic;
            let mut rows = rows.messages();
            rows.try_for_each(|row| {
                self.send_to(client, topic, MessageKind::Keyed.tag(partition), *to, row)
            })?;
        }
        for chunk in &new.chunks {
            self.send_record(
                client,
                MessageKind::Chunk,
                partition,
                &CheckpointRecord::Chunk(chunk.clone()),
            )?;
        }
        for entry in &new.journal {
            self.send_record(
                client,
                MessageKind::Other,
                partition,
                &CheckpointRecord::Journal(entry.clone()),
            )?;
        }
        Ok(())
    }

    /// Manifest and, last of all, progress.
    fn send_state(
        &self,
        client: &BaseProducer<DeliveryReports>,
        new: &PartitionCommit,
        place: &mut PartitionState,
        (now_ms, names): (i64, Option<&CheckpointNames>),
    ) -> Result<()> {
        if let Some(manifest) = &new.manifest {
            let (first, bytes) = place.begun.take().unwrap_or_default();
            let info = CheckpointInfo {
                manifest: manifest.clone(),
                bytes,
                created_ms: now_ms,
                class: None,
                names: Vec::new(),
            };
            // A name that it would be born with is not given: in a log that is cut at its head
            // alone it would hold everything that comes after it, of all groups.
            place.kept.push(KeptCheckpoint { info, first, answers: new.answers.clone() });
            if let Some(names) = names {
                names.settle(new.partition, &mut place.kept);
            }
            let record = CheckpointRecord::Manifest(place.kept.clone());
            self.send_record(client, MessageKind::Manifest, new.partition, &record)?;
        }
        let progress = Progress {
            number: new.number,
            next: new.next,
            further: new.further.clone(),
            note: new.note.clone(),
            committed_ms: now_ms,
        };
        let (next_sequence, last_checkpoint) =
            (place.last_commit.next_sequence, place.last_commit.checkpoint);
        let record = CheckpointRecord::Progress { progress, next_sequence, last_checkpoint };
        self.send_record(client, MessageKind::Other, new.partition, &record)
    }

    fn send_record(
        &self,
        client: &BaseProducer<DeliveryReports>,
        what: MessageKind,
        partition: Partition,
        record: &CheckpointRecord,
    ) -> Result<()> {
        let topic = &self.context.checkpoints.name;
        let message = (self.member.group.as_bytes(), &record.encode()[..]);
        self.send(client, topic, what, partition, message)
    }

    pub(super) fn send(
        &self,
        client: &BaseProducer<DeliveryReports>,
        topic: &str,
        what: MessageKind,
        partition: Partition,
        message: (&[u8], &[u8]),
    ) -> Result<()> {
        self.send_to(client, topic, what.tag(partition), partition, message)
    }

    /// Sends a message whose delivery is reported with that tag.
    fn send_to(
        &self,
        client: &BaseProducer<DeliveryReports>,
        topic: &str,
        tag: usize,
        to: Partition,
        (key, value): (&[u8], &[u8]),
    ) -> Result<()> {
        let record =
            BaseRecord::with_opaque_to(topic, tag).partition(number(to)).key(key).payload(value);
        send(client, record).map_err(|error| self.cluster().failed(COMMITTING)(error))
    }

    /// Waits until everything that was sent has arrived.
    fn flush(&self, client: &BaseProducer<DeliveryReports>) -> Result<()> {
        let failed = self.cluster().failed(COMMITTING);
        let begun = Instant::now();
        // The client's own `flush` looks only every 100 ms whether it is done.
        while client.in_flight_count() > 0 {
            if begun.elapsed() > limits::TRANSACTION_WAIT {
                return Err(failed(KafkaError::Flush(Code::OperationTimedOut)));
            }
            listen(client);
        }
        let Some((error, topic)) = client.context().failure() else { return Ok(()) };
        Err(self.cluster().failed_on(COMMITTING, vec![on_topic("Write", &topic)])(error))
    }
}
