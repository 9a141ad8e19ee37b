//! Notices when the client of a member does not find the coordinator of its group any more.
//!
//! librdkafka (2.12.1) follows a coordinator to another broker, and not the same broker to another
//! address: it copies the address when it hears of another coordinator, and the same broker is none.
//! Then it tries the old address for ever, is no member after its session, and joins nothing.
//!
//! So when a connection of the client has failed, it is asked for an offset of the group, which only
//! the coordinator knows. Where it gets no answer, another client that was just made asks the same. When only
//! that one is answered, and not just once, the member begins again with another client. Where
//! neither is answered the coordinator itself is away, which another client does not help.

use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;
use std::time::Instant;

use super::offsets::GroupOffsets;
use crate::client::cluster::Cluster;
use crate::limits;
use seismic_queue::{Partition, Topic};

/// Whom the coordinator has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answered {
    /// The member's client.
    Member,
    /// Not that one, but another one.
    OnlyAnother,
    Nobody,
}

/// Whether the coordinator is looked for, and how far that is.
#[derive(Debug, Default)]
pub(super) struct CoordinatorWatch {
    /// When to ask next; `None` while nothing is wrong.
    due: Option<Instant>,
    /// How often in a row only another client was answered.
    missed: u32,
    /// What another client will say.
    another: Option<Receiver<Answered>>,
}

impl CoordinatorWatch {
    /// A connection of the member's client has failed, maybe that to the coordinator.
    pub(super) fn suspect(&mut self, now: Instant) {
        self.due.get_or_insert(now + limits::COORDINATOR_LOOK);
    }

    /// Looks, if it is time. `is_answered` asks by the member's client, and `ask` begins to ask by
    /// another one. Whether the member's client has lost the coordinator for good.
    pub(super) fn look(
        &mut self,
        is_answered: impl FnOnce() -> bool,
        ask: impl FnOnce() -> Receiver<Answered>,
    ) -> bool {
        let answered = match self.another.as_ref().map(Receiver::try_recv) {
            Some(Ok(answered)) => answered,
            Some(Err(TryRecvError::Empty)) => return false,
            // Without a thread nobody has asked.
            Some(Err(TryRecvError::Disconnected)) => Answered::Nobody,
            None if self.due.is_none_or(|due| Instant::now() < due) => return false,
            None if is_answered() => Answered::Member,
            None => {
                self.another = Some(ask());
                return false;
            }
        };
        self.another = None;
        self.heard(answered, Instant::now())
    }

    /// Takes an answer; whether the member's client has lost the coordinator for good.
    fn heard(&mut self, answered: Answered, now: Instant) -> bool {
        let missed = match answered {
            Answered::Member => {
                *self = CoordinatorWatch::default();
                return false;
            }
            Answered::OnlyAnother => self.missed + 1,
            Answered::Nobody => 0,
        };
        if missed >= limits::COORDINATOR_MISSED {
            *self = CoordinatorWatch::default();
            return true;
        }
        (self.due, self.missed) = (Some(now + limits::COORDINATOR_LOOK), missed);
        false
    }
}

/// Asks by a client that is made for it, on a thread of its own.
pub(super) fn ask_by_another(cluster: &Cluster, group: &str, topic: &Topic) -> Receiver<Answered> {
    let (to, answered) = mpsc::channel();
    let (cluster, group, topic) = (cluster.clone(), group.to_owned(), topic.clone());
    let ask = move || {
        cluster.find_brokers();
        let offsets = GroupOffsets::new(&cluster, &group);
        let found = offsets.and_then(|it| it.committed_now(&topic, &[Partition(0)]));
        let answered = match found {
            Ok(_) => Answered::OnlyAnother,
            Err(error) => {
                tracing::debug!("looking for the coordinator of group {group:?}: {error}");
                Answered::Nobody
            }
        };
        // Who asked may have gone.
        let _ = to.send(answered);
    };
    // Without a thread the channel ends, which is no answer either.
    drop(thread::Builder::new().name("kafka coordinator".to_owned()).spawn(ask));
    answered
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOT_ASKED: fn() -> Receiver<Answered> = || panic!("nobody is asked");

    /// One that is due, since something failed long ago.
    fn due() -> CoordinatorWatch {
        let mut watch = CoordinatorWatch::default();
        watch.suspect(Instant::now().checked_sub(Duration::from_secs(60)).unwrap());
        watch
    }

    #[test]
    fn a_member_begins_again_when_only_another_client_is_answered_twice_in_a_row() {
        use Answered::{Member, Nobody, OnlyAnother};
        for (all, begins_again) in [
            (vec![OnlyAnother, OnlyAnother], true),
            (vec![OnlyAnother, Nobody, OnlyAnother], false),
            (vec![OnlyAnother, Member, OnlyAnother], false),
            (vec![Nobody; 9], false),
            (vec![Nobody, OnlyAnother, OnlyAnother], true),
        ] {
            let (mut watch, now) = (due(), Instant::now());
            let heard: Vec<_> = all.iter().map(|&it| watch.heard(it, now)).collect();
            assert_eq!(heard.last(), Some(&begins_again), "{all:?}");
            assert!(!heard[..heard.len() - 1].contains(&true), "{all:?}");
        }
    }

    #[test]
    fn nobody_is_asked_while_nothing_has_failed_or_just_before() {
        let mut watch = CoordinatorWatch::default();
        assert!(!watch.look(|| panic!("it is not asked"), NOT_ASKED));
        watch.suspect(Instant::now());
        assert!(!watch.look(|| panic!("a client has a moment to come back"), NOT_ASKED));
    }

    #[test]
    fn another_client_asks_only_when_that_of_the_member_is_not_answered() {
        let mut watch = due();
        assert!(!watch.look(|| true, NOT_ASKED));
        assert!(!watch.look(|| panic!("all is well since"), NOT_ASKED));
        let mut watch = due();
        let (to, answered) = mpsc::channel();
        assert!(!watch.look(|| false, || answered));
        assert!(!watch.look(|| panic!("one question at a time"), NOT_ASKED));
        to.send(Answered::OnlyAnother).unwrap();
        assert!(!watch.look(|| panic!("the answer is there"), NOT_ASKED));
        assert_eq!(watch.missed, 1);
        assert!(watch.due.is_some(), "it is asked again");
    }
}
