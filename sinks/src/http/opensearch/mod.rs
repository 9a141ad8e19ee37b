//! Rows as documents of Elasticsearch and OpenSearch, effectively once.
//!
//! ```text
//! write: rows ─► batch, encoded as documents whose ids follow from the rows      nothing is sent yet
//! sync:  _bulk    documents, until each of them is there                         again: the same ones
//!        _doc     position: new, if its version is the one that is known         the fence
//! ```
//!
//! * **Crashes and lost answers.** Documents that are written again replace themselves, and the
//!   position moves once they are there. So after any crash each row is there once, from the
//!   position that is stored on; rows after it may be there before it says so.
//! * **Unknown outcome.** Where the answer to the position is lost, the sink reads it: what it has
//!   sent itself is adopted, and a request of its own that is late moves nothing.
//! * **Zombies.** Whoever opens the sink moves the position to itself, so that the one before moves
//!   nothing more, and stops. Documents that it still sends are those of its rows.
//! * **Restored snapshots.** An index and the position are restored apart; `verify` compares them.
//!
//! The batch is kept until the position is moved, so a server outage only costs time.

mod bulk;
mod compare;
mod ddl;
mod durability;
mod examine;
mod failure;
mod index_pattern;
mod names;
mod options;
mod position;
mod row_document;
mod search;
mod target;

use std::collections::BTreeSet;

use seismic_queue::{Fingerprint, Offset, Partition, Span};
use serde_json::json;

use self::bulk::{Batch, Pace};
use self::position::Version;
use self::row_document::DocumentFormat;
use self::target::Target;
use super::answer::Server;
use crate::entry::{Entry, Written};
use crate::position::document;
use crate::position::stored::{Position, next_of};
use crate::run::bare::{KeepsEncoded, bare};
use crate::{Context, Error, Result, Rows, Sink, SinkSpec, failpoints, limits};

/// Its place in the list of sinks.
pub(crate) const ENTRY: Entry = Entry {
    scheme: "opensearch",
    form: target::FORM,
    target: Some(""),
    options: options::OPTIONS,
    place: &["index"],
    name: |spec| Target::read(spec).map_or_else(|_| spec.to_string(), |target| target.name),
    passes_over: true,
    keeps_refused: false,
    is_remote: true,
    shows_only: false,
    file: |_| None,
    writes: |spec| {
        Target::read(spec).ok().map(|target| match target.pattern.has_time() {
            true => Written::Beginning(target.pattern.beginning().to_owned()),
            false => Written::Named(target.pattern.text),
        })
    },
    check: |spec| Target::read(spec).err().unwrap_or_default(),
    open: |spec, context| Ok(Box::new(OpenSearch::open(spec, context)?)),
    examine: examine::examine,
    ddl: Some(|spec, schema| {
        let target = Target::of(spec)?;
        Ok(ddl::ddl(&target, DocumentFormat::of(&target, schema)?.columns()))
    }),
    compare: Some(compare::compare),
    mark: Some(|spec, _| position::mark(spec)),
    needs: |_| Vec::new(),
    rows_in: None,
    sends_back_to: None,
    lookup: None,
    bare: Some(|spec, context, batches| bare(OpenSearch::open(spec, context)?, context, batches)),
};

/// Writes rows to indices of one server.
pub struct OpenSearch {
    target: Target,
    context: Context,
    format: DocumentFormat,
    /// A name that no other sink has, and that tells which process this is.
    writer: String,
    /// `None` until it recovers.
    server: Option<Server>,
    /// What the server has, as far as is known, and its version.
    committed: Vec<Position>,
    version: Option<Version>,
    /// What it has once the batch is there.
    pending: Vec<Position>,
    /// Whether a position was sent and its outcome is unknown.
    is_unknown: bool,
    batch: Batch,
    pace: Pace,
    /// Indices that are there and keep what they acknowledge.
    known: BTreeSet<String>,
}

impl OpenSearch {
    /// The sink of that spec. It does not connect yet.
    ///
    /// # Errors
    /// When the fields are not those of the rows.
    pub fn open(spec: &SinkSpec, context: &Context) -> Result<Self> {
        let target = Target::of(spec)?;
        Ok(OpenSearch {
            format: DocumentFormat::of(&target, &context.schema)?,
            target,
            context: context.clone(),
            writer: document::writer(),
            server: None,
            committed: Vec::new(),
            version: None,
            pending: Vec::new(),
            is_unknown: false,
            batch: Batch::default(),
            pace: Pace::default(),
            known: BTreeSet::new(),
        })
    }

    fn server(&self) -> &Server {
        self.server.as_ref().expect("it has recovered")
    }

    /// Brings the batch and its position to the server.
    fn flush(&mut self) -> Result<()> {
        if self.pending == self.committed {
            return Ok(());
        }
        let place = &self.target.name;
        let server = self.server.as_ref().expect("it has recovered");
        let new = || self.batch.indices.difference(&self.known);
        if self.target.creates {
            new().try_for_each(|index| ddl::make_index(server, &self.target, index))?;
        }
        let new: Vec<String> = new().cloned().collect();
        self.batch.send(server, place, self.target.batch_bytes, &mut self.pace)?;
        // Only now is each of them there, whoever made it.
        new.iter().try_for_each(|index| durability::check(server, &self.target, index))?;
        if self.known.len() > limits::INDICES_KNOWN {
            self.known.clear();
        }
        self.known.extend(new);
        while self.pending != self.committed {
            self.move_position()?;
        }
        self.batch.clear();
        Ok(())
    }

    /// Has the position moved from where this sink knows it to be.
    fn move_position(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.is_unknown, true) {
            return self.settle();
        }
        failpoints::pass(failpoints::OPENSEARCH_BEFORE_POSITION)?;
        let who = (&self.context, &*self.writer);
        let put = position::put(self.server(), &self.target, who, &self.pending, self.version)?;
        failpoints::pass(failpoints::OPENSEARCH_AFTER_POSITION)?;
        match put {
            Some(version) => {
                self.committed.clone_from(&self.pending);
                (self.version, self.is_unknown) = (Some(version), false);
                Ok(())
            }
            None => self.settle(),
        }
    }

    /// Learns from the server what became of the positions that were sent.
    fn settle(&mut self) -> Result<()> {
        let place = || self.target.name.clone();
        let Some(stored) = position::read(self.server(), &self.target)? else {
            return Err(Error::PositionMissing { place: place() });
        };
        stored.position.check_owner(&place(), &self.context)?;
        if stored.writer != self.writer {
            return Err(Error::Moved { place: place() });
        }
        // Whatever it has, this sink has sent it, once its rows were there.
        self.committed = stored.position.positions;
        (self.version, self.is_unknown) = (Some(stored.version), false);
        if next_of(&self.committed) == next_of(&self.pending) {
            self.committed.clone_from(&self.pending);
        }
        Ok(())
    }

    /// Removes the documents of a partition from an offset on.
    fn remove(&self, partition: Partition, first: Offset) -> Result<()> {
        let (server, target) = (self.server(), &self.target);
        loop {
            search::refresh(server, target)?;
            let found = search::of_partition(server, target, partition, first)?;
            if found.is_empty() {
                return Ok(());
            }
            let lines = found.iter().map(|hit| {
                let place = json!({ "delete": { "_index": hit.index, "_id": hit.id } });
                format!("{place}\n")
            });
            bulk::delete(server, &target.name, &lines.collect::<String>())?;
        }
    }
}

impl KeepsEncoded for OpenSearch {
    type Encoded = (Batch, Vec<Position>);

    fn take_encoded(&mut self) -> Self::Encoded {
        (std::mem::take(&mut self.batch), self.pending.clone())
    }

    fn put_encoded(&mut self, (batch, pending): Self::Encoded) {
        (self.batch, self.pending) = (batch, pending);
    }
}

impl Sink for OpenSearch {
    fn name(&self) -> &str {
        &self.target.name
    }

    /// A new place begins with the oldest row that the topic still has.
    fn recover(&mut self, rows: &[Span]) -> Result<Vec<Offset>> {
        let server = self.target.server(limits::SILENT_PATIENCE)?;
        if self.target.creates {
            ddl::make(&server, &self.target, self.format.columns())?;
        }
        durability::check(&server, &self.target, names::POSITIONS)?;
        durability::check(&server, &self.target, &self.target.pattern.wildcard())?;
        let who = (&self.context, &*self.writer);
        let (positions, version) = position::begin(&server, &self.target, who, rows)?;
        (self.committed, self.version, self.is_unknown) = (positions, Some(version), false);
        self.pending.clone_from(&self.committed);
        self.batch.clear();
        self.known.clear();
        self.server = Some(server);
        Ok(next_of(&self.committed))
    }

    fn last_rows(&self) -> Vec<Option<Fingerprint>> {
        self.committed.iter().map(|position| position.last).collect()
    }

    fn take_back(&mut self, partition: Partition, first: Offset) -> Result<bool> {
        self.settle()?;
        // Their position stays until they are gone: whoever dies meanwhile begins again here.
        self.remove(partition, first)?;
        self.pending.clone_from(&self.committed);
        self.pending[partition.0 as usize] = Position::beginning(first);
        while self.pending != self.committed {
            self.move_position()?;
        }
        Ok(true)
    }

    fn write(&mut self, rows: &Rows<'_>) -> Result<()> {
        if self.batch.length_bytes() >= self.target.batch_bytes {
            self.flush()?;
        }
        let before = self.batch.len();
        for at in rows.iter() {
            let (partition, offset) = (rows.partition(), at.offset);
            let added = self.format.index(at.row).map(|index| {
                if !self.batch.indices.contains(index) {
                    self.batch.indices.insert(index.to_owned());
                }
            });
            let put = |bytes: &mut Vec<u8>| self.format.put(rows, at, bytes);
            let added = added.and_then(|()| self.batch.add((partition, offset), put));
            if let Err(what) = added {
                self.batch.cut(before);
                let place = self.target.name.clone();
                return Err(Error::RowRefused { place, partition, offset, what });
            }
        }
        self.pending[rows.partition().0 as usize].pass(rows);
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        self.flush()
    }
}
