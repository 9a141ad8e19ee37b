//! Reads a table as a whole, for jobs that look things up in it: one statement in a transaction that
//! changes nothing, so that all rows are of one moment.

use tokio_postgres::types::{Kind, Type};
use tokio_postgres::{Column, Row};

use super::connection::{Client, Trouble};
use super::failure::failure;
use super::names::quoted;
use super::session;
use super::target::Target;
use crate::entry::TableReading;
use crate::sql::read_table::{STATEMENT_TIME, as_a_table, find_columns};
use crate::table_source::reader::TableReader;
use crate::table_source::{TableQuestion, TableRows, TableValue};
use crate::{Error, Result, SinkSpec};

/// How the values of a column are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    Bool,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    /// As the server writes them.
    Text,
    Decimal,
}

/// How tables of such servers are read.
pub(super) const READING: TableReading =
    TableReading { has_queries: true, table: "NAME", has_one_key: false, load_all: read_table };

/// What a question asks for.
///
/// # Errors
/// When it cannot be read, or is more than fits.
fn read_table(spec: &SinkSpec, question: &TableQuestion<'_>) -> Result<TableRows> {
    let target = Target::of(spec)?.named(question.place);
    let place = question.place;
    let failed = move |doing: &'static str| move |trouble: Trouble| failure(place, doing, trouble);
    let mut client = session::connect_to_read(&target)?;
    let limit = format!("SET statement_timeout = {}", STATEMENT_TIME.as_millis());
    client.batch_execute(&limit).map_err(failed("setting up the session"))?;
    let mut snapshot = client.snapshot().map_err(failed("beginning to read"))?;
    let from = match question.query {
        Some(query) => as_a_table(query),
        None => format!("{} AS t", target.quoted_table()),
    };
    let (there, is_open) =
        columns_of(&mut snapshot, &from).map_err(failed("looking for its columns"))?;
    if is_open {
        let what = "its query has a parameter such as $1, for which there is no value".to_owned();
        return Err(Error::TableUnread { place: question.place.to_owned(), what });
    }
    let names: Vec<String> = there.iter().map(|(name, _)| name.clone()).collect();
    let found = find_columns(question, &names)?;
    let mut reader = TableReader::new(question);
    let mut all = Vec::new();
    for (place, name) in found.iter().enumerate() {
        let kind = there.iter().find(|(it, _)| it == name).map(|(_, kind)| kind);
        let taken = kind.and_then(taken).ok_or_else(|| {
            let kind = kind.map_or("", Type::name);
            reader.refuse(place, &format!("of type {kind}"))
        })?;
        all.push(taken);
    }
    let list: Vec<String> =
        found.iter().zip(&all).map(|(name, taken)| item(name, *taken)).collect();
    let most = question.rows.saturating_add(1);
    let select = format!("SELECT {} FROM {from} LIMIT {most}", list.join(", "));
    let reading = "reading the table";
    snapshot.each(&select, failed(reading), |row| {
        for (place, taken) in all.iter().enumerate() {
            let value = value(row, place, *taken);
            reader.push(value.map_err(|error| failed(reading)(error.into()))?)?;
        }
        reader.end_row()
    })?;
    Ok(reader.rows())
}

/// Names and types of the columns, and whether values are missing.
fn columns_of(
    client: &mut Client,
    from: &str,
) -> std::result::Result<(Vec<(String, Type)>, bool), Trouble> {
    let statement = client.prepare(&format!("SELECT * FROM {from}"))?;
    let one = |column: &Column| (column.name().to_owned(), column.type_().clone());
    Ok((statement.columns().iter().map(one).collect(), !statement.params().is_empty()))
}

fn taken(kind: &Type) -> Option<Taken> {
    Some(match (kind.kind(), kind) {
        (Kind::Domain(of), _) => return taken(of),
        (Kind::Enum(_), _) => Taken::Text,
        (_, &Type::BOOL) => Taken::Bool,
        (_, &Type::INT2) => Taken::Int2,
        (_, &Type::INT4) => Taken::Int4,
        (_, &Type::INT8) => Taken::Int8,
        (_, &Type::FLOAT4) => Taken::Float4,
        (_, &Type::FLOAT8) => Taken::Float8,
        (_, &Type::NUMERIC) => Taken::Decimal,
        (_, &Type::TEXT | &Type::VARCHAR | &Type::BPCHAR | &Type::NAME | &Type::UUID) => {
            Taken::Text
        }
        (_, kind) if kind.name() == "citext" => Taken::Text,
        _ => return None,
    })
}

fn item(name: &str, taken: Taken) -> String {
    let cast = if matches!(taken, Taken::Text | Taken::Decimal) { "::text" } else { "" };
    format!("t.{}{cast}", quoted(name))
}

fn value(
    row: &Row,
    at: usize,
    taken: Taken,
) -> std::result::Result<TableValue, tokio_postgres::Error> {
    let int = |value: Option<i64>| value.map(TableValue::Int);
    let value = match taken {
        Taken::Bool => int(row.try_get::<_, Option<bool>>(at)?.map(i64::from)),
        Taken::Int2 => int(row.try_get::<_, Option<i16>>(at)?.map(i64::from)),
        Taken::Int4 => int(row.try_get::<_, Option<i32>>(at)?.map(i64::from)),
        Taken::Int8 => int(row.try_get(at)?),
        Taken::Float4 => row.try_get::<_, Option<f32>>(at)?.map(|it| TableValue::Real(it.into())),
        Taken::Float8 => row.try_get::<_, Option<f64>>(at)?.map(TableValue::Real),
        Taken::Text => row.try_get::<_, Option<String>>(at)?.map(TableValue::Text),
        Taken::Decimal => row.try_get::<_, Option<String>>(at)?.map(TableValue::Decimal),
    };
    Ok(value.unwrap_or(TableValue::Null))
}
