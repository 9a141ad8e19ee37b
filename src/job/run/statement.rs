//! A job with a statement in SQL: its kind, where its input is, its tables and its functions.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context as _;
use seismic_derived::{StatementKind, TableError, Tables};
use seismic_pipeline::OperatorKind as _;
use seismic_queue::{Job, JobStore, Topic, patiently};

use crate::dimension::function::{self, LoadedFunction};
use crate::dimension::keeper::{TableKeeper, TableKeeping};
use crate::error::Usage;
use crate::job::location::Location;
use crate::job::notify::Notify;
use crate::job::origin::Origin;
use crate::job::repartition::InputQueue;
use crate::job::spec::JobSpec;
use crate::job::state::Shared;

/// The kind of the job, with its own functions; `None` for one that makes windows.
///
/// # Errors
/// [`Usage`] with what is wrong with the statement.
pub fn kind(spec: &JobSpec) -> Result<Option<(StatementKind, Vec<LoadedFunction>)>, Usage> {
    let Some(mut definition) = spec.statement.clone() else { return Ok(None) };
    for table in &spec.tables {
        let checked = table.source.check_pinned();
        checked.map_err(|why| Usage(format!("dimension.{}: {why}", table.table)))?;
    }
    let all = |faults: Vec<String>| Usage(faults.join("\n       "));
    let functions = function::load_all(&mut definition, &spec.functions).map_err(all)?;
    let kind = StatementKind::new(definition)
        .map_err(|faults| all(faults.iter().map(ToString::to_string).collect()))?;
    Ok(Some((kind, functions)))
}

/// Stores the modules of the functions, for the operators to take.
///
/// # Errors
/// When the store cannot keep them.
pub fn keep_functions(
    functions: &[LoadedFunction],
    tables: &Tables,
    stop: &AtomicBool,
) -> anyhow::Result<()> {
    for LoadedFunction { definition, content } in functions {
        let put = || match tables.put_module(definition, content) {
            Ok(()) => Ok(Ok(())),
            Err(TableError::Store(error)) => Err(error),
            Err(error @ TableError::Rows(_)) => Ok(Err(error)),
        };
        let name = &definition.name;
        patiently(stop, put)?.with_context(|| format!("storing the module of function {name}"))?;
    }
    Ok(())
}

/// The job with its topics.
///
/// # Errors
/// [`Usage`] when they do not fit together, which a store would say in other words.
pub fn job(
    kind: &StatementKind,
    spec: &JobSpec,
    input: Topic,
    joined: Option<Topic>,
) -> Result<Job, Usage> {
    let inputs = std::iter::once(input).chain(joined).collect();
    let job = kind.job(&spec.group, inputs, &spec.dead_topic);
    match kind.faults(&job) {
        faults if faults.is_empty() => Ok(job),
        faults => Err(Usage(faults.join("; "))),
    }
}

/// The queue that has the job's input: that of the job, or the store of the job whose results it
/// reads.
///
/// # Errors
/// When it cannot be opened.
pub fn open_input(location: &Location, spec: &JobSpec) -> seismic_queue::Result<InputQueue> {
    let of = spec.statement.as_ref().and_then(|definition| definition.input.of.as_deref());
    match of {
        Some(of) => location.of_job(of).open_store().map(InputQueue::Store),
        None if spec.is_bounded() => location.open_queue_of(&spec.topic).map(InputQueue::Queue),
        None => location.open_queue().map(InputQueue::Queue),
    }
}

/// The tables of a job, whose versions are in its store; a fork takes over those of its origin.
pub fn tables(store: &Arc<dyn JobStore>, origin: Option<&Origin<'_>>) -> Arc<Tables> {
    let tables = Tables::new(Arc::clone(store));
    Arc::new(match origin.and_then(Origin::shared_parent) {
        Some(parent) => tables.forked_from(parent),
        None => tables,
    })
}

/// Reads the tables that the job looks things up in, and keeps them up to date; `None` when it has
/// none, or was stopped while it waited for one.
///
/// # Errors
/// Of a bounded run, why a table has no version.
pub fn keep_tables(
    spec: &JobSpec,
    (tables, store): (&Arc<Tables>, &Arc<dyn JobStore>),
    shared: &Shared,
    notify: &Notify,
) -> anyhow::Result<Option<TableKeeper>> {
    let dimensions = spec.statement.iter().flat_map(|definition| &definition.dimensions);
    let all: Vec<_> = dimensions.cloned().zip(spec.tables.iter().cloned()).collect();
    if all.is_empty() {
        return Ok(None);
    }
    let (tables, store) = (Arc::clone(tables), Arc::clone(store));
    let (notes, pause) = (shared.tables.clone(), shared.pause.clone());
    let keeping = TableKeeping { all, tables, store, notes, pause };
    keeping.start(spec.is_bounded(), shared.stop.flag(), &|text| notify(text))
}
