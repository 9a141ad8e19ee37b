//! One slot's commits: each is one Kafka transaction of rows of all outputs, journal, pieces of a
//! snapshot, progress, and the group's offsets in each input.
//!
//! After any error the client is discarded, and the next one finds out the outcome: it has the same
//! transactional id, so `init_transactions` ends the transaction that the last one left, and
//! brokers refuse its delayed requests by their epoch. So nothing is aborted here, nothing is
//! retried within a failed transaction, and every error is handled in the same way.
//!
//! No row of a topic that was recreated under the name of the input is ever committed. Our own
//! fetcher asks for messages by the topic's id. librdkafka asks by its name, so before a
//! transaction begins every broker that gave it messages is asked which topic it has. A broker
//! serves messages of a topic only when it knows its id, and its metadata only moves forward; so a
//! broker that has served a message of the other topic answers with the other id, however far other
//! brokers lag.
//!
//! Versions of tables that were read since the last commit are part of it: see `tables/`.
//!
//! A commit always carries offsets, so the broker always checks the fencing token; a commit without
//! partitions is not made. The first commit of a fork has no token: see [`JobStart`].

mod begin;
pub(crate) mod bounded;
mod tables;
mod transaction;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::producer::{BaseProducer, Producer};

use self::bounded::GivenUp;
use super::checkpoint_log::LogContents;
use super::delivery::DeliveryReports;
use super::job_context::{JobContext, of_each};
use super::partition_state::PartitionState;
use super::tables::record::TOPIC as TABLES;
use super::tables::topic::contents_end;
use crate::client::cluster::Cluster;
use crate::client::connection::{connect, make_with};
use crate::error_kind::{self, NotAllowed, Resource, Right, on_topic};
use crate::failpoints::COMMIT_OPENING;
use crate::group::membership::Membership;
use crate::group::offsets::GroupOffsets;
use crate::limits;
use seismic_queue::backend::commit_order::not_made;
use seismic_queue::backend::validate;
use seismic_queue::failpoints::{COMMIT_AFTER, COMMIT_BEFORE, pass};
use seismic_queue::{
    Commit, CommitError, Committer, Error, FencingToken, Kind, Member, OutputSpec, Partition,
    PartitionCommit, Recovered, Result,
};

/// What it does, as errors say it.
const COMMITTING: &str = "committing";

/// Commits for one slot.
pub(crate) struct KafkaCommitter {
    context: Arc<JobContext>,
    member: Member,
    offsets: Arc<GroupOffsets>,
    /// `None` before the first load, and after anything went wrong.
    client: Option<Arc<BaseProducer<DeliveryReports>>>,
    given_up: GivenUp<DeliveryReports>,
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
    /// One that asks for offsets by the client of its lease.
    pub(crate) fn new(
        (context, offsets): (Arc<JobContext>, Arc<GroupOffsets>),
        member: &Member,
    ) -> KafkaCommitter {
        let member = member.clone();
        let (states, beginning) = (BTreeMap::new(), None);
        KafkaCommitter {
            context,
            member,
            offsets,
            client: None,
            given_up: GivenUp::none(),
            states,
            fenced: 0,
            beginning,
        }
    }

    fn cluster(&self) -> &Cluster {
        &self.context.cluster
    }

    fn transactional_id(&self) -> String {
        format!("{}.{}", self.member.group, self.member.slot)
    }

    /// A client that has ended what the one before it left open.
    fn open(&mut self) -> Result<()> {
        if self.client.is_some() {
            return Ok(());
        }
        pass(&self.cluster().at, COMMIT_OPENING)?;
        let id = self.transactional_id();
        let is_keyed = self.context.job.outputs.iter().any(OutputSpec::is_keyed);
        let bytes = if is_keyed { limits::KEYED_BYTES } else { limits::COMMITTED_BYTES };
        self.cluster().find_brokers();
        let client: BaseProducer<DeliveryReports> =
            make_with(&self.cluster().settings.committing(&id, bytes), DeliveryReports::default())?;
        connect(client.client(), &self.context.job.input().name);
        const DOING: &str = "ending what an earlier transaction left";
        if let Err(error) = client.init_transactions(limits::TRANSACTION_WAIT) {
            let needs = vec![("Write", Resource::TransactionalId(id))];
            let error = self.cluster().failed_on(DOING, needs)(error);
            // Nothing was begun, so whatever it is may be retried, by another client.
            return Err(match error.kind() {
                Kind::Fatal => {
                    tracing::debug!("{error}");
                    Error::Busy { at: self.cluster().at.clone(), doing: DOING }
                }
                _ => error,
            });
        }
        self.client = Some(Arc::new(client));
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
        let staged = Arc::clone(&self.context.staged);
        let writing = match staged.begin(Instant::now()) {
            Some(writing) => match contents_end(self.cluster()) {
                Ok(from) => Some((writing, from)),
                Err(error) => return Err(self.fail(error)),
            },
            None => None,
        };
        match self.transact(&at, place, commit, (states, writing.as_ref())) {
            Ok(states) => {
                if let Some((writing, _)) = writing {
                    writing.done(Instant::now());
                }
                self.states.extend(states);
                self.fenced = 0;
                pass(&at, COMMIT_AFTER).map_err(CommitError::Rebuild)
            }
            Err(error) => {
                if error_kind::of_librdkafka(&error).and_then(error_kind::code)
                    == Some(Code::FencedInstanceId)
                {
                    place.outlive();
                }
                Err(self.fail(error))
            }
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

    /// Ends the client and says what the slot must do.
    fn fail(&mut self, error: Error) -> CommitError {
        let given_up = self.client.take().and_then(|client| self.given_up.close(client));
        self.states.clear();
        if let Some(count) = given_up {
            let slot = &self.member.slot;
            tracing::warn!(
                slot,
                count,
                "a commit does not end: the slot goes on with another client"
            );
            if count > limits::GIVEN_UP {
                return CommitError::Fatal(error);
            }
        }
        if error.of_backend::<NotAllowed>().is_some() {
            return CommitError::Fatal(error);
        }
        let Some(source) = error_kind::of_librdkafka(&error) else {
            return CommitError::Rebuild(error);
        };
        let code = error_kind::code(source);
        match code {
            Some(
                Code::ProducerFenced | Code::Fenced | Code::InvalidProducerEpoch | Code::Fatal,
            ) => {
                self.fenced += 1;
                if self.fenced >= limits::FENCED_TIMES {
                    return CommitError::Fenced(error);
                }
            }
            Some(code) if self.cluster().may_pass(code) => {}
            // The group has moved on, and no right is missing. Who has the slot's name now its source
            // will say: a commit that was under way while the slot joined again shows the place that it
            // had before, as one of a process does whose slot another one has taken.
            Some(Code::IllegalGeneration | Code::UnknownMemberId | Code::FencedInstanceId) => {}
            Some(Code::MessageSizeTooLarge | Code::InvalidMessageSize) => {
                return CommitError::Fatal(error);
            }
            // A transaction that may not write somewhere fails where it is ended, and the client
            // does not say of which topic, or not even why.
            _ => {
                if let Err(denied) = self.cluster().may(COMMITTING, &self.needs()) {
                    return CommitError::Fatal(denied);
                }
                if matches!(error.kind(), Kind::Config | Kind::Data) {
                    return CommitError::Fatal(error);
                }
            }
        }
        CommitError::Rebuild(error)
    }

    /// The rights that a commit needs.
    fn needs(&self) -> Vec<Right> {
        let job = &self.context.job;
        let outputs = job.outputs.iter().map(|output| &output.topic);
        let written = outputs.chain([&self.context.checkpoints.name]);
        let mut needs: Vec<_> = written.map(|topic| on_topic("Write", topic)).collect();
        if self.context.staged.is_any() {
            needs.push(on_topic("Write", TABLES));
        }
        needs.extend([
            ("Read", Resource::Group(self.member.group.clone())),
            ("Write", Resource::TransactionalId(self.transactional_id())),
            on_topic("Read", &job.input().name),
        ]);
        needs
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
