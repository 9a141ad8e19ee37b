//! The sink's tables in the database: created if they are missing and this is allowed, and checked
//! before the first row.

use std::collections::BTreeMap;

use super::ddl;
use super::dialect::Dialect;
use super::link::Link;
use super::position::text;
use super::session::Session;
use super::statement::{ColumnOfAnswer, Want};
use super::target::Target;
use super::trouble::{failure, is_no_table};
use super::wire::Wire;
use crate::rows::columns::{TableColumn, key_names};
use crate::sql::table_target::OnConflict;
use crate::{Error, Result};

/// Makes what is missing. Each statement commits by itself, and one that fails since another sink has
/// made the table meanwhile is passed over.
pub(super) fn make(session: &mut Session, target: &Target, columns: &[TableColumn]) -> Result<()> {
    for (table, statement) in ddl::statements(target, &session.names, columns) {
        if found(session, target, &table)?.is_some() {
            continue;
        }
        let made = session.link.run(statement.trim_end_matches(';'));
        if let Err(trouble) = made
            && found(session, target, &table)?.is_none()
        {
            return Err(failure(&target.name, "making the tables", trouble));
        }
    }
    Ok(())
}

/// The columns of a table; `None` where there is no such table.
fn found(
    session: &mut Session,
    target: &Target,
    table: &str,
) -> Result<Option<Vec<ColumnOfAnswer>>> {
    let select = format!("SELECT * FROM {} WHERE 1 = 0", session.names.table(table));
    match session.link.columns(&select) {
        Ok(columns) => Ok(Some(columns)),
        Err(trouble) if is_no_table(&trouble) => Ok(None),
        Err(trouble) => Err(failure(&target.name, "looking at its tables", trouble)),
    }
}

/// How each column takes its values.
///
/// # Errors
/// Every fault of the table at once.
pub(super) fn check(
    session: &mut Session,
    target: &Target,
    columns: &[TableColumn],
) -> Result<Vec<Wire>> {
    let mut of_rows = Vec::new();
    for table in target.tables() {
        let Some(columns) = found(session, target, table)? else {
            let (place, table) = (target.name.clone(), session.names.table(table));
            return Err(Error::TableMissing { place, table });
        };
        if table == target.table {
            of_rows = columns;
        }
    }
    let mut faults = Vec::new();
    let dialect = session.names.dialect;
    let wires = columns.iter().map(|column| wire(column, dialect, &of_rows, &mut faults)).collect();
    if dialect == Dialect::MySql {
        let failed = |e| failure(&target.name, "looking at its tables", e);
        of_mysql(&mut session.link, target, columns, &mut faults).map_err(failed)?;
    }
    if faults.is_empty() {
        return Ok(wires);
    }
    Err(Error::TableDiffers { place: target.name.clone(), what: faults.join("; ") })
}

/// How a column takes its values; a fault when it does not.
fn wire(
    column: &TableColumn,
    dialect: Dialect,
    found: &[ColumnOfAnswer],
    faults: &mut Vec<String>,
) -> Wire {
    let TableColumn { name, kind, is_key, .. } = column;
    let sql_type = dialect.type_of(*kind, *is_key);
    let fault = match found.iter().find(|found| found.name.eq_ignore_ascii_case(name)) {
        None => format!("it has no column {name} (of type {sql_type})"),
        Some(found) => match Wire::of(*kind, found, dialect) {
            Some(wire) => return wire,
            None => format!(
                "column {name} must be of type {sql_type}, and the driver says that it is of type \
                 number {} with {} digits or letters, {} behind the point or the second",
                found.kind, found.size, found.digits
            ),
        },
    };
    faults.push(fault);
    Wire::Text
}

/// What MySQL and MariaDB take without a word, and would break a promise: engines without
/// transactions, ids that are the same but for their case, and keys that they replace by.
fn of_mysql(
    link: &mut Link,
    target: &Target,
    columns: &[TableColumn],
    faults: &mut Vec<String>,
) -> super::trouble::Outcome<()> {
    let schema = if target.schema == "default" { "" } else { &target.schema };
    let is_there = "TABLE_SCHEMA = coalesce(nullif(?, ''), database()) AND TABLE_NAME = ?";
    for table in target.tables() {
        let select = format!(
            "SELECT coalesce(t.ENGINE, t.TABLE_TYPE), coalesce(e.TRANSACTIONS, 'NO') \
             FROM information_schema.TABLES t \
                  LEFT JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE WHERE {is_there}"
        );
        for row in
            link.query(&select, vec![text(schema), text(table)], &[Want::Text, Want::Text])?
        {
            if row[1].text().as_deref() != Some("YES") {
                let engine = row[0].text().unwrap_or_default();
                faults.push(format!(
                    "table {table} is of engine {engine}, which has no transactions: ALTER TABLE \
                     {table} ENGINE=InnoDB"
                ));
            }
        }
    }
    let place = || vec![text(schema), text(&target.table)];
    let select = format!(
        "SELECT COLUMN_NAME, COLLATION_NAME FROM information_schema.COLUMNS \
         WHERE {is_there} AND COLLATION_NAME IS NOT NULL"
    );
    let key: Vec<&str> = key_names(columns).collect();
    for row in link.query(&select, place(), &[Want::Text, Want::Text])? {
        let name = row[0].text().unwrap_or_default();
        let collation = row[1].text().unwrap_or_default();
        if key.contains(&&*name) && !collation.ends_with("_bin") {
            faults.push(format!(
                "column {name} of the key is of collation {collation}, which takes different ids \
                 for the same: it must be utf8mb4_bin"
            ));
        }
    }
    if target.on_conflict == OnConflict::Error || target.merges_panes {
        return Ok(());
    }
    let select = format!(
        "SELECT INDEX_NAME, COLUMN_NAME FROM information_schema.STATISTICS \
         WHERE {is_there} AND NON_UNIQUE = 0 ORDER BY INDEX_NAME, COLUMN_NAME"
    );
    let mut indexes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in link.query(&select, place(), &[Want::Text, Want::Text])? {
        let (index, column) = (row[0].text(), row[1].text().unwrap_or_default());
        indexes.entry(index.unwrap_or_default()).or_default().push(column);
    }
    let mut sorted: Vec<String> = key.iter().map(|&name| name.to_owned()).collect();
    sorted.sort_unstable();
    if indexes.len() != 1 || indexes.values().next() != Some(&sorted) {
        faults.push(format!(
            "on_conflict needs one unique index, over exactly ({}), and no other",
            key.join(", ")
        ));
    }
    Ok(())
}
