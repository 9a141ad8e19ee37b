//! Functions of the job file, which a question may call as the job does.

use std::sync::Arc;

use seismic_derived::{MacroDefinition, with_module};
use seismic_sql::{Expanded, Function, expand};

use super::read_failure::of_engine;
use crate::dimension::function;
use crate::error::Usage;
use crate::job::file::JobFile;

/// The question without calls of expressions, and the modules that it calls.
///
/// # Errors
/// What is wrong with a call, or with a module that is called.
pub fn with_functions(
    question: &str,
    file: &JobFile,
) -> anyhow::Result<(Expanded, Vec<Arc<dyn Function>>)> {
    let macros = file.statement.iter().flat_map(|it| &it.macros);
    let macros: Vec<_> = macros.map(MacroDefinition::of_sql).collect();
    let question = expand(question, &macros).map_err(of_engine)?;
    let all = file.statement.iter().flat_map(|it| &it.functions).zip(&file.functions);
    // Others may be where this command cannot read them.
    let words = question.sql.to_lowercase();
    let called = all
        .filter(|(one, _)| !one.is_operator && words.contains(&one.name.to_lowercase()))
        .map(|(one, spec)| {
            let (loaded, _) = function::load(one, spec).map_err(Usage)?;
            with_module(loaded.definition, &loaded.content).map_err(Usage)
        });
    let called = called.collect::<Result<_, Usage>>()?;
    Ok((question, called))
}
