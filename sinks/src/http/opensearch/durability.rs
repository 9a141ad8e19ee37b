//! When indices have on their disks what they acknowledge. With `index.translog.durability` other
//! than `request`, a crash of the server would take rows that the position counts.

use std::collections::BTreeMap;

use seismic_queue::Kind;
use serde_json::Value;

use super::failure;
use super::target::Target;
use crate::http::answer::{self, Request, Server};
use crate::{Error, Result, limits};

const DOING: &str = "looking at an index";

/// An index, and the setting.
const NAME: &str = "index.translog.durability";

/// Settings of the indices of these names or patterns; those that are missing have none.
pub(super) fn settings(
    server: &Server,
    target: &Target,
    indices: &str,
    setting: &str,
) -> Result<BTreeMap<String, String>> {
    let path = format!(
        "/{indices}/_settings/{setting}?flat_settings=true&ignore_unavailable=true&allow_no_indices=true"
    );
    let answer = server.ask(DOING, Request::Get, &path, limits::DOCUMENTS_ANSWER_BYTES)?;
    match answer.status {
        200 => {}
        404 => return Ok(BTreeMap::new()),
        _ => return Err(failure::of_answer(&target.name, DOING, &answer)),
    }
    let said: BTreeMap<String, Value> =
        serde_json::from_slice(&answer.body).map_err(|_| answer::unread(&target.name, DOING))?;
    let value = |of: &Value| of["settings"][setting].as_str().map(str::to_owned);
    Ok(said.iter().filter_map(|(index, of)| Some((index.clone(), value(of)?))).collect())
}

/// An index that may lose what it acknowledged.
pub(super) fn weak(server: &Server, target: &Target, indices: &str) -> Result<Option<String>> {
    let found = settings(server, target, indices, NAME)?;
    Ok(found.into_iter().find(|(_, when)| when != "request").map(|(index, _)| index))
}

/// Refuses such an index.
pub(super) fn check(server: &Server, target: &Target, indices: &str) -> Result<()> {
    let Some(index) = weak(server, target, indices)? else { return Ok(()) };
    let what = format!(
        "{NAME} of {index} is not request: a crash of the server would take rows that the position \
         counts. Set it to request, in its template too"
    );
    Err(Error::Database { place: target.name.clone(), doing: DOING, what, kind: Kind::Config })
}
