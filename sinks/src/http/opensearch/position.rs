//! The position of the sink, a document beside the rows. It is moved once the rows before it are
//! there, and only from where this sink knows it to be: that is the fence.
//!
//! It is `seismic_position/PATTERN`; what it holds is in `position/document.rs`.

use std::fmt::Write as _;

use seismic_queue::Span;
use serde::Deserialize;

use super::failure;
use super::names::POSITIONS;
use super::target::Target;
use crate::http::answer::{self, Answer, Request, Server};
use crate::position::document::PositionDocument;
use crate::position::mark::SinkMark;
use crate::position::stored::{Position, StoredPosition};
use crate::{Context, Error, Result, SinkSpec, limits};

const WRITING: &str = "moving the position";

/// A version of the document, as the server counts.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(super) struct Version {
    #[serde(rename = "_seq_no")]
    seq_no: u64,
    #[serde(rename = "_primary_term")]
    primary_term: u64,
}

/// What the server has of a sink.
#[derive(Debug)]
pub(super) struct ReadPosition {
    pub(super) position: StoredPosition,
    /// Which sink moved it last.
    pub(super) writer: String,
    pub(super) version: Version,
}

#[derive(Deserialize)]
struct Found {
    #[serde(flatten)]
    version: Version,
    #[serde(rename = "_source")]
    source: PositionDocument,
}

/// The path of the document, by `way`.
fn path(target: &Target, way: &str) -> String {
    let mut path = format!("/{POSITIONS}/{way}/");
    for byte in target.pattern.text.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' => path.push(byte.into()),
            _ => write!(path, "%{byte:02X}").expect("memory takes every byte"),
        }
    }
    path
}

/// What the server has of this sink; `None` when it has never written.
pub(super) fn read(server: &Server, target: &Target) -> Result<Option<ReadPosition>> {
    let doing = "reading the position";
    let path = path(target, "_doc");
    let answer = server.ask(doing, Request::Get, &path, limits::DOCUMENTS_ANSWER_BYTES)?;
    match answer.status {
        200 => {}
        404 => return missing(target, &answer).map_or(Ok(None), Err),
        _ => return Err(failure::of_answer(&target.name, doing, &answer)),
    }
    let damaged = |_| Error::PositionDamaged { place: target.name.clone() };
    let Found { version, source } = serde_json::from_slice(&answer.body).map_err(damaged)?;
    let (position, writer) = source.read();
    Ok(Some(ReadPosition { position, writer, version }))
}

/// That the index itself is missing, if an answer says so.
fn missing(target: &Target, answer: &Answer) -> Option<Error> {
    failure::trouble(answer)?;
    Some(Error::TableMissing { place: target.name.clone(), table: POSITIONS.to_owned() })
}

/// Has the position moved from `known`, or made where there is none; the new version, or `None`
/// when it was not there.
pub(super) fn put(
    server: &Server,
    target: &Target,
    (context, writer): (&Context, &str),
    positions: &[Position],
    known: Option<Version>,
) -> Result<Option<Version>> {
    let body = PositionDocument::of(context, writer, positions).encode();
    let path = match known {
        None => path(target, "_create"),
        Some(Version { seq_no, primary_term }) => {
            let path = path(target, "_doc");
            format!("{path}?if_seq_no={seq_no}&if_primary_term={primary_term}")
        }
    };
    let answer = server.ask(WRITING, Request::Put(&body), &path, limits::ANSWER_BYTES)?;
    match answer.status {
        200 | 201 => serde_json::from_slice(&answer.body)
            .map(Some)
            .map_err(|_| answer::unread(&target.name, WRITING)),
        409 => Ok(None),
        404 => Err(missing(target, &answer)
            .unwrap_or_else(|| failure::of_answer(&target.name, WRITING, &answer))),
        _ => Err(failure::of_answer(&target.name, WRITING, &answer)),
    }
}

/// Takes the sink's place: its positions for these rows, those that are there, and for partitions
/// that are new the oldest row. From then on whoever had the place before moves nothing. A store or
/// topic that is not the sink's is refused.
pub(super) fn begin(
    server: &Server,
    target: &Target,
    (context, writer): (&Context, &str),
    rows: &[Span],
) -> Result<(Vec<Position>, Version)> {
    loop {
        let stored = read(server, target)?;
        if let Some(stored) = &stored {
            stored.position.check_owner(&target.name, context)?;
            if stored.position.positions.len() > rows.len() {
                return Err(Error::PositionDamaged { place: target.name.clone() });
            }
        }
        let known = stored.as_ref().map(|stored| stored.version);
        let mut positions = stored.map_or_else(Vec::new, |stored| stored.position.positions);
        let new = rows.iter().skip(positions.len());
        positions.extend(new.map(|span| Position::beginning(span.first)));
        // Someone else may be at it: then it is read again, and each of them moves it once.
        if let Some(version) = put(server, target, (context, writer), &positions, known)? {
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
