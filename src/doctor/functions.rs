//! The functions of a job: each module is read and checked as the job would.

use seismic_derived::FunctionDefinition;
use seismic_queue::Finding;

use super::report::Section;
use crate::dimension::function::{FunctionSpec, load};

/// What to do where the reason says what is wrong.
const REMEDY: &str = "correct it; a job that runs has the module that it began with";

/// Reads a module.
pub(super) fn examine((definition, spec): &(FunctionDefinition, FunctionSpec)) -> Section {
    let of = match definition.is_operator {
        true => format!("module of the operator ({})", spec.source),
        false => format!("function {} ({})", definition.name, spec.source),
    };
    let finding = match load(definition, spec) {
        Ok((loaded, module)) => {
            let instances = match (definition.is_operator, module.writes_nothing()) {
                (true, true) => "one instance serves all rows, and each window has one of its own",
                (true, false) => {
                    "it writes memory or globals, so each row, or window, has a new instance"
                }
                (false, true) => "it writes nothing, so one instance serves all calls",
                (false, false) => "it writes memory or globals, so each call has a new instance",
            };
            let (hash, bytes) = (module.hash(), loaded.content.len());
            Finding::fine(format!("module {} of {bytes} bytes: {instances}", &hash[..8]))
        }
        Err(why) => Finding::problem(why, REMEDY.to_owned()),
    };
    Section { of, findings: vec![finding] }
}
