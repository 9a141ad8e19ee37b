//! A place in a group, which each commit shows.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, ConsumerGroupMetadata};

/// A place in a group: member, generation, and what a transaction shows of them.
#[derive(Clone)]
pub struct Membership {
    pub(super) member: String,
    pub(super) generation: i32,
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
