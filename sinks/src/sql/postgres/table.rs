//! The sink's tables in the database: created if they are missing and this is allowed, and checked
//! before the first row.

use tokio_postgres::types::Type;

use super::connection::Client;
use super::ddl::{self, sql_type};
use super::failure::failure;
use super::names::quoted_list;
use super::target::Target;
use super::wire::Wire;
use crate::rows::columns::{TableColumn, key_names};
use crate::sql::table_target::OnConflict;
use crate::{Error, Result};

/// A column that the table has.
struct ExistingColumn {
    name: String,
    of_type: Type,
    type_name: String,
    /// Whether a row must have a value, and none is made on its own.
    must_be_given: bool,
    /// Whether the server makes its values.
    is_made: bool,
}

/// Makes what is missing, one sink at a time.
pub(super) fn make(client: &mut Client, target: &Target, columns: &[TableColumn]) -> Result<()> {
    let mut is_whole = true;
    for table in target.tables() {
        is_whole &= exists(client, target, table)?;
    }
    if is_whole {
        return Ok(());
    }
    let failed = |e| failure(&target.name, "making the tables", e);
    let mut transaction = client.transaction().map_err(failed)?;
    let lock = "SELECT pg_advisory_xact_lock(hashtextextended('seismic tables', 0))";
    transaction.query(lock, &[]).map_err(failed)?;
    transaction.batch_execute(&ddl::ddl(target, columns)).map_err(failed)?;
    transaction.commit().map_err(failed)
}

/// How each column takes its values.
///
/// # Errors
/// Every fault of the table at once.
pub(super) fn check(
    client: &mut Client,
    target: &Target,
    columns: &[TableColumn],
) -> Result<Vec<Wire>> {
    for table in target.tables() {
        if !exists(client, target, table)? {
            let table = format!("{}.{table}", target.schema);
            return Err(Error::TableMissing { place: target.name.clone(), table });
        }
    }
    let (found, mut faults) = (found(client, target)?, Vec::new());
    let wires = columns.iter().map(|column| wire(column, &found, &mut faults)).collect();
    for other in found.iter().filter(|found| found.must_be_given) {
        if columns.iter().all(|column| column.name != other.name) {
            faults.push(format!(
                "column {} must have a value and has no default, and rows have none for it",
                other.name
            ));
        }
    }
    let needs_key = target.on_conflict != OnConflict::Error || target.merges_panes;
    if needs_key && !has_key(client, target, columns)? {
        let option = if target.merges_panes { "merge_panes" } else { "on_conflict" };
        faults.push(format!(
            "{option} needs a unique index over exactly ({}), and there is none",
            quoted_list(key_names(columns))
        ));
    }
    if faults.is_empty() {
        return Ok(wires);
    }
    Err(Error::TableDiffers { place: target.name.clone(), what: faults.join("; ") })
}

/// How a column takes its values; a fault when it does not.
fn wire(column: &TableColumn, found: &[ExistingColumn], faults: &mut Vec<String>) -> Wire {
    let TableColumn { name, kind, .. } = column;
    let sql_type = sql_type(*kind);
    let wire = match found.iter().find(|found| found.name == *name) {
        None => Err(format!("it has no column {name} (of type {sql_type})")),
        Some(ExistingColumn { is_made: true, .. }) => {
            Err(format!("the server makes the values of column {name}"))
        }
        Some(ExistingColumn { of_type, type_name, .. }) => {
            Wire::of(*kind, of_type).ok_or_else(|| {
                format!("column {name} is of type {type_name} and must be of type {sql_type}")
            })
        }
    };
    wire.unwrap_or_else(|fault| {
        faults.push(fault);
        Wire::Text
    })
}

fn exists(client: &mut Client, target: &Target, table: &str) -> Result<bool> {
    let select = "SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                  WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'f', 'v'))";
    let found = client.query_one(select, &[&target.schema, &table]);
    Ok(found.map_err(|e| failure(&target.name, "looking for its tables", e))?.get(0))
}

fn found(client: &mut Client, target: &Target) -> Result<Vec<ExistingColumn>> {
    let select = "\
        SELECT a.attname::text, a.atttypid, format_type(a.atttypid, a.atttypmod), \
               a.attnotnull AND NOT a.atthasdef AND a.attidentity = '', \
               a.attgenerated <> '' OR a.attidentity = 'a' \
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid \
             JOIN pg_namespace n ON n.oid = c.relnamespace \
        WHERE n.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped";
    let rows = client.query(select, &[&target.schema, &target.table]);
    let rows = rows.map_err(|e| failure(&target.name, "looking at its columns", e))?;
    let of = |row: &tokio_postgres::Row| ExistingColumn {
        name: row.get(0),
        // A type that is not one of the server's own is none that a sink writes.
        of_type: Type::from_oid(row.get(1)).unwrap_or(Type::UNKNOWN),
        type_name: row.get(2),
        must_be_given: row.get(3),
        is_made: row.get(4),
    };
    Ok(rows.iter().map(of).collect())
}

/// Whether a unique index has the key's columns and no others.
fn has_key(client: &mut Client, target: &Target, columns: &[TableColumn]) -> Result<bool> {
    let select = "\
        SELECT array_agg(a.attname::text ORDER BY a.attname::text) \
        FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid \
             JOIN pg_namespace n ON n.oid = c.relnamespace \
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey) \
        WHERE n.nspname = $1 AND c.relname = $2 AND i.indisunique AND i.indpred IS NULL \
              AND i.indexprs IS NULL \
        GROUP BY i.indexrelid";
    let rows = client.query(select, &[&target.schema, &target.table]);
    let rows = rows.map_err(|e| failure(&target.name, "looking at its indexes", e))?;
    let mut key: Vec<&str> = key_names(columns).collect();
    key.sort_unstable();
    Ok(rows.iter().any(|row| {
        let mut names: Vec<String> = row.get(0);
        names.sort_unstable();
        names == key
    }))
}
