//! The position of the sink: the newest record under the topic's name in the topic of positions,
//! committed with the rows before it. What it holds is in `position/document.rs`.

use std::time::Duration;

use seismic_kafka::outlet::{Outlet, is_reachable};

use super::failure;
use super::target::Target;
use crate::position::document::PositionDocument;
use crate::position::mark::SinkMark;
use crate::position::stored::{Position, StoredPosition};
use crate::{Context, Error, Result, SinkSpec, limits};

/// The record of these positions.
pub(super) fn encode(context: &Context, writer: &str, positions: &[Position]) -> Vec<u8> {
    PositionDocument::of(context, writer, positions).encode()
}

/// What the cluster has of this sink, and who moved it last; `None` when no sink has ever written. A
/// transaction that is open is waited for as long as `wait`.
pub(super) fn read(
    place: &str,
    outlet: &Outlet,
    wait: Duration,
) -> Result<Option<(StoredPosition, String)>> {
    let newest = outlet.newest(wait);
    let newest = newest.map_err(|error| failure::of(place, "reading the position", error))?;
    let Some(bytes) = newest else { return Ok(None) };
    let damaged = |_| Error::PositionDamaged { place: place.to_owned() };
    let document: PositionDocument = serde_json::from_slice(&bytes).map_err(damaged)?;
    Ok(Some(document.read()))
}

/// What the cluster has, for those who only look. One that does not answer says nothing.
pub(super) fn mark(spec: &SinkSpec) -> Result<Option<SinkMark>> {
    let target = Target::of(spec)?;
    if !is_reachable(&target.brokers, limits::LOOK_PATIENCE) {
        return Ok(None);
    }
    let outlet = target.outlet();
    let looked = outlet.and_then(|outlet| read(&target.name, &outlet, limits::LOOK_PATIENCE));
    Ok(looked.ok().flatten().map(|(stored, _)| stored.into()))
}
