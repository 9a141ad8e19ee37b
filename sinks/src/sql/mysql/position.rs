//! The position of the sink, in a table beside the rows: this makes each row appear exactly once.
//!
//! One row for each partition of the result topic: the store, the next row, the fingerprint of the
//! last one, and who wrote it. It is updated in the transaction that inserts the rows, and only if
//! it is what this sink expects: a writer with an old position changes nothing and notices it.

use seismic_queue::Span;

use super::cell::Param;
use super::connection::Client;
use super::failure::failure;
use super::names::text;
use super::target::Target;
use crate::position::stored::{Position, StoredPosition};
use crate::sql::positions::{self, PositionRow, number};
use crate::{Context, Result};

/// What the table says of this sink; `None` when it has never written.
pub(super) fn read(client: &mut Client, target: &Target) -> Result<Option<StoredPosition>> {
    let failed = |e| failure(&target.name, "reading the position", e);
    let select = format!(
        "SELECT part, store, topic, next, last_offset, last_append_ms, last_crc FROM {} \
         WHERE sink = ? ORDER BY part",
        target.quoted_positions()
    );
    let rows = client.query(&select, &[Param::Text(&target.table)]).map_err(failed)?;
    // Someone else may have made the table: what is of another type is missing.
    let rows = rows.iter().map(|row| {
        let number = |at: usize| row.get(at).and_then(|cell| cell.int());
        let text = |at: usize| row.get(at).and_then(|cell| cell.text());
        PositionRow {
            part: number(0),
            store: text(1),
            topic: text(2),
            next: number(3),
            last: [number(4), number(5), number(6)],
        }
    });
    positions::assemble(&target.name, rows)
}

/// Positions for partitions that are new: they begin at the oldest row.
pub(super) fn begin(
    client: &mut Client,
    (target, writer): (&Target, &str),
    context: &Context,
    known: usize,
    new: &[Span],
) -> Result<()> {
    let failed = |e| failure(&target.name, "beginning the position", e);
    let mut rows = Vec::new();
    for (part, span) in (known..).zip(new) {
        rows.push(format!(
            "({}, {part}, {}, {}, {}, {}, UTC_TIMESTAMP(3))",
            text(&target.table),
            text(&context.store_id),
            text(&context.topic),
            number(&target.name, span.first.0)?,
            text(writer)
        ));
    }
    let insert = format!(
        "INSERT INTO {} (sink, part, store, topic, next, writer, written) VALUES {}",
        target.quoted_positions(),
        rows.join(", ")
    );
    client.run(&insert).map(drop).map_err(failed)
}

/// Says in the table who writes, so that a second sink can name the first.
pub(super) fn sign(client: &mut Client, target: &Target, writer: &str) -> Result<()> {
    let update = format!("UPDATE {} SET writer = ? WHERE sink = ?", target.quoted_positions());
    client
        .execute(&update, &[Param::Text(writer), Param::Text(&target.table)])
        .map(drop)
        .map_err(|e| failure(&target.name, "signing the position", e))
}

/// Who wrote last; `None` where no one has, or there is no table.
pub(super) fn writer(client: &mut Client, target: &Target) -> Option<String> {
    let select = format!(
        "SELECT writer FROM {} WHERE sink = ? ORDER BY part LIMIT 1",
        target.quoted_positions()
    );
    let rows = client.query(&select, &[Param::Text(&target.table)]).ok()?;
    rows.first()?.first()?.text()
}

/// Whether the table has any row.
pub(super) fn has_rows(client: &mut Client, target: &Target) -> Result<bool> {
    let any = format!("SELECT 1 FROM {} LIMIT 1", target.quoted_table());
    let rows = client.query(&any, &[]).map_err(|e| failure(&target.name, "looking for rows", e))?;
    Ok(!rows.is_empty())
}

/// Moves the position of every partition from `old` to `new`; `false` when one was not where this
/// sink knows it to be. It comes first in a transaction: whoever else is at it waits here.
pub(super) fn advance(
    client: &mut Client,
    (target, writer): (&Target, &str),
    old: &[Position],
    new: &[Position],
) -> Result<bool> {
    let moved = (0u32..).zip(old.iter().zip(new)).filter(|(_, (old, new))| old != new);
    let mut rows = Vec::new();
    for (part, (old, new)) in moved {
        let (from, to) = (number(&target.name, old.next.0)?, number(&target.name, new.next.0)?);
        let [offset, append_ms, crc] = match new.last {
            Some(last) => {
                [last.offset.0.to_string(), last.append_ms.to_string(), last.crc.to_string()]
            }
            None => ["NULL"; 3].map(str::to_owned),
        };
        // The names of the first one are those of all.
        rows.push(format!(
            "SELECT {part} AS part, {from} AS old, {to} AS new, {offset} AS last_offset, \
             {append_ms} AS last_append_ms, {crc} AS last_crc"
        ));
    }
    let update = format!(
        "UPDATE {} p JOIN ({}) v ON p.part = v.part \
         SET p.next = v.new, p.last_offset = v.last_offset, p.last_append_ms = v.last_append_ms, \
             p.last_crc = v.last_crc, p.writer = {}, p.written = UTC_TIMESTAMP(3) \
         WHERE p.sink = {} AND p.next = v.old",
        target.quoted_positions(),
        rows.join(" UNION ALL "),
        text(writer),
        text(&target.table)
    );
    let moved = client.run(&update).map_err(|e| failure(&target.name, "moving the position", e))?;
    Ok(moved == rows.len() as u64)
}
