//! The functions `[function.NAME]` of a job with a statement.
//!
//! ```toml
//! [function.crest]
//! wasm = "file:crest.wasm"                 # or resource:NAME
//! args = ["real", "real"]
//! returns = "real"
//!
//! [function.ratio]
//! args = ["used", "total"]
//! sql = "used * 1.0 / total"
//! ```

use std::collections::BTreeSet;

use seismic_derived::{
    ColumnKind, FUNCTION_ENGINE, FunctionDefinition, MacroDefinition, RowOperatorDefinition, limits,
};
use toml::de::DeValue;

use super::nearest::nearest;
use super::value::{number, text};
use crate::dimension::function::{FunctionSpec, ModuleSource};

/// Keys of a function.
pub const OF_FUNCTION: [&str; 8] =
    ["wasm", "sql", "sha256", "export", "args", "returns", "fuel", "memory_mib"];

/// Keys of a module in place of a statement.
const OF_MODULE: [&str; 4] = ["wasm", "sha256", "fuel", "memory_mib"];

/// Mebibytes of memory.
const MEMORY_MIB: std::ops::RangeInclusive<u64> = 1..=(*limits::FUNCTION_MEMORY_BYTES.end() >> 20);

/// What a file says of a function.
#[derive(Clone, Debug, Default)]
pub struct FunctionKeys {
    /// Its name.
    pub name: String,
    wasm: Option<ModuleSource>,
    sql: Option<String>,
    written: BTreeSet<String>,
    sha256: Option<String>,
    export: Option<String>,
    args: Option<Vec<String>>,
    returns: Option<ColumnKind>,
    fuel: Option<u64>,
    memory_mib: Option<u64>,
}

impl FunctionKeys {
    /// The function of that name, without anything said of it.
    #[must_use]
    pub fn named(name: &str) -> Self {
        FunctionKeys { name: name.to_owned(), ..FunctionKeys::default() }
    }

    /// Sets a key.
    ///
    /// # Errors
    /// What to write instead.
    pub fn set(&mut self, written: &str, value: &DeValue<'_>) -> Result<(), String> {
        self.set_one_of(&OF_FUNCTION, written, value)
    }

    /// Sets a key of `[module]`.
    ///
    /// # Errors
    /// What to write instead.
    pub fn set_of_module(&mut self, written: &str, value: &DeValue<'_>) -> Result<(), String> {
        self.set_one_of(&OF_MODULE, written, value)
    }

    fn set_one_of(
        &mut self,
        known: &[&str],
        written: &str,
        value: &DeValue<'_>,
    ) -> Result<(), String> {
        if !known.contains(&written) {
            return Err(match nearest(written, known.iter().copied()) {
                Some(name) => format!("there is no such key; did you mean {name:?}?"),
                None => format!("there is no such key; the keys are {}", known.join(", ")),
            });
        }
        self.written.insert(written.to_owned());
        match written {
            "sql" => self.sql = Some(text(value)?),
            "wasm" => self.wasm = Some(ModuleSource::new(&text(value)?)?),
            "sha256" => {
                let hash = text(value)?.to_lowercase();
                if hash.len() != 64 || !hash.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                    return Err(
                        "write the 64 hexadecimal digits that `sha256sum` prints".to_owned()
                    );
                }
                self.sha256 = Some(hash);
            }
            "export" => self.export = Some(text(value)?),
            "args" => {
                let DeValue::Array(all) = value else {
                    return Err("write a list, as in [\"real\", \"real\"]".to_owned());
                };
                let all = all.iter().map(|value| text(value.get_ref()));
                self.args = Some(all.collect::<Result<_, String>>()?);
            }
            "returns" => self.returns = Some(text(value)?.parse()?),
            "fuel" => self.fuel = Some(number(value, limits::FUEL)?),
            _ => self.memory_mib = Some(number(value, MEMORY_MIB)?),
        }
        Ok(())
    }

    /// The function where it is an expression; `None`: it is a module.
    ///
    /// # Errors
    /// What is missing or means nothing to an expression.
    pub fn as_macro(&self) -> Result<Option<MacroDefinition>, String> {
        let Some(sql) = self.sql.clone() else { return Ok(None) };
        let name = &self.name;
        let of_module = self.written.iter().find(|key| !matches!(&***key, "sql" | "args"));
        if let Some(key) = of_module {
            return Err(format!(
                "function.{name}: {key} is of functions that are modules, and this one has sql: leave one \
                 of them out"
            ));
        }
        let args = self.args.clone().unwrap_or_default();
        Ok(Some(MacroDefinition { name: name.clone(), args, sql }))
    }

    /// The function, and where its module is.
    ///
    /// # Errors
    /// What is missing.
    pub fn function(&self) -> Result<(FunctionDefinition, FunctionSpec), String> {
        let missing = |what: &str| format!("function.{}: {what}", self.name);
        let Some(source) = self.wasm.clone() else {
            return Err(missing(
                "wasm is missing: where its module is, as file:PATH or resource:NAME; or sql, an expression",
            ));
        };
        let Some(args) = self.args.clone() else {
            return Err(missing("args is missing: the types of its arguments, as in [\"real\"]"));
        };
        let Some(returns) = self.returns else {
            return Err(missing("returns is missing: the type of its answer, as in \"real\""));
        };
        let definition = FunctionDefinition {
            name: self.name.clone(),
            engine: FUNCTION_ENGINE.to_owned(),
            sha256: self.sha256.clone().unwrap_or_default(),
            export: self.export.clone().unwrap_or_else(|| self.name.clone()),
            args: args
                .iter()
                .map(|it| it.parse())
                .collect::<Result<_, String>>()
                .map_err(|why| missing(&format!("args: {why}")))?,
            returns,
            fuel: self.fuel(),
            memory_bytes: self.memory_bytes(),
            is_operator: false,
        };
        let key = definition.key();
        Ok((definition, FunctionSpec { key, source }))
    }

    /// The module in place of a statement, and where it is.
    ///
    /// # Errors
    /// What is missing.
    pub fn module(&self) -> Result<(FunctionDefinition, FunctionSpec), String> {
        let Some(source) = self.wasm.clone() else {
            let why = "module: wasm is missing: where it is, as file:PATH or resource:NAME";
            return Err(why.to_owned());
        };
        let sha256 = self.sha256.clone().unwrap_or_default();
        let definition = RowOperatorDefinition::module(sha256, self.fuel(), self.memory_bytes());
        let key = definition.key();
        Ok((definition, FunctionSpec { key, source }))
    }

    fn fuel(&self) -> u64 {
        self.fuel.unwrap_or(limits::FUEL_OF_A_CALL)
    }

    fn memory_bytes(&self) -> u64 {
        let memory = self.memory_mib.map(|mib| mib.saturating_mul(1 << 20));
        memory.unwrap_or(limits::FUNCTION_MEMORY_BYTES_OF_A_CALL)
    }
}
