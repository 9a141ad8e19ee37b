//! What a module in place of a statement may call: the functions of the host, by name and type. None
//! reaches anything but rows, tables, parameters and the log of its job.

use wasmi::ExternType;
use wasmi::ValType::{self, F64, I32, I64};

use super::instance::MEMORY;
use crate::definition::function::FunctionDefinition;
use crate::definition::row_operator::ON_ROW;

/// What of a module is called behind the rows of a window.
pub const ON_END: &str = "on_end";

/// The module that such functions are imported from.
pub const HOST: &str = "seismic";

/// A function of the host: its name, what it takes, and what it gives.
pub type HostFunction = (&'static str, &'static [ValType], &'static [ValType]);

/// All of them.
pub const FUNCTIONS: [HostFunction; 16] = [
    ("int", &[I32, I32], &[I64]),
    ("real", &[I32, I32], &[F64]),
    ("text", &[I32, I32, I32, I32], &[I32]),
    ("is_null", &[I32, I32], &[I32]),
    ("find", &[I32], &[I32]),
    ("go_to", &[I32, I32], &[]),
    ("set_int", &[I32, I64], &[]),
    ("set_real", &[I32, F64], &[]),
    ("set_text", &[I32, I32, I32], &[]),
    ("emit", &[], &[]),
    ("param_int", &[I32, I32], &[I64]),
    ("param_real", &[I32, I32], &[F64]),
    ("param_text", &[I32, I32, I32, I32], &[I32]),
    ("has_param", &[I32, I32], &[I32]),
    ("log", &[I32, I32], &[]),
    ("fail", &[I32, I32], &[]),
];

/// Those that look into the memory of the module.
const OF_MEMORY: [&str; 8] =
    ["text", "set_text", "param_int", "param_real", "param_text", "has_param", "log", "fail"];

/// Bytes of a page of memory.
const PAGE_BYTES: u64 = 64 << 10;

/// Whether a module imports nothing else, and exports what is called.
///
/// # Errors
/// What of it cannot be.
pub fn check(definition: &FunctionDefinition, wasm: &wasmi::Module) -> Result<(), String> {
    let memory = match wasm.get_export(MEMORY) {
        Some(ExternType::Memory(memory)) => Some(memory),
        _ => None,
    };
    let has_memory = memory.is_some();
    let begins_with = memory.map_or(0, |it| it.minimum().saturating_mul(PAGE_BYTES));
    if begins_with > definition.memory_bytes {
        let (needs, most) = (begins_with.div_ceil(1 << 20), definition.memory_bytes >> 20);
        return Err(format!("the module begins with {needs} MiB of memory, and has {most}"));
    }
    for import in wasm.imports() {
        let (from, name) = (import.module(), import.name());
        if from != HOST {
            return Err(format!(
                "the module imports {from}.{name}: an operator has the functions of {HOST}, and reaches \
                 nothing else, no clock, no chance and no file, so that it answers alike in every run; \
                 build it without other imports (`seismic function new --operator` shows how)"
            ));
        }
        let Some((_, takes, gives)) = FUNCTIONS.iter().find(|known| known.0 == name) else {
            let near = seismic_sql::nearest(name, FUNCTIONS.iter().map(|known| known.0));
            let near = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
            return Err(format!("the module imports {HOST}.{name}, which there is not{near}"));
        };
        let is_same = match import.ty() {
            ExternType::Func(found) => found.params() == *takes && found.results() == *gives,
            _ => false,
        };
        if !is_same {
            return Err(format!(
                "the module imports {HOST}.{name} as something else: it takes {takes:?} and gives {gives:?}"
            ));
        }
        if OF_MEMORY.contains(&name) && !has_memory {
            return Err(format!(
                "the module imports {HOST}.{name}, for which it exports its {MEMORY}, and it does not"
            ));
        }
    }
    let takes_nothing = |found: &ExternType| match found {
        ExternType::Func(found) => found.params().is_empty() && found.results().is_empty(),
        _ => false,
    };
    let export = &definition.export;
    match wasm.get_export(export) {
        None => {
            let near = seismic_sql::nearest(export, wasm.exports().map(|it| it.name()));
            let near = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
            Err(format!("the module exports no function {export}{near}"))
        }
        Some(found) if !takes_nothing(&found) => {
            Err(format!("{ON_ROW} is to take nothing and to give nothing: it asks for the row"))
        }
        Some(_) => match wasm.get_export(ON_END) {
            Some(found) if !takes_nothing(&found) => {
                Err(format!("{ON_END} is to take nothing and to give nothing"))
            }
            _ => Ok(()),
        },
    }
}
