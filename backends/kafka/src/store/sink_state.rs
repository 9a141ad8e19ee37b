//! State of sinks in a store: their positions, one group per sink, and their own state.

use std::collections::btree_map::Entry;
use std::sync::PoisonError;

use super::KafkaStore;
use super::job_topic::JobTopic;
use crate::group::offsets::GroupOffsets;
use crate::group::sink_offsets::SinkOffsets;
use seismic_queue::backend::validate;
use seismic_queue::{JobStore, Offset, Partition, Result, SinkPosition, SinkState, Topic};

/// Groups that hold the positions of sinks: `seismic-sink.GROUP.SINK`.
const SINK: &str = "seismic-sink";

impl KafkaStore {
    fn sink_group(&self, sink: &str) -> String {
        format!("{SINK}.{}.{sink}", self.group)
    }

    /// Positions in these outputs of the sinks that were noted.
    pub(super) fn sinks(&self, outputs: &[Topic]) -> Result<Vec<SinkPosition>> {
        let prefix = self.sink_group("");
        let mut found = Vec::new();
        for group in self.cluster.groups()? {
            let Some(sink) = group.strip_prefix(&prefix) else { continue };
            let committed = GroupOffsets::new(&self.cluster, &group)?.committed_of(outputs)?;
            for (output, committed) in committed.into_iter().enumerate() {
                let known = (0..).map(Partition).zip(committed);
                found.extend(known.filter_map(|(partition, committed)| {
                    let (next, _) = committed?;
                    let (sink, kept_from) = (sink.to_owned(), next);
                    Some(SinkPosition { sink, output, partition, next, kept_from })
                }));
            }
        }
        Ok(found)
    }
}

impl SinkState for KafkaStore {
    fn put_sink_position(
        &self,
        sink: &str,
        output: usize,
        at: &[(Partition, Offset)],
    ) -> Result<()> {
        let mut noting = self.noting.lock().unwrap_or_else(PoisonError::into_inner);
        let is_of = |topic: &Topic| at.iter().all(|(partition, _)| partition.0 < topic.partitions);
        // The topic may have new partitions.
        noting.retain(|(name, of), known| (&**name, *of) != (sink, output) || is_of(&known.rows));
        let SinkOffsets { rows, offsets } = match noting.entry((sink.to_owned(), output)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let (_, context) = self.context()?;
                let topic = context.job.outputs.get(output).map(|output| &*output.topic);
                let rows = self.cluster.topic(topic.unwrap_or_default())?;
                let offsets = GroupOffsets::new(&self.cluster, &self.sink_group(sink))?;
                new.insert(SinkOffsets { rows, offsets })
            }
        };
        at.iter().try_for_each(|&(partition, _)| validate::partition(rows, partition))?;
        if at.is_empty() { Ok(()) } else { offsets.commit(rows, at) }
    }

    /// The brokers' retention decides.
    fn keep_for_sink(&self, _: &str, _: usize, _: &[(Partition, Offset)]) -> Result<bool> {
        Ok(false)
    }

    fn put_sink_state(&self, sink: &str, key: &str, state: &[u8]) -> Result<()> {
        self.context()?;
        validate::sink_state(&self.name(), sink, key, state)?;
        JobTopic::new(&self.cluster).put_sink_state(&self.group, sink, key, state)
    }

    fn sink_state(&self, sink: &str, key: &str) -> Result<Option<Vec<u8>>> {
        self.context()?;
        JobTopic::new(&self.cluster).sink_state(&self.group, sink, key)
    }
}
