//! Repartition as a kind of job: its two outputs and how its operators are created.

use seismic_queue::{Fingerprint, Job, Offset, OutputSpec, Partition, Topic};

use crate::engine::alignment::{Alignment, EventTimeOf};
use crate::engine::journal::EntryError;
use crate::engine::kind_note;
use crate::engine::loss_reader::LossReader;
use crate::engine::operator::{Operator, OperatorKind, RowIdentity};
use crate::engine::redistribute_error::RedistributeError;
use crate::engine::repartition::envelope::{Envelope, VERSION};
use crate::engine::repartition::operator::{INTERNAL_PLACE, RepartitionOperator};
use crate::engine::repartition::pack::{InternalRecords, is_pack};
use crate::engine::repartition::state::RepartitionState;
use crate::engine::snapshot_error::SnapshotError;
use crate::engine::windows::decode::first_event_time;
use crate::engine::windows::output::DEAD;
use crate::engine::windows::readers::loss_reader::WindowLosses;
use crate::limits;

/// Name of the kind.
pub const REPARTITION: &str = "repartition";

/// Role of the output that is the internal topic.
pub const INTERNAL: &str = "internal";

/// The kind of job with its semantics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repartition {
    /// Partitions of the internal topic.
    pub partitions: u32,
    /// How far one partition of the input may be read ahead of another one, ms. No semantics: the
    /// order that comes of it is in the internal topic.
    pub bound_ms: i64,
    /// Whether the windows follow append times, which must be the queue's then.
    pub follows_append_times: bool,
    /// Whether small records share messages of the internal topic. No semantics: what a message has
    /// is read record by record, and both forms may follow each other.
    pub packs: bool,
}

impl Repartition {
    /// The job of a first step: the input, the internal topic and the dead letters.
    #[must_use]
    pub fn job(&self, group: &str, input: Topic, internal: &str, dead: &str) -> Job {
        let outputs = vec![
            OutputSpec::by_key(INTERNAL, internal, self.partitions),
            OutputSpec::by_input(DEAD, dead),
        ];
        Job { group: group.to_owned(), inputs: vec![input], outputs }
    }

    /// The kind as a job in a store has it.
    #[must_use]
    pub fn of(job: &Job) -> Option<Repartition> {
        let internal = job.outputs.first().filter(|output| output.role == INTERNAL)?;
        let partitions = job.partitions_of(internal);
        Some(Repartition { partitions, bound_ms: 0, follows_append_times: false, packs: false })
    }
}

impl RepartitionState {
    /// That of the note beside a position.
    ///
    /// # Errors
    /// [`EntryError`] for a note of another kind, or of none.
    pub fn of_note(stored: &[u8]) -> Result<RepartitionState, EntryError> {
        let kind =
            Repartition { partitions: 1, bound_ms: 0, follows_append_times: false, packs: false };
        let note = kind_note::note_of(&kind, stored)?;
        Ok(RepartitionState::decode(&note).map_err(EntryError::Damaged)?.0)
    }
}

impl OperatorKind for Repartition {
    fn name(&self) -> &'static str {
        REPARTITION
    }

    fn semantics(&self) -> Vec<u8> {
        [&[VERSION][..], &self.partitions.to_le_bytes()].concat()
    }

    fn faults(&self, job: &Job) -> Vec<String> {
        let roles: Vec<_> = job.outputs.iter().map(|output| &*output.role).collect();
        let mut faults = Vec::new();
        if roles != [INTERNAL, DEAD] || !job.outputs[INTERNAL_PLACE].is_keyed() {
            faults.push(format!(
                "a repartition has an internal topic and dead letters, not {}",
                roles.join(", ")
            ));
        }
        if job.inputs.len() != 1 {
            faults.push(format!("a repartition has one input, not {}", job.inputs.len()));
        }
        faults
    }

    fn needs_append_times(&self) -> bool {
        self.follows_append_times
    }

    fn start(&self, inputs: &[Topic], partition: Partition, at: &[Offset]) -> Box<dyn Operator> {
        let state = RepartitionState::new(self.partitions, at[0]);
        Box::new(RepartitionOperator::new(state, &inputs[0].name, partition, self.packs))
    }

    fn restore(
        &self,
        state: &[u8],
        inputs: &[Topic],
        partition: Partition,
    ) -> Result<Box<dyn Operator>, SnapshotError> {
        let (state, _) = RepartitionState::decode(state).map_err(SnapshotError::Damaged)?;
        if state.partitions != self.partitions {
            let found = state.partitions;
            let what =
                format!("its internal topic has {found} partitions, not {}", self.partitions);
            return Err(SnapshotError::Damaged(what));
        }
        Ok(Box::new(RepartitionOperator::new(state, &inputs[0].name, partition, self.packs)))
    }

    fn differences_of_note(&self, note: &[u8]) -> Result<Vec<String>, EntryError> {
        let (state, _) = RepartitionState::decode(note).map_err(EntryError::Damaged)?;
        Ok(self.differences(state.partitions))
    }

    fn differences_of(&self, operator: &dyn Operator) -> Vec<String> {
        let operator: &dyn std::any::Any = operator;
        match operator.downcast_ref::<RepartitionOperator>() {
            Some(operator) => self.differences(operator.state().partitions),
            None => vec!["kind of job".to_owned()],
        }
    }

    fn rows_of_note(&self, note: &[u8]) -> Result<Vec<u64>, EntryError> {
        let (state, _) = RepartitionState::decode(note).map_err(EntryError::Damaged)?;
        Ok(vec![0, state.dead_letters()])
    }

    fn delivered_of_note(&self, note: &[u8]) -> Result<Option<Fingerprint>, EntryError> {
        Ok(RepartitionState::decode(note).map_err(EntryError::Damaged)?.1)
    }

    fn identity(&self, _: usize, row: &[u8]) -> Option<RowIdentity> {
        let place = Envelope::read(row)?.place;
        let (partition, offset, index) = (place.partition, place.offset, place.index);
        Some(RowIdentity { input: 0, partition, offset, index, number: 0 })
    }

    fn each_row(&self, _: usize, row: &[u8], take: &mut dyn FnMut(&[u8])) {
        match InternalRecords::read(row).filter(|_| is_pack(row)) {
            Some(records) => {
                let mut bytes = Vec::new();
                for envelope in records {
                    bytes.clear();
                    envelope.write(&mut bytes);
                    take(&bytes);
                }
            }
            None => take(row),
        }
    }

    fn loss_reader(&self) -> Option<&'static dyn LossReader> {
        Some(&WindowLosses)
    }

    fn alignment(&self) -> Option<Alignment> {
        let event_time = (!self.follows_append_times).then_some(first_event_time as EventTimeOf);
        let append_bound_ms = limits::AHEAD_OF_SLOWEST_MS;
        Some(Alignment { bound_ms: self.bound_ms, append_bound_ms, event_time })
    }

    fn redistribute(&self, _: Vec<&mut dyn Operator>, _: u32) -> Result<(), RedistributeError> {
        Err(RedistributeError::Immovable(
            "sensors of a job that repartitions its input stay where they are",
        ))
    }
}

impl Repartition {
    fn differences(&self, partitions: u32) -> Vec<String> {
        match partitions == self.partitions {
            true => Vec::new(),
            false => vec![format!(
                "partitions of the internal topic {} (was {partitions})",
                self.partitions
            )],
        }
    }
}
