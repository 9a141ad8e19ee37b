//! The position of the sink, a hash in the same database: this makes each row appear exactly once.
//!
//! ```text
//! seismic:sink:NAME   store   id of the store whose rows these are
//!                     topic   the result topic
//!                     batch   which batch moved it last
//!                     next:P  the row of partition P that comes next
//!                     last:P  OFFSET APPENDED CRC of the last row, where it is known
//! ```

use std::collections::BTreeMap;

use seismic_queue::{Fingerprint, Offset, Span};

use super::script;
use super::session::Session;
use super::target::Target;
use crate::position::mark::SinkMark;
use crate::position::stored::{Position, StoredPosition};
use crate::{Context, Error, Result, SinkSpec, limits};

/// What the server has of a sink, and which batch moved it last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ReadPosition {
    pub(super) position: StoredPosition,
    pub(super) batch: String,
}

/// The last row of a position, as it is stored.
pub(super) fn last_in_words(position: &Position) -> String {
    position.last.map_or_else(String::new, |Fingerprint { offset, append_ms, crc }| {
        format!("{offset} {append_ms} {crc}")
    })
}

/// What the server has of this sink; `None` when it has never written.
pub(super) fn read(session: &mut Session, target: &Target) -> Result<Option<ReadPosition>> {
    let damaged = || Error::PositionDamaged { place: target.name.clone() };
    let fields = session.call("reading the position", &["HGETALL", &target.position_key])?.parts();
    let mut hash = BTreeMap::new();
    for pair in fields.chunks(2) {
        let [name, value] = pair else { return Err(damaged()) };
        hash.insert(name.text().ok_or_else(damaged)?, value.text().ok_or_else(damaged)?);
    }
    if hash.is_empty() {
        return Ok(None);
    }
    let mut positions = Vec::new();
    while let Some(next) = hash.get(&format!("next:{}", positions.len())) {
        let next = Offset(next.parse().map_err(|_| damaged())?);
        let last = hash.get(&format!("last:{}", positions.len())).map_or("", String::as_str);
        positions.push(Position { next, last: last_of(last) });
    }
    let take = |name: &str| hash.get(name).cloned();
    let (store, topic) = (take("store").ok_or_else(damaged)?, take("topic").ok_or_else(damaged)?);
    let position = StoredPosition { store, topic, positions };
    Ok(Some(ReadPosition { position, batch: take("batch").unwrap_or_default() }))
}

fn last_of(words: &str) -> Option<Fingerprint> {
    let mut words = words.split(' ');
    let offset = Offset(words.next()?.parse().ok()?);
    let (append_ms, crc) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    Some(Fingerprint { offset, append_ms, crc })
}

/// The positions of this sink for these rows: those that are there, and for partitions that are new
/// the oldest row. A store or topic that is not the sink's is refused.
pub(super) fn begin(
    session: &mut Session,
    target: &Target,
    context: &Context,
    rows: &[Span],
) -> Result<Vec<Position>> {
    let (doing, key) = ("beginning the position", &*target.position_key);
    let of_rows = || {
        let new = rows.iter().enumerate();
        new.flat_map(|(part, span)| [format!("next:{part}"), span.first.to_string()])
    };
    let mut stored = read(session, target)?;
    if stored.is_none() {
        let mut args = ["EVAL", script::BEGIN, "1", key, "store", &context.store_id, "topic"]
            .map(str::to_owned)
            .to_vec();
        args.push(context.topic.clone());
        args.extend(of_rows());
        session.call(doing, &args)?;
        stored = read(session, target)?;
    }
    let stored = stored.ok_or_else(|| Error::PositionMissing { place: target.name.clone() })?;
    stored.position.check_owner(&target.name, context)?;
    let mut positions = stored.position.positions;
    if positions.len() > rows.len() {
        return Err(Error::PositionDamaged { place: target.name.clone() });
    }
    for (part, span) in rows.iter().enumerate().skip(positions.len()) {
        let (field, first) = (format!("next:{part}"), span.first.to_string());
        session.call(doing, &["HSETNX", key, &field, &first])?;
        positions.push(Position::beginning(span.first));
    }
    Ok(positions)
}

/// What the server has, for those who only look. One that does not answer says nothing.
pub(super) fn mark(spec: &SinkSpec) -> Result<Option<SinkMark>> {
    let target = Target::of(spec)?;
    let looked = Session::connect(&target, limits::LOOK_PATIENCE)
        .and_then(|mut session| read(&mut session, &target));
    Ok(looked.ok().flatten().map(|stored| stored.position.into()))
}
