//! The position of the sink, in a table beside the rows: this makes each row appear exactly once.
//!
//! One row for each partition of the result topic: the store, the next row, and the fingerprint of
//! the last one. It is updated in the transaction that inserts the rows, and only if it is what
//! this sink expects: a writer with an old position changes nothing and notices it.

use seismic_queue::Span;

use super::connection::Client;
use super::failure::failure;
use super::session;
use super::target::Target;
use crate::position::mark::SinkMark;
use crate::position::stored::{Position, StoredPosition};
use crate::sql::positions::{self, PositionRow, number};
use crate::{Context, Result, SinkSpec};

/// What the table says of this sink; `None` when it has never written.
pub(super) fn read(client: &mut Client, target: &Target) -> Result<Option<StoredPosition>> {
    let failed = |e| failure(&target.name, "reading the position", e);
    let select = format!(
        "SELECT part, store, topic, next, last_offset, last_append_ms, last_crc FROM {} \
         WHERE sink = $1 ORDER BY part",
        target.quoted_positions()
    );
    let rows = client.query(&select, &[&target.table]).map_err(failed)?;
    // Someone else may have made the table: what is of another type is missing.
    let rows = rows.iter().map(|row| {
        let number = |at| row.try_get(at).ok().flatten();
        PositionRow {
            part: row.try_get(0).ok().map(|part: i32| part.into()),
            store: row.try_get(1).ok(),
            topic: row.try_get(2).ok(),
            next: number(3),
            last: [number(4), number(5), number(6)],
        }
    });
    positions::assemble(&target.name, rows)
}

/// Positions for partitions that are new: they begin at the oldest row.
pub(super) fn begin(
    client: &mut Client,
    target: &Target,
    context: &Context,
    known: usize,
    new: &[Span],
) -> Result<()> {
    let failed = |e| failure(&target.name, "beginning the position", e);
    let mut transaction = client.transaction().map_err(failed)?;
    let insert = format!(
        "INSERT INTO {} (sink, part, store, topic, next, written) VALUES ($1, $2, $3, $4, $5, now())",
        target.quoted_positions()
    );
    for (part, span) in (known..).zip(new) {
        let part = i32::try_from(part).unwrap_or(i32::MAX);
        let next = number(&target.name, span.first.0)?;
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
            [&target.table, &part, &context.store_id, &context.topic, &next];
        transaction.execute(&insert, &values).map_err(failed)?;
    }
    transaction.commit().map_err(failed)
}

/// Whether the table has any row.
pub(super) fn has_rows(client: &mut Client, target: &Target) -> Result<bool> {
    let any = format!("SELECT EXISTS (SELECT FROM {})", target.quoted_table());
    let failed = |e| failure(&target.name, "looking for rows", e);
    Ok(client.query_one(&any, &[]).map_err(failed)?.get(0))
}

/// Moves the position of every partition from `old` to `new`; `false` when one was not where this
/// sink knows it to be. It comes first in a transaction: whoever else is at it waits here.
pub(super) fn advance(
    client: &mut Client,
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
        from.push(number(&target.name, old.next.0)?);
        to.push(number(&target.name, new.next.0)?);
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
    let moved = client
        .execute(&update, &[&target.table, &parts, &from, &to, &offsets, &times, &sums])
        .map_err(failed)?;
    Ok(moved == parts.len() as u64)
}

/// What the table says, for those who only look. A server that does not answer says nothing.
pub(super) fn mark(spec: &SinkSpec) -> Result<Option<SinkMark>> {
    let target = Target::of(spec)?;
    let looked =
        session::connect_to_look(&target).and_then(|mut client| read(&mut client, &target));
    Ok(looked.ok().flatten().map(SinkMark::from))
}
