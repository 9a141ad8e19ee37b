//! Checkpoints of a job, and its savepoints: checkpoints with a name, which are kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use seismic_queue::{Class, View};
use serde_json::{Value, json};

use super::{location_of, reply};
use crate::http::cached::CachedByJob;
use crate::http::{ApiError, Jobs, Right, Route, limits};
use crate::job::location::Location;

/// What the store of a job says of its checkpoints.
#[derive(Clone, Debug)]
struct Checkpoints {
    all: Value,
    savepoints: Value,
}

pub fn routes(jobs: &Arc<dyn Jobs>) -> Vec<Route> {
    let read = Arc::new(CachedByJob::new(limits::STATUS_SHARED));
    let of_all = (Arc::clone(jobs), Arc::clone(&read));
    let of_named = (Arc::clone(jobs), read);
    vec![
        Route::get(
            "/api/v1/jobs/{name}/checkpoints",
            "Every checkpoint that is kept, by partition",
        )
        .needs(Right::Read)
        .gives("Checkpoints")
        .handled(move |call| {
            let location = location_of(&*of_all.0, call)?;
            reply(of_all.1.of(call.path("name")).get(|| look(&location))?.all)
        }),
        Route::get(
            "/api/v1/jobs/{name}/savepoints",
            "Checkpoints with a name, and those that are requested",
        )
        .needs(Right::Read)
        .gives("Savepoints")
        .handled(move |call| {
            let location = location_of(&*of_named.0, call)?;
            reply(of_named.1.of(call.path("name")).get(|| look(&location))?.savepoints)
        }),
    ]
}

fn look(location: &Location) -> Result<Checkpoints, ApiError> {
    let view = location.open_store().and_then(|store| store.view());
    let view = view.map_err(|error| ApiError::unavailable(&error.into()))?;
    Ok(Checkpoints { all: all(&view), savepoints: savepoints(&view) })
}

fn all(view: &View) -> Value {
    let parts = view.partitions.iter().enumerate();
    let all = parts.flat_map(|(partition, part)| {
        part.checkpoints.iter().map(move |info| {
            json!({
                "partition": partition,
                "number": info.manifest.checkpoint,
                "position": info.manifest.position.0,
                "chunks": info.manifest.chunks,
                "bytes": info.bytes,
                "created_ms": info.created_ms,
                "kept_as": info.class.map(Class::name),
                "names": info.names,
            })
        })
    });
    json!({ "checkpoints": all.collect::<Vec<_>>() })
}

fn savepoints(view: &View) -> Value {
    let mut named: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    let mut created: BTreeMap<&str, i64> = BTreeMap::new();
    for (partition, part) in view.partitions.iter().enumerate() {
        for info in &part.checkpoints {
            for name in &info.names {
                named.entry(name).or_default().push(json!({
                    "partition": partition,
                    "number": info.manifest.checkpoint,
                    "position": info.manifest.position.0,
                    "bytes": info.bytes,
                }));
                let newest = created.entry(name).or_insert(info.created_ms);
                *newest = info.created_ms.max(*newest);
            }
        }
    }
    for request in &view.checkpoint_requests {
        named.entry(&request.name).or_default();
    }
    let is_open = |name: &str| view.checkpoint_requests.iter().any(|it| it.name == name);
    let all = named.into_iter().map(|(name, partitions)| {
        json!({
            "name": name,
            "is_complete": !is_open(name),
            "created_ms": created.get(name),
            "partitions": partitions,
        })
    });
    json!({ "savepoints": all.collect::<Vec<_>>() })
}
