//! Rows that the database refuses for their content, stored separately in the transaction that skips
//! them.

use std::collections::HashSet;

use seismic_queue::{Offset, Partition};

use super::parameter::{Form, Parameter, Value};
use super::position::{long, text};
use super::session::Session;
use super::statement::Want;
use super::target::Target;
use super::trouble::failure;
use crate::Result;
use crate::sql::batch::DeadLetter;
use crate::sql::names::DEAD_LETTERS;

/// Adds rows that were refused. One that is there is from before the position was restored.
pub(super) fn add(session: &mut Session, target: &Target, letters: &[DeadLetter]) -> Result<()> {
    let failed = |e| failure(&target.name, "keeping refused rows", e);
    let Session { link, names, .. } = session;
    let table = names.table(DEAD_LETTERS);
    let key = ["sink", "part", "row_offset"].map(|name| format!("{} = ?", names.quoted(name)));
    let delete = format!("DELETE FROM {table} WHERE {}", key.join(" AND "));
    let list = names.list(["sink", "part", "row_offset", "reason", "message", "written"]);
    let insert = format!("INSERT INTO {table} ({list}) VALUES (?, ?, ?, ?, ?, CURRENT_TIMESTAMP)");
    for letter in letters {
        let place = || {
            vec![
                text(&target.table),
                long(names, letter.partition.0.into()),
                long(names, letter.offset.0.cast_signed()),
            ]
        };
        link.execute(&delete, place()).map_err(failed)?;
        let mut values = place();
        values.push(text(&letter.reason));
        values.push(Parameter::one(Form::Bytes, Value::Bytes(&letter.message)));
        link.execute(&insert, values).map_err(failed)?;
    }
    Ok(())
}

/// The places of all refused rows of this sink.
pub(super) fn places(
    session: &mut Session,
    target: &Target,
) -> Result<HashSet<(Partition, Offset)>> {
    if !target.keeps_refused {
        return Ok(HashSet::new());
    }
    let Session { link, names, .. } = session;
    let (list, table) = (names.list(["part", "row_offset"]), names.table(DEAD_LETTERS));
    let select = format!("SELECT {list} FROM {table} WHERE {} = ?", names.quoted("sink"));
    let rows = link.query(&select, vec![text(&target.table)], &[Want::Int, Want::Int]);
    let rows = rows.map_err(|e| failure(&target.name, "reading refused rows", e))?;
    // What someone else wrote there is no place of ours.
    let place = |row: &Vec<super::statement::Cell>| {
        let partition = u32::try_from(row.first()?.int()?).ok()?;
        let offset = u64::try_from(row.get(1)?.int()?).ok()?;
        Some((Partition(partition), Offset(offset)))
    };
    Ok(rows.iter().filter_map(place).collect())
}

/// Removes those of a partition from an offset on.
pub(super) fn remove(
    session: &mut Session,
    target: &Target,
    partition: Partition,
    first: Offset,
) -> Result<()> {
    if !target.keeps_refused {
        return Ok(());
    }
    let Session { link, names, .. } = session;
    let delete = format!(
        "DELETE FROM {} WHERE {} = ? AND {} = ? AND {} >= ?",
        names.table(DEAD_LETTERS),
        names.quoted("sink"),
        names.quoted("part"),
        names.quoted("row_offset")
    );
    let from = vec![
        text(&target.table),
        long(names, partition.0.into()),
        long(names, first.0.cast_signed()),
    ];
    link.execute(&delete, from)
        .map(drop)
        .map_err(|e| failure(&target.name, "removing refused rows", e))
}
