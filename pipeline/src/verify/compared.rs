//! What the replay is compared with while it runs: the outputs that follow the input, the rows of
//! keyed outputs, and the append times for idle closes.

use seismic_queue::{Block, Message, Offset, Partition, PartitionCommit};

use super::difference_reporter::DifferenceReporter;
use super::idle_closes::IdleCloses;
use super::keyed_rows::KeyedRows;
use super::output_proof::OutputProof;
use crate::Result;
use crate::engine::journal::Entry;
use crate::engine::operator::{Operator, OperatorKind};
use crate::runner::replay::input_logs::Watch;

/// The comparisons of one partition.
pub(super) struct Compared {
    pub outputs: Vec<OutputProof>,
    idle: IdleCloses,
    /// Messages that were applied.
    pub messages: u64,
    /// What is taken from the operator.
    scratch: PartitionCommit,
}

impl Compared {
    /// Comparisons that have seen nothing; `from` is where the fold begins in its only input.
    pub fn new<'e>(
        entries: impl Iterator<Item = (Offset, &'e Entry)>,
        from: Option<Offset>,
        outputs: Vec<OutputProof>,
    ) -> Self {
        let (idle, scratch) = (IdleCloses::of(entries, from), PartitionCommit::new(Partition(0)));
        Compared { outputs, idle, messages: 0, scratch }
    }

    /// Lets them watch a fold.
    pub fn watch<'w, 'r>(
        &'w mut self,
        kind: &'w dyn OperatorKind,
        keyed: &'w mut KeyedRows,
        reporter: &'w mut DifferenceReporter<'r>,
        progress: &'w mut dyn FnMut(u64),
    ) -> FoldWatch<'w, 'r> {
        FoldWatch { compared: self, kind, keyed, reporter, progress }
    }

    /// Looks at the message behind the fold, if it is the one at the committed position.
    pub fn see_next(&mut self, message: Message<'_>, committed: Offset) {
        if message.offset == committed {
            self.idle.see(message);
        }
    }

    /// Reads the outputs to their ends, and compares.
    pub fn drain(&mut self, reporter: &mut DifferenceReporter<'_>) -> Result<()> {
        self.outputs.iter_mut().try_for_each(|output| output.drain(reporter))
    }

    /// Compares the rest: gives the rows of each of that many outputs that are on both sides, and
    /// the idle closes.
    pub fn finish(
        self,
        outputs: usize,
        reporter: &mut DifferenceReporter<'_>,
    ) -> (Vec<u64>, IdleCloses) {
        let mut rows = vec![0; outputs];
        for output in self.outputs {
            let place = output.place;
            rows[place] = output.finish(reporter);
        }
        (rows, self.idle)
    }
}

/// Comparisons that watch a fold.
pub(super) struct FoldWatch<'w, 'r> {
    compared: &'w mut Compared,
    kind: &'w dyn OperatorKind,
    keyed: &'w mut KeyedRows,
    pub reporter: &'w mut DifferenceReporter<'r>,
    progress: &'w mut dyn FnMut(u64),
}

impl FoldWatch<'_, '_> {
    /// Takes what the operator has emitted.
    pub fn compare_output(&mut self, operator: &mut dyn Operator) {
        let Compared { outputs, scratch, .. } = &mut *self.compared;
        operator.move_output(scratch);
        for output in outputs {
            if let Some(rows) = scratch.outputs.get(output.place) {
                output.expect(rows);
            }
        }
        scratch.outputs.iter_mut().for_each(Block::clear);
        for block in scratch.keyed.drain(..) {
            self.keyed.expect(self.kind, &block, self.reporter);
        }
    }
}

impl Watch for FoldWatch<'_, '_> {
    fn message(&mut self, _: usize, message: Message<'_>) {
        self.compared.idle.see(message);
    }

    fn applied(&mut self, operator: &mut dyn Operator, count: u64) -> Result<()> {
        self.compared.messages += count;
        (self.progress)(count);
        self.compare_output(operator);
        let Compared { outputs, .. } = &mut *self.compared;
        outputs.iter_mut().try_for_each(|output| output.feed(self.reporter))
    }
}
