//! Resources that a token reaches: those whose names are of its project, as with jobs.

use crate::http::{ApiError, Caller};
use crate::job::JobSpec;
use crate::job::file::pinned::ResourceName;

/// Whether the caller may have to do with a resource.
///
/// # Errors
/// `forbidden` for one that is not theirs, whether it exists or not.
pub fn check_reach(caller: &Caller, name: &ResourceName) -> Result<(), ApiError> {
    if caller.reaches(name.as_str()) {
        return Ok(());
    }
    let (who, scope) = (&caller.who, caller.scope());
    let why = format!(
        "token {who} is for resources {scope}, as for jobs, and not for {:?}",
        name.as_str()
    );
    Err(ApiError::new("forbidden", why))
}

/// Why a job that the caller submits may not name the resources that it does.
#[must_use]
pub fn faults(caller: &Caller, spec: &JobSpec) -> Vec<String> {
    let of_functions = spec.functions.iter().filter_map(|it| it.source.resource());
    let names = spec.tables.iter().filter_map(|table| table.source.resource()).chain(of_functions);
    names.filter_map(|name| check_reach(caller, name).err()).map(|error| error.message).collect()
}
