//! Rows that the server refuses for their content, stored separately in the transaction that skips
//! them.

use std::collections::HashSet;

use seismic_queue::{Offset, Partition};

use super::cell::Param;
use super::connection::Client;
use super::failure::failure;
use super::target::Target;
use crate::Result;
use crate::sql::batch::DeadLetter;

/// Adds rows that were refused. One that is there is from before the position was restored.
pub(super) fn add(client: &mut Client, target: &Target, letters: &[DeadLetter]) -> Result<()> {
    let insert = format!(
        "INSERT INTO {} (sink, part, row_offset, reason, message, written) \
         VALUES (?, ?, ?, ?, ?, UTC_TIMESTAMP(3)) \
         ON DUPLICATE KEY UPDATE reason = VALUES(reason), message = VALUES(message), \
             written = VALUES(written)",
        target.quoted_dead_letters()
    );
    for letter in letters {
        let values = [
            Param::Text(&target.table),
            Param::Int(letter.partition.0.into()),
            Param::Int(letter.offset.0.cast_signed()),
            Param::Text(&letter.reason),
            Param::Bytes(&letter.message),
        ];
        client
            .execute(&insert, &values)
            .map_err(|e| failure(&target.name, "keeping refused rows", e))?;
    }
    Ok(())
}

/// The places of all refused rows of this sink.
pub(super) fn places(client: &mut Client, target: &Target) -> Result<HashSet<(Partition, Offset)>> {
    if !target.keeps_refused {
        return Ok(HashSet::new());
    }
    let select =
        format!("SELECT part, row_offset FROM {} WHERE sink = ?", target.quoted_dead_letters());
    let rows = client.query(&select, &[Param::Text(&target.table)]);
    let rows = rows.map_err(|e| failure(&target.name, "reading refused rows", e))?;
    // What someone else wrote there is no place of ours.
    let place = |row: &Vec<super::cell::Cell>| {
        let partition = u32::try_from(row.first()?.int()?).ok()?;
        let offset = u64::try_from(row.get(1)?.int()?).ok()?;
        Some((Partition(partition), Offset(offset)))
    };
    Ok(rows.iter().filter_map(place).collect())
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
        "DELETE FROM {} WHERE sink = ? AND part = ? AND row_offset >= ?",
        target.quoted_dead_letters()
    );
    let (part, from) = (partition.0.into(), first.0.cast_signed());
    client
        .execute(&delete, &[Param::Text(&target.table), Param::Int(part), Param::Int(from)])
        .map(drop)
        .map_err(|e| failure(&target.name, "removing refused rows", e))
}
