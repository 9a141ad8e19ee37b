//! What is wrong with the tables of a definition.

use crate::definition::column::ColumnKind;
use crate::definition::dimension::{DimensionDefinition, place};
use crate::definition::fault::DefinitionFault;
use crate::definition::{Definition, check_columns, check_name};
use crate::input::columns;
use crate::limits;

/// Everything that is wrong with them, beside what the statement makes of them.
pub fn faults(definition: &Definition) -> Vec<DefinitionFault> {
    let input = columns(definition);
    let mut faults = faults_of_all(&definition.dimensions, definition.table());
    for table in &definition.dimensions {
        let name = &table.name;
        let found = faults_of(table, &input).into_iter();
        faults.extend(found.map(|why| format!("{name}: {why}")));
    }
    faults.into_iter().map(|why| DefinitionFault::new("dimension", why)).collect()
}

/// What is wrong with it, given the columns of the input.
fn faults_of(table: &DimensionDefinition, input: &[seismic_sql::Column]) -> Vec<String> {
    let mut faults = Vec::new();
    faults.extend(check_name(&table.name).err().map(|why| format!("name: {why}")));
    if table.columns.is_empty() {
        faults.push("a table has columns: write columns = { name = \"text\" }".to_owned());
    }
    faults.extend(check_columns(&table.columns).err().map(|why| format!("columns: {why}")));
    if table.key.is_empty() {
        faults.push("key is missing: the column, or columns, by which rows are found".to_owned());
    }
    for (i, (name, on)) in table.key.iter().zip(&table.on).enumerate() {
        if table.key[..i].iter().any(|other| other.eq_ignore_ascii_case(name)) {
            faults.push(format!("key: {name} is named twice"));
        }
        let Some(place) = place(&table.columns, name) else {
            let near = near(name, table.columns.iter().map(|column| column.name.as_str()));
            faults.push(format!("key: there is no column {name}{near}"));
            continue;
        };
        let is_on = |column: &&seismic_sql::Column| column.name.eq_ignore_ascii_case(on);
        let Some(found) = input.iter().find(is_on) else {
            let near = near(on, input.iter().map(|column| column.name.as_str()));
            let why = format!(
                "on: the input has no column {on}{near}; write on = {{ {name} = \"COLUMN\" }} with \
                 the one that is equal to {name}"
            );
            faults.push(why);
            continue;
        };
        let is_text = table.columns[place].kind == ColumnKind::Text;
        if is_text != (found.kind == seismic_sql::Kind::Text) {
            let why = format!(
                "on: {name} is {} and {on} of the input is {}: text and numbers are never equal",
                table.columns[place].kind,
                found.kind.word().to_lowercase()
            );
            faults.push(why);
        }
    }
    faults
}

/// The name that may be meant.
fn near<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    seismic_sql::nearest(name, known)
        .map_or_else(String::new, |near| format!("; did you mean {near}?"))
}

/// What is wrong with the tables of a definition beside what is wrong with each.
fn faults_of_all(all: &[DimensionDefinition], input: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if all.len() > limits::DIMENSIONS {
        let most = limits::DIMENSIONS;
        faults
            .push(format!("{} tables are more than {most}, each of which is in memory", all.len()));
    }
    for (i, table) in all.iter().enumerate() {
        let others = all[..i].iter().map(|other| other.name.as_str()).chain([input]);
        if let Some(other) = others.into_iter().find(|it| it.eq_ignore_ascii_case(&table.name)) {
            faults.push(format!("{} and {other} are one name in SQL", table.name));
        }
    }
    faults
}
