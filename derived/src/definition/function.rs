//! A function of one's own, as far as results depend on it: its module by the hash of its content, and
//! what a call may take.

use serde::{Deserialize, Serialize};

use super::column::ColumnKind;

/// What runs modules, with its version: another one may count fuel otherwise.
pub const ENGINE: &str = "wasmi 2.0.0";

/// A function that a WebAssembly module exports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FunctionDefinition {
    /// Its name in the statement.
    pub name: String,
    /// What runs it.
    pub engine: String,
    /// SHA-256 of the module in hex; empty as long as nobody has read it.
    pub sha256: String,
    /// What the module calls it.
    pub export: String,
    /// Types of its arguments.
    pub args: Vec<ColumnKind>,
    /// Type of its answer.
    pub returns: ColumnKind,
    /// Steps that a call may take, as the engine counts them.
    pub fuel: u64,
    /// Bytes of memory that a call may have.
    pub memory_bytes: u64,
    /// Whether it is no function, but what a job has in place of a statement.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_operator: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde gives references")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

/// A function that is an expression of SQL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MacroDefinition {
    /// Its name in the statement.
    pub name: String,
    /// Names of its arguments.
    pub args: Vec<String>,
    /// The expression, which names them.
    pub sql: String,
}

impl MacroDefinition {
    /// The same for the engine.
    #[must_use]
    pub fn of_sql(&self) -> seismic_sql::Macro {
        let MacroDefinition { name, args, sql } = self.clone();
        seismic_sql::Macro { name, args, sql }
    }
}

impl FunctionDefinition {
    /// What its module is called among what the store keeps of the job: no table can have that name.
    #[must_use]
    pub fn stored_name(&self) -> String {
        format!("{}()", self.name)
    }

    /// What a job file calls it.
    #[must_use]
    pub fn key(&self) -> String {
        match self.is_operator {
            true => self.name.clone(),
            false => format!("function.{}", self.name),
        }
    }

    /// Whether texts go in or out, for which a module has memory and says where it is free.
    #[must_use]
    pub fn has_text(&self) -> bool {
        self.args.contains(&ColumnKind::Text) || self.returns == ColumnKind::Text
    }
}
