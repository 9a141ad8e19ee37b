//! A job with a statement in SQL: its kind, and where its input is.

use seismic_derived::StatementKind;

use crate::error::Usage;
use crate::job::location::Location;
use crate::job::repartition::InputQueue;
use crate::job::spec::JobSpec;

/// The kind of the job; `None` for one that makes windows.
///
/// # Errors
/// [`Usage`] with what is wrong with the statement.
pub fn kind(spec: &JobSpec) -> Result<Option<StatementKind>, Usage> {
    let Some(definition) = &spec.statement else { return Ok(None) };
    let kind = StatementKind::new(definition.clone()).map_err(|faults| {
        Usage(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n       "))
    })?;
    Ok(Some(kind))
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
