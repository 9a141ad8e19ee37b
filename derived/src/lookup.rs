//! What an operator has of tables: the version of each that is in force, and whether a row of the
//! input finds something there before the statement sees it.

use std::collections::BTreeSet;
use std::sync::Arc;

use seismic_sql::Batch;

use crate::definition::Definition;
use crate::definition::dimension::{DimensionDefinition, Missing};
use crate::definition::function::FunctionDefinition;
use crate::dimension::key;
use crate::dimension::tables::Tables;
use crate::dimension::version::{Shown, Version};
use crate::input::columns;
use crate::output::reason::{Fault, Reason};
use crate::plan::Plan;

/// The tables of an operator.
#[derive(Debug)]
pub struct Lookup {
    tables: Option<Arc<Tables>>,
    all: Vec<Looked>,
    key: Vec<u8>,
    functions: Vec<FunctionDefinition>,
    /// Functions whose modules are there.
    modules: BTreeSet<usize>,
}

/// One table.
#[derive(Debug)]
struct Looked {
    definition: DimensionDefinition,
    /// Columns of the input that are equal to those of its key.
    on: Vec<(String, usize)>,
    version: Option<Arc<Version>>,
}

/// What is found of a row.
pub enum Found {
    /// All that is needed.
    All,
    /// It is a dead letter.
    Not(Fault),
    /// The job cannot go on.
    Stop(String),
}

impl Lookup {
    /// Without versions.
    pub fn new(definition: &Definition, tables: Option<Arc<Tables>>) -> Self {
        let columns = columns(definition);
        let place = |name: &String| {
            columns
                .iter()
                .position(|column| column.name.eq_ignore_ascii_case(name))
                .map(|place| (columns[place].name.clone(), place))
        };
        let looked = |table: &DimensionDefinition| Looked {
            definition: table.clone(),
            on: table.on.iter().filter_map(place).collect(),
            version: None,
        };
        Lookup {
            tables,
            all: definition.dimensions.iter().map(looked).collect(),
            key: Vec::new(),
            functions: definition.functions.clone(),
            modules: BTreeSet::new(),
        }
    }

    /// Takes a version of a table, and gives the place of that among those of the definition.
    ///
    /// # Errors
    /// Why it is not there.
    fn take(&mut self, table: &str, hash: &str) -> Result<(usize, Arc<Version>), String> {
        let mut all = self.all.iter_mut().enumerate();
        let found = all.find(|(_, looked)| looked.definition.name == table);
        let (place, looked) = found.ok_or_else(|| format!("the job has no table {table}"))?;
        let tables = self.tables.as_ref();
        let tables = tables.ok_or("the versions of tables are not known here")?;
        let version = tables.version(&looked.definition, hash)?;
        looked.version = Some(Arc::clone(&version));
        Ok((place, version))
    }

    /// Has a plan look things up in a version of a table from here on, or call a module.
    ///
    /// # Errors
    /// Why it is not there.
    pub fn put_into(&mut self, plan: &Plan, name: &str, hash: &str) -> Result<(), String> {
        let place = self.functions.iter().position(|it| it.stored_name() == name);
        let Some(place) = place else {
            let (place, version) = self.take(name, hash)?;
            plan.set_dimension(place, version.kept());
            return Ok(());
        };
        let tables = self.tables.as_ref().ok_or("the modules of functions are not known here")?;
        plan.set_function(place, tables.module(&self.functions[place], hash)?);
        self.modules.insert(place);
        Ok(())
    }

    /// Looks up the last row of the input.
    pub fn find(&mut self, rows: &Batch) -> Found {
        let Some(row) = rows.rows().checked_sub(1) else { return Found::All };
        if self.modules.len() < self.functions.len() {
            // The job stores every module before it begins, so this is no state of one that runs.
            return Found::Stop("the module of a function is not there yet".to_owned());
        }
        for Looked { definition, on, version } in &self.all {
            let name = &definition.name;
            let Some(version) = version else {
                // The job reads every table before it begins, so this is no state of one that runs.
                return Found::Stop(format!("there is no version of table {name} yet"));
            };
            if !definition.missing.is_probed() {
                continue;
            }
            self.key.clear();
            let mut push =
                |(_, column): &(String, usize)| key::push(rows.cell(row, *column), &mut self.key);
            if on.iter().all(&mut push) && version.has(&self.key) {
                continue;
            }
            let said = |(key, (column, place)): (&String, &(String, usize))| {
                let value = Shown(rows.cell(row, *place));
                match key == column {
                    true => format!("{key} = {value}"),
                    false => format!("{key} = {value} ({column})"),
                }
            };
            let all: Vec<_> = definition.key.iter().zip(on).map(said).collect();
            let why = format!(
                "no row of {name} has {} (version {})",
                all.join(" and "),
                &version.hash()[..8]
            );
            return match definition.missing {
                Missing::Stop => Found::Stop(why),
                _ => Found::Not((Reason::MissingKey, why)),
            };
        }
        Found::All
    }
}
