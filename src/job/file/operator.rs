//! What stands in place of a statement: `operator`, `[module]` and `[params]`.
//!
//! ```toml
//! operator = "wasm"
//!
//! [module]
//! wasm = "file:top/top.wasm"               # or resource:NAME
//!
//! [params]
//! count = 3
//! ```

use std::collections::BTreeMap;

use seismic_derived::{FunctionDefinition, Param, RowOperatorDefinition};
use toml::de::{DeTable, DeValue};

use super::function::FunctionKeys;
use super::value::{integer, text};
use crate::dimension::function::FunctionSpec;

/// What the module is called among the functions of a job.
const MODULE: &str = "module";

/// A module, and where it is.
pub type OperatorModule = (FunctionDefinition, FunctionSpec);

/// What a file says of an operator.
#[derive(Clone, Debug, Default)]
pub struct OperatorKeys {
    is_named: bool,
    module: Option<FunctionKeys>,
    params: Option<BTreeMap<String, Param>>,
}

impl OperatorKeys {
    /// Whether the file has one of the keys.
    pub fn is_begun(&self) -> bool {
        self.is_named || self.module.is_some() || self.params.is_some()
    }

    /// Takes `operator`.
    ///
    /// # Errors
    /// What to write instead.
    pub fn name(&mut self, value: &DeValue<'_>) -> Result<(), String> {
        match text(value)?.as_str() {
            "wasm" => self.is_named = true,
            other => {
                return Err(format!("there is no operator {other:?}: write operator = \"wasm\""));
            }
        }
        Ok(())
    }

    /// Begins `[module]`, whose keys are set next.
    pub fn module(&mut self) -> &mut FunctionKeys {
        self.module.insert(FunctionKeys::named(MODULE))
    }

    /// Takes `[params]`; gives each that cannot be to `fault`.
    pub fn params(&mut self, pairs: &DeTable<'_>, mut fault: impl FnMut(&str, String)) {
        let params = self.params.insert(BTreeMap::new());
        for (name, value) in pairs {
            let name = name.get_ref().as_ref();
            match param(value.get_ref()) {
                Ok(value) => drop(params.insert(name.to_owned(), value)),
                Err(why) => fault(name, why),
            }
        }
    }

    /// The operator with its module, and where that is; `None`: the job has none.
    ///
    /// # Errors
    /// What is missing.
    pub fn operator(&self) -> Result<Option<(RowOperatorDefinition, OperatorModule)>, String> {
        if !self.is_begun() {
            return Ok(None);
        }
        if !self.is_named {
            let key = if self.module.is_some() { MODULE } else { "params" };
            return Err(format!("[{key}] is of a job with operator = \"wasm\", which is missing"));
        }
        let Some(module) = &self.module else {
            return Err("operator = \"wasm\" has [module] with wasm = \"file:PATH\"".to_owned());
        };
        let params = self.params.clone().unwrap_or_default();
        Ok(Some((RowOperatorDefinition { params }, module.module()?)))
    }
}

fn param(value: &DeValue<'_>) -> Result<Param, String> {
    match value {
        DeValue::Integer(_) => match i64::try_from(integer(value)?) {
            Ok(whole) => Ok(Param::Int(whole)),
            Err(_) => Err("the number is beyond 64 bits".to_owned()),
        },
        DeValue::Float(number) => match number.as_str().replace('_', "").parse::<f64>() {
            Ok(real) if real.is_finite() => Ok(Param::Real(real)),
            _ => Err("write a finite number".to_owned()),
        },
        DeValue::String(text) => Ok(Param::Text(text.to_string())),
        _ => Err("write a number or a text".to_owned()),
    }
}
