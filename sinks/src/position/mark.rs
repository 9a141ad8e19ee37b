//! The position that a sink stores itself, and how far it is ahead of its store.

use std::fmt;

use seismic_queue::{Offset, Partition};

/// What a sink itself knows of its position, apart from what the store knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkMark {
    /// Id of the store whose rows it has.
    pub store_id: String,
    /// The topic whose rows it has; `None`: the result topic.
    pub topic: Option<String>,
    /// Next row of each partition of that topic.
    pub next: Vec<Offset>,
}

/// A partition of which a sink has more rows than the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkAhead {
    /// Name of the sink.
    pub sink: String,
    /// The result topic.
    pub topic: String,
    /// Its partition.
    pub partition: Partition,
    /// Next row of the sink.
    pub next: Offset,
    /// Where the rows of the store end.
    pub end: Offset,
}

impl fmt::Display for SinkAhead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SinkAhead { sink, topic, partition, next, end } = self;
        write!(
            f,
            "{sink} is ahead of its store: it has the rows of {topic}/{partition} up to offset \
             {next}, and \
             the store has them up to {end}, as if an older copy of the store was restored"
        )
    }
}
