//! The position of the sink, a row of a table of its own. It is moved once the rows before it are
//! there, and only from the version that this sink knows: that is the fence.
//!
//! The row is `TABLE:FAMILY`; `p:position` has what `position/document.rs` says, `p:version` a name that
//! no other version has.

use seismic_queue::Span;

use super::cells::{self, CellColumn};
use super::failure;
use super::names::POSITION_FAMILY;
use super::target::Target;
use crate::http::answer::{self, Request, Server};
use crate::position::document::PositionDocument;
use crate::position::mark::SinkMark;
use crate::position::stored::{Position, StoredPosition};
use crate::{Context, Error, Result, SinkSpec, limits};

const WRITING: &str = "moving the position";

const POSITION: &str = "position";
const VERSION: &str = "version";

/// What the server has of a sink.
#[derive(Debug)]
pub(super) struct ReadPosition {
    pub(super) position: StoredPosition,
    /// Which sink moved it last.
    pub(super) writer: String,
    pub(super) version: String,
}

/// Who moves a position: the sink's name, and how often it did.
#[derive(Debug)]
pub(super) struct Mover {
    writer: String,
    moves: u64,
}

impl Mover {
    pub(super) fn new(writer: String) -> Mover {
        Mover { writer, moves: 0 }
    }

    pub(super) fn writer(&self) -> &str {
        &self.writer
    }

    /// The next version's name.
    fn next(&mut self) -> String {
        self.moves += 1;
        format!("{}-{}", self.writer, self.moves)
    }
}

fn key(target: &Target) -> String {
    format!("{}:{}", target.table, target.family)
}

/// What the server has of this sink; `None` when it has never written.
pub(super) fn read(server: &Server, target: &Target) -> Result<Option<ReadPosition>> {
    let doing = "reading the position";
    let path = format!("/{}/{}", target.positions, cells::escaped(key(target).as_bytes()));
    let answer = server.ask(doing, Request::Get, &path, limits::DOCUMENTS_ANSWER_BYTES)?;
    let found = match answer.status {
        200 => cells::read(&answer.body).ok_or_else(|| answer::unread(&target.name, doing))?.pop(),
        404 => None,
        _ => return Err(failure::of_answer(&target.name, doing, &answer)),
    };
    let Some(found) = found else { return Ok(None) };
    let damaged = || Error::PositionDamaged { place: target.name.clone() };
    let text = |name: &str| found.text(POSITION_FAMILY, name).ok_or_else(damaged);
    let (document, version) = (text(POSITION)?, text(VERSION)?.to_owned());
    let document: PositionDocument = serde_json::from_str(document).map_err(|_| damaged())?;
    let (position, writer) = document.read();
    Ok(Some(ReadPosition { position, writer, version }))
}

/// Has the position moved from the version `known`, or made where there is none; the new version, or
/// `None` when the old one was not there.
pub(super) fn put(
    server: &Server,
    target: &Target,
    (context, mover): (&Context, &mut Mover),
    positions: &[Position],
    known: Option<&str>,
) -> Result<Option<String>> {
    let new = mover.next();
    let document = PositionDocument::of(context, &mover.writer, positions).encode();
    let [position, version] = [POSITION, VERSION].map(|it| CellColumn::of(POSITION_FAMILY, it));
    let body = cells::one_row(
        key(target).as_bytes(),
        // The last one is what must be there, and nothing where it is empty.
        &[
            (&position, &document),
            (&version, new.as_bytes()),
            (&version, known.unwrap_or_default().as_bytes()),
        ],
    );
    let path = format!("/{}/row?check=put", target.positions);
    let request = Request::Put(body.as_bytes());
    let answer = server.ask(WRITING, request, &path, limits::DOCUMENTS_ANSWER_BYTES)?;
    match answer.status {
        200 => Ok(Some(new)),
        304 => Ok(None),
        _ => Err(failure::of_answer(&target.name, WRITING, &answer)),
    }
}

/// Takes the sink's place: its positions for these rows, those that are there, and for partitions
/// that are new the oldest row. From then on whoever had the place before moves nothing. A store or
/// topic that is not the sink's is refused.
pub(super) fn begin(
    server: &Server,
    target: &Target,
    (context, mover): (&Context, &mut Mover),
    rows: &[Span],
) -> Result<(Vec<Position>, String)> {
    loop {
        let stored = read(server, target)?;
        if let Some(stored) = &stored {
            stored.position.check_owner(&target.name, context)?;
            if stored.position.positions.len() > rows.len() {
                return Err(Error::PositionDamaged { place: target.name.clone() });
            }
        }
        let (mut positions, known) = match stored {
            Some(stored) => (stored.position.positions, Some(stored.version)),
            None => (Vec::new(), None),
        };
        let new = rows.iter().skip(positions.len());
        positions.extend(new.map(|span| Position::beginning(span.first)));
        // Someone else may be at it: then it is read again, and each of them moves it once.
        let who = (context, &mut *mover);
        if let Some(version) = put(server, target, who, &positions, known.as_deref())? {
            return Ok((positions, version));
        }
    }
}

/// What the server has, for those who only look. One that does not answer says nothing.
pub(super) fn mark(spec: &SinkSpec) -> Result<Option<SinkMark>> {
    let target = Target::of(spec)?;
    let looked = target.server(limits::LOOK_PATIENCE).and_then(|server| read(&server, &target));
    Ok(looked.ok().flatten().map(|stored| stored.position.into()))
}
