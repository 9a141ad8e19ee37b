//! The job that a store belongs to.

use crate::Topic;

/// Whose store it is. Written at the first [`JobStore::acquire`](crate::Store::own); later owners must
/// agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Name of the group.
    pub group: String,
    /// The topic that is read, with its id: one deleted and made again is another topic.
    pub input: Topic,
    /// Topic of result rows, in the store.
    pub result_topic: String,
    /// Topic of dead letters, in the store.
    pub dead_topic: String,
    /// Topics of further rows, made of those of the result topic, in the store.
    pub rollup_topics: Vec<String>,
}

impl Job {
    /// Names of its topics in the store.
    pub fn topics(&self) -> impl Iterator<Item = &String> {
        [&self.result_topic, &self.dead_topic].into_iter().chain(&self.rollup_topics)
    }
}
