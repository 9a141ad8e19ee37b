//! Compares the documents with the result topic up to the position of the sink, row by row.

use std::collections::HashSet;

use serde_json::Value;

use super::position;
use super::row_document::DocumentFormat;
use super::search;
use super::target::Target;
use crate::compare::Comparison;
use crate::compare::object::StoredObject;
use crate::compare::sides::{Sides, place_of};
use crate::rows::columns::{OFFSET, PARTITION};
use crate::{Context, Error, Result, SinkSpec, limits};

/// Compares; the number of rows that are the same.
///
/// Rows that retention deleted from the topic are not looked at. Every other one up to the sink's
/// position must be there once, with every value; one after it may be there already.
pub(super) fn compare(
    spec: &SinkSpec,
    context: &Context,
    into: &mut Comparison<'_>,
) -> Result<u64> {
    let target = Target::of(spec)?;
    let format = DocumentFormat::of(&target, &context.schema)?;
    let server = target.server(limits::SILENT_PATIENCE)?;
    let nothing = |what: &str| {
        let (sink, what) = (target.name.clone(), what.to_owned());
        Error::NothingToCompare { sink, what }
    };
    let Some(stored) = position::read(&server, &target)? else {
        return Err(nothing("no sink has ever written there"));
    };
    let stored = stored.position;
    stored.check_owner(&target.name, context)?;
    search::refresh(&server, &target)?;
    let refused = HashSet::new();
    let mut sides = Sides::new(into, &context.schema, &stored, &refused, false)?;
    search::each(&server, &target, |hit| {
        let number = |name: &str| hit.source.get(name).and_then(Value::as_i64);
        let place = place_of(&target.name, number(PARTITION), number(OFFSET))?;
        let next = stored.positions.get(place.0.0 as usize).map(|position| position.next);
        if next.is_some_and(|next| place.1 >= next) {
            return Ok(());
        }
        let schema = &context.schema;
        let (columns, object) = (format.columns(), &hit.source);
        sides.see(place, &StoredObject { schema, columns, object }, into)
    })?;
    let same = sides.finish(into)?;
    if into.total > 0 && position::read(&server, &target)?.map(|it| it.position) != Some(stored) {
        return Err(nothing("its sink wrote meanwhile: compare again, or stop it first"));
    }
    Ok(same)
}
