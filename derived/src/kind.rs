//! SQL jobs as a kind of job: their outputs, and how operators are made.

use std::sync::Arc;

use seismic_pipeline::{
    EntryError, Operator, OperatorKind, RedistributeError, RowIdentity, RowReader, SnapshotError,
    note_of,
};
use seismic_queue::{Fingerprint, Job, Offset, OutputSpec, Partition, Topic};

use crate::definition::Definition;
use crate::definition::dimension::DimensionDefinition;
use crate::definition::fault::DefinitionFault;
use crate::definition::function::FunctionDefinition;
use crate::definition::timing::{TimeBasis, WindowDefinition};
use crate::dimension::check;
use crate::dimension::tables::Tables;
use crate::function;
use crate::join;
use crate::join::limits::JoinLimits;
use crate::join::operator::{JoinOperator, Making};
use crate::lookup::Lookup;
use crate::made::Made;
use crate::operator::StatementOperator;
use crate::output::json_row;
use crate::plan::Plan;
use crate::row_operator;
use crate::row_reader::StatementRows;
use crate::state::{JoinState, State, StoredState, TimedState};
use crate::timed;
use crate::windows::operator::WindowOperator;

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
    /// How much of a join may wait.
    limits: JoinLimits,
}

impl StatementKind {
    /// The kind of jobs with this definition.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn new(definition: Definition) -> Result<Self, Vec<DefinitionFault>> {
        let mut faults = definition.faults();
        faults.extend(timed::check::faults(&definition));
        faults.extend(join::check::faults(&definition));
        faults.extend(check::faults(&definition));
        faults.extend(function::check::faults(&definition));
        faults.extend(row_operator::check::faults(&definition));
        if !faults.is_empty() {
            return Err(faults);
        }
        Plan::new(&definition).map_err(|fault| vec![fault])?;
        let definition = Some(Arc::new(definition));
        let limits = JoinLimits::default();
        Ok(StatementKind { definition, is_proof: false, tables: None, limits })
    }

    /// The same with other bounds for rows of a join that wait.
    #[must_use]
    pub fn with_limits(self, limits: JoinLimits) -> Self {
        StatementKind { limits, ..self }
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
        StatementKind {
            definition: None,
            is_proof: true,
            tables: None,
            limits: JoinLimits::default(),
        }
    }

    /// The job that reads these inputs, the left side of a join first.
    #[must_use]
    pub fn job(&self, group: &str, inputs: Vec<Topic>, dead: &str) -> Job {
        let rows = self.definition.as_ref().map_or("", |definition| &definition.output.topic);
        let outputs = vec![OutputSpec::by_input(ROWS, rows), OutputSpec::by_input(DEAD, dead)];
        Job { group: group.to_owned(), inputs, outputs }
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
        rows: Option<&[u8]>,
        (inputs, partition): (&[Topic], Partition),
    ) -> Result<Box<dyn Operator>, String> {
        let definition = self.definition.as_ref().expect("a reader makes no operators");
        let plan = Plan::new(definition).expect("it was compiled when the kind was made");
        let plan = if self.is_proof { plan.silent() } else { plan };
        let lookup = Lookup::new(definition, self.tables.clone());
        if let Some(join) = &definition.join {
            let making = Making { is_proof: self.is_proof, limits: self.limits };
            let of = (Arc::clone(definition), join);
            let operator =
                JoinOperator::new(of, (plan, lookup), (state, rows), (inputs, partition), making)?;
            return Ok(Box::new(operator));
        }
        let topic = inputs.first().map_or("", |input| input.name.as_str());
        let place = (partition, inputs.first().map_or(1, |input| input.partitions));
        if let Some((timing, window)) = definition.timing.as_ref().zip(definition.window()) {
            let (of, stored) = ((Arc::clone(definition), timing, window), (state, rows));
            let plan = (plan, lookup);
            let made = WindowOperator::new(of, plan, stored, place, self.is_proof)?;
            return Ok(Box::new(made));
        }
        let of = (Arc::clone(definition), plan, lookup);
        Ok(Box::new(StatementOperator::new(of, (state, rows), (topic, place), self.is_proof)?))
    }

    fn has_more_than_state(&self) -> bool {
        self.definition.as_ref().is_some_and(|definition| definition.has_more_than_state())
    }

    fn window(&self) -> Option<&WindowDefinition> {
        self.definition.as_ref()?.window()
    }

    fn is_join(&self) -> bool {
        self.definition.as_ref().is_some_and(|definition| definition.join.is_some())
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
        let (inputs, expected) = (job.inputs.len(), 1 + usize::from(self.is_join()));
        if inputs != expected {
            faults.push(format!("this SQL job has {expected} inputs, not {inputs}"));
        }
        if let [left, right] = &*job.inputs
            && left.partitions != right.partitions
        {
            faults.push(format!(
                "topic {} has {} partitions and topic {} has {}: what is joined is in partitions of one \
                 number; make a topic with as many, keyed by the column that is joined by, and fill it \
                 by `seismic read {} --format json` and `seismic topic append --key COLUMN`, or by its \
                 producers",
                left.name, left.partitions, right.name, right.partitions, right.name
            ));
        }
        if let (Some(_), Some(definition), [input]) =
            (self.window(), &self.definition, &*job.inputs)
            && definition.input.key.is_none()
            && input.partitions > 1
        {
            faults.push(format!(
                "topic {} has {} partitions, and without a key a window would have the rows of one of \
                 them: write input.key, the column that is the key of its messages, or have a topic of \
                 one partition",
                input.name, input.partitions
            ));
        }
        faults
    }

    /// How far event times are ahead is told by what a message has, whoever has set it.
    fn needs_append_times(&self) -> bool {
        let timing = self.definition.as_ref().and_then(|definition| definition.timing.as_ref());
        timing.is_some_and(|timing| timing.time == TimeBasis::Ingest)
    }

    fn start(&self, inputs: &[Topic], partition: Partition, at: &[Offset]) -> Box<dyn Operator> {
        let mut state = State::new(at[0]);
        let next =
            |next: &Offset| JoinState { next: next.0, keys: 0, rows: [0; 2], held: [false; 2] };
        state.join = at.get(1).map(next);
        let timing = self.definition.as_ref().and_then(|definition| definition.timing.as_ref());
        state.timed = timing.map(|_| TimedState::default());
        let begun = self.operator(state, None, (inputs, partition));
        begun.expect("one that begins has no versions that could be missing")
    }

    fn restore(
        &self,
        state: &[u8],
        inputs: &[Topic],
        partition: Partition,
    ) -> Result<Box<dyn Operator>, SnapshotError> {
        let (state, rows) = match self.has_more_than_state() {
            false => (state, None),
            true => {
                let parts = split(state).ok_or_else(|| {
                    SnapshotError::Damaged("it is the state of another job".to_owned())
                })?;
                (parts.0, Some(parts.1))
            }
        };
        let stored = State::decode(state).map_err(SnapshotError::Damaged)?;
        let differences = self.differences(&stored.definition);
        if !differences.is_empty() {
            let what = format!("it is of another job: {}", differences.join(", "));
            return Err(SnapshotError::Damaged(what));
        }
        let restored = self.operator(stored.state, rows, (inputs, partition));
        restored.map_err(SnapshotError::Damaged)
    }

    fn differences_of_note(&self, note: &[u8]) -> Result<Vec<String>, EntryError> {
        let stored = State::decode(note).map_err(EntryError::Damaged)?;
        Ok(self.differences(&stored.definition))
    }

    fn differences_of(&self, operator: &dyn Operator) -> Vec<String> {
        match Made::of(operator) {
            Some(made) => self.differences(made.definition()),
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
                let (tables, limits) = (self.tables.clone(), self.limits);
                Ok(Some(Box::new(StatementKind { is_proof: true, tables, limits, ..kind })))
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

    /// Rows of a join or of a window are made of several records, and are compared in order.
    fn row_reader(&self) -> Option<&'static dyn RowReader> {
        let is_of_several = self.is_join() || self.window().is_some();
        if is_of_several { None } else { Some(&StatementRows) }
    }

    fn own_entries(&self, operator: &dyn Operator) -> Vec<Vec<u8>> {
        let Some(made) = Made::of(operator) else { return Vec::new() };
        let at = (operator.partition(), operator.position());
        let of_table = |table: &DimensionDefinition| {
            self.tables.as_ref()?.entry(table, made.state().version_of(table), at)
        };
        let of_module = |function: &FunctionDefinition| {
            self.tables.as_ref()?.module_entry(function, made.state().has_module(function), at)
        };
        let tables = made.definition().dimensions.iter().filter_map(of_table);
        let modules = made.definition().functions.iter().filter_map(of_module);
        let hold = match made {
            Made::Join(join) => join.holds().map(|hold| hold.encode()),
            Made::Statement(_) | Made::Window(_) => None,
        };
        tables.chain(modules).chain(hold).collect()
    }

    fn redistribute(&self, _: Vec<&mut dyn Operator>, _: u32) -> Result<(), RedistributeError> {
        Err(RedistributeError::Immovable(
            "partitions cannot be added to the input of a SQL job: begin another group",
        ))
    }
}

/// The state in a snapshot, and what is behind it.
fn split(snapshot: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = snapshot.split_first_chunk()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}
