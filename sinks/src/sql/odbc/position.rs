//! The position of the sink, in a table beside the rows: this makes each row appear exactly once.
//!
//! One row for each partition of the result topic: the store, the next row, the fingerprint of the
//! last one, and who writes. It is updated in the transaction that inserts the rows, and only if it is
//! what this sink expects and nobody has signed it since: a writer with an old position changes
//! nothing and notices it.

use seismic_queue::Span;

use super::dialect::Names;
use super::link::Link;
use super::parameter::{Form, Parameter, Value};
use super::session::{self, Session};
use super::statement::Want;
use super::target::Target;
use super::trouble::{Outcome, Trouble, failure};
use crate::position::mark::SinkMark;
use crate::position::stored::{Position, StoredPosition};
use crate::rows::columns;
use crate::sql::names::POSITIONS;
use crate::sql::positions::{self, PositionRow, number};
use crate::{Context, Error, Result, SinkSpec};

/// A text as a parameter.
pub(super) fn text(text: &str) -> Parameter {
    Parameter::one(Form::Text, Value::Text(text))
}

/// A number as a parameter.
pub(super) fn long(names: &Names, value: i64) -> Parameter {
    Parameter::one(names.dialect.whole(), Value::Long(value))
}

/// A number that there may be none of.
fn some(names: &Names, value: Option<i64>) -> Parameter {
    Parameter::one(names.dialect.whole(), value.map_or(Value::Null, Value::Long))
}

/// What the table says of this sink; `None` when it has never written.
pub(super) fn read(session: &mut Session, target: &Target) -> Result<Option<StoredPosition>> {
    let failed = |e| failure(&target.name, "reading the position", e);
    let names = &session.names;
    let list = ["part", "store", "topic", "next", "last_offset", "last_append_ms", "last_crc"];
    let (sink, part) = (names.quoted("sink"), names.quoted("part"));
    let select = format!(
        "SELECT {} FROM {} WHERE {sink} = ? ORDER BY {part}",
        names.list(list),
        names.table(POSITIONS)
    );
    let (int, word) = (Want::Int, Want::Text);
    let wanted = [int, word, word, int, int, int, int];
    let rows = session.link.query(&select, vec![text(&target.table)], &wanted).map_err(failed)?;
    if rows.is_empty() {
        // A driver that has lost its connection may answer with no row, and a count always has one.
        let ours = format!("{} WHERE {sink} = ?", names.table(POSITIONS));
        if count(&mut session.link, &ours, vec![text(&target.table)]).map_err(failed)? > 0 {
            return Err(failed(gone()));
        }
    }
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

/// What the table of positions says, for those who only look. A server that does not answer says
/// nothing.
pub(super) fn mark(spec: &SinkSpec) -> Result<Option<SinkMark>> {
    let target = Target::of(spec)?;
    let looked = session::open_to_look(&target).and_then(|mut session| read(&mut session, &target));
    Ok(looked.ok().flatten().map(SinkMark::from))
}

/// Positions for partitions that are new: they begin at the oldest row.
pub(super) fn begin(
    session: &mut Session,
    (target, writer): (&Target, &str),
    context: &Context,
    known: usize,
    new: &[Span],
) -> Result<()> {
    let failed = |e| failure(&target.name, "beginning the position", e);
    let Session { link, names, .. } = session;
    let list = names.list(["sink", "part", "store", "topic", "next", "writer", "written"]);
    let table = names.table(POSITIONS);
    let insert =
        format!("INSERT INTO {table} ({list}) VALUES (?, ?, ?, ?, ?, ?, CURRENT_TIMESTAMP)");
    // All of them or none: a position with holes is damaged.
    link.begin().map_err(failed)?;
    for (part, span) in (known..).zip(new) {
        let part = i64::try_from(part).unwrap_or(i64::MAX);
        let values = vec![
            text(&target.table),
            long(names, part),
            text(&context.store_id),
            text(&context.topic),
            long(names, number(&target.name, span.first.0)?),
            text(writer),
        ];
        link.execute(&insert, values).map_err(failed)?;
        session.moved = Some((part, number(&target.name, span.first.0)?));
    }
    session.link.commit().map_err(failed)?;
    prove(session, target)
}

/// Waits until no transaction is at the position: a commit that was sent on a connection that is lost
/// has happened then, or will not.
pub(super) fn wait(session: &mut Session, target: &Target) -> Result<()> {
    let Session { link, names, .. } = session;
    let (table, writer) = (names.table(POSITIONS), names.quoted("writer"));
    // It changes nothing, and needs the lock of each row.
    let update =
        format!("UPDATE {table} SET {writer} = {writer} WHERE {} = ?", names.quoted("sink"));
    link.execute(&update, vec![text(&target.table)])
        .map(drop)
        .map_err(|e| failure(&target.name, "waiting for the position", e))
}

/// Says in the table who writes: from now on nobody else moves it.
pub(super) fn sign(session: &mut Session, target: &Target, writer: &str) -> Result<()> {
    let Session { link, names, .. } = session;
    let (table, sink) = (names.table(POSITIONS), names.quoted("sink"));
    let update = format!("UPDATE {table} SET {} = ? WHERE {sink} = ?", names.quoted("writer"));
    link.execute(&update, vec![text(writer), text(&target.table)])
        .map(drop)
        .map_err(|e| failure(&target.name, "signing the position", e))
}

/// Who has signed it; `None` where no one has.
fn writer(session: &mut Session, target: &Target) -> Result<Option<String>> {
    let Session { link, names, .. } = session;
    let (writer, sink) = (names.quoted("writer"), names.quoted("sink"));
    let table = names.table(POSITIONS);
    let select = format!("SELECT {writer} FROM {table} WHERE {sink} = ?");
    let rows = link.query(&select, vec![text(&target.table)], &[Want::Text]);
    let rows = rows.map_err(|e| failure(&target.name, "reading who writes", e))?;
    Ok(rows.first().and_then(|row| row.first()?.text()))
}

/// Whether the table has any row.
pub(super) fn has_rows(session: &mut Session, target: &Target) -> Result<bool> {
    let failed = |e| failure(&target.name, "looking for rows", e);
    let Session { link, names, .. } = session;
    let (table, offset) = (names.table(&target.table), names.quoted(columns::OFFSET));
    let first = format!("{table} WHERE {offset} = (SELECT min({offset}) FROM {table})");
    Ok(count(link, &first, Vec::new()).map_err(failed)? > 0)
}

/// Added to a count, so that what a driver makes up that has lost its connection is no count.
const ALIVE: i64 = 7_316;

/// How many rows there are.
fn count(link: &mut Link, from: &str, with: Vec<Parameter>) -> Outcome<i64> {
    let rows = link.query(&format!("SELECT {ALIVE} + count(*) FROM {from}"), with, &[Want::Int])?;
    let found = rows.first().and_then(|row| row.first()?.int());
    found.filter(|count| *count >= ALIVE).map(|count| count - ALIVE).ok_or_else(gone)
}

/// What a driver means that answers less than there is.
fn gone() -> Trouble {
    Trouble::Driver {
        state: "08S01".to_owned(),
        native: 0,
        message: "the driver has lost the connection, and did not say so".to_owned(),
    }
}

/// Fails unless what the transaction has moved is moved now that it is committed. PostgreSQL's driver
/// says of a commit that found its connection lost that it went well.
pub(super) fn prove(session: &mut Session, target: &Target) -> Result<()> {
    let Some((part, next)) = session.moved.take() else { return Ok(()) };
    let failed = |e| failure(&target.name, "looking at the position after the commit", e);
    let Session { link, names, .. } = session;
    let select = format!(
        "SELECT {} FROM {} WHERE {} = ? AND {} = ?",
        names.quoted("next"),
        names.table(POSITIONS),
        names.quoted("sink"),
        names.quoted("part")
    );
    let place = vec![text(&target.table), long(names, part)];
    let rows = link.query(&select, place, &[Want::Int]).map_err(failed)?;
    match rows.first().and_then(|row| row.first()?.int()) == Some(next) {
        true => Ok(()),
        false => Err(failed(gone())),
    }
}

/// Moves the position of every partition from `old` to `new`; `false` when one was not where this
/// sink knows it to be. It comes first in a transaction: whoever else is at it waits here.
pub(super) fn advance(
    session: &mut Session,
    (target, by): (&Target, &str),
    old: &[Position],
    new: &[Position],
) -> Result<bool> {
    let failed = |e| failure(&target.name, "moving the position", e);
    let moved = (0i64..).zip(old.iter().zip(new)).filter(|(_, (old, new))| old != new);
    let names = &session.names;
    let quoted = |name: &str| names.quoted(name);
    let update = format!(
        "UPDATE {} SET {} = ?, {} = ?, {} = ?, {} = ?, {} = CURRENT_TIMESTAMP \
         WHERE {} = ? AND {} = ? AND {} = ? AND {} = ?",
        names.table(POSITIONS),
        quoted("next"),
        quoted("last_offset"),
        quoted("last_append_ms"),
        quoted("last_crc"),
        quoted("written"),
        quoted("sink"),
        quoted("part"),
        quoted("next"),
        quoted("writer")
    );
    let mut statement = session.link.statement().map_err(failed)?;
    statement.prepare(&update).map_err(failed)?;
    for (part, (old, new)) in moved {
        let last = new.last;
        let offset = last.map(|it| it.offset.0.cast_signed());
        let mut values = vec![
            long(names, number(&target.name, new.next.0)?),
            some(names, offset),
            some(names, last.map(|it| it.append_ms)),
            some(names, last.map(|it| i64::from(it.crc))),
            text(&target.table),
            long(names, part),
            long(names, number(&target.name, old.next.0)?),
            text(by),
        ];
        let rows = statement.execute(&mut values).map_err(failed)?;
        if rows == 1 {
            session.moved = Some((part, number(&target.name, new.next.0)?));
            continue;
        }
        drop(statement);
        // Somebody who opened the table later may not have moved it yet.
        return match writer(session, target)? {
            Some(other) if other != by => {
                Err(Error::InUse { place: target.name.clone(), by: other })
            }
            _ => Ok(false),
        };
    }
    Ok(true)
}
