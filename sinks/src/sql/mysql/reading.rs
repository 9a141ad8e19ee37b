//! Reads a table as a whole, for jobs that look things up in it: one statement in a transaction that
//! changes nothing, so that all rows are of one moment where the engine has such.

use super::cell::{Cell, ColumnOfAnswer, Param};
use super::connection::Client;
use super::failure::{Trouble, failure};
use super::names::quoted;
use super::session;
use super::target::Target;
use crate::entry::TableReading;
use crate::sql::read_table::{STATEMENT_TIME, as_a_table, find_columns};
use crate::table_source::reader::TableReader;
use crate::table_source::{TableQuestion, TableRows, TableValue};
use crate::{Result, SinkSpec};

/// Columns of a table.
const COLUMNS: &str = "SELECT column_name FROM information_schema.columns \
    WHERE table_schema = ? AND table_name = ? ORDER BY ordinal_position";

/// How tables of such servers are read.
pub(super) const READING: TableReading =
    TableReading { has_queries: true, table: "NAME", has_one_key: false, load_all: read_table };

/// What a question asks for.
///
/// # Errors
/// When it cannot be read, or is more than fits.
fn read_table(spec: &SinkSpec, question: &TableQuestion<'_>) -> Result<TableRows> {
    let target = Target::of(spec)?.named(question.place);
    let mut client = session::connect_to_read(&target)?;
    let seconds = STATEMENT_TIME.as_secs();
    // MySQL reads the first, and MariaDB alone what is in `/*M!`.
    let limit = format!(
        "SET SESSION net_read_timeout = 60 /*!50708 , max_execution_time = {} */ \
         /*M!100101 , max_statement_time = {seconds} */",
        STATEMENT_TIME.as_millis()
    );
    for statement in [
        &*limit,
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
    ] {
        let begun = client.run(statement);
        begun.map_err(|trouble| failure(question.place, "beginning to read", trouble))?;
    }
    // Names of columns are the same in all cases; only where they are missing they are looked for.
    let list: Vec<String> =
        question.columns.iter().map(|name| format!("t.{}", quoted(name))).collect();
    let from = match question.query {
        Some(query) => as_a_table(query),
        None => format!("{} AS t", target.quoted_table()),
    };
    let most = question.rows.saturating_add(1);
    let select = format!("SELECT {} FROM {from} LIMIT {most}", list.join(", "));
    let failed = |trouble: Trouble| failure(question.place, "reading the table", trouble);
    if let Err(trouble) = client.check(&select) {
        let is_unknown = matches!(&trouble, Trouble::Server { code: 1054, .. });
        if is_unknown && question.query.is_none() {
            let there = columns_of(&mut client, &target).map_err(failed)?;
            find_columns(question, &there)?;
        }
        return Err(failed(trouble));
    }
    let mut reader = TableReader::new(question);
    client.each_typed(&select, failed, |columns, cells| {
        for (place, (column, cell)) in columns.iter().zip(cells).enumerate() {
            let value = value(*column, cell).map_err(|what| reader.refuse(place, what))?;
            reader.push(value)?;
        }
        reader.end_row()
    })?;
    Ok(reader.rows())
}

fn value(column: ColumnOfAnswer, cell: Cell) -> std::result::Result<TableValue, &'static str> {
    Ok(match cell {
        Cell::Null => TableValue::Null,
        Cell::Int(i64::MAX) if column.is_unsigned() => return Err("a number beyond 64 bits"),
        Cell::Int(value) => TableValue::Int(value),
        Cell::Float(value) => TableValue::Real(value.into()),
        Cell::Double(value) => TableValue::Real(value),
        Cell::Time(_) => return Err("a time"),
        Cell::Bytes(_) if column.is_binary() => return Err("bytes"),
        Cell::Bytes(bytes) => {
            let text = String::from_utf8(bytes).map_err(|_| "text that is not UTF-8")?;
            match column.is_decimal() {
                true => TableValue::Decimal(text),
                false => TableValue::Text(text),
            }
        }
    })
}

fn columns_of(client: &mut Client, target: &Target) -> std::result::Result<Vec<String>, Trouble> {
    let with = [Param::Text(&target.schema), Param::Text(&target.table)];
    let rows = client.query(COLUMNS, &with)?;
    Ok(rows.iter().filter_map(|row| row.first()?.text()).collect())
}
