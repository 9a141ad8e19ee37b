//! Keys of a job whose results a statement in SQL makes: `sql`, `[input]`, `[output]`,
//! `[dimension.NAME]`, `[function.NAME]` and `[join]`.
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

use std::collections::BTreeSet;
use std::ops::Range;

use seismic_derived::{
    Column, Definition, DimensionDefinition, FunctionDefinition, InputDefinition, InputFormat,
    MacroDefinition, OutputDefinition,
};
use toml::de::{DeTable, DeValue};

use super::columns::columns;
use super::dimension::DimensionKeys;
use super::function::FunctionKeys;
use super::join::JoinKeys;
use super::nearest::nearest;
use super::value::text;
use crate::dimension::TableSpec;
use crate::dimension::function::FunctionSpec;
use crate::job::options::JobOptions;

/// The keys.
pub const KEYS: [&str; 6] = ["sql", "input", "output", "dimension", "function", "join"];

/// Keys of the tables, for both.
const OF_INPUT: [&str; 5] = ["name", "topic", "of", "format", "columns"];
const OF_OUTPUT: [&str; 4] = ["name", "topic", "key", "columns"];

/// Options that say what windows are, and which records count in them: a job with a statement has
/// none.
pub const OF_WINDOWS: [&str; 17] = [
    "window",
    "lateness",
    "allowed_lateness",
    "idle_timeout",
    "max_ahead",
    "max_jump",
    "time",
    "dedupe",
    "amplitude",
    "region",
    "earliest_event",
    "latest_event",
    "phases",
    "rollup",
    "max_sensors",
    "spread",
    "repartition",
];

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
}

/// What `[input]` or `[output]` says.
#[derive(Clone, Debug, Default)]
struct TableKeys {
    name: Option<String>,
    topic: Option<String>,
    of: Option<String>,
    key: Option<String>,
    format: Option<InputFormat>,
    columns: Vec<Column>,
}

/// The key, if it is one of a statement.
#[must_use]
pub fn key(written: &str) -> Option<&'static str> {
    KEYS.into_iter().find(|key| *key == written)
}

/// Those of the options that a job with a statement cannot have, with the reason.
pub fn strange<'a>(
    set: &'a BTreeSet<&'static str>,
    is_join: bool,
) -> impl Iterator<Item = (&'static str, String)> + 'a {
    let strange = set.iter().filter(move |key| !is_taken(key, is_join));
    strange.map(|key| match *key {
        "sink" => {
            let why = "sinks take rows of windows; the rows of a job with sql are in its output topic, \
                       where `seismic read` and other jobs find them: leave it out";
            ("sink", why.to_owned())
        }
        key => (key, "it is of jobs that make windows, and this one has sql: leave it out".to_owned()),
    })
}

/// Whether a value of a job is shown for one that has a statement.
#[must_use]
pub fn is_shown(key: &str, is_join: bool) -> bool {
    is_taken(key, is_join) && !matches!(key, "topic" | "result_topic")
}

/// Whether a job with a statement has that option. Only in a join is anything idle.
fn is_taken(key: &str, is_join: bool) -> bool {
    !is_of_windows(key) || (is_join && key == "idle_timeout")
}

/// Whether an option means something to windows alone.
fn is_of_windows(key: &str) -> bool {
    key == "sink" || OF_WINDOWS.contains(&key)
}

/// Options of windows left out, as defaults of a server have them.
#[must_use]
pub fn without_windows(all: JobOptions) -> JobOptions {
    JobOptions {
        location: all.location,
        from: all.from,
        slots: all.slots,
        slot: all.slot,
        commit_interval: all.commit_interval,
        checkpoint_interval: all.checkpoint_interval,
        checkpoints_kept: all.checkpoints_kept,
        max_records: all.max_records,
        until_caught_up: all.until_caught_up,
        drain: all.drain,
        http: all.http,
        quiet: all.quiet,
        ..JobOptions::default()
    }
}

impl StatementKeys {
    /// Whether the file has one of the keys.
    #[must_use]
    pub fn is_begun(&self) -> bool {
        let has_table = self.input.is_some() || self.output.is_some() || !self.inputs.is_empty();
        let has_more = !self.dimensions.is_empty() || !self.functions.is_empty();
        self.sql.is_some() || has_table || has_more || self.join.is_some()
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
                if let Err(why) = table.set(&OF_INPUT[1..], written, value.get_ref()) {
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
        let (sql, left, output) = match (&self.sql, &*sides, &self.output) {
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
        };
        let output = OutputDefinition {
            name: named(&output.name, "output"),
            topic: String::new(),
            key: output.key.clone(),
            columns: output.columns.clone(),
        };
        let definition = Definition::new(input(left, String::new()), output, sql.clone());
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
    let is_input =
        |name: &str, value: &DeValue<'_>| matches!(value, DeValue::Table(_)) && name != "columns";
    pairs.iter().any(|(name, value)| is_input(name.get_ref().as_ref(), value.get_ref()))
}

impl TableKeys {
    fn set(&mut self, known: &[&str], written: &str, value: &DeValue<'_>) -> Result<(), String> {
        if !known.contains(&written) {
            return Err(match nearest(written, known.iter().copied()) {
                Some(name) => format!("there is no such key; did you mean {name:?}?"),
                None => format!("there is no such key; the keys are {}", known.join(", ")),
            });
        }
        match written {
            "columns" => self.columns = columns(value)?,
            "format" => {
                self.format = Some(match text(value)?.as_str() {
                    "json" => InputFormat::Json,
                    "windows" => InputFormat::Windows,
                    other => return Err(format!("{other:?} is none of \"json\", \"windows\"")),
                });
            }
            "name" => self.name = Some(text(value)?),
            "topic" => self.topic = Some(text(value)?),
            "of" => self.of = Some(text(value)?),
            _ => self.key = Some(text(value)?),
        }
        Ok(())
    }
}
