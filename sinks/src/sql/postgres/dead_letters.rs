//! Rows that the server refuses for their content, stored separately in the transaction that skips
//! them.

use std::collections::HashSet;

use seismic_queue::{Offset, Partition};

use super::connection::Client;
use super::failure::failure;
use super::target::Target;
use crate::Result;
use crate::sql::batch::DeadLetter;

/// Adds rows that were refused. One that is there is from before the position was restored.
pub(super) fn add(client: &mut Client, target: &Target, letters: &[DeadLetter]) -> Result<()> {
    let parts: Vec<i32> = letters.iter().map(|letter| letter.partition.0.cast_signed()).collect();
    let offsets: Vec<i64> = letters.iter().map(|letter| letter.offset.0.cast_signed()).collect();
    // A reason may quote what cannot be stored.
    let reasons: Vec<String> =
        letters.iter().map(|letter| letter.reason.replace('\0', "\u{fffd}")).collect();
    let messages: Vec<&[u8]> = letters.iter().map(|letter| &*letter.message).collect();
    let insert = format!(
        "INSERT INTO {} (sink, part, row_offset, reason, message, written) \
         SELECT $1, v.part, v.row_offset, v.reason, v.message, now() \
         FROM unnest($2::int[], $3::bigint[], $4::text[], $5::bytea[]) \
             AS v (part, row_offset, reason, message) \
         ON CONFLICT (sink, part, row_offset) DO UPDATE \
             SET reason = excluded.reason, message = excluded.message, written = excluded.written",
        target.quoted_dead_letters()
    );
    client
        .execute(&insert, &[&target.table, &parts, &offsets, &reasons, &messages])
        .map_err(|e| failure(&target.name, "keeping refused rows", e))?;
    Ok(())
}

/// The places of all refused rows of this sink.
pub(super) fn places(client: &mut Client, target: &Target) -> Result<HashSet<(Partition, Offset)>> {
    if !target.keeps_refused {
        return Ok(HashSet::new());
    }
    let select =
        format!("SELECT part, row_offset FROM {} WHERE sink = $1", target.quoted_dead_letters());
    let rows = client.query(&select, &[&target.table]);
    let rows = rows.map_err(|e| failure(&target.name, "reading refused rows", e))?;
    let place = |row: &tokio_postgres::Row| {
        let (partition, offset): (i32, i64) = (row.try_get(0)?, row.try_get(1)?);
        Ok((Partition(partition.cast_unsigned()), Offset(offset.cast_unsigned())))
    };
    let places = rows.iter().map(place).collect::<std::result::Result<_, tokio_postgres::Error>>();
    places.map_err(|e| failure(&target.name, "reading refused rows", e))
}

/// Removes those of a partition from an offset on.
pub(super) fn remove(
    client: &mut Client,
    target: &Target,
    partition: Partition,
    first: Offset,
) -> Result<()> {
    if !target.keeps_refused {
        return Ok(());
    }
    let delete = format!(
        "DELETE FROM {} WHERE sink = $1 AND part = $2 AND row_offset >= $3",
        target.quoted_dead_letters()
    );
    let (part, from) = (partition.0.cast_signed(), first.0.cast_signed());
    client
        .execute(&delete, &[&target.table, &part, &from])
        .map_err(|e| failure(&target.name, "removing refused rows", e))?;
    Ok(())
}
