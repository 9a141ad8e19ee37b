//! What stands in place of a statement: a module that is called with each row, as far as results depend
//! on it beside its content, which is that of the function [`MODULE`].

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::function::FunctionDefinition;

/// What its module is called among the functions of a job.
pub const MODULE: &str = "module";

/// Target of what operators log.
pub const LOG: &str = "operator";

/// What is called with each row.
pub const ON_ROW: &str = "on_row";

/// A row operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowOperatorDefinition {
    /// What it can ask for by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, Param>,
}

/// A value of a parameter. Real ones are finite, so each equals itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Param {
    /// 64 bits, signed.
    Int(i64),
    /// IEEE 754, 64 bits.
    Real(f64),
    /// UTF-8.
    Text(String),
}

impl Eq for Param {}

impl fmt::Display for Param {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Param::Int(value) => write!(f, "the int {value}"),
            Param::Real(value) => write!(f, "the real {value:?}"),
            Param::Text(value) => write!(f, "the text {value:?}"),
        }
    }
}

impl RowOperatorDefinition {
    /// A module of that hash, as a job has it among its functions.
    #[must_use]
    pub fn module(sha256: String, fuel: u64, memory_bytes: u64) -> FunctionDefinition {
        FunctionDefinition {
            name: MODULE.to_owned(),
            engine: super::function::ENGINE.to_owned(),
            sha256,
            export: ON_ROW.to_owned(),
            args: Vec::new(),
            returns: super::column::ColumnKind::Int,
            fuel,
            memory_bytes,
            is_operator: true,
        }
    }
}
