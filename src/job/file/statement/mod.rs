//! Keys of a job whose results a statement in SQL makes: `sql`, `[input]`, `[output]`,
//! `[dimension.NAME]`, `[function.NAME]` and `[join]`; and what may stand in place of `sql`.
//!
//! ```toml
//! sql = "select job_name, used_gb / total_gb as used_ratio from rows"
//!
//! [input]
//! topic = "demo-source"
//! columns = { job_name = "text", used_gb = "real", total_gb = "real" }
//!
//! [output]
//! topic = "demo-sink"
//! key = "job_name"
//! columns = { job_name = "text", used_ratio = "real" }
//! ```

mod options;
mod table_keys;

use std::ops::Range;

use seismic_derived::{
    Definition, DimensionDefinition, FunctionDefinition, InputDefinition, InputFormat,
    MacroDefinition, OutputDefinition,
};
use toml::de::{DeTable, DeValue};

pub use self::options::{OF_WINDOWS, is_shown, strange, timing, without_windows};
use self::table_keys::{OF_INPUT, OF_OUTPUT, OF_SIDE, TableKeys};
use super::dimension::DimensionKeys;
use super::function::FunctionKeys;
use super::join::JoinKeys;
use super::nearest::nearest;
use super::operator::OperatorKeys;
use super::value::text;
use crate::dimension::TableSpec;
use crate::dimension::function::FunctionSpec;

/// The keys.
pub const KEYS: [&str; 9] =
    ["sql", "input", "output", "dimension", "function", "join", "operator", "module", "params"];

/// What a file says of a statement.
#[derive(Clone, Debug, Default)]
pub struct StatementKeys {
    sql: Option<String>,
    input: Option<TableKeys>,
    output: Option<TableKeys>,
    dimensions: Vec<DimensionKeys>,
    /// Those of a join, in the order of the file.
    inputs: Vec<TableKeys>,
    join: Option<JoinKeys>,
    functions: Vec<FunctionKeys>,
    /// In place of a statement.
    operator: OperatorKeys,
}

/// The key, if it is one of a statement.
#[must_use]
pub fn key(written: &str) -> Option<&'static str> {
    KEYS.into_iter().find(|key| *key == written)
}

impl StatementKeys {
    /// Whether the file has one of the keys.
    #[must_use]
    pub fn is_begun(&self) -> bool {
        let has_table = self.input.is_some() || self.output.is_some() || !self.inputs.is_empty();
        let has_more = !self.dimensions.is_empty() || !self.functions.is_empty();
        let is_one = self.sql.is_some() || self.operator.is_begun();
        is_one || has_table || has_more || self.join.is_some()
    }

    /// Sets a key in line `at`.
    pub fn set(
        &mut self,
        (at, line): (usize, &dyn Fn(Range<usize>) -> usize),
        key: &str,
        value: &DeValue<'_>,
        fault: &mut dyn FnMut(usize, String),
    ) {
        let outcome = match (key, value) {
            ("sql", value) => text(value).map(|sql| self.sql = Some(sql)),
            ("operator", value) => self.operator.name(value),
            ("module", DeValue::Table(pairs)) => {
                let module = self.operator.module();
                for (name, value) in pairs {
                    let written = name.get_ref().as_ref();
                    if let Err(why) = module.set_of_module(written, value.get_ref()) {
                        fault(line(name.span()), format!("module.{written}: {why}"));
                    }
                }
                Ok(())
            }
            ("params", DeValue::Table(pairs)) => {
                let why = |name: &str, why| fault(at, format!("params.{name}: {why}"));
                self.operator.params(pairs, why);
                Ok(())
            }
            ("dimension" | "function", value) => {
                return self.set_named((at, line), key, value, fault);
            }
            ("join", DeValue::Table(pairs)) => {
                let join = self.join.insert(JoinKeys::default());
                for (name, value) in pairs {
                    let written = name.get_ref().as_ref();
                    if let Err(why) = join.set(written, value.get_ref()) {
                        fault(line(name.span()), format!("join.{written}: {why}"));
                    }
                }
                Ok(())
            }
            ("input", DeValue::Table(pairs)) if are_named(pairs) => {
                return self.set_inputs(line, pairs, fault);
            }
            ("input", DeValue::Array(all)) if all.len() == 1 => {
                return self.set((at, line), key, all[0].get_ref(), fault);
            }
            ("input", DeValue::Array(all)) => Err(format!(
                "a list has one input, not {}: two that are joined are [input.NAME] each",
                all.len()
            )),
            (_, DeValue::Table(pairs)) => {
                let (known, table) = match key {
                    "input" => (&OF_INPUT[..], self.input.insert(TableKeys::default())),
                    _ => (&OF_OUTPUT[..], self.output.insert(TableKeys::default())),
                };
                for (name, value) in pairs {
                    let written = name.get_ref().as_ref();
                    if let Err(why) = table.set(known, written, value.get_ref()) {
                        fault(line(name.span()), format!("{key}.{written}: {why}"));
                    }
                }
                Ok(())
            }
            _ => Err(format!("write a table, as in [{key}]")),
        };
        if let Err(why) = outcome {
            fault(at, format!("{key}: {why}"));
        }
    }

    /// Sets the inputs `[input.NAME]` of a join.
    fn set_inputs(
        &mut self,
        line: &dyn Fn(Range<usize>) -> usize,
        inputs: &DeTable<'_>,
        fault: &mut dyn FnMut(usize, String),
    ) {
        let mut inputs: Vec<_> = inputs.iter().collect();
        inputs.sort_by_key(|(name, _)| name.span().start);
        for (name, value) in inputs {
            let (at, name) = (line(name.span()), name.get_ref().as_ref());
            let DeValue::Table(pairs) = value.get_ref() else {
                fault(at, format!("input.{name}: each of two inputs is a table, as [input.NAME]"));
                continue;
            };
            let mut table = TableKeys { name: Some(name.to_owned()), ..TableKeys::default() };
            for (key, value) in pairs {
                let written = key.get_ref().as_ref();
                if let Err(why) = table.set(&OF_SIDE, written, value.get_ref()) {
                    fault(line(key.span()), format!("input.{name}.{written}: {why}"));
                }
            }
            self.inputs.push(table);
        }
    }

    /// The inputs: one, or the left and the right side of a join.
    fn sides(&self) -> Result<Vec<&TableKeys>, String> {
        match (&*self.inputs, &self.join) {
            ([], None) => Ok(self.input.iter().collect()),
            ([a, b], Some(join)) => {
                let is_left = |it: &TableKeys, left: &String| {
                    it.name.as_ref().is_some_and(|name| name.eq_ignore_ascii_case(left))
                };
                match &join.left {
                    Some(left) if is_left(b, left) => Ok(vec![b, a]),
                    Some(left) if !is_left(a, left) => {
                        let names = [a, b].map(|it| it.name.as_deref().unwrap_or_default());
                        let near = nearest(left, names.into_iter());
                        let near =
                            near.map_or_else(String::new, |it| format!("; did you mean {it}?"));
                        Err(format!("join.left: there is no input {left}{near}"))
                    }
                    _ => Ok(vec![a, b]),
                }
            }
            ([], Some(_)) => {
                Err("[join] is of two inputs: write [input.LEFT] and [input.RIGHT]".to_owned())
            }
            (all, None) => Err(format!(
                "[join] is missing, by which the {} inputs [input.NAME] are one; a job with one input \
                 has [input]",
                all.len()
            )),
            (all, Some(_)) => Err(format!("[join] is of two inputs, not {}", all.len())),
        }
    }

    /// Sets the tables of `[dimension.NAME]` or `[function.NAME]`, which begin in line `at`.
    fn set_named(
        &mut self,
        (at, line): (usize, &dyn Fn(Range<usize>) -> usize),
        of: &str,
        value: &DeValue<'_>,
        fault: &mut dyn FnMut(usize, String),
    ) {
        let DeValue::Table(tables) = value else {
            return fault(at, format!("{of}: write a table, as in [{of}.NAME]"));
        };
        let mut tables: Vec<_> = tables.iter().collect();
        tables.sort_by_key(|(name, _)| name.span().start);
        for (name, value) in tables {
            let (at, name) = (line(name.span()), name.get_ref().as_ref());
            let DeValue::Table(pairs) = value.get_ref() else {
                fault(at, format!("{of}.{name}: write a table, as in [{of}.NAME]"));
                continue;
            };
            let mut table = DimensionKeys::named(name);
            let mut function = FunctionKeys::named(name);
            for (key, value) in pairs {
                let (written, value) = (key.get_ref().as_ref(), value.get_ref());
                let set = match of {
                    "function" => function.set(written, value),
                    _ => table.set(written, value),
                };
                if let Err(why) = set {
                    fault(line(key.span()), format!("{of}.{name}.{written}: {why}"));
                }
            }
            match of {
                "function" => self.functions.push(function),
                _ => self.dimensions.push(table),
            }
        }
    }

    /// The tables that it looks things up in, and where they come from.
    ///
    /// # Errors
    /// What is missing.
    pub fn tables(&self) -> Result<Vec<(DimensionDefinition, TableSpec)>, String> {
        let mut all: Vec<_> =
            self.dimensions.iter().map(DimensionKeys::table).collect::<Result<_, _>>()?;
        // In whatever order they stand, it is the same job.
        all.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        Ok(all)
    }

    /// Its own functions, and where their modules are.
    ///
    /// # Errors
    /// What is missing.
    pub fn functions(&self) -> Result<Vec<(FunctionDefinition, FunctionSpec)>, String> {
        let mut all = Vec::new();
        for function in &self.functions {
            if function.as_macro()?.is_none() {
                all.push(function.function()?);
            }
        }
        all.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        all.extend(self.operator.operator()?.map(|(_, module)| module));
        Ok(all)
    }

    /// Its own functions that are expressions.
    ///
    /// # Errors
    /// What means nothing to them.
    pub fn macros(&self) -> Result<Vec<MacroDefinition>, String> {
        let all = self.functions.iter().filter_map(|it| it.as_macro().transpose());
        let mut all: Vec<_> = all.collect::<Result<_, _>>()?;
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    /// Input and output topic, as far as they are said.
    #[must_use]
    pub fn topics(&self) -> [Option<String>; 2] {
        let sides = self.sides().unwrap_or_default();
        [sides.first().copied(), self.output.as_ref()]
            .map(|table| table.and_then(|table| table.topic.clone()))
    }

    /// The job, whose topics are filled in later but for that of the right side of a join.
    ///
    /// # Errors
    /// What is missing.
    pub fn definition(&self) -> Result<Option<Definition>, String> {
        if !self.is_begun() {
            return Ok(None);
        }
        let sides = self.sides()?;
        let operator = self.operator.operator()?.map(|(operator, _)| operator);
        let in_place = operator.as_ref().map(|_| String::new());
        let (sql, left, output) = match (self.sql.clone().or(in_place), &*sides, &self.output) {
            (Some(sql), [left, ..], Some(output)) => (sql, left, output),
            (sql, sides, _) => {
                let missing = match (sql, sides) {
                    (None, _) => "sql = \"select …\"",
                    (_, []) => "[input]",
                    _ => "[output]",
                };
                return Err(format!(
                    "a job with sql, [input] and [output] has all three; {missing} is missing"
                ));
            }
        };
        for side in &sides {
            if side.topic.is_none() {
                let of = match (&self.join, &side.name) {
                    (Some(_), Some(name)) => format!("input.{name}"),
                    _ => "input".to_owned(),
                };
                return Err(format!("{of}.topic is missing: the topic that is read"));
            }
        }
        let named =
            |name: &Option<String>, usual: &str| name.clone().unwrap_or_else(|| usual.to_owned());
        let input = |table: &TableKeys, topic: String| InputDefinition {
            name: named(&table.name, "rows"),
            topic,
            of: table.of.clone(),
            format: table.format.unwrap_or(InputFormat::Json),
            columns: table.columns.clone(),
            key: table.key.clone(),
            time: table.time.clone(),
        };
        let output = OutputDefinition {
            name: named(&output.name, "output"),
            topic: String::new(),
            key: output.key.clone(),
            columns: output.columns.clone(),
        };
        let mut definition = Definition::new(input(left, String::new()), output, sql);
        if let Some(operator) = operator {
            definition = definition.operated(operator);
        }
        let Some((join, right)) = self.join.as_ref().zip(sides.get(1)) else {
            return Ok(Some(definition));
        };
        let right = input(right, right.topic.clone().unwrap_or_default());
        let join = join.definition(&definition.input, right)?;
        Ok(Some(definition.joined(join)))
    }
}

/// Whether a table `[input]` has inputs by their names.
fn are_named(pairs: &DeTable<'_>) -> bool {
    let is_input = |name: &str, value: &DeValue<'_>| {
        matches!(value, DeValue::Table(_)) && !["columns", "time"].contains(&name)
    };
    pairs.iter().any(|(name, value)| is_input(name.get_ref().as_ref(), value.get_ref()))
}
