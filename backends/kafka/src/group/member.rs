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
//!
//! A client that has lost the group's coordinator for good (`coordinator_watch.rs`) is replaced, after
//! everything that it was given is lost and settled.
//!
//! Who has the name of a slot, where that is in doubt, is in `slot_name.rs`.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use crate::client::cluster::Cluster;
use crate::client::connection::{close_within, is_without_brokers, make_with};
use crate::client::native;
use crate::client::suspension::SuspensionWatch;
use crate::error_kind::{Resource, is_denied, on_topic};
use crate::group::coordinator_watch::{CoordinatorWatch, ask_by_another};
use crate::group::membership::Membership;
use crate::group::rebalance_listener::{GroupEvent, RebalanceListener};
use crate::group::rival::Rival;
use crate::group::start_gate::StartGate;
use crate::limits;
use crate::queue::fetcher::Fetcher;
use seismic_queue::backend::assigned_source::AssignableReader as _;
use seismic_queue::backend::validate;
use seismic_queue::{
    Batch, Error, Event, FencingToken, Member, Offset, Partition, Reader as _, Result, Source,
    Topic,
};

/// Reads as a member of a group.
pub(crate) struct GroupSource {
    pub(super) cluster: Cluster,
    pub(super) topic: Topic,
    pub(super) member: Member,
    consumer: Arc<BaseConsumer<RebalanceListener>>,
    fetcher: Fetcher,
    partitions: Vec<Partition>,
    pub(super) place: Option<Membership>,
    pub(super) sleep: SuspensionWatch,
    coordinator: CoordinatorWatch,
    /// Whether the client has lost the coordinator, and what was lost with it is settled before there
    /// is another one.
    pub(super) begins_again: bool,
    gate: Arc<StartGate>,
    /// What was given before all slots of the worker have joined, and since when that is waited for.
    pub(super) held: Option<(Vec<Partition>, Membership)>,
    waits: Option<Instant>,
    /// Since when its place is known to be worthless and the group has not said why.
    pub(super) outlived: Option<Instant>,
    /// The member that holds its name, until that one has left the group or is known to be alive.
    pub(super) rival: Option<Rival>,
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
        let consumer = subscribed(cluster, topic, member)?;
        Ok(GroupSource {
            cluster: cluster.clone(),
            topic: topic.clone(),
            member: member.clone(),
            consumer: Arc::new(consumer),
            fetcher: Fetcher::new(cluster, topic),
            partitions: Vec::new(),
            place: None,
            sleep: SuspensionWatch::watch(cluster.settings.session()),
            coordinator: CoordinatorWatch::default(),
            begins_again: false,
            gate,
            held: None,
            waits: None,
            outlived: None,
            rival: None,
        })
    }

    /// Lets the member's client do its work, and hears what it says; whether it is fenced.
    fn poll_group(&self) -> Result<bool> {
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
                self.cluster.look_elsewhere(self.consumer.client());
            }
            tracing::debug!("{error}");
        }
        let Some((code, reason)) = self.consumer.client().fatal_error() else { return Ok(false) };
        if code == Code::FencedInstanceId {
            return Ok(true);
        }
        tracing::error!("librdkafka: {reason}");
        Err(failed(KafkaError::Global(code)))
    }

    /// Looks for the coordinator after a connection has failed. Where the client has lost it for good,
    /// the slot must hear that its partitions are lost, and then another client joins.
    fn look_for_coordinator(&mut self) -> Option<Event> {
        if self.consumer.context().has_failed.swap(false, Ordering::Relaxed) {
            self.coordinator.suspect(Instant::now());
        }
        let (cluster, group, topic) = (&self.cluster, &self.member.group, &self.topic);
        let is_lost = self
            .coordinator
            .look(|| is_answered(&self.consumer, topic), || ask_by_another(cluster, group, topic));
        if !is_lost {
            return None;
        }
        tracing::warn!(
            "the coordinator of group {group:?} does not answer the client of slot {}, and answers \
             others: it has another address; the slot joins the group again",
            self.member.slot
        );
        self.begins_again = true;
        self.lost()
    }

    /// Joins by another client. The one before cannot leave, since it reaches nobody: it is left for
    /// it, unless the new one has its name and so its place.
    fn join_again(&mut self) -> Result<()> {
        let new = subscribed(&self.cluster, &self.topic, &self.member)?;
        let old = std::mem::replace(&mut self.consumer, Arc::new(new));
        old.context().begin_closing();
        let left = native::membership(&old).filter(|_| !self.member.is_named);
        let (cluster, group) = (self.cluster.clone(), self.member.group.clone());
        let leave = move || {
            if let Some((member, _)) = left {
                cluster.leave_group(&group, &member, None);
            }
            drop(old);
        };
        // Without a thread its session ends it.
        drop(thread::Builder::new().name("kafka leave".to_owned()).spawn(leave));
        Ok(())
    }

    /// Nothing can be committed any more of what the group gave.
    pub(super) fn lost(&mut self) -> Option<Event> {
        let lost = std::mem::take(&mut self.partitions);
        (self.held, self.place) = (None, None);
        self.fetcher.stop(&lost);
        (!lost.is_empty()).then_some(Event::Lost(lost))
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
                // Nobody was heard for a session.
                self.coordinator.suspect(Instant::now());
                let event = self.lost();
                if self.sleep.was_just_too_long() {
                    return Err(Error::Paused { group: self.member.group.clone() });
                }
                Ok(event)
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

/// A client that asks to become a member.
fn subscribed(
    cluster: &Cluster,
    topic: &Topic,
    member: &Member,
) -> Result<BaseConsumer<RebalanceListener>> {
    let mut config = cluster.settings.member(member);
    // That a connection was closed is said at this level.
    config.set_log_level(RDKafkaLogLevel::Info);
    let consumer: BaseConsumer<RebalanceListener> =
        make_with(&config, RebalanceListener::default())?;
    consumer.subscribe(&[&topic.name]).map_err(cluster.failed("joining a group"))?;
    Ok(consumer)
}

/// Whether the coordinator answers this client.
fn is_answered(consumer: &BaseConsumer<RebalanceListener>, topic: &Topic) -> bool {
    let mut asked = TopicPartitionList::new();
    asked.add_partition(&topic.name, 0);
    let found = consumer.committed_offsets(asked, limits::COORDINATOR_WAIT);
    found.is_ok_and(|found| found.elements().iter().all(|element| element.error().is_ok()))
}

/// What a member reads whose group reads all partitions in one place: all of them where it was
/// given the first one, and nothing elsewhere. So it is always exactly one member, of the same
/// generation as its commits, and the others wait until the group gives it to them.
fn of_the_leader(given: &[Partition], topic: &Topic) -> Vec<Partition> {
    if given.contains(&Partition(0)) { topic.all().collect() } else { Vec::new() }
}

impl Source for GroupSource {
    fn poll(&mut self, wait: Duration, spare: &mut Vec<Batch>) -> Result<Event> {
        if std::mem::take(&mut self.begins_again) {
            self.join_again()?;
        }
        if self.poll_group()? {
            return match self.fenced(Instant::now())? {
                // It reads nothing meanwhile, so this only waits.
                Event::Nothing if !self.begins_again => self.fetcher.read(wait, spare),
                event => Ok(event),
            };
        }
        if let Some(event) = self.look_for_coordinator() {
            return Ok(event);
        }
        while let Some(event) = self.consumer.context().next() {
            if let Some(event) = self.handle(event)? {
                return Ok(event);
            }
        }
        if let Some(event) = self.begin() {
            return Ok(event);
        }
        self.check_place(Instant::now())?;
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
        self.place.is_none() || self.is_outlived() || self.consumer.assignment_lost()
    }
}

impl Drop for GroupSource {
    fn drop(&mut self) {
        self.consumer.context().begin_closing();
        let place = native::membership(&self.consumer);
        // It must not hear that it is no member any more: a client that is closing then may wait for
        // ever for an answer of itself.
        let has_ended = close_within(&self.consumer, limits::CLOSE_WAIT);
        let Member { group, slot, is_named, .. } = &self.member;
        // librdkafka leaves a group only for members without a name, and only at its end.
        if let Some((member, _)) = place.filter(|_| *is_named || !has_ended) {
            self.cluster.leave_group(group, &member, is_named.then_some(slot));
        }
    }
}

#[cfg(test)]
mod tests;
