//! One slot's commits: each is one Kafka transaction of rows of all outputs, journal, pieces of a
//! snapshot, progress, and the group's offsets in each input.
//!
//! Whatever goes wrong in one, its client is thrown away and the outcome is what the next one
//! finds: it has the same transactional id, so `init_transactions` ends what the last one left, and
//! a delayed request of it is refused by its epoch. So nothing is aborted here, nothing is tried
//! again in a transaction that failed, and every kind of error leads to the same place.
//!
//! No row of a topic made again under the name of the input is ever committed. Our own fetcher asks
//! for messages by the topic's id. librdkafka asks by its name, so before a transaction begins
//! every broker that gave it messages is asked which topic it has. A broker gives messages of a
//! topic only when it knows its id, and what it knows only moves forward; so one that has given a
//! message of the other topic answers with the other id, however far other brokers are behind.
//!
//! A commit always carries offsets, so the broker always checks the claim, and one without
//! partitions is not made. The one that begins a fork has no claim: see [`JobStart`].

mod begin;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use rdkafka::TopicPartitionList;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use super::checkpoint_log::LogContents;
use super::checkpoint_names::CheckpointNames;
use super::checkpoint_record::{CheckpointRecord, KeptCheckpoint};
use super::delivery::{DeliveryReports, MessageKind};
use super::job_context::{JobContext, of_each};
use super::job_topic::{self, JobTopic};
use super::partition_state::PartitionState;
use crate::client::cluster::Cluster;
use crate::client::connection::{connect, listen, make_with, number};
use crate::error_kind::{self, may_pass};
use crate::failpoints::{COMMIT_OPENING, COMMIT_SENT};
use crate::group::member::Membership;
use crate::group::offsets::GroupOffsets;
use crate::limits;
use seismic_queue::backend::commit_order::not_made;
use seismic_queue::backend::validate;
use seismic_queue::failpoints::{COMMIT_AFTER, COMMIT_BEFORE, COMMIT_IN_TRANSACTION, pass};
use seismic_queue::{
    CheckpointInfo, Commit, CommitError, Committer, Error, FencingToken, KeyedBlock, Kind, Member,
    Partition, PartitionCommit, Progress, Recovered, Result, clock,
};

/// Commits for one slot.
pub(crate) struct KafkaCommitter {
    context: Arc<JobContext>,
    member: Member,
    offsets: GroupOffsets,
    /// `None` before the first load, and after anything went wrong.
    client: Option<BaseProducer<DeliveryReports>>,
    states: BTreeMap<Partition, PartitionState>,
    /// How often in a row the client was fenced.
    fenced: u32,
    /// Of the one who begins the job for all members.
    beginning: Option<JobStart>,
}

/// Who begins a job.
///
/// No broker checks a claim of it. What keeps a second one out is the transactional id, which all
/// who begin a job have in common, and that it looks in its own transaction's time whether the job
/// has begun; what keeps members out is that they agree on the beginning before (`job_topic.rs`).
struct JobStart {
    membership: Membership,
    has_tried: bool,
    /// Whether the job takes partitions with it that its input got.
    is_widening: bool,
}

impl KafkaCommitter {
    pub(crate) fn new(context: Arc<JobContext>, member: &Member) -> Result<KafkaCommitter> {
        let offsets = GroupOffsets::new(&context.cluster, &member.group)?;
        let member = member.clone();
        let (states, beginning) = (BTreeMap::new(), None);
        Ok(KafkaCommitter { context, member, offsets, client: None, states, fenced: 0, beginning })
    }

    fn cluster(&self) -> &Cluster {
        &self.context.cluster
    }

    /// A client that has ended what the one before it left open.
    fn open(&mut self) -> Result<()> {
        if self.client.is_some() {
            return Ok(());
        }
        pass(&self.cluster().at, COMMIT_OPENING)?;
        let id = format!("{}.{}", self.member.group, self.member.slot);
        let client: BaseProducer<DeliveryReports> =
            make_with(&self.cluster().settings.committing(&id), DeliveryReports::default())?;
        connect(client.client(), &self.context.job.input().name);
        const DOING: &str = "ending what an earlier transaction left";
        if let Err(error) = client.init_transactions(limits::TRANSACTION_WAIT) {
            let error = self.cluster().failed(DOING)(error);
            // Nothing was begun, so whatever it is may be tried again, by another client.
            return Err(match error.kind() {
                Kind::Fatal => {
                    tracing::debug!("{error:?}");
                    Error::Busy { at: self.cluster().at.clone(), doing: DOING }
                }
                _ => error,
            });
        }
        self.client = Some(client);
        Ok(())
    }

    /// What is known of one partition. Offset and log must come together.
    fn recover(&self, partition: Partition) -> Result<(PartitionState, Recovered)> {
        let context = &self.context;
        let log = context.log(partition);
        let begun = Instant::now();
        let (history, offset_metadata) = loop {
            let Some((next, offset_metadata)) = context.known_metadata(&self.offsets, partition)?
            else {
                return Ok((PartitionState::default(), LogContents::default().recovered(&log)?));
            };
            let history = log.read(offset_metadata.from, log.end()?)?;
            let is_same = history.progress.as_ref().is_some_and(|progress| {
                progress.number == offset_metadata.number && progress.next == next
            });
            if is_same {
                break (history, offset_metadata);
            }
            if begun.elapsed() > limits::SETTLE_WAIT {
                return Err(log.torn(&offset_metadata, history.number()));
            }
            std::thread::sleep(seismic_queue::limits::NAP);
        };
        let (last_commit, kept) = (history.last_commit(), history.kept.clone());
        Ok((
            PartitionState { last_commit, offset_metadata, kept, begun: None },
            history.recovered(&log)?,
        ))
    }

    fn commit_as(
        &mut self,
        place: &Membership,
        commit: &Commit,
    ) -> std::result::Result<(), CommitError> {
        let at = self.cluster().at.clone();
        pass(&at, COMMIT_BEFORE).map_err(not_made)?;
        let states = self.check(commit).map_err(not_made)?;
        if self.client.is_none() {
            let error = Error::Stopped { at };
            return Err(CommitError::Rebuild(error));
        }
        // Not in the transaction: one that is open when a broker dies is ended only when another
        // one leads what it led.
        let input = self.context.job.input();
        let asked = place.brokers.iter().try_for_each(|&it| self.cluster().check_at(input, it));
        if let Err(error) = asked {
            return Err(self.fail(error));
        }
        match self.transact(&at, place, commit, states) {
            Ok(states) => {
                self.states.extend(states);
                self.fenced = 0;
                pass(&at, COMMIT_AFTER).map_err(CommitError::Rebuild)
            }
            Err(error) => Err(self.fail(error)),
        }
    }

    /// Where the partitions stand after `commit`.
    fn check(&self, commit: &Commit) -> Result<BTreeMap<Partition, PartitionState>> {
        let mut states: BTreeMap<Partition, PartitionState> = BTreeMap::new();
        for new in &commit.partitions {
            validate::shape(&self.cluster().at, &self.context.job, new)?;
            let known = states.get(&new.partition).or_else(|| self.states.get(&new.partition));
            let mut place = known.cloned().unwrap_or_default();
            place.last_commit = place.last_commit.after(&self.cluster().at, new)?;
            states.insert(new.partition, place);
        }
        Ok(states)
    }

    /// The transaction.
    fn transact(
        &self,
        at: &str,
        token: &Membership,
        commit: &Commit,
        mut states: BTreeMap<Partition, PartitionState>,
    ) -> Result<BTreeMap<Partition, PartitionState>> {
        let client = self.client.as_ref().expect("it was checked");
        let failed = self.cluster().failed("committing");
        client.context().clear();
        let has_checkpoint = commit.partitions.iter().any(|new| new.manifest.is_some());
        // Where nobody answers, it deletes nothing.
        let names = has_checkpoint.then(|| self.context.names.now().ok()).flatten();
        let begun = Instant::now();
        client.begin_transaction().map_err(&failed)?;
        let now_ms = clock::now_ms();
        for new in &commit.partitions {
            self.send_output(client, new)?;
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
            place.note_ends(new, self.context.job.outputs.len(), client.context());
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
        client.send_offsets_to_transaction(&offsets, &token.metadata, wait).map_err(&failed)?;
        pass(at, COMMIT_IN_TRANSACTION)?;
        let noted = begun.elapsed();
        client.commit_transaction(wait).map_err(failed)?;
        let made = begun.elapsed();
        tracing::trace!(?sent, ?arrived, ?noted, ?made, "a transaction");
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

    fn send(
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
        let mut record =
            BaseRecord::with_opaque_to(topic, tag).partition(number(to)).key(key).payload(value);
        let begun = Instant::now();
        loop {
            match client.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(Code::QueueFull), back))
                    if begun.elapsed() < limits::MESSAGE_TIMEOUT =>
                {
                    record = back;
                    listen(client);
                }
                Err((error, _)) => return Err(self.cluster().failed("committing")(error)),
            }
        }
    }

    /// Waits until everything that was sent has arrived.
    fn flush(&self, client: &BaseProducer<DeliveryReports>) -> Result<()> {
        let failed = self.cluster().failed("committing");
        let begun = Instant::now();
        // The client's own `flush` looks only every 100 ms whether it is done.
        while client.in_flight_count() > 0 {
            if begun.elapsed() > limits::TRANSACTION_WAIT {
                return Err(failed(KafkaError::Flush(Code::OperationTimedOut)));
            }
            listen(client);
        }
        client.context().failure().map_or(Ok(()), |error| Err(failed(error)))
    }

    /// Ends the client and says what the slot must do.
    fn fail(&mut self, error: Error) -> CommitError {
        self.client = None;
        self.states.clear();
        let Some(source) = error_kind::of_librdkafka(&error) else {
            return CommitError::Rebuild(error);
        };
        let code = error_kind::code(source);
        match code {
            Some(Code::FencedInstanceId) => {
                let (group, slot) = (self.member.group.clone(), self.member.slot.clone());
                return CommitError::Fenced(Error::SlotTaken { group, slot });
            }
            Some(
                Code::ProducerFenced | Code::Fenced | Code::InvalidProducerEpoch | Code::Fatal,
            ) => {
                self.fenced += 1;
                if self.fenced >= limits::FENCED_TIMES {
                    return CommitError::Fenced(error);
                }
            }
            Some(code) if may_pass(code) => {}
            _ if matches!(error.kind(), Kind::Config | Kind::Data) => {
                return CommitError::Fatal(error);
            }
            Some(Code::MessageSizeTooLarge | Code::InvalidMessageSize) => {
                return CommitError::Fatal(error);
            }
            _ => {}
        }
        CommitError::Rebuild(error)
    }
}

impl Committer for KafkaCommitter {
    fn load(&mut self, _: &FencingToken, partitions: &[Partition]) -> Result<Vec<Recovered>> {
        self.states.clear();
        self.open()?;
        let recovered = of_each(partitions, |partition| self.recover(partition))?;
        let (states, recovered): (Vec<_>, Vec<_>) = recovered.into_iter().unzip();
        self.states = partitions.iter().copied().zip(states).collect();
        Ok(recovered)
    }

    fn commit(
        &mut self,
        token: &FencingToken,
        commit: &Commit,
    ) -> std::result::Result<(), CommitError> {
        if commit.partitions.is_empty() {
            return Ok(());
        }
        match token.of_backend::<Membership>() {
            Some(place) => self.commit_as(place, commit),
            None if self.beginning.is_some() => self.begin(commit),
            None => {
                // The group took the partitions away before this was handed over.
                let error = Error::Stopped { at: self.cluster().at.clone() };
                Err(CommitError::Rebuild(error))
            }
        }
    }
}
