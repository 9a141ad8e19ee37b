//! A place in a group, which each commit shows.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, ConsumerGroupMetadata};

/// A place in a group: member, generation, and what a transaction shows of them.
#[derive(Clone)]
pub struct Membership {
    pub(super) member: String,
    pub(super) generation: i32,
    pub(crate) metadata: Arc<ConsumerGroupMetadata>,
    /// Brokers that gave what its commits come from, where they were asked by the topic's name.
    pub(crate) brokers: BTreeSet<i32>,
    /// Of all copies of this place.
    pub(super) outlived: Arc<AtomicBool>,
}

impl Membership {
    /// Of a member that the group has just given something.
    pub(super) fn of_member(
        (member, generation): (String, i32),
        metadata: ConsumerGroupMetadata,
    ) -> Membership {
        let (metadata, brokers) = (Arc::new(metadata), BTreeSet::new());
        Membership { member, generation, metadata, brokers, outlived: Arc::default() }
    }

    /// Of one who is no member, for what is committed before there are any. A broker does not check
    /// it; who shows it must make sure otherwise that no one else commits.
    pub(crate) fn without_member<C: ConsumerContext>(consumer: &BaseConsumer<C>) -> Membership {
        let metadata = consumer.group_metadata().expect("every client that reads names a group");
        Membership::of_member((String::new(), -1), metadata)
    }

    /// A broker has refused a commit that showed it, since the name of the slot has another member id
    /// by now. Whose that is it does not say: this slot's, which has joined again, or another process's.
    pub(crate) fn outlive(&self) {
        self.outlived.store(true, Ordering::Relaxed);
    }

    /// Whether that was said of it: nothing can be committed with it any more.
    pub(super) fn is_outlived(&self) -> bool {
        self.outlived.load(Ordering::Relaxed)
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
