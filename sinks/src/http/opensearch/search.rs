//! The documents of the sink in the order of the result topic, page by page.

use seismic_queue::{Offset, Partition};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::failure;
use super::target::Target;
use crate::http::answer::{self, Request, Server};
use crate::rows::columns::{OFFSET, PARTITION};
use crate::{Result, limits};

/// Documents of one page: some MB.
const PAGE: usize = 2_000;

/// A document.
#[derive(Debug, Deserialize)]
pub(super) struct Hit {
    #[serde(rename = "_index")]
    pub(super) index: String,
    #[serde(rename = "_id")]
    pub(super) id: String,
    #[serde(rename = "_source", default)]
    pub(super) source: Map<String, Value>,
    /// Where the next page begins.
    #[serde(default)]
    sort: Value,
}

#[derive(Debug, Deserialize)]
struct Answered {
    hits: Hits,
    #[serde(rename = "_shards")]
    shards: Shards,
}

#[derive(Debug, Deserialize)]
struct Hits {
    hits: Vec<Hit>,
}

#[derive(Debug, Deserialize)]
struct Shards {
    failed: u64,
}

/// Makes everything that was written so far be found.
pub(super) fn refresh(server: &Server, target: &Target) -> Result<()> {
    let doing = "refreshing indices";
    let path = format!(
        "/{}/_refresh?ignore_unavailable=true&allow_no_indices=true",
        target.pattern.wildcard()
    );
    let answer = server.ask(doing, Request::Post(b""), &path, limits::DOCUMENTS_ANSWER_BYTES)?;
    match answer.status {
        // Without an index there is nothing.
        200 | 404 => Ok(()),
        _ => Err(failure::of_answer(&target.name, doing, &answer)),
    }
}

/// The first documents of a partition from an offset on.
pub(super) fn of_partition(
    server: &Server,
    target: &Target,
    partition: Partition,
    first: Offset,
) -> Result<Vec<Hit>> {
    let filter = json!([
        { "term": { PARTITION: partition.0 } },
        { "range": { OFFSET: { "gte": first.0 } } },
    ]);
    search(server, target, &json!({ "bool": { "filter": filter } }), false, &Value::Null)
}

/// Hands each document to `look`.
pub(super) fn each(
    server: &Server,
    target: &Target,
    mut look: impl FnMut(&Hit) -> Result<()>,
) -> Result<()> {
    let mut after = Value::Null;
    loop {
        let query = json!({ "exists": { "field": OFFSET } });
        let page = search(server, target, &query, true, &after)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.sort.clone();
        page.iter().try_for_each(&mut look)?;
    }
}

fn search(
    server: &Server,
    target: &Target,
    query: &Value,
    with_source: bool,
    after: &Value,
) -> Result<Vec<Hit>> {
    let doing = "reading rows";
    let by = |field: &str| json!({ field: { "order": "asc", "unmapped_type": "long" } });
    let mut body = json!({
        "size": PAGE,
        "track_total_hits": false,
        "_source": with_source,
        "query": query,
        // Two of one place are of two indices.
        "sort": [by(PARTITION), by(OFFSET), "_index"],
    });
    if !after.is_null() {
        body["search_after"] = after.clone();
    }
    let path = format!(
        "/{}/_search?ignore_unavailable=true&allow_no_indices=true",
        target.pattern.wildcard()
    );
    let body = body.to_string();
    let request = Request::Post(body.as_bytes());
    let answer = server.ask(doing, request, &path, limits::DOCUMENTS_ANSWER_BYTES)?;
    match answer.status {
        200 => {}
        404 => return Ok(Vec::new()),
        _ => return Err(failure::of_answer(&target.name, doing, &answer)),
    }
    let answered: Answered =
        serde_json::from_slice(&answer.body).map_err(|_| answer::unread(&target.name, doing))?;
    // What a shard does not answer would be missing.
    match answered.shards.failed {
        0 => Ok(answered.hits.hits),
        _ => Err(answer::unread(&target.name, doing)),
    }
}
