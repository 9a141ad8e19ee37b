//! One partition of an output that follows the input, compared with the replay.

use seismic_queue::{Block, Job, JobStore, Offset, Partition, PartitionView};

use super::compared_output::ComparedOutput;
use super::comparison::Comparison;
use super::difference_reporter::DifferenceReporter;
use super::row_sequence::RowSequence;
use super::rows::RowComparison;
use super::topic_reader::TopicReader;
use crate::Result;
use crate::engine::row_reader::RowReader;

/// The comparison, and the topic that is read alongside the fold.
pub(super) struct OutputProof {
    /// Place of the output among those of the job.
    pub place: usize,
    topic: TopicReader,
    rows: Rows,
}

enum Rows {
    Known(Box<RowComparison>),
    InOrder(RowSequence),
}

impl OutputProof {
    /// Those of a partition, of which the fold begins `before` where it begins late.
    pub fn of_partition(
        (store, job): (&dyn JobStore, &Job),
        (partition, view): (Partition, &PartitionView),
        reader: Option<&'static dyn RowReader>,
        before: Option<Offset>,
    ) -> Result<Vec<OutputProof>> {
        let outputs = job.outputs.iter().zip(&view.outputs).enumerate();
        let followed = outputs.filter(|(_, (output, _))| !output.is_keyed());
        let proofs = followed.map(|(place, (output, of_it))| {
            let (span, topic) = (of_it.span, output.topic.clone());
            let is_cut = span.first > Offset(0);
            let rows = match reader {
                Some(reader) => {
                    let of = ComparedOutput { reader, place, topic: topic.clone() };
                    let comparison = Comparison::new(before, is_cut);
                    Rows::Known(Box::new(RowComparison::new(of, comparison)))
                }
                None => {
                    let at = format!("{topic}/{partition}");
                    Rows::InOrder(RowSequence::new(at, before.is_none(), !is_cut))
                }
            };
            let topic = TopicReader::open(store, &topic, partition, span)?;
            Ok(OutputProof { place, topic, rows })
        });
        proofs.collect()
    }

    /// Takes what the fold gives.
    pub fn expect(&mut self, rows: &Block) {
        match &mut self.rows {
            Rows::Known(known) => known.expect(rows),
            Rows::InOrder(sequence) => sequence.expect(rows),
        }
    }

    /// Reads the topic as far as the fold has come, and compares.
    pub fn feed(&mut self, reporter: &mut DifferenceReporter<'_>) -> Result<()> {
        match &mut self.rows {
            Rows::Known(known) => known.feed(&mut self.topic, reporter),
            Rows::InOrder(_) => Ok(()),
        }
    }

    /// Reads the topic to its end, and compares.
    pub fn drain(&mut self, reporter: &mut DifferenceReporter<'_>) -> Result<()> {
        match &mut self.rows {
            Rows::Known(known) => known.drain(&mut self.topic, reporter),
            Rows::InOrder(sequence) => sequence.drain(&mut self.topic),
        }
    }

    /// Rows that are there from before the fold, where they can be told.
    pub fn passed(&self) -> Option<u64> {
        match &self.rows {
            Rows::Known(known) => Some(known.passed()),
            Rows::InOrder(_) => None,
        }
    }

    /// Records in the rows found, where they say and the topic still has all of them.
    pub fn records(&self) -> Option<u64> {
        match &self.rows {
            Rows::Known(known) => known.is_whole().then_some(known.found_records),
            Rows::InOrder(_) => None,
        }
    }

    /// Compares the rest, and gives the number of rows that are on both sides.
    pub fn finish(self, reporter: &mut DifferenceReporter<'_>) -> u64 {
        match self.rows {
            Rows::Known(known) => known.finish(reporter),
            Rows::InOrder(sequence) => sequence.finish(reporter),
        }
    }
}
