//! The job that a store belongs to: what it reads and which outputs it writes.

use super::{OutputSpec, PartitionBy};
use crate::Topic;

/// Whose store it is. Written at the first [`JobStore::acquire`](crate::JobStore::acquire); later
/// owners must agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Name of the group.
    pub group: String,
    /// The topics that are read, with their ids: one deleted and recreated is another topic. At
    /// least one, and all with the same number of partitions: task `p` of the job reads partition
    /// `p` of each of them.
    pub inputs: Vec<Topic>,
    /// What the job writes, in the order of [`PartitionCommit::outputs`](super::PartitionCommit).
    /// At least one; sinks read the first unless they are told another.
    pub outputs: Vec<OutputSpec>,
}

impl Job {
    /// The roles of outputs that a store of the first layout does not name: it knows outputs by
    /// their place. The last role is that of all further places.
    pub const PLAIN_ROLES: [&str; 3] = ["result", "dead", "rollup"];

    /// A job with one input whose outputs all follow the input's partitions, with the roles of
    /// [`Job::PLAIN_ROLES`].
    pub fn plain(
        group: impl Into<String>,
        input: Topic,
        topics: impl IntoIterator<Item = impl Into<String>>,
    ) -> Job {
        let output = |(place, topic): (usize, _)| OutputSpec::by_input(plain_role(place), topic);
        let outputs = topics.into_iter().enumerate().map(output).collect();
        Job { group: group.into(), inputs: vec![input], outputs }
    }

    /// Whether stores keep it in their first layout. Only other jobs are kept in a newer one, which
    /// an older program refuses to open.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        let is_plain = |(place, output): (usize, &OutputSpec)| {
            output.role == plain_role(place) && !output.is_keyed()
        };
        self.inputs.len() == 1
            && self.outputs.len() >= 2
            && self.outputs.iter().enumerate().all(is_plain)
    }

    /// The first input: the one by whose partitions tasks are assigned.
    ///
    /// # Panics
    /// Without inputs, which no store accepts.
    #[must_use]
    pub fn input(&self) -> &Topic {
        self.inputs.first().expect("a job has an input")
    }

    /// Number of tasks: of partitions of each input.
    #[must_use]
    pub fn partitions(&self) -> u32 {
        self.input().partitions
    }

    /// Number of partitions that the topic of an output has.
    #[must_use]
    pub fn partitions_of(&self, output: &OutputSpec) -> u32 {
        match output.partition_by {
            PartitionBy::Input => self.partitions(),
            PartitionBy::Key { partitions } => partitions,
        }
    }

    /// Names of its topics in the store.
    pub fn topics(&self) -> impl Iterator<Item = &String> {
        self.outputs.iter().map(|output| &output.topic)
    }

    /// Topics of the outputs with that role, in order.
    pub fn topics_of(&self, role: &str) -> impl Iterator<Item = &String> {
        self.outputs.iter().filter(move |output| output.role == role).map(|output| &output.topic)
    }

    /// The topic of the first output with that role.
    #[must_use]
    pub fn topic_of(&self, role: &str) -> Option<&str> {
        self.topics_of(role).next().map(String::as_str)
    }

    /// The topic that sinks read if nothing else is said: that of the first output.
    ///
    /// # Panics
    /// Without outputs, which no store accepts.
    #[must_use]
    pub fn main_topic(&self) -> &str {
        &self.outputs.first().expect("a job has an output").topic
    }

    /// The job after partitions were added to its inputs.
    #[must_use]
    pub fn with_partitions(&self, partitions: u32) -> Job {
        let mut job = self.clone();
        job.inputs.iter_mut().for_each(|input| input.partitions = partitions);
        job
    }
}

fn plain_role(place: usize) -> &'static str {
    Job::PLAIN_ROLES[place.min(Job::PLAIN_ROLES.len() - 1)]
}
