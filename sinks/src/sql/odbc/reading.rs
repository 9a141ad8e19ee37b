//! Reads a table as a whole, for jobs that look things up in it: one statement in a transaction that
//! changes nothing.

use super::session::{self, Session};
use super::statement::{Cell, ColumnOfAnswer, Want, kind};
use super::target::Target;
use super::trouble::failure;
use super::wire::Wire;
use crate::entry::TableReading;
use crate::sql::read_table::{as_a_table, find_columns};
use crate::table_source::reader::TableReader;
use crate::table_source::{TableQuestion, TableRows, TableValue};
use crate::{Result, SinkSpec};

/// How tables of such databases are read.
pub(super) const READING: TableReading =
    TableReading { has_queries: true, table: "NAME", has_one_key: false, load_all: read_table };

/// What a question asks for.
///
/// # Errors
/// When it cannot be read, or is more than fits.
fn read_table(spec: &SinkSpec, question: &TableQuestion<'_>) -> Result<TableRows> {
    let target = Target::of(spec)?.named(question.place);
    let mut session = session::open_to_read(&target)?;
    let failed = |doing| move |trouble| failure(question.place, doing, trouble);
    let Session { link, names, .. } = &mut session;
    link.begin().map_err(failed("beginning to read"))?;
    let from = match question.query {
        // Oracle takes no AS there.
        Some(query) => as_a_table(query).replace(") AS t", ") t"),
        None => names.table(&target.table),
    };
    let there = link.columns(&format!("SELECT * FROM {from} WHERE 1 = 0"));
    let there = there.map_err(failed("looking at the table"))?;
    let known: Vec<String> = there.iter().map(|column| column.name.clone()).collect();
    let wanted = find_columns(question, &known)?;
    let columns: Vec<&ColumnOfAnswer> =
        wanted.iter().filter_map(|name| there.iter().find(|column| column.name == *name)).collect();
    let dialect = names.dialect;
    let list = columns.iter().map(|column| {
        // As the database has it, whatever its case.
        let quoted = match names.quote {
            Some(_) => {
                super::dialect::Names { is_upper: false, ..names.clone() }.quoted(&column.name)
            }
            None => column.name.clone(),
        };
        if is_double(column) { dialect.double(&quoted) } else { quoted }
    });
    let select = format!("SELECT {} FROM {from}", list.collect::<Vec<_>>().join(", "));
    let wants: Vec<Want> = columns
        .iter()
        .map(|column| match column.kind {
            _ if is_whole(column) => Want::Int,
            _ if is_double(column) => Wire::Double.want(dialect),
            _ => Want::Text,
        })
        .collect();
    let mut reader = TableReader::new(question);
    link.each(&select, &wants, failed("reading the table"), |cells| {
        for (place, (column, cell)) in columns.iter().zip(cells).enumerate() {
            let value = value(column, cell).map_err(|what| reader.refuse(place, what))?;
            reader.push(value)?;
        }
        reader.end_row()
    })?;
    Ok(reader.rows())
}

fn is_whole(column: &ColumnOfAnswer) -> bool {
    [kind::BIGINT, kind::INTEGER, kind::SMALLINT, kind::TINYINT, kind::BIT].contains(&column.kind)
}

fn is_double(column: &ColumnOfAnswer) -> bool {
    [kind::DOUBLE, kind::FLOAT, kind::REAL].contains(&column.kind)
}

fn value(column: &ColumnOfAnswer, cell: Cell) -> std::result::Result<TableValue, &'static str> {
    let is_text = [
        kind::CHAR,
        kind::VARCHAR,
        kind::LONG_VARCHAR,
        kind::WIDE_CHAR,
        kind::WIDE_VARCHAR,
        kind::WIDE_LONG_VARCHAR,
    ]
    .contains(&column.kind);
    Ok(match cell {
        Cell::Null => TableValue::Null,
        Cell::Int(Some(value)) => TableValue::Int(value),
        Cell::Int(None) => return Err("a number beyond 64 bits"),
        Cell::Double(value) => TableValue::Real(value),
        Cell::Text(digits) if is_double(column) => {
            TableValue::Real(digits.parse().map_err(|_| "no number")?)
        }
        Cell::Text(digits) if matches!(column.kind, kind::NUMERIC | kind::DECIMAL) => {
            TableValue::Decimal(digits)
        }
        Cell::Text(text) if is_text => TableValue::Text(text),
        Cell::Time(_) | Cell::Text(_) => return Err("neither a number nor text"),
    })
}
