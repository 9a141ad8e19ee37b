//! SQL jobs as a kind of job: their outputs, and how operators are made.

use std::sync::Arc;

use seismic_pipeline::{
    EntryError, Operator, OperatorKind, RedistributeError, RowIdentity, RowReader, SnapshotError,
    note_of,
};
use seismic_queue::{Fingerprint, Job, Offset, OutputSpec, Partition, Topic};

use crate::definition::Definition;
use crate::definition::fault::DefinitionFault;
use crate::dimension::check;
use crate::dimension::tables::Tables;
use crate::lookup::Lookup;
use crate::operator::StatementOperator;
use crate::output::json_row;
use crate::plan::Plan;
use crate::row_reader::StatementRows;
use crate::state::{State, StoredState};

/// Name of the kind.
pub const SQL: &str = "sql";

/// Role of the output with the rows.
pub const ROWS: &str = "sql-rows";

/// Role of the dead letters.
const DEAD: &str = seismic_pipeline::DEAD;

/// The kind of job with its semantics.
#[derive(Clone, Debug)]
pub struct StatementKind {
    /// `None` for one that reads what jobs stored, whatever they do.
    definition: Option<Arc<Definition>>,
    /// Whether everything is computed twice, with other cuts.
    is_proof: bool,
    /// Where versions of its tables are; `None` where nothing is computed.
    tables: Option<Arc<Tables>>,
}

impl StatementKind {
    /// The kind of jobs with this definition.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn new(definition: Definition) -> Result<Self, Vec<DefinitionFault>> {
        let mut faults = definition.faults();
        faults.extend(check::faults(&definition));
        if !faults.is_empty() {
            return Err(faults);
        }
        Plan::new(&definition).map_err(|fault| vec![fault])?;
        Ok(StatementKind { definition: Some(Arc::new(definition)), is_proof: false, tables: None })
    }

    /// The same with the versions of its tables: operators of a job that has some need them.
    #[must_use]
    pub fn with_tables(self, tables: Arc<Tables>) -> Self {
        StatementKind { tables: Some(tables), ..self }
    }

    /// What reads notes and rows of every such job. Its operators are those of
    /// [`OperatorKind::of_note`].
    #[must_use]
    pub fn reader() -> Self {
        StatementKind { definition: None, is_proof: true, tables: None }
    }

    /// The job that reads `input`.
    #[must_use]
    pub fn job(&self, group: &str, input: Topic, dead: &str) -> Job {
        let rows = self.definition.as_ref().map_or("", |definition| &definition.output.topic);
        let outputs = vec![OutputSpec::by_input(ROWS, rows), OutputSpec::by_input(DEAD, dead)];
        Job { group: group.to_owned(), inputs: vec![input], outputs }
    }

    /// What the note beside a position says.
    ///
    /// # Errors
    /// [`EntryError`] for a note of another kind, or of none.
    pub fn stored(note: &[u8]) -> Result<StoredState, EntryError> {
        let note = note_of(&StatementKind::reader(), note)?;
        State::decode(&note).map_err(EntryError::Damaged)
    }

    fn operator(
        &self,
        state: State,
        inputs: &[Topic],
        partition: Partition,
    ) -> Result<StatementOperator, String> {
        let definition = self.definition.as_ref().expect("a reader makes no operators");
        let plan = Plan::new(definition).expect("it was compiled when the kind was made");
        let topic = inputs.first().map_or("", |input| input.name.as_str());
        let place = (topic, partition);
        let lookup = Lookup::new(definition, self.tables.clone());
        StatementOperator::new((Arc::clone(definition), plan, lookup), state, place, self.is_proof)
    }

    fn differences(&self, stored: &Definition) -> Vec<String> {
        let definition = self.definition.as_ref();
        definition.map_or_else(Vec::new, |definition| definition.differences(stored))
    }
}

impl OperatorKind for StatementKind {
    fn name(&self) -> &'static str {
        SQL
    }

    fn semantics(&self) -> Vec<u8> {
        self.definition.as_ref().map_or_else(Vec::new, |it| it.to_json().into_bytes())
    }

    fn faults(&self, job: &Job) -> Vec<String> {
        let roles: Vec<_> = job.outputs.iter().map(|output| &*output.role).collect();
        let mut faults = Vec::new();
        if roles != [ROWS, DEAD] || job.outputs.iter().any(OutputSpec::is_keyed) {
            let found = roles.join(", ");
            faults.push(format!("a SQL job has rows and dead letters, not {found}"));
        }
        if job.inputs.len() != 1 {
            faults.push(format!("a SQL job has one input, not {}", job.inputs.len()));
        }
        faults
    }

    fn needs_append_times(&self) -> bool {
        false
    }

    fn start(&self, inputs: &[Topic], partition: Partition, at: &[Offset]) -> Box<dyn Operator> {
        let begun = self.operator(State::new(at[0]), inputs, partition);
        Box::new(begun.expect("one that begins has no versions that could be missing"))
    }

    fn restore(
        &self,
        state: &[u8],
        inputs: &[Topic],
        partition: Partition,
    ) -> Result<Box<dyn Operator>, SnapshotError> {
        let stored = State::decode(state).map_err(SnapshotError::Damaged)?;
        let differences = self.differences(&stored.definition);
        if !differences.is_empty() {
            let what = format!("it is of another job: {}", differences.join(", "));
            return Err(SnapshotError::Damaged(what));
        }
        let restored = self.operator(stored.state, inputs, partition);
        Ok(Box::new(restored.map_err(SnapshotError::Damaged)?))
    }

    fn differences_of_note(&self, note: &[u8]) -> Result<Vec<String>, EntryError> {
        let stored = State::decode(note).map_err(EntryError::Damaged)?;
        Ok(self.differences(&stored.definition))
    }

    fn differences_of(&self, operator: &dyn Operator) -> Vec<String> {
        let operator: &dyn std::any::Any = operator;
        match operator.downcast_ref::<StatementOperator>() {
            Some(operator) => self.differences(operator.definition()),
            None => vec!["kind of job".to_owned()],
        }
    }

    fn of_note(&self, note: &[u8]) -> Result<Option<Box<dyn OperatorKind>>, EntryError> {
        let stored = State::decode(note).map_err(EntryError::Damaged)?;
        let kind = StatementKind::new(stored.definition).map_err(|faults| {
            let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
            EntryError::Damaged(faults.join("; "))
        })?;
        // The engine of this program proves only what it has computed itself.
        let differences = kind.differences_of_note(note)?;
        match differences.is_empty() {
            true => {
                let tables = self.tables.clone();
                Ok(Some(Box::new(StatementKind { is_proof: true, tables, ..kind })))
            }
            false => Err(EntryError::Damaged(differences.join(", "))),
        }
    }

    fn rows_of_note(&self, note: &[u8]) -> Result<Vec<u64>, EntryError> {
        let State { counts, .. } = State::decode(note).map_err(EntryError::Damaged)?.state;
        Ok(vec![counts.rows, counts.dead_letters()])
    }

    fn delivered_of_note(&self, note: &[u8]) -> Result<Option<Fingerprint>, EntryError> {
        Ok(State::decode(note).map_err(EntryError::Damaged)?.delivered)
    }

    fn identity(&self, _: usize, row: &[u8]) -> Option<RowIdentity> {
        json_row::identity(row)
    }

    fn row_reader(&self) -> Option<&'static dyn RowReader> {
        Some(&StatementRows)
    }

    fn own_entries(&self, operator: &dyn Operator) -> Vec<Vec<u8>> {
        let operator: &dyn std::any::Any = operator;
        let (Some(tables), Some(operator)) =
            (&self.tables, operator.downcast_ref::<StatementOperator>())
        else {
            return Vec::new();
        };
        let at = (operator.partition(), operator.position());
        let definition = operator.definition();
        let entry = |table| tables.entry(table, operator.version_of(table), at);
        definition.dimensions.iter().filter_map(entry).collect()
    }

    fn redistribute(&self, _: Vec<&mut dyn Operator>, _: u32) -> Result<(), RedistributeError> {
        Err(RedistributeError::Immovable(
            "partitions cannot be added to the input of a SQL job: begin another group",
        ))
    }
}
