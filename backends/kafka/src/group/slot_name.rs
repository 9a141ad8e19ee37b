//! Whether another process has taken the name of a slot (`group.instance.id`).
//!
//! The coordinator gives the name to whoever joins with it and no member id, and fences the member that had
//! it before: the newer process goes on, and the older one ends. Neither a refused commit nor a fenced client
//! proves that this process is the older one:
//!
//! * A **commit** may have been in flight while the slot's own client rejoined, for example after a session
//!   without an answer. It carries the slot's previous member id, so a refusal only makes that membership
//!   worthless ([`Membership::outlive`]). The slot drops its partitions, commits nothing, opens no producer
//!   with its transactional id (which would fence the other process), and waits. Within a session the
//!   consumer is fenced, or loses its partitions and is assigned new ones; otherwise the slot counts as taken.
//! * A **client** gives up its member id when its session expires. librdkafka (2.12.1) then goes on sending
//!   heartbeats without one until its rebalance callback has run, which it has not while the slot waits for
//!   an unreachable broker. A broker that returns with its old members answers `FENCED_INSTANCE_ID`. So the
//!   slot looks up the group's members: if the name still belongs to the slot's own previous member id, or to
//!   nobody, no other process has joined with it, and the slot joins again with a new client.
//! * A name that belongs to **another member id** is that of a newer process, or that of one before this one:
//!   a broker that dies before it has stored who has joined returns with whoever had the name until then, also
//!   when that process has long ended. A process that is gone loses its place within a session, and one that is there keeps it.
//!   So the slot waits for that long, without partitions: if the id is gone by then, it joins again; if it is
//!   there still, or yet another one is, this process ends and does not come back.
//!
//! So no process takes a slot from a member that lives, and two cannot take it from each other for ever: each waits
//! for a session first, and a member that joins meanwhile ends it. If another process joins
//! between the lookup and the rejoin, that process is fenced, finds another member id that lives, and ends.

use std::time::Instant;

use super::member::GroupSource;
use super::membership::Membership;
use super::rival::Rival;
use crate::limits;
use seismic_queue::{Error, Event, Result};

impl GroupSource {
    /// That another process has the slot.
    pub(super) fn taken(&self) -> Error {
        let (group, slot) = (self.member.group.clone(), self.member.slot.clone());
        Error::SlotTaken { group, slot }
    }

    /// Whether commits with its place are refused since the slot's name has another member id.
    pub(super) fn is_outlived(&self) -> bool {
        self.place.as_ref().is_some_and(Membership::is_outlived)
    }

    /// A place that is worthless is lost, or the slot is another process's, within a session.
    pub(super) fn check_place(&mut self, now: Instant) -> Result<()> {
        if !self.is_outlived() {
            self.outlived = None;
            return Ok(());
        }
        let since = *self.outlived.get_or_insert(now);
        let limit = self.cluster.settings.session() + limits::OUTLIVED_WAIT;
        if now.saturating_duration_since(since) < limit { Ok(()) } else { Err(self.taken()) }
    }

    /// Its client is fenced and joins nothing any more: another one does, or the slot is taken.
    pub(super) fn fenced(&mut self, now: Instant) -> Result<Event> {
        if self.rival.as_ref().is_some_and(|rival| now < rival.look_at) {
            return Ok(Event::Nothing);
        }
        if self.sleep.was_just_too_long() {
            return Err(Error::Paused { group: self.member.group.clone() });
        }
        let (group, slot) = (&self.member.group, &self.member.slot);
        let members = self.cluster.members(group, &self.topic.name)?;
        let held = self.held.as_ref().map(|(_, place)| place);
        let own = self.place.as_ref().or(held).map(|place| place.member.clone());
        let own = own.or_else(|| self.rival.as_ref()?.own.clone());
        let ids = members.iter().map(|member| &*member.member);
        let ids = Rival::ids(slot, own.as_deref(), ids);
        if ids.is_empty() {
            tracing::warn!(
                "slot {slot} of group {group} has lost its place while the brokers were away, and no other \
                 process has it: it joins the group again"
            );
            (self.begins_again, self.rival) = (true, None);
            return Ok(self.lost().unwrap_or(Event::Nothing));
        }
        let limit = self.cluster.settings.session() + limits::RIVAL_WAIT;
        let look_at = now + limits::RIVAL_LOOK;
        match &mut self.rival {
            None => {
                tracing::warn!(
                    "slot {slot} of group {group} has lost its place to another member, {}: it waits whether \
                     that one is gone within a session",
                    ids.join(", ")
                );
                self.rival = Some(Rival { own, ids, since: now, look_at });
            }
            Some(rival)
                if ids.iter().all(|id| rival.ids.contains(id)) && now < rival.since + limit =>
            {
                rival.look_at = look_at;
            }
            Some(_) => return Err(self.taken()),
        }
        Ok(self.lost().unwrap_or(Event::Nothing))
    }
}
