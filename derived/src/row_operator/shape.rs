//! What a module finds where: the columns of its row and of its tables, those of the output, and its
//! parameters.

use std::collections::BTreeMap;

use seismic_sql::Kind;

use crate::definition::Definition;
use crate::definition::column::{Column, ColumnKind};
use crate::definition::dimension::place;
use crate::definition::row_operator::{Param, RowOperatorDefinition};
use crate::input::columns;

/// What a module finds.
#[derive(Debug)]
pub struct Shape {
    /// The row, and behind it the tables in the order of their names.
    pub sources: Vec<Source>,
    /// Columns of the output.
    pub output: Vec<Column>,
    /// The column that is the key.
    pub key: Option<usize>,
    /// By name.
    pub params: BTreeMap<String, Param>,
}

/// The row, or a table.
#[derive(Debug)]
pub struct Source {
    pub name: String,
    /// Name and type of its columns.
    pub columns: Vec<(String, ColumnKind)>,
    /// Of a table: places of its key's columns, and of those of the row that are equal to them.
    pub on: Vec<(usize, usize)>,
}

impl Shape {
    /// That of a definition, which was checked.
    pub fn new(definition: &Definition, operator: &RowOperatorDefinition) -> Self {
        let kind = |kind| match kind {
            Kind::Integer => ColumnKind::Int,
            Kind::Real => ColumnKind::Real,
            _ => ColumnKind::Text,
        };
        let of_row: Vec<(String, ColumnKind)> =
            columns(definition).into_iter().map(|it| (it.name, kind(it.kind))).collect();
        let place_in_row =
            |name: &String| of_row.iter().position(|(it, _)| it.eq_ignore_ascii_case(name));
        let tables = definition.dimensions.iter().map(|table| Source {
            name: table.name.clone(),
            columns: table.columns.iter().map(|it| (it.name.clone(), it.kind)).collect(),
            on: (table.key.iter().zip(&table.on))
                .filter_map(|(key, on)| Some((place(&table.columns, key)?, place_in_row(on)?)))
                .collect(),
        });
        let tables: Vec<_> = tables.collect();
        let row = Source { name: definition.input.name.clone(), columns: of_row, on: Vec::new() };
        let output = definition.output.columns.clone();
        let is_key = |name: &String| output.iter().position(|column| column.name == *name);
        Shape {
            sources: std::iter::once(row).chain(tables).collect(),
            key: definition.output.key.as_ref().and_then(is_key),
            output,
            params: operator.params.clone(),
        }
    }
}
