//! What a SQL job is: its input, its output, the tables that it looks things up in, and its statement. This is all that its results depend
//! on, so it is the semantics of the job: the journal begins with it, and every note has it.
//!
//! Stored as JSON. A field that a later version adds has a default that means what there was before.

pub mod column;
pub mod dimension;
pub mod event_time;
pub mod fault;
pub mod function;
pub mod input;
pub mod join;
pub mod row_operator;
pub mod timing;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use self::column::Column;
use self::dimension::DimensionDefinition;
use self::fault::DefinitionFault;
use self::function::{FunctionDefinition, MacroDefinition};
pub use self::input::{InputDefinition, InputFormat};
use self::join::{JoinDefinition, PAIRS};
use self::row_operator::RowOperatorDefinition;
use self::timing::{TimingDefinition, WindowDefinition};
use crate::limits;

/// Version of what rows, dead letters and states of these jobs look like.
const LAYOUT: u32 = 1;

/// A SQL job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    layout: u32,
    /// The engine: another one may answer otherwise.
    engine: String,
    /// Where rows come from.
    pub input: InputDefinition,
    /// Where rows go.
    pub output: OutputDefinition,
    /// The statement as written; empty where there is an operator.
    pub sql: String,
    /// Tables that it looks things up in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dimensions: Vec<DimensionDefinition>,
    /// The other input, and how both are joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub join: Option<JoinDefinition>,
    /// The clock of its rows, and its windows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timing: Option<TimingDefinition>,
    /// Functions of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub functions: Vec<FunctionDefinition>,
    /// Functions that are expressions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub macros: Vec<MacroDefinition>,
    /// What stands in place of a statement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<RowOperatorDefinition>,
}

/// Where rows go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputDefinition {
    /// What the statement inserts into.
    pub name: String,
    /// The topic.
    pub topic: String,
    /// The column that is the key of messages; `None`: they have that of their input.
    pub key: Option<String>,
    /// Columns, in order.
    pub columns: Vec<Column>,
}

impl Definition {
    /// A job of this program's version.
    #[must_use]
    pub fn new(input: InputDefinition, output: OutputDefinition, sql: String) -> Self {
        let (engine, dimensions) = (seismic_sql::engine_version(), Vec::new());
        let (layout, functions, macros) = (LAYOUT, Vec::new(), Vec::new());
        let (join, timing, operator) = (None, None, None);
        Definition {
            layout,
            engine,
            input,
            output,
            sql,
            dimensions,
            join,
            timing,
            functions,
            macros,
            operator,
        }
    }

    /// The same with a module in place of a statement, whose engine is that of modules.
    #[must_use]
    pub fn operated(self, operator: RowOperatorDefinition) -> Self {
        let engine = function::ENGINE.to_owned();
        Definition { operator: Some(operator), engine, ..self }
    }

    /// The same with another input, which is joined.
    #[must_use]
    pub fn joined(self, join: JoinDefinition) -> Self {
        Definition { join: Some(join), ..self }
    }

    /// The same with event times.
    #[must_use]
    pub fn timed(self, timing: TimingDefinition) -> Self {
        Definition { timing: Some(timing), ..self }
    }

    /// The windows that its statement looks at; `None`: it looks at each row alone.
    #[must_use]
    pub fn window(&self) -> Option<&WindowDefinition> {
        self.timing.as_ref()?.window.as_ref()
    }

    /// Whether its snapshots have more behind the state: clocks, and rows that wait.
    pub(crate) fn has_more_than_state(&self) -> bool {
        self.join.is_some() || self.timing.is_some()
    }

    /// Its inputs: the left side of a join is the first.
    pub fn inputs(&self) -> impl Iterator<Item = &InputDefinition> {
        std::iter::once(&self.input).chain(self.join.as_ref().map(|join| &join.right))
    }

    /// What the statement calls its rows.
    #[must_use]
    pub fn table(&self) -> &str {
        if self.join.is_some() { PAIRS } else { &self.input.name }
    }

    /// The same with these tables.
    #[must_use]
    pub fn with_dimensions(self, dimensions: Vec<DimensionDefinition>) -> Self {
        Definition { dimensions, ..self }
    }

    /// The same with these functions.
    #[must_use]
    pub fn with_functions(self, functions: Vec<FunctionDefinition>) -> Self {
        Definition { functions, ..self }
    }

    /// The same with these functions that are expressions.
    #[must_use]
    pub fn with_macros(self, macros: Vec<MacroDefinition>) -> Self {
        Definition { macros, ..self }
    }

    /// What it computes, in one line.
    #[must_use]
    pub fn shown(&self) -> String {
        let Some(operator) = &self.operator else {
            return self.sql.split_whitespace().collect::<Vec<_>>().join(" ");
        };
        let module = self.functions.iter().find(|it| it.is_operator);
        let hash = module.and_then(|it| it.sha256.get(..8)).unwrap_or_default();
        let params = operator.params.iter().map(|(name, value)| format!(", {name} is {value}"));
        format!("operator wasm {hash}{}", params.collect::<String>())
    }

    /// As stored.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("it has names, numbers and lists")
    }

    /// Short name of all of it.
    #[must_use]
    pub fn hash(&self) -> String {
        let digest = Sha256::digest(self.to_json().as_bytes());
        digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
    }

    /// In what it differs from `other`: names of keys with the value that was.
    #[must_use]
    pub fn differences(&self, other: &Definition) -> Vec<String> {
        let shown = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut differences = Vec::new();
        if (self.layout, &self.engine) != (other.layout, &other.engine) {
            differences.push(format!(
                "engine {} layout {} (was {} layout {})",
                self.engine, self.layout, other.engine, other.layout
            ));
        }
        if self.input != other.input {
            let was = serde_json::to_string(&other.input).unwrap_or_default();
            differences.push(format!("input (was {was})"));
        }
        if self.output != other.output {
            let was = serde_json::to_string(&other.output).unwrap_or_default();
            differences.push(format!("output (was {was})"));
        }
        if self.sql != other.sql {
            differences.push(format!("sql (was {})", shown(&other.sql)));
        }
        if self.join != other.join {
            let was = serde_json::to_string(&other.join).unwrap_or_default();
            differences.push(format!("join (was {was})"));
        }
        if self.timing != other.timing {
            let was = serde_json::to_string(&other.timing).unwrap_or_default();
            differences.push(format!("event time and window (was {was})"));
        }
        if self.dimensions != other.dimensions {
            let was = serde_json::to_string(&other.dimensions).unwrap_or_default();
            differences.push(format!("dimension (was {was})"));
        }
        if (&self.functions, &self.macros) != (&other.functions, &other.macros) {
            let was = (&other.functions, &other.macros);
            let was = serde_json::to_string(&was).unwrap_or_default();
            let key = if self.operator.is_some() { "module" } else { "function" };
            differences.push(format!("{key} (was {was})"));
        }
        if self.operator != other.operator {
            let was = serde_json::to_string(&other.operator).unwrap_or_default();
            differences.push(format!("operator and params (was {was})"));
        }
        differences
    }

    /// What is wrong with it beside the statement and its tables.
    #[must_use]
    pub fn faults(&self) -> Vec<DefinitionFault> {
        let mut faults = Vec::new();
        let mut fault = |key, why: String| faults.push(DefinitionFault::new(key, why));
        if let Err(why) = check_name(&self.output.name) {
            fault("output", format!("name: {why}"));
        }
        for input in self.inputs() {
            // Which of two it is.
            let of = self.join.as_ref().map_or_else(String::new, |_| format!("{}: ", input.name));
            if let Err(why) = check_name(&input.name) {
                fault("input", format!("{of}name: {why}"));
            }
            match input.format {
                InputFormat::Json if input.columns.is_empty() => {
                    let why = "JSON lines have columns that are declared: write columns = { name = \"text\" }";
                    fault("input", format!("{of}{why}"));
                }
                InputFormat::Windows if !input.columns.is_empty() => {
                    let why = "columns: those of window rows are known: leave the key out";
                    fault("input", format!("{of}{why}"));
                }
                _ => {}
            }
            if let Err(why) = check_columns(&input.columns) {
                fault("input", format!("{of}columns: {why}"));
            }
        }
        if self.output.columns.is_empty() {
            fault(
                "output",
                "an output has columns: write columns = { name = \"text\" }".to_owned(),
            );
        }
        if let Err(why) = check_columns(&self.output.columns) {
            fault("output", format!("columns: {why}"));
        }
        if let Some(name) = &self.output.key
            && !self.output.columns.iter().any(|column| column.name == *name)
        {
            let names = self.output.columns.iter().map(|column| column.name.as_str());
            let near = seismic_sql::nearest(name, names);
            let near = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
            fault("output", format!("key: there is no column {name}{near}"));
        }
        let size = self.to_json().len();
        if size > limits::DEFINITION_BYTES {
            let most = limits::DEFINITION_BYTES >> 10;
            fault("sql", format!("statement and columns take {size} bytes, more than {most} KiB"));
        }
        faults
    }
}

/// Whether a table or a column can have that name.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    let is_fine = |letter: char| letter.is_alphanumeric() || letter == '_';
    let begins_well = !name.starts_with(|letter: char| letter.is_ascii_digit());
    match !name.is_empty() && begins_well && name.chars().all(is_fine) {
        true if name.to_lowercase().starts_with("sqlite_") => {
            Err(format!("{name:?} begins as the names of SQLite do"))
        }
        true if ["json_", "pragma_"].iter().any(|it| name.to_lowercase().starts_with(it)) => {
            Err(format!("{name:?} begins as functions of SQLite do"))
        }
        true => Ok(()),
        false => Err(format!("{name:?} is no name: letters, digits and _, no digit first")),
    }
}

/// Whether a table can have these columns.
pub(crate) fn check_columns(columns: &[Column]) -> Result<(), String> {
    if columns.len() > limits::COLUMNS {
        return Err(format!("{} are more than {}", columns.len(), limits::COLUMNS));
    }
    for (i, column) in columns.iter().enumerate() {
        check_name(&column.name)?;
        if column.name == "_id" {
            return Err(
                "_id says what each output row was made of: name the column otherwise".into()
            );
        }
        let is_same = |other: &&Column| other.name.eq_ignore_ascii_case(&column.name);
        if let Some(other) = columns[..i].iter().find(is_same) {
            return Err(format!("{} and {} are one name in SQL", other.name, column.name));
        }
    }
    Ok(())
}
