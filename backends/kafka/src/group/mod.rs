//! The consumer group: its members, their partitions, the offsets committed for it.

pub(crate) mod assignment;
mod coordinator_watch;
pub(crate) mod member;
pub(crate) mod membership;
pub(crate) mod offsets;
mod rebalance_listener;
mod rival;
pub(crate) mod scaling_lease;
pub(crate) mod sink_offsets;
mod slot_name;
pub(crate) mod start_gate;
pub(crate) mod transactional_id;
