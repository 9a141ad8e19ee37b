//! A member of a consumer group. One client keeps the membership, another reads the partitions.
//!
//! The member's client only keeps the membership: it is assigned nothing, so a group that takes
//! partitions away takes them from a source that this program holds, step by step:
//!
//! ```text
//!  assigned ──► Event::Assigned ──► start (load, replay)      claim = metadata taken in the callback
//!  revoked  ──► Event::Revoked  ──► last commit ──► release ──► only now it joins the next generation
//!  lost     ──► Event::Lost         nothing can be committed any more
//! ```
//!
//! The claim is that of the assignment and never refreshed: metadata of a later generation would
//! let rows of partitions pass that belong to someone else by then, since the fence is per member.
//! Metadata that shows no member would not be checked at all, so it is none.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::types::RDKafkaRespErr;

use crate::client::cluster::Cluster;
use crate::client::connection::{is_without_brokers, log, make_with, partition};
use crate::client::native;
use crate::client::suspension::SuspensionWatch;
use crate::error_kind::{Resource, is_denied, on_topic};
use crate::group::start_gate::StartGate;
use crate::limits;
use crate::queue::fetcher::Fetcher;
use seismic_queue::backend::assigned_source::AssignableReader as _;
use seismic_queue::backend::validate;
use seismic_queue::{
    Batch, Error, Event, FencingToken, Member, Offset, Partition, Reader as _, Result, Source,
    Topic,
};

/// A place in a group: member, generation, and what a transaction shows of them.
#[derive(Clone)]
pub struct Membership {
    member: String,
    generation: i32,
    pub(crate) metadata: Arc<ConsumerGroupMetadata>,
    /// Brokers that gave what its commits come from, where they were asked by the topic's name.
    pub(crate) brokers: BTreeSet<i32>,
}

impl Membership {
    /// Of one who is no member, for what is committed before there are any. A broker does not check
    /// it; who shows it must make sure otherwise that no one else commits.
    pub(crate) fn without_member<C: ConsumerContext>(consumer: &BaseConsumer<C>) -> Membership {
        let metadata = consumer.group_metadata().expect("every client that reads names a group");
        let (member, brokers) = (String::new(), BTreeSet::new());
        Membership { member, generation: -1, metadata: Arc::new(metadata), brokers }
    }
}

impl PartialEq for Membership {
    fn eq(&self, other: &Membership) -> bool {
        (&self.member, self.generation) == (&other.member, other.generation)
    }
}

impl Eq for Membership {}

impl fmt::Debug for Membership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "generation {} of {}", self.generation, self.member)
    }
}

/// What the group said.
enum GroupEvent {
    Assigned(Vec<Partition>, Option<Membership>),
    Revoked,
    Lost,
}

/// Takes down what the group says. Nothing is done in its callback but what must be.
struct RebalanceListener {
    event: Mutex<VecDeque<GroupEvent>>,
    /// The source is about to be dropped: no one answers any more.
    is_closing: AtomicBool,
}

impl ClientContext for RebalanceListener {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, text: &str) {
        log(facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!("librdkafka: {error}: {reason}");
    }
}

impl ConsumerContext for RebalanceListener {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<RebalanceListener>,
        code: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        let event = if code == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            let metadata = consumer.group_metadata();
            // Asked after the metadata was taken: what is valid now was valid then.
            let place = native::membership(consumer);
            let place = place.zip(metadata).map(|((member, generation), metadata)| {
                let (metadata, brokers) = (Arc::new(metadata), BTreeSet::new());
                Membership { member, generation, metadata, brokers }
            });
            self.answer(consumer.assign(&TopicPartitionList::new()));
            let elements = list.elements();
            GroupEvent::Assigned(
                elements.iter().map(|it| partition(it.partition())).collect(),
                place,
            )
        } else if self.is_closing.load(Ordering::Relaxed) {
            return self.answer(consumer.unassign());
        } else if consumer.assignment_lost() {
            self.answer(consumer.unassign());
            GroupEvent::Lost
        } else {
            GroupEvent::Revoked
        };
        self.event.lock().unwrap_or_else(PoisonError::into_inner).push_back(event);
    }
}

impl RebalanceListener {
    fn answer(&self, outcome: std::result::Result<(), KafkaError>) {
        // It fails for a client that is closing; the group learns it from that.
        if let Err(error) = outcome {
            tracing::debug!("answering a rebalance: {error}");
        }
    }

    fn next(&self) -> Option<GroupEvent> {
        self.event.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

/// Reads as a member of a group.
pub(crate) struct GroupSource {
    cluster: Cluster,
    topic: Topic,
    member: Member,
    consumer: BaseConsumer<RebalanceListener>,
    fetcher: Fetcher,
    partitions: Vec<Partition>,
    place: Option<Membership>,
    sleep: SuspensionWatch,
    gate: Arc<StartGate>,
    /// What was given before all slots of the worker have joined, and since when that is waited for.
    held: Option<(Vec<Partition>, Membership)>,
    waits: Option<Instant>,
}

impl GroupSource {
    /// Asks to become a member. The first partitions come with [`Event::Assigned`].
    /// Slots of one worker begin together, through `gate`.
    pub(crate) fn join(
        cluster: &Cluster,
        topic: &Topic,
        member: &Member,
        gate: Arc<StartGate>,
    ) -> Result<GroupSource> {
        let config = cluster.settings.member(member);
        let ear = RebalanceListener { event: Mutex::default(), is_closing: AtomicBool::new(false) };
        let consumer: BaseConsumer<RebalanceListener> = make_with(&config, ear)?;
        consumer.subscribe(&[&topic.name]).map_err(cluster.failed("joining a group"))?;
        Ok(GroupSource {
            cluster: cluster.clone(),
            topic: topic.clone(),
            member: member.clone(),
            consumer,
            fetcher: Fetcher::new(cluster, topic),
            partitions: Vec::new(),
            place: None,
            sleep: SuspensionWatch::watch(cluster.settings.session()),
            gate,
            held: None,
            waits: None,
        })
    }

    /// Lets the member's client do its work, and hears what it says.
    fn poll_group(&self) -> Result<()> {
        let needs = || {
            let group = Resource::Group(self.member.group.clone());
            vec![("Read", group), on_topic("Read", self.fetcher.topic())]
        };
        let failed = |error| self.cluster.failed_on("being a member of a group", needs())(error);
        if let Some(Err(error)) = self.consumer.poll(Duration::ZERO) {
            // librdkafka would ask forever.
            if is_denied(&error) {
                return Err(failed(error));
            }
            if is_without_brokers(&error) {
                self.cluster.look_at_given(self.consumer.client());
            }
            tracing::debug!("{error}");
        }
        let Some((code, reason)) = self.consumer.client().fatal_error() else { return Ok(()) };
        let (group, slot) = (self.member.group.clone(), self.member.slot.clone());
        if code == Code::FencedInstanceId {
            return Err(Error::SlotTaken { group, slot });
        }
        tracing::error!("librdkafka: {reason}");
        Err(failed(KafkaError::Global(code)))
    }

    /// What the slot must hear of what the group said.
    fn handle(&mut self, event: GroupEvent) -> Result<Option<Event>> {
        match event {
            GroupEvent::Assigned(partitions, place) => {
                if let Some(new) = partitions.iter().find(|it| it.0 >= self.topic.partitions) {
                    return Err(validate::widened(&self.cluster.at, &self.topic, new.0 + 1));
                }
                // Without a place, what it was given was lost before it was heard; the group will say
                // so.
                if let Some(place) = &place {
                    self.gate.joined(&self.member.slot, place.generation);
                }
                let partitions = match self.member.takes_all {
                    true => of_the_leader(&partitions, &self.topic),
                    false => partitions,
                };
                self.place = None;
                self.held = place.map(|place| (partitions, place));
                Ok(self.begin())
            }
            GroupEvent::Revoked if self.partitions.is_empty() => {
                (self.held, self.place) = (None, None);
                self.confirm_revocation()?;
                Ok(None)
            }
            GroupEvent::Revoked => Ok(Some(Event::Revoked(self.partitions.clone()))),
            GroupEvent::Lost => {
                let lost = std::mem::take(&mut self.partitions);
                (self.held, self.place) = (None, None);
                self.fetcher.stop(&lost);
                if self.sleep.was_just_too_long() {
                    return Err(Error::Paused { group: self.member.group.clone() });
                }
                Ok((!lost.is_empty()).then_some(Event::Lost(lost)))
            }
        }
    }

    /// Takes what it was given, once all slots of the worker have joined.
    fn begin(&mut self) -> Option<Event> {
        self.held.as_ref()?;
        let since = *self.waits.get_or_insert_with(Instant::now);
        if !self.gate.is_open() {
            if since.elapsed() < limits::JOIN_WAIT {
                return None;
            }
            self.gate.open();
        }
        let (partitions, place) = self.held.take()?;
        self.place = Some(place);
        self.partitions.clone_from(&partitions);
        (!partitions.is_empty()).then_some(Event::Assigned(partitions))
    }

    /// Tells the group that everything is settled.
    fn confirm_revocation(&self) -> Result<()> {
        self.consumer.unassign().map_err(self.cluster.failed("leaving partitions to the group"))
    }
}

/// What a member reads whose group reads all partitions in one place: all of them where it was
/// given the first one, and nothing elsewhere. So it is always exactly one member, of the same
/// generation as its commits, and the others wait until the group gives it to them.
fn of_the_leader(given: &[Partition], topic: &Topic) -> Vec<Partition> {
    if given.contains(&Partition(0)) { topic.all().collect() } else { Vec::new() }
}

impl Source for GroupSource {
    fn poll(&mut self, wait: Duration, spare: &mut Vec<Batch>) -> Result<Event> {
        self.poll_group()?;
        while let Some(event) = self.consumer.context().next() {
            if let Some(event) = self.handle(event)? {
                return Ok(event);
            }
        }
        if let Some(event) = self.begin() {
            return Ok(event);
        }
        let wait = if self.held.is_some() { wait.min(limits::JOIN_LOOK) } else { wait };
        self.fetcher.read(wait, spare)
    }

    fn start(&mut self, at: &[(Partition, Offset)]) -> Result<()> {
        self.fetcher.start(at)
    }

    fn release(&mut self, partitions: &[Partition]) -> Result<()> {
        self.fetcher.stop(partitions);
        self.partitions.retain(|partition| !partitions.contains(partition));
        if self.partitions.is_empty() {
            self.place = None;
            self.confirm_revocation()?;
        }
        Ok(())
    }

    fn pause(&mut self, partitions: &[Partition]) -> Result<()> {
        self.fetcher.pause(partitions)
    }

    fn resume(&mut self, at: &[(Partition, Offset)]) -> Result<()> {
        self.fetcher.resume(at)
    }

    fn ends(&mut self, partitions: &[Partition]) -> Vec<Result<Offset>> {
        self.fetcher.ends(partitions)
    }

    fn in_flight(&mut self) -> Result<Duration> {
        self.fetcher.in_flight()
    }

    fn fencing_token(&self) -> FencingToken {
        // Without a place there is nothing to commit; a store refuses such a claim.
        let brokers = || self.fetcher.brokers().clone();
        let place = self.place.clone();
        place.map_or(FencingToken::Sole, |place| {
            FencingToken::of(Membership { brokers: brokers(), ..place })
        })
    }

    fn is_lost(&mut self) -> bool {
        // The client may know already and wait for being polled.
        self.place.is_none() || self.consumer.assignment_lost()
    }
}

impl Drop for GroupSource {
    fn drop(&mut self) {
        self.consumer.context().is_closing.store(true, Ordering::Relaxed);
        // librdkafka leaves a group only for members without a name.
        if !self.member.is_named {
            return;
        }
        if let Some((member, _)) = native::membership(&self.consumer) {
            self.cluster.leave_group(&self.member.group, &member, &self.member.slot);
        }
    }
}
