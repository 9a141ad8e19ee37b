//! Documents waiting for the server, and `_bulk` requests of some of them.
//!
//! A request that is answered says of each document what became of it: it is there, it comes again,
//! or it cannot be there. Those that are there are not sent again.

use std::collections::{BTreeMap, BTreeSet};

use seismic_queue::{Kind, Offset, Partition};
use serde::Deserialize;

use super::failure::{self, Trouble};
use crate::http::answer::{self, Request, Server};
use crate::{Error, Result, failpoints, limits};

const DOING: &str = "writing rows";

/// Where documents go, with as much of the answer as is needed.
const PATH: &str = "/_bulk?filter_path=errors,items.*.status,items.*.error";

/// Encoded documents, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    documents: Vec<Document>,
    /// Indices that the documents are of.
    pub(super) indices: BTreeSet<String>,
}

#[derive(Debug)]
struct Document {
    partition: Partition,
    offset: Offset,
    /// Where its lines begin, in bytes.
    begin: usize,
    end: usize,
    is_there: bool,
}

/// How much of a batch there was at some moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Length {
    bytes: usize,
    documents: usize,
}

/// How many documents a request may have: fewer after one that the server could not take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace(usize);

impl Default for Pace {
    fn default() -> Self {
        Pace(usize::MAX)
    }
}

impl Pace {
    fn halve(&mut self, sent: usize) {
        self.0 = (sent / 2).max(1);
    }

    fn grow(&mut self) {
        self.0 = self.0.saturating_mul(2);
    }
}

#[derive(Debug, Deserialize)]
struct BulkAnswer {
    errors: bool,
    #[serde(default)]
    items: Vec<BTreeMap<String, Item>>,
}

#[derive(Debug, Deserialize)]
struct Item {
    status: u16,
    error: Option<Trouble>,
}

impl Batch {
    /// Length in bytes.
    pub(super) fn length_bytes(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn len(&self) -> Length {
        Length { bytes: self.bytes.len(), documents: self.documents.len() }
    }

    /// Forgets what came after that length.
    pub(super) fn cut(&mut self, length: Length) {
        self.bytes.truncate(length.bytes);
        self.documents.truncate(length.documents);
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.documents.clear();
        self.indices.clear();
    }

    /// Adds a document, which `encode` appends, or says why it cannot.
    pub(super) fn add(
        &mut self,
        (partition, offset): (Partition, Offset),
        encode: impl FnOnce(&mut Vec<u8>) -> std::result::Result<(), String>,
    ) -> std::result::Result<(), String> {
        let begin = self.bytes.len();
        encode(&mut self.bytes)?;
        let end = self.bytes.len();
        self.documents.push(Document { partition, offset, begin, end, is_there: false });
        Ok(())
    }

    /// The documents of the next request: some that are not there.
    fn piece(&self, most_bytes: usize, pace: Pace) -> Vec<usize> {
        let (mut piece, mut bytes) = (Vec::new(), 0);
        for (number, document) in self.documents.iter().enumerate() {
            if document.is_there {
                continue;
            }
            bytes += document.end - document.begin;
            if !piece.is_empty() && bytes > most_bytes || piece.len() >= pace.0 {
                break;
            }
            piece.push(number);
        }
        piece
    }

    /// Brings all documents to the server.
    ///
    /// # Errors
    /// [`Error::RowRefused`] where one cannot be there; others may be.
    pub(super) fn send(
        &mut self,
        server: &Server,
        place: &str,
        most_bytes: usize,
        pace: &mut Pace,
    ) -> Result<()> {
        loop {
            let piece = self.piece(most_bytes, *pace);
            if piece.is_empty() {
                return Ok(());
            }
            let mut body = Vec::with_capacity(most_bytes.min(self.bytes.len()));
            for &number in &piece {
                let Document { begin, end, .. } = self.documents[number];
                body.extend_from_slice(&self.bytes[begin..end]);
            }
            failpoints::pass(failpoints::OPENSEARCH_BEFORE_BULK)?;
            let answer =
                server.ask(DOING, Request::Post(&body), PATH, limits::DOCUMENTS_ANSWER_BYTES);
            failpoints::pass(failpoints::OPENSEARCH_AFTER_BULK)?;
            let answer = answer.inspect_err(|error| {
                // A server that is too slow for as many takes fewer.
                if answer::is_timeout(error) {
                    pace.halve(piece.len());
                }
            })?;
            if answer.status != 200 {
                if matches!(answer.status, 413 | 429) {
                    pace.halve(piece.len());
                }
                if let (413, &[one]) = (answer.status, &*piece) {
                    let what = "it is longer than the server takes at once".to_owned();
                    return Err(self.refused(place, one, what));
                }
                return Err(failure::of_answer(place, DOING, &answer));
            }
            let said: BulkAnswer = serde_json::from_slice(&answer.body)
                .ok()
                .filter(|said: &BulkAnswer| said.items.len() == piece.len())
                .ok_or_else(|| answer::unread(place, DOING))?;
            self.learn(place, &piece, said, pace)?;
        }
    }

    /// What became of the documents of a request.
    fn learn(
        &mut self,
        place: &str,
        piece: &[usize],
        said: BulkAnswer,
        pace: &mut Pace,
    ) -> Result<()> {
        let (mut refused, mut failed) = (None, None);
        for (&number, item) in piece.iter().zip(said.items) {
            let Some(Item { status, error }) = item.into_values().next() else {
                return Err(answer::unread(place, DOING));
            };
            if (200..300).contains(&status) && error.is_none() {
                self.documents[number].is_there = true;
                continue;
            }
            let trouble = error.unwrap_or_default();
            if status == 429 {
                pace.halve(piece.len());
            }
            match failure::kind(status, &trouble.name) {
                Kind::Data if refused.is_none() => refused = Some((number, trouble.words())),
                Kind::Data => {}
                kind if failed.as_ref().is_none_or(|(known, _)| *known == Kind::Retry) => {
                    failed = Some((kind, format!("the server says {status}: {}", trouble.words())));
                }
                _ => {}
            }
        }
        match (failed, refused) {
            // A row is named once all others of its request are there.
            (Some((kind, what)), _) => {
                Err(Error::Database { place: place.to_owned(), doing: DOING, what, kind })
            }
            (None, Some((number, what))) => Err(self.refused(place, number, what)),
            (None, None) if said.errors => Err(answer::unread(place, DOING)),
            (None, None) => {
                pace.grow();
                Ok(())
            }
        }
    }

    fn refused(&self, place: &str, number: usize, what: String) -> Error {
        let Document { partition, offset, .. } = self.documents[number];
        Error::RowRefused { place: place.to_owned(), partition, offset, what }
    }
}

/// Removes documents; one that is gone already is fine.
pub(super) fn delete(server: &Server, place: &str, lines: &str) -> Result<()> {
    let doing = "removing rows that were taken back";
    let request = Request::Post(lines.as_bytes());
    let answer = server.ask(doing, request, PATH, limits::DOCUMENTS_ANSWER_BYTES)?;
    if answer.status != 200 {
        return Err(failure::of_answer(place, doing, &answer));
    }
    let said: BulkAnswer =
        serde_json::from_slice(&answer.body).map_err(|_| answer::unread(place, doing))?;
    for Item { status, error } in said.items.into_iter().flat_map(BTreeMap::into_values) {
        if status != 404 && !(200..300).contains(&status) {
            let trouble = error.unwrap_or_default();
            let what = format!("the server says {status}: {}", trouble.words());
            let kind = failure::kind(status, &trouble.name);
            return Err(Error::Database { place: place.to_owned(), doing, what, kind });
        }
    }
    Ok(())
}
