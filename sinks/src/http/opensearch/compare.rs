//! Compares the documents with the result topic up to the position of the sink, row by row.

use std::collections::HashSet;

use seismic_proto::{Column, ColumnType, Row, Schema, Value as RowValue, ValueRef};
use serde_json::{Map, Value};

use super::document::DocumentFormat;
use super::position;
use super::search;
use super::target::Target;
use crate::compare::Comparison;
use crate::compare::sides::{Sides, StoredRow, place_of};
use crate::rows::columns::{OFFSET, PARTITION, Source, TableColumn};
use crate::{Context, Error, Result, SinkSpec, limits};

/// A document as the server gives it.
struct Found<'a> {
    schema: &'a Schema,
    columns: &'a [TableColumn],
    source: &'a Map<String, Value>,
}

impl StoredRow for Found<'_> {
    fn row(&self, mut expected: Row) -> Row {
        for column in self.columns {
            let Source::Field(place) = column.source else { continue };
            let of = &self.schema.columns()[place];
            let found = self.source.get(&column.name).unwrap_or(&Value::Null);
            // JSON has no word for numbers that are none.
            let is_none = match expected.get(place) {
                ValueRef::Float32(value) => !value.is_finite(),
                ValueRef::Float64(value) => !value.is_finite(),
                _ => false,
            };
            if is_none && found.is_null() {
                continue;
            }
            let value = value_of(of, found).unwrap_or_else(|| of.default_value());
            expected.set(self.schema, place, value.as_ref());
        }
        expected
    }

    fn has_constants(&self) -> bool {
        self.columns.iter().all(|column| match &column.source {
            Source::Constant(text) => self.source.get(&column.name) == Some(&text.as_str().into()),
            _ => true,
        })
    }
}

/// The value of a column that a field of a document is.
fn value_of(column: &Column, found: &Value) -> Option<RowValue> {
    match (found, column.kind) {
        (Value::String(text), ColumnType::Text | ColumnType::Enum(_)) => column.parse(text),
        (Value::Bool(_) | Value::Number(_), kind)
            if !matches!(kind, ColumnType::Text | ColumnType::Enum(_)) =>
        {
            column.parse(&found.to_string())
        }
        _ => None,
    }
}

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
    let DocumentFormat { columns, .. } = DocumentFormat::of(&target, &context.schema)?;
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
        sides.see(place, &Found { schema, columns: &columns, source: &hit.source }, into)
    })?;
    let same = sides.finish(into)?;
    if into.total > 0 && position::read(&server, &target)?.map(|it| it.position) != Some(stored) {
        return Err(nothing("its sink wrote meanwhile: compare again, or stop it first"));
    }
    Ok(same)
}
