//! The functions of a job: each module is read and checked as the job would.

use seismic_derived::FunctionDefinition;
use seismic_queue::Finding;

use super::report::Section;
use crate::dimension::function::{FunctionSpec, load};

/// What to do where the reason says what is wrong.
const REMEDY: &str = "correct it; a job that runs has the module that it began with";

/// Reads a module.
pub(super) fn examine((definition, spec): &(FunctionDefinition, FunctionSpec)) -> Section {
    let of = format!("function {} ({})", spec.function, spec.source);
    let finding = match load(definition, spec) {
        Ok((loaded, module)) => {
            let instances = match module.writes_nothing() {
                true => "it writes nothing, so one instance serves all calls",
                false => "it writes memory or globals, so each call has a new instance, some 10 µs",
            };
            let (hash, bytes) = (module.hash(), loaded.content.len());
            Finding::fine(format!("module {} of {bytes} bytes: {instances}", &hash[..8]))
        }
        Err(why) => Finding::problem(why, REMEDY.to_owned()),
    };
    Section { of, findings: vec![finding] }
}
