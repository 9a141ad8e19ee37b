//! Jobs that are put away: they are stopped, everything of them is kept, and they are not started before
//! somebody brings them back.

use super::asking::{accepted, known, unavailable};
use crate::http::{ApiError, Call, Reply};
use crate::serve::life::Input;
use crate::serve::supervisor::Supervisor;
use crate::time::show_ms;

/// Puts a job away.
pub fn archive(call: &Call, server: &mut Supervisor) -> Result<Reply, ApiError> {
    let name = known(call, server)?;
    if let Some(file) = server.job(&name).and_then(|job| job.stored.source.as_ref()) {
        let why = format!("job {name} is described by {file}: move that out of the folder");
        return Err(ApiError::conflict(why));
    }
    let by = call.who().to_owned();
    server.ask(&name, Input::Archive(by)).map_err(|error| unavailable(&error))?;
    accepted()
}

/// Brings it back.
pub fn unarchive(call: &Call, server: &mut Supervisor) -> Result<Reply, ApiError> {
    let name = known(call, server)?;
    server.ask(&name, Input::Unarchive).map_err(|error| unavailable(&error))?;
    accepted()
}

/// Whether the job may be started.
///
/// # Errors
/// `conflict` with who put it away, and how it comes back.
pub fn check(name: &str, server: &Supervisor) -> Result<(), ApiError> {
    let archived = server.job(name).and_then(|job| job.life.saved().archived.as_ref());
    match archived {
        None => Ok(()),
        Some(it) => Err(ApiError::conflict(format!(
            "{} archived job {name} at {}: bring it back with `seismic job unarchive {name}`, then start it",
            it.by,
            show_ms(it.at_ms)
        ))),
    }
}
