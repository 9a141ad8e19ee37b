//! What is wrong with the operator of a definition, beside its module.

use crate::definition::fault::DefinitionFault;
use crate::definition::row_operator::{Param, RowOperatorDefinition};
use crate::definition::{Definition, check_name};
use crate::limits;

/// Everything that is wrong with it.
pub fn faults(definition: &Definition) -> Vec<DefinitionFault> {
    let has_module = definition.functions.iter().any(|it| it.is_operator);
    let Some(RowOperatorDefinition { params }) = &definition.operator else {
        let why = "there is a module of an operator, and no operator = \"wasm\"";
        return has_module.then(|| DefinitionFault::new("operator", why)).into_iter().collect();
    };
    let mut faults = Vec::new();
    let mut fault = |key, why: String| faults.push(DefinitionFault::new(key, why));
    if !has_module || definition.functions.len() > 1 || !definition.macros.is_empty() {
        let why = "it has one module, [module], and no functions beside that";
        fault("operator", why.to_owned());
    }
    if !definition.sql.is_empty() {
        let why = "a job has sql or operator = \"wasm\": leave one of them out";
        fault("operator", why.to_owned());
    }
    if definition.join.is_some() {
        let why = "a job with operator = \"wasm\" has one input: join in a job with sql, and let this one \
                   read its rows";
        fault("operator", why.to_owned());
    }
    if params.len() > limits::PARAMS {
        fault("params", format!("{} are more than {}", params.len(), limits::PARAMS));
    }
    for (name, value) in params {
        if let Err(why) = check_name(name) {
            fault("params", why);
        }
        match value {
            Param::Real(real) if !real.is_finite() => {
                fault("params", format!("{name}: it is no finite number"));
            }
            Param::Text(text) if text.len() > limits::PARAM_BYTES => {
                let (bytes, most) = (text.len(), limits::PARAM_BYTES >> 10);
                fault("params", format!("{name}: it has {bytes} bytes, more than {most} KiB"));
            }
            _ => {}
        }
    }
    faults
}
