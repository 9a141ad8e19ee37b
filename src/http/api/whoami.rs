//! `whoami`: who asks, and what they may do.

use serde_json::json;

use super::reply;
use crate::http::{Right, Route};

pub fn route() -> Route {
    Route::get("/api/v1/whoami", "Who asks, by which token, and what they may do with which jobs")
        .needs(Right::Own)
        .for_some_jobs()
        .gives("WhoAmI")
        .handled(|call| {
            let caller = call.caller();
            let may = Right::ALL.into_iter().filter(|&right| caller.may(right));
            reply(json!({
                "who": caller.who,
                "is_proved": caller.is_proved(),
                "roles": caller.roles().names(),
                "may": may.map(Right::name).collect::<Vec<_>>(),
                "jobs": caller.scope().patterns(),
                "select": caller.topics().select.patterns(),
                "insert": caller.topics().insert.patterns(),
                "expires_ms": caller.expires_ms(),
            }))
        })
}
