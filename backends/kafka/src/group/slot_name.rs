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
//!   nobody, no other process has joined with it, and the slot joins again with a new client. If it belongs to
//!   any other member id, this process ends and does not come back.
//!
//! So no process takes a slot from a member that it can see, and two cannot take it from each other for ever:
//! a slot that is fenced without a membership, or that finds another member id, ends. If another process joins
//! between the lookup and the rejoin, that process is fenced, finds another member id, and ends.

use std::time::Instant;

use super::member::GroupSource;
use super::membership::Membership;
use crate::limits;
use seismic_queue::{Error, Event, Result};

/// Letters of what a broker puts behind a name to make a member id of it: `-` and a UUID.
const OF_ID: usize = 37;

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
    pub(super) fn fenced(&mut self) -> Result<Event> {
        let held = self.held.as_ref().map(|(_, place)| place);
        let Some(place) = self.place.as_ref().or(held) else { return Err(self.taken()) };
        let (group, slot) = (&self.member.group, &self.member.slot);
        if self.sleep.was_just_too_long() {
            return Err(Error::Paused { group: group.clone() });
        }
        let members = self.cluster.members(group, &self.topic.name)?;
        let ids = members.iter().map(|member| &*member.member);
        if !is_free(slot, &place.member, ids) {
            return Err(self.taken());
        }
        tracing::warn!(
            "slot {slot} of group {group} has lost its place while the brokers were away, and no other \
             process has it: it joins the group again"
        );
        self.begins_again = true;
        Ok(self.lost().unwrap_or(Event::Nothing))
    }
}

/// Whether none of these member ids is of that slot, but for the one that it had itself.
fn is_free<'a>(slot: &str, own: &str, mut ids: impl Iterator<Item = &'a str>) -> bool {
    let is_of_slot = |id: &str| {
        let rest = id.strip_prefix(slot);
        rest.is_some_and(|rest| rest.starts_with('-') && rest.len() == OF_ID)
    };
    ids.all(|id| id == own || !is_of_slot(id))
}

#[cfg(test)]
mod tests {
    use super::is_free;

    #[test]
    fn a_slot_is_free_while_only_the_id_that_it_had_itself_has_its_name() {
        const OWN: &str = "left-0-0b5ed4b2-3a7a-4d0e-9d0c-5d6f3a1f2b3c";
        const OTHER: &str = "left-0-1b5ed4b2-3a7a-4d0e-9d0c-5d6f3a1f2b3c";
        const NEXT: &str = "left-01-1b5ed4b2-3a7a-4d0e-9d0c-5d6f3a1f2b3c";
        let is_free = |ids: &[&str]| is_free("left-0", OWN, ids.iter().copied());
        assert!(is_free(&[]) && is_free(&[OWN]) && is_free(&[NEXT, OWN]));
        assert!(!is_free(&[OTHER]) && !is_free(&[OWN, OTHER]));
    }
}
