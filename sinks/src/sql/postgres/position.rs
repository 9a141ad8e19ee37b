//! The position of the sink, in a table beside the rows: this makes each row appear exactly once.
//!
//! One row for each partition of the result topic: the store, the next row, and the fingerprint of
//! the last one. It is updated in the transaction that inserts the rows, and only if it is what
//! this sink expects: a writer with an old position changes nothing and notices it.

use seismic_queue::{Fingerprint, Offset, Span};

use super::connection::{Client, Transaction};
use super::failure::failure;
use super::session;
use super::target::Target;
use crate::position::mark::SinkMark;
use crate::position::stored::{Position, StoredPosition};
use crate::{Context, Error, Result, SinkSpec};

/// What the table says of this sink; `None` when it has never written.
pub(super) fn read(client: &mut Client, target: &Target) -> Result<Option<StoredPosition>> {
    let failed = |e| failure(&target.name, "reading the position", e);
    let select = format!(
        "SELECT part, store, topic, next, last_offset, last_append_ms, last_crc FROM {} \
         WHERE sink = $1 ORDER BY part",
        target.quoted_positions()
    );
    let mut stored: Option<StoredPosition> = None;
    for row in client.query(&select, &[&target.table]).map_err(failed)? {
        let damaged = || Error::PositionDamaged { place: target.name.clone() };
        let offset = |value: i64| u64::try_from(value).map(Offset).map_err(|_| damaged());
        // Someone else may have made the table.
        let some = |at| -> Result<Option<i64>> { row.try_get(at).map_err(|_| damaged()) };
        let text = |at| -> Result<String> { row.try_get(at).map_err(|_| damaged()) };
        let last = match (some(4)?, some(5)?, some(6)?) {
            (Some(at), Some(append_ms), Some(crc)) => {
                let crc = u32::try_from(crc).map_err(|_| damaged())?;
                Some(Fingerprint { offset: offset(at)?, append_ms, crc })
            }
            _ => None,
        };
        let (store, topic) = (text(1)?, text(2)?);
        let known = stored.get_or_insert_with(|| StoredPosition {
            store: store.clone(),
            topic: topic.clone(),
            positions: Vec::new(),
        });
        let is_next = row
            .try_get::<_, i32>(0)
            .is_ok_and(|part| usize::try_from(part) == Ok(known.positions.len()));
        if !is_next || known.store != store || known.topic != topic {
            return Err(damaged());
        }
        known.positions.push(Position { next: offset(some(3)?.ok_or_else(damaged)?)?, last });
    }
    Ok(stored)
}

/// The positions of this sink for these rows: those that are there, and for partitions that are new
/// the oldest row. A store or topic that is not the table's is refused.
pub(super) fn begin(
    client: &mut Client,
    target: &Target,
    context: &Context,
    rows: &[Span],
) -> Result<Vec<Position>> {
    let failed = |e| failure(&target.name, "beginning the position", e);
    let stored = read(client, target)?;
    if let Some(stored) = &stored {
        stored.check_owner(&target.name, context)?;
        if stored.positions.len() > rows.len() {
            return Err(Error::PositionDamaged { place: target.name.clone() });
        }
    }
    let mut positions = stored.map_or_else(Vec::new, |stored| stored.positions);
    let new = &rows[positions.len()..];
    if new.is_empty() {
        return Ok(positions);
    }
    let mut transaction = client.transaction().map_err(failed)?;
    if positions.is_empty() {
        refuse_other_rows(&mut transaction, target)?;
    }
    let insert = format!(
        "INSERT INTO {} (sink, part, store, topic, next, written) VALUES ($1, $2, $3, $4, $5, now())",
        target.quoted_positions()
    );
    for span in new {
        let part = number(target, positions.len() as u64)?;
        let part = i32::try_from(part).unwrap_or(i32::MAX);
        let next = number(target, span.first.0)?;
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
            [&target.table, &part, &context.store_id, &context.topic, &next];
        transaction.execute(&insert, &values).map_err(failed)?;
        positions.push(Position::beginning(span.first));
    }
    transaction.commit().map_err(failed)?;
    Ok(positions)
}

/// A table with rows of a sink, and no position: someone deleted the position, or put the table
/// back without it. Rows would come twice.
fn refuse_other_rows(transaction: &mut Transaction<'_>, target: &Target) -> Result<()> {
    let any = format!("SELECT EXISTS (SELECT FROM {})", target.quoted_table());
    let failed = |e| failure(&target.name, "looking for rows", e);
    let has_rows: bool = transaction.query_one(&any, &[]).map_err(failed)?.get(0);
    if has_rows && target.on_conflict == super::target::OnConflict::Error {
        return Err(Error::PositionMissing { place: target.name.clone() });
    }
    Ok(())
}

/// Moves the position of every partition from `old` to `new`; `false` when one was not where this
/// sink knows it to be. It comes first in a transaction: whoever else is at it waits here.
pub(super) fn advance(
    transaction: &mut Transaction<'_>,
    target: &Target,
    old: &[Position],
    new: &[Position],
) -> Result<bool> {
    let failed = |e| failure(&target.name, "moving the position", e);
    let (mut parts, mut from, mut to) = (Vec::new(), Vec::new(), Vec::new());
    let (mut offsets, mut times, mut sums) = (Vec::new(), Vec::new(), Vec::new());
    for (part, (old, new)) in (0i32..).zip(old.iter().zip(new)).filter(|(_, (old, new))| old != new)
    {
        parts.push(part);
        from.push(number(target, old.next.0)?);
        to.push(number(target, new.next.0)?);
        offsets.push(new.last.map(|last| last.offset.0.cast_signed()));
        times.push(new.last.map(|last| last.append_ms));
        sums.push(new.last.map(|last| i64::from(last.crc)));
    }
    let update = format!(
        "UPDATE {} p SET next = v.next, last_offset = v.last_offset, \
             last_append_ms = v.last_append_ms, last_crc = v.last_crc, written = now() \
         FROM unnest($2::int[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[]) \
             AS v (part, old, next, last_offset, last_append_ms, last_crc) \
         WHERE p.sink = $1 AND p.part = v.part AND p.next = v.old",
        target.quoted_positions()
    );
    let moved = transaction
        .execute(&update, &[&target.table, &parts, &from, &to, &offsets, &times, &sums])
        .map_err(failed)?;
    Ok(moved == parts.len() as u64)
}

/// Offsets are below 2^63 in every queue.
fn number(target: &Target, offset: u64) -> Result<i64> {
    i64::try_from(offset).map_err(|_| Error::PositionDamaged { place: target.name.clone() })
}

/// What the table says, for those who only look. A server that does not answer says nothing.
pub(super) fn mark(spec: &SinkSpec) -> Result<Option<SinkMark>> {
    let target = Target::of(spec)?;
    let looked =
        session::connect_to_look(&target).and_then(|mut client| read(&mut client, &target));
    Ok(looked.ok().flatten().map(SinkMark::from))
}
