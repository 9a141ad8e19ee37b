//! The sink's tables in the database: created if they are missing and this is allowed, and checked
//! before the first row.

use std::collections::BTreeMap;

use seismic_proto::ColumnType;

use super::cell::{Cell, Param};
use super::connection::Client;
use super::ddl::{self, sql_type};
use super::failure::failure;
use super::names::quoted_list;
use super::target::Target;
use super::wire::{TypeOfTable, Wire};
use crate::rows::columns::{TableColumn, key_names};
use crate::sql::table_target::OnConflict;
use crate::{Error, Result};

/// A column that the table has.
struct ExistingColumn {
    name: String,
    /// Name of its type.
    type_name: String,
    /// Its type with length and sign.
    whole_type: String,
    collation: String,
    precision: Option<i64>,
    may_lack: bool,
    /// Whether a row must have a value, and none is made on its own.
    must_be_given: bool,
    /// Whether the server makes its values.
    is_made: bool,
}

/// Makes what is missing. Each statement commits by itself, and passes over what another sink has
/// made meanwhile.
pub(super) fn make(client: &mut Client, target: &Target, columns: &[TableColumn]) -> Result<()> {
    let mut is_whole = true;
    for table in target.tables() {
        is_whole &= engine(client, target, table)?.is_some();
    }
    if is_whole {
        return Ok(());
    }
    for statement in ddl::statements(target, columns) {
        let made = client.run(statement.trim_end_matches(';'));
        made.map_err(|e| failure(&target.name, "making the tables", e))?;
    }
    Ok(())
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
    let mut faults = Vec::new();
    for table in target.tables() {
        let Some(engine) = engine(client, target, table)? else {
            let table = format!("{}.{table}", target.schema);
            return Err(Error::TableMissing { place: target.name.clone(), table });
        };
        if !engine.has_transactions {
            let name = &engine.name;
            faults.push(format!(
                "table {table} is of engine {name}, which has no transactions: ALTER TABLE {} ENGINE=InnoDB",
                target.quoted(table)
            ));
        }
    }
    let found = found(client, target)?;
    let wires = columns.iter().map(|column| wire(column, target, &found, &mut faults)).collect();
    for other in found.iter().filter(|found| found.must_be_given) {
        if columns.iter().all(|column| column.name != other.name) {
            faults.push(format!(
                "column {} must have a value and has no default, and rows have none for it",
                other.name
            ));
        }
    }
    check_keys(client, target, columns, &mut faults)?;
    if faults.is_empty() {
        return Ok(wires);
    }
    Err(Error::TableDiffers { place: target.name.clone(), what: faults.join("; ") })
}

/// How a column takes its values; a fault when it does not.
fn wire(
    column: &TableColumn,
    target: &Target,
    found: &[ExistingColumn],
    faults: &mut Vec<String>,
) -> Wire {
    let TableColumn { name, kind, is_key, .. } = column;
    let sql_type = sql_type(*kind, *is_key);
    let wire = match found.iter().find(|found| found.name == *name) {
        None => Err(format!("it has no column {name} (of type {sql_type})")),
        Some(ExistingColumn { is_made: true, .. }) => {
            Err(format!("the server makes the values of column {name}"))
        }
        Some(found) => {
            let of_table = TypeOfTable {
                name: &found.type_name,
                whole: &found.whole_type,
                precision: found.precision,
            };
            let is_float = matches!(kind, ColumnType::Float32 | ColumnType::Float64);
            if target.nan_is_null && is_float && !found.may_lack {
                faults.push(format!("nan=null needs a column {name} that may be NULL"));
            }
            let is_text = matches!(kind, ColumnType::Text | ColumnType::Enum(_));
            if *is_key && is_text && !found.collation.ends_with("_bin") {
                faults.push(format!(
                    "column {name} of the key is of collation {}, which takes different ids for the same: \
                     it must be utf8mb4_bin",
                    found.collation
                ));
            }
            Wire::of(*kind, of_table).ok_or_else(|| {
                let is = &found.whole_type;
                format!("column {name} is of type {is} and must be of type {sql_type}")
            })
        }
    };
    wire.unwrap_or_else(|fault| {
        faults.push(fault);
        Wire::Text
    })
}

/// What keeps the rows of a table.
struct Engine {
    name: String,
    has_transactions: bool,
}

/// The engine of a table; `None` where there is no such table.
fn engine(client: &mut Client, target: &Target, table: &str) -> Result<Option<Engine>> {
    let select = "\
        SELECT coalesce(t.ENGINE, t.TABLE_TYPE), coalesce(e.TRANSACTIONS, 'NO') \
        FROM information_schema.TABLES t \
             LEFT JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE \
        WHERE t.TABLE_SCHEMA = ? AND t.TABLE_NAME = ?";
    let rows = client
        .query(select, &[Param::Text(&target.schema), Param::Text(table)])
        .map_err(|e| failure(&target.name, "looking for its tables", e))?;
    let of = |row: &Vec<Cell>| {
        let has_transactions = row.get(1)?.text()?.eq_ignore_ascii_case("yes");
        Some(Engine { name: row.first()?.text()?, has_transactions })
    };
    Ok(rows.first().and_then(of))
}

fn found(client: &mut Client, target: &Target) -> Result<Vec<ExistingColumn>> {
    let select = "\
        SELECT COLUMN_NAME, lower(DATA_TYPE), lower(COLUMN_TYPE), coalesce(COLLATION_NAME, ''), \
               DATETIME_PRECISION, IS_NULLABLE, COLUMN_DEFAULT, upper(EXTRA) \
        FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? \
        ORDER BY ORDINAL_POSITION";
    let rows = client.query(select, &[Param::Text(&target.schema), Param::Text(&target.table)]);
    let rows = rows.map_err(|e| failure(&target.name, "looking at its columns", e))?;
    let of = |row: &Vec<Cell>| {
        let text = |at: usize| row.get(at)?.text();
        let extra = text(7)?;
        let may_lack = text(5)? == "YES";
        let is_made = ["VIRTUAL GENERATED", "STORED GENERATED", "PERSISTENT"]
            .iter()
            .any(|word| extra.contains(word));
        let has_default = text(6).is_some() || extra.contains("AUTO_INCREMENT");
        Some(ExistingColumn {
            name: text(0)?,
            type_name: text(1)?,
            whole_type: text(2)?,
            collation: text(3)?,
            precision: row.get(4)?.int(),
            may_lack,
            must_be_given: !may_lack && !has_default && !is_made,
            is_made,
        })
    };
    Ok(rows.iter().filter_map(of).collect())
}

/// Where a key that is there is no error, the server must see by the key alone that it is.
fn check_keys(
    client: &mut Client,
    target: &Target,
    columns: &[TableColumn],
    faults: &mut Vec<String>,
) -> Result<()> {
    if target.on_conflict == OnConflict::Error && !target.merges_panes {
        return Ok(());
    }
    let option = if target.merges_panes { "merge_panes" } else { "on_conflict" };
    let select = "\
        SELECT INDEX_NAME, COLUMN_NAME, SUB_PART FROM information_schema.STATISTICS \
        WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND NON_UNIQUE = 0";
    let rows = client.query(select, &[Param::Text(&target.schema), Param::Text(&target.table)]);
    let rows = rows.map_err(|e| failure(&target.name, "looking at its indexes", e))?;
    let mut indexes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in &rows {
        let text = |at: usize| row.get(at).and_then(|cell| cell.text()).unwrap_or_default();
        let is_whole = row.get(2) == Some(&Cell::Null);
        // One over a part of a text, or over an expression, is none of ours.
        let column = if is_whole { text(1) } else { String::new() };
        indexes.entry(text(0)).or_default().push(column);
    }
    let mut key: Vec<&str> = key_names(columns).collect();
    key.sort_unstable();
    let mut has_key = false;
    for (name, of_index) in &mut indexes {
        of_index.sort_unstable();
        if *of_index == key {
            has_key = true;
        } else if of_index.iter().any(|of| columns.iter().any(|column| column.name == *of)) {
            faults.push(format!(
                "{option} cannot tell the unique index {name} from the key: remove it, or leave its columns \
                 out"
            ));
        }
    }
    if !has_key {
        faults.push(format!(
            "{option} needs a unique index over exactly ({}), and there is none",
            quoted_list(key.iter().copied())
        ));
    }
    Ok(())
}
