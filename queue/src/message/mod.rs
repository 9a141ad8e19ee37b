//! Messages and their names: batches, blocks, topics, partitions and offsets.

mod batch;
mod block;
mod fingerprint;
mod partitioner;
mod position;
mod topic;

pub use batch::{Batch, Entry, Message};
pub use block::{Block, next_message};
pub use fingerprint::Fingerprint;
pub use partitioner::partition_of;
pub use position::{Offset, Partition, Span};
pub use topic::{Topic, new_id};
