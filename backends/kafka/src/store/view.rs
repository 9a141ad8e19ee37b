//! The view of a job, without a lease.

use std::sync::Mutex;

use super::KafkaStore;
use super::checkpoint_log::CheckpointLog;
use super::checkpoint_record::KeptCheckpoint;
use super::job_context::JobContext;
use super::last_view::LastView;
use super::offset_metadata::{OffsetMetadata, OutputEnd};
use crate::group::offsets::GroupOffsets;
use seismic_queue::failpoints::{STORE_VIEW, pass};
use seismic_queue::{
    Error, JobStore as _, LastRow, OutputView, Partition, PartitionView, Result, Span, View,
};

/// Whether anything was ever committed, as far as the cluster remembers.
fn has_begun(context: &JobContext, offsets: &GroupOffsets) -> Result<bool> {
    let partitions: Vec<Partition> = context.job.input().all().collect();
    Ok(offsets.committed(context.job.input(), &partitions)?.iter().any(Option::is_some))
}

impl KafkaStore {
    /// Whether the topics of the outputs have what the newest commits wrote.
    ///
    /// # Errors
    /// [`Error::OutputDiffers`] when not.
    pub(super) fn compare_outputs(&self, context: &JobContext) -> Result<()> {
        let offsets = self.offsets()?;
        let partitions: Vec<Partition> = context.job.input().all().collect();
        let committed = offsets.committed(context.job.input(), &partitions)?;
        let metadata: Vec<_> = committed
            .into_iter()
            .map(|it| it.and_then(|(_, text)| OffsetMetadata::decode(&text)))
            .collect();
        for (place, output) in context.job.outputs.iter().enumerate() {
            let noted: Vec<_> =
                metadata.iter().map(|it| it.as_ref()?.outputs.get(place)?.last_row()).collect();
            let unprovable = LastRow::compare(self.topics(), &output.topic, &noted)?;
            if !unprovable.is_empty() {
                let partitions: Vec<_> = unprovable.iter().map(Partition::to_string).collect();
                tracing::warn!(
                    "the last rows that were written to {} are gone (partitions {}), so it cannot \
                     be proved that this is the topic that the job wrote",
                    output.topic,
                    partitions.join(", ")
                );
            }
        }
        Ok(())
    }

    fn partition_view(
        log: &CheckpointLog<'_>,
        known: Option<&OffsetMetadata>,
        spans: &[Span],
        of_log: Span,
    ) -> Result<(PartitionView, Vec<KeptCheckpoint>)> {
        let until = |span: &Span, output: OutputEnd| {
            let (end, last) = (output.end.max(span.first), output.last_row());
            OutputView { span: Span { first: span.first, end }, cuts: Vec::new(), last }
        };
        let Some(offset_metadata) = known else {
            let none = PartitionView {
                progress: None,
                outputs: spans.iter().map(|span| until(span, OutputEnd::default())).collect(),
                journal: 0..0,
                checkpoints: Vec::new(),
            };
            return Ok((none, Vec::new()));
        };
        let history = log.at_within(offset_metadata, offset_metadata.manifest, of_log.end)?;
        let none = std::iter::repeat_with(OutputEnd::default);
        let ends = offset_metadata.outputs.iter().cloned().chain(none);
        let outputs = spans.iter().zip(ends).map(|(span, end)| until(span, end));
        let part = PartitionView {
            progress: history.progress,
            outputs: outputs.collect(),
            journal: log.journal_start(of_log)?..history.next_sequence,
            checkpoints: Vec::new(),
        };
        Ok((part, history.kept))
    }

    /// As [`JobStore::view`](seismic_queue::JobStore::view).
    pub(super) fn read_view(&self) -> Result<View> {
        pass(&self.cluster.at, STORE_VIEW)?;
        let (id, context) = self.context()?;
        let written_down = self.written_down();
        let offsets = self.offsets()?;
        let topics = context.job.topics().map(|name| self.cluster.topic(name));
        let topics = match topics.collect::<Result<Vec<_>>>() {
            // The first worker has written the job down, and is about to make them.
            Err(Error::TopicMissing { .. }) if !has_begun(&context, &offsets)? => {
                return Err(self.missing());
            }
            Err(Error::TopicMissing { .. }) => {
                // Says which, and what was in it.
                return Err(self.compare_outputs(&context).err().unwrap_or_else(|| self.missing()));
            }
            topics => topics?,
        };
        let spans = |is_keyed: bool| {
            let all = topics.iter().zip(&context.job.outputs);
            let spans = all.map(|(topic, output)| match output.is_keyed() == is_keyed {
                true => self.cluster.spans(topic),
                false => Ok(Vec::new()),
            });
            spans.collect::<Result<Vec<_>>>()
        };
        let by_input = spans(false)?;
        let known = context.all_known_metadata(&offsets)?;
        // Asked after the positions, so everything that was committed with them lies below the
        // ends.
        let logs = self.cluster.spans(&context.checkpoints)?;
        let part = |partition: Partition| {
            let place = partition.0 as usize;
            let of_it = by_input.iter().map(|all| all.get(place).copied().unwrap_or_default());
            let of_it: Vec<Span> = of_it.collect();
            let metadata = known[place].as_ref().map(|(_, metadata)| metadata);
            Self::partition_view(&context.log(partition), metadata, &of_it, logs[place])
        };
        let (mut partitions, kept): (Vec<_>, Vec<_>) = context.of_each(part)?.into_iter().unzip();
        let checkpoint_requests = self.open_requests(&*self.names.now_patiently()?, &kept)?;
        let (names, mut seen) = (self.names.now_patiently()?, Vec::new());
        for ((partition, part), mut kept) in
            context.job.input().all().zip(&mut partitions).zip(kept)
        {
            names.settle(partition, &mut kept);
            part.checkpoints = kept.iter().map(|kept| kept.info.clone()).collect();
            seen.push(kept);
        }
        let numbers = known.iter().map(|it| it.as_ref().map(|(_, metadata)| metadata.number));
        self.see(LastView {
            written_down,
            checkpoints: context.checkpoints.clone(),
            numbers: numbers.collect(),
            logs,
            kept: seen,
            newest: Mutex::new(None),
        });
        let sinks = self.sinks(&topics)?;
        // Asked after the positions, so no row that these made is missing.
        let view = |span| OutputView { span, cuts: Vec::new(), last: None };
        let keyed = spans(true)?.into_iter().map(|spans| spans.into_iter().map(view).collect());
        Ok(View {
            id,
            keyed: keyed.collect(),
            job: context.job,
            partitions,
            sinks,
            checkpoint_requests,
        })
    }
}
