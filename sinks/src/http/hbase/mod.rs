//! Rows in tables of HBase, through its REST gateway: cells, effectively once, or counters, exactly once.
//!
//! ```text
//! write: rows ─► batch                                                           nothing is sent yet
//! sync:  put     rows, some at once                                  again: the same cells
//!        incr    each key's sums and how far they go, if they are as they were read        once
//!        then    position: new, if its version is the one that is known                    the fence
//! ```
//!
//! * **Crashes and lost answers.** Rows that are put again have the same cells, and counters say up to which
//!   row they have counted. The position moves once all of a batch is there.
//! * **Unknown outcome.** A request may be done though the gateway answers nothing or an error. A counter is
//!   then read before it is raised again, and so is the position: what the sink has sent itself is
//!   adopted, and a request of its own that is late changes nothing.
//! * **Zombies.** Whoever opens the sink moves the position to itself, so that the one before moves nothing
//!   more, and stops. What it still sends are cells of its rows, and rows that are counted once.
//! * **Timestamps** are those of the server: a cell of an old row would else be beyond its family's TTL.
//!
//! The batch is kept until the position is moved, so an outage only costs time.

mod cells;
mod compare;
mod counts;
mod examine;
mod failure;
mod names;
mod operation;
mod options;
mod position;
mod puts;
mod reading;
mod row_format;
mod scan;
mod tables;
mod target;

use seismic_queue::{Fingerprint, Offset, Span};

use self::counts::Counts;
use self::position::Mover;
use self::puts::Puts;
use self::row_format::RowFormat;
use self::target::Target;
use super::answer::Server;
use crate::entry::{Entry, Written};
use crate::position::document;
use crate::position::stored::{Position, next_of};
use crate::run::bare::{KeepsEncoded, bare};
use crate::{Context, Error, Result, Rows, Sink, SinkSpec, failpoints, limits};

/// Its place in the list of sinks.
pub(crate) const ENTRY: Entry = Entry {
    scheme: "hbase",
    form: target::FORM,
    target: Some(""),
    options: options::OPTIONS,
    place: &["namespace", "table", "family"],
    name: |spec| Target::read(spec).map_or_else(|_| spec.to_string(), |target| target.name),
    passes_over: true,
    keeps_refused: false,
    is_remote: true,
    shows_only: false,
    file: |_| None,
    writes: |spec| Target::read(spec).ok().map(|target| Written::Named(target.table)),
    check: |spec| Target::read(spec).err().unwrap_or_default(),
    open: |spec, context| Ok(Box::new(HBase::open(spec, context)?)),
    examine: examine::examine,
    ddl: Some(|spec, schema| {
        let target = Target::of(spec)?;
        RowFormat::of(&target, schema)?;
        Ok(tables::ddl(&target))
    }),
    compare: Some(compare::compare),
    mark: Some(|spec, _| position::mark(spec)),
    needs: |_| Vec::new(),
    rows_in: None,
    sends_back_to: None,
    lookup: Some(&reading::READING),
    bare: Some(|spec, context, batches| bare(HBase::open(spec, context)?, context, batches)),
};

/// Writes rows to one table.
pub struct HBase {
    target: Target,
    context: Context,
    format: RowFormat,
    mover: Mover,
    /// `None` until it recovers.
    server: Option<Server>,
    /// What the server has, as far as is known, and its version.
    committed: Vec<Position>,
    version: String,
    /// What it has once the batch is there.
    pending: Vec<Position>,
    /// Whether a position was sent and its outcome is unknown.
    is_unknown: bool,
    /// One of both is used.
    puts: Puts,
    counts: Counts,
}

impl HBase {
    /// The sink of that spec. It does not connect yet.
    ///
    /// # Errors
    /// When key and fields are not those of the rows.
    pub fn open(spec: &SinkSpec, context: &Context) -> Result<Self> {
        let target = Target::of(spec)?;
        Ok(HBase {
            format: RowFormat::of(&target, &context.schema)?,
            target,
            context: context.clone(),
            mover: Mover::new(document::writer()),
            server: None,
            committed: Vec::new(),
            version: String::new(),
            pending: Vec::new(),
            is_unknown: false,
            puts: Puts::default(),
            counts: Counts::default(),
        })
    }

    /// Brings the batch and its position to the server.
    fn flush(&mut self) -> Result<()> {
        if self.pending == self.committed {
            return Ok(());
        }
        let server = self.server.as_ref().expect("it has recovered");
        match &self.format {
            RowFormat::Put(_) => self.puts.send(server, &self.target)?,
            RowFormat::Incr(format) => {
                self.counts.send(server, (&self.target, &self.context), format)?;
            }
        }
        while self.pending != self.committed {
            self.move_position()?;
        }
        self.clear();
        Ok(())
    }

    fn clear(&mut self) {
        self.puts.cut(0);
        self.counts.cut(0);
    }

    /// Has the position moved from where this sink knows it to be.
    fn move_position(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.is_unknown, true) {
            return self.settle();
        }
        failpoints::pass(failpoints::HBASE_BEFORE_POSITION)?;
        let server = self.server.as_ref().expect("it has recovered");
        let who = (&self.context, &mut self.mover);
        let put = position::put(server, &self.target, who, &self.pending, Some(&self.version))?;
        failpoints::pass(failpoints::HBASE_AFTER_POSITION)?;
        match put {
            Some(version) => {
                self.committed.clone_from(&self.pending);
                (self.version, self.is_unknown) = (version, false);
                Ok(())
            }
            None => self.settle(),
        }
    }

    /// Learns from the server what became of the positions that were sent.
    fn settle(&mut self) -> Result<()> {
        let place = || self.target.name.clone();
        let server = self.server.as_ref().expect("it has recovered");
        let Some(stored) = position::read(server, &self.target)? else {
            return Err(Error::PositionMissing { place: place() });
        };
        stored.position.check_owner(&place(), &self.context)?;
        if stored.writer != self.mover.writer() {
            return Err(Error::Moved { place: place() });
        }
        // Whatever it has, this sink has sent it, once its rows were there.
        self.committed = stored.position.positions;
        (self.version, self.is_unknown) = (stored.version, false);
        if next_of(&self.committed) == next_of(&self.pending) {
            self.committed.clone_from(&self.pending);
        }
        Ok(())
    }
}

impl KeepsEncoded for HBase {
    type Encoded = (Puts, Counts, Vec<Position>);

    fn take_encoded(&mut self) -> Self::Encoded {
        let (puts, counts) = (std::mem::take(&mut self.puts), std::mem::take(&mut self.counts));
        (puts, counts, self.pending.clone())
    }

    fn put_encoded(&mut self, (puts, counts, pending): Self::Encoded) {
        (self.puts, self.counts, self.pending) = (puts, counts, pending);
    }
}

impl Sink for HBase {
    fn name(&self) -> &str {
        &self.target.name
    }

    /// A new place begins with the oldest row that the topic still has.
    fn recover(&mut self, rows: &[Span]) -> Result<Vec<Offset>> {
        let server = self.target.server(limits::SILENT_PATIENCE)?;
        if self.target.creates {
            tables::make(&server, &self.target)?;
        }
        tables::check(&server, &self.target)?;
        let who = (&self.context, &mut self.mover);
        let (positions, version) = position::begin(&server, &self.target, who, rows)?;
        (self.committed, self.version, self.is_unknown) = (positions, version, false);
        self.pending.clone_from(&self.committed);
        self.clear();
        self.counts.forget();
        self.server = Some(server);
        Ok(next_of(&self.committed))
    }

    fn last_rows(&self) -> Vec<Option<Fingerprint>> {
        self.committed.iter().map(|position| position.last).collect()
    }

    fn write(&mut self, rows: &Rows<'_>) -> Result<()> {
        if self.puts.bytes().max(self.counts.bytes()) >= self.target.batch_bytes {
            self.flush()?;
        }
        let before = (self.puts.len(), self.counts.len());
        for at in rows.iter() {
            let (partition, offset) = (rows.partition(), at.offset);
            let added = match &self.format {
                RowFormat::Put(format) => self.puts.add(format, rows, at),
                RowFormat::Incr(format) => self.counts.add(format, rows, at),
            };
            if let Err(what) = added {
                self.puts.cut(before.0);
                self.counts.cut(before.1);
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
