//! What is wrong with the functions of a definition, beside their modules.

use std::collections::BTreeSet;

use super::module::IS_THERE;
use crate::definition::fault::DefinitionFault;
use crate::definition::function::{ENGINE, FunctionDefinition, MacroDefinition};
use crate::definition::{Definition, check_name};
use crate::limits;

/// Everything that is wrong with them.
pub fn faults(definition: &Definition) -> Vec<DefinitionFault> {
    let all = &definition.functions;
    let mut faults = Vec::new();
    if !IS_THERE && !all.is_empty() {
        let why = "this program was built without functions: build it with --features wasm";
        faults.push(why.to_owned());
    }
    if all.len() > limits::FUNCTIONS {
        faults.push(format!("{} functions are more than {}", all.len(), limits::FUNCTIONS));
    }
    if definition.macros.len() > limits::FUNCTIONS {
        let found = definition.macros.len();
        faults.push(format!("{found} functions with sql are more than {}", limits::FUNCTIONS));
    }
    let known: BTreeSet<&str> = seismic_sql::allowed_functions().collect();
    let names: Vec<&String> =
        all.iter().map(|it| &it.name).chain(definition.macros.iter().map(|it| &it.name)).collect();
    for (i, name) in names.iter().enumerate() {
        let mut fault = |why: String| faults.push(format!("{name}: {why}"));
        if let Err(why) = check_name(name) {
            fault(format!("name: {why}"));
        }
        if known.contains(name.to_lowercase().as_str()) {
            fault("there is a function of that name already: name it otherwise".to_owned());
        }
        if names[..i].iter().any(|other| other.eq_ignore_ascii_case(name)) {
            fault("two functions are one name in SQL".to_owned());
        }
    }
    for function in all {
        let name = &function.name;
        faults.extend(faults_of(function).into_iter().map(|why| format!("{name}: {why}")));
    }
    for one in &definition.macros {
        faults.extend(faults_of_macro(one).into_iter().map(|why| format!("{}: {why}", one.name)));
    }
    let key = if definition.operator.is_some() { "module" } else { "function" };
    faults.into_iter().map(|why| DefinitionFault::new(key, why)).collect()
}

fn faults_of_macro(one: &MacroDefinition) -> Vec<String> {
    let mut faults = Vec::new();
    let most = limits::MACRO_BYTES;
    if one.sql.trim().is_empty() || one.sql.len() > most {
        faults.push(format!("sql: write an expression of up to {} KiB", most >> 10));
    }
    for (i, name) in one.args.iter().enumerate() {
        faults.extend(check_name(name).err().map(|why| format!("args: {why}")));
        if one.args[..i].iter().any(|other| other.eq_ignore_ascii_case(name)) {
            faults.push(format!("args: {name} is there twice"));
        }
    }
    faults
}

fn faults_of(function: &FunctionDefinition) -> Vec<String> {
    let mut faults = Vec::new();
    let most = seismic_sql::limits::OWN_ARGUMENTS;
    if function.args.len() > most {
        faults.push(format!("args: {} are more than {most}", function.args.len()));
    }
    if !limits::FUEL.contains(&function.fuel) {
        let (least, most) = (limits::FUEL.start(), limits::FUEL.end());
        faults.push(format!("fuel: {} is not between {least} and {most}", function.fuel));
    }
    if !limits::FUNCTION_MEMORY_BYTES.contains(&function.memory_bytes) {
        let most = limits::FUNCTION_MEMORY_BYTES.end() >> 20;
        faults.push(format!("memory_mib: it is not between 1 and {most}"));
    }
    if function.engine != ENGINE {
        faults.push(format!(
            "it belongs to {}, and this program has {ENGINE}, which may count steps otherwise",
            function.engine
        ));
    }
    faults
}
