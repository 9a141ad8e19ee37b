//! Routes that first look at the queue of a job. A queue may take seconds to answer, so this is done
//! while the supervisor does other things.

use std::sync::Arc;

use serde_json::{Value, json};

use super::roots;
use crate::http::{ApiError, Call, Caller, Reply};
use crate::job::JobSpec;
use crate::job::spec::parallelism::{Parallelism, look};
use crate::serve::handle::Handle;
use crate::serve::supervisor::Supervisor;
use crate::serve::worker::order::Description;

/// A handler that has the supervisor to itself, once the queue of the job that the call is about was
/// looked at. What is not known of it is a warning of the answer, where that has warnings.
pub fn with_look(
    server: &Arc<Handle>,
    spec_of: fn(&Call, &mut Supervisor) -> Option<JobSpec>,
    act: fn(&Call, &mut Supervisor) -> Result<Reply, ApiError>,
) -> impl Fn(&Call) -> Result<Reply, ApiError> + Send + Sync + 'static {
    let server = Arc::clone(server);
    move |call| {
        let (asked, acted) = (call.clone(), call.clone());
        // What is wrong with the job is for the act itself to say.
        let spec = server.ask(move |supervisor| spec_of(&asked, supervisor))?;
        let warning = match spec.map_or(Parallelism::Fits, |spec| look(&spec)) {
            Parallelism::Fits => None,
            Parallelism::NotKnown(why) => Some(why),
            Parallelism::TooMany(why) => return Err(ApiError::bad_request(why)),
        };
        let reply = server.ask(move |supervisor| act(&acted, supervisor))??;
        Ok(match warning {
            Some(warning) => warned(reply, &warning),
            None => reply,
        })
    }
}

fn warned(mut reply: Reply, warning: &str) -> Reply {
    if let Reply::Json(value) | Reply::Tagged(value, _) = &mut reply
        && let Some(Value::Array(warnings)) = value.get_mut("warnings")
    {
        warnings.push(json!(warning));
    }
    reply
}

/// The job of a description that somebody submits, if its queue may be looked at: how many partitions
/// a topic has that is not theirs they do not learn.
pub fn described_by(
    caller: &Caller,
    description: &Description,
    server: &Supervisor,
) -> Option<JobSpec> {
    let spec = described(description, server)?;
    caller.check_select(&spec.topic).is_ok().then_some(spec)
}

/// The job of a description, if its queue may be looked at: a file outside of the server's roots is
/// not even opened.
pub fn described(description: &Description, server: &Supervisor) -> Option<JobSpec> {
    let mut whole = description.clone();
    server.settings().complete(&mut whole);
    let (spec, service) = whole.resolve().ok()?;
    roots::faults(&spec, &service, &server.settings().roots).is_empty().then_some(spec)
}
