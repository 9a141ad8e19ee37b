//! Rows as messages of a topic of a Kafka cluster, which need not be the job's.
//!
//! ```text
//! write: rows ─► batch, encoded as messages                                   nothing is sent yet
//! sync:  one transaction: messages, and the position behind them              it counts, or nothing does
//! ```
//!
//! * **Crashes.** Readers of committed messages see rows and position of a transaction together, or
//!   neither. What a process that died left open, brokers abort.
//! * **Unknown outcome.** Where the answer to a commit is lost, the sink takes its transactional id over
//!   again, which ends what was left open, and reads the position: new, and it was committed.
//! * **Zombies.** Whoever opens the sink takes its transactional id over and writes a position of its own.
//!   The one before is fenced by the brokers, sees the other's name there, and stops.
//!
//! The batch is kept until its transaction is committed, so an outage of the cluster only costs time.

mod batch;
mod compare;
mod ddl;
mod examine;
mod failure;
mod options;
mod partitioner;
mod position;
mod target;

use seismic_kafka::outlet::{Outlet, POSITIONS, is_fenced};
use seismic_queue::{Fingerprint, Offset, Span};

use self::batch::{Batch, MessageFormat};
use self::target::Target;
use crate::entry::{Entry, Written};
use crate::position::document;
use crate::position::stored::{Position, next_of};
use crate::run::bare::{KeepsEncoded, bare};
use crate::{Context, Error, Result, Rows, Sink, SinkSpec, failpoints, limits};

/// Its place in the list of sinks.
pub(crate) const ENTRY: Entry = Entry {
    scheme: "kafka",
    form: target::FORM,
    target: Some(""),
    options: options::OPTIONS,
    place: &["topic"],
    name: |spec| Target::read(spec).map_or_else(|_| spec.to_string(), |target| target.name),
    passes_over: true,
    keeps_refused: false,
    is_remote: true,
    shows_only: false,
    file: |_| None,
    writes: |spec| Some(Written::Named(spec.text("topic").to_owned())),
    check: |spec| Target::read(spec).err().unwrap_or_default(),
    open: |spec, context| Ok(Box::new(Kafka::open(spec, context)?)),
    examine: examine::examine,
    ddl: Some(|spec, schema| {
        let target = Target::of(spec)?;
        MessageFormat::of(&target, schema)?;
        Ok(ddl::ddl(&target))
    }),
    compare: Some(compare::compare),
    mark: Some(|spec, _| position::mark(spec)),
    needs: |_| Vec::new(),
    rows_in: None,
    sends_back_to: None,
    lookup: None,
    bare: Some(|spec, context, batches| bare(Kafka::open(spec, context)?, context, batches)),
};

/// How often in a row brokers may refuse the client without another sink's name in the position:
/// they look so too where a transaction took too long.
const FENCED_TIMES: u32 = 3;

/// Writes rows to a topic.
pub struct Kafka {
    target: Target,
    context: Context,
    format: MessageFormat,
    /// A name that no other sink has, and that tells which process this is.
    writer: String,
    /// `None` until it recovers.
    outlet: Option<Outlet>,
    /// Partitions of the topic.
    partitions: u32,
    /// What was committed, as far as is known.
    committed: Vec<Position>,
    /// What is once the batch is there.
    pending: Vec<Position>,
    /// Whether a transaction was begun whose outcome is unknown.
    is_unknown: bool,
    /// How often in a row the client was fenced.
    fenced: u32,
    batch: Batch,
}

impl Kafka {
    /// The sink of that spec. It does not connect yet.
    ///
    /// # Errors
    /// When the fields are not those of the rows.
    pub fn open(spec: &SinkSpec, context: &Context) -> Result<Self> {
        let target = Target::of(spec)?;
        Ok(Kafka {
            format: MessageFormat::of(&target, &context.schema)?,
            target,
            context: context.clone(),
            writer: document::writer(),
            outlet: None,
            partitions: 0,
            committed: Vec::new(),
            pending: Vec::new(),
            is_unknown: false,
            fenced: 0,
            batch: Batch::default(),
        })
    }

    fn outlet(&self) -> &Outlet {
        self.outlet.as_ref().expect("it has recovered")
    }

    /// Brings the batch and its position to the cluster.
    fn flush(&mut self) -> Result<()> {
        while self.pending != self.committed {
            if self.is_unknown {
                self.settle()?;
                continue;
            }
            self.check_lengths()?;
            self.is_unknown = true;
            match self.transact() {
                Ok(()) => {
                    self.committed.clone_from(&self.pending);
                    (self.is_unknown, self.fenced) = (false, 0);
                }
                Err(Error::Queue(error)) => {
                    let is_fenced = is_fenced(&error);
                    self.outlet.as_mut().expect("it has recovered").close();
                    if !is_fenced {
                        return Err(failure::of(&self.target.name, "writing rows", error));
                    }
                    self.fenced += 1;
                    if self.fenced > FENCED_TIMES {
                        return Err(self.moved());
                    }
                }
                Err(error) => return Err(error),
            }
        }
        self.batch.clear();
        Ok(())
    }

    /// One transaction of the batch and the position behind it.
    fn transact(&self) -> Result<()> {
        let outlet = self.outlet();
        failpoints::pass(failpoints::KAFKA_BEFORE_TRANSACTION)?;
        outlet.begin()?;
        for message in self.batch.messages() {
            outlet.send(&message)?;
        }
        failpoints::pass(failpoints::KAFKA_AFTER_ROWS)?;
        outlet.send_position(&position::encode(&self.context, &self.writer, &self.pending))?;
        outlet.flush()?;
        failpoints::pass(failpoints::KAFKA_BEFORE_COMMIT)?;
        outlet.commit()?;
        failpoints::pass(failpoints::KAFKA_AFTER_COMMIT)
    }

    /// Refuses a row that is longer than the topic takes, before anything is sent.
    fn check_lengths(&self) -> Result<()> {
        let outlet = self.outlet();
        let Some(long) =
            self.batch.messages().find(|it| !outlet.takes(it.key.len() + it.value.len()))
        else {
            return Ok(());
        };
        let (partition, offset) = long.row;
        let what = format!(
            "it has {} bytes, and the topic takes {} (max.message.bytes)",
            long.key.len() + long.value.len(),
            outlet.message_bytes()
        );
        Err(Error::RowRefused { place: self.target.name.clone(), partition, offset, what })
    }

    /// Learns what became of the last transaction, with a new client.
    fn settle(&mut self) -> Result<()> {
        let place = self.target.name.clone();
        let failed = |error| failure::of(&place, "looking what became of a transaction", error);
        let outlet = self.outlet.as_mut().expect("it has recovered");
        // Who was fenced by another sink does not take its place from it again.
        if self.fenced > 0 {
            position::read(&place, outlet, limits::SILENT_PATIENCE)?
                .filter(|stored| stored.1 == self.writer)
                .ok_or_else(|| Error::Moved { place: place.clone() })?;
        }
        outlet.take_over().map_err(failed)?;
        let Some((stored, writer)) = position::read(&place, outlet, limits::SILENT_PATIENCE)?
        else {
            return Err(Error::PositionMissing { place });
        };
        stored.check_owner(&place, &self.context)?;
        if writer != self.writer {
            return Err(self.moved());
        }
        self.is_unknown = false;
        // Whatever is there, this sink has sent it.
        self.committed = stored.positions;
        if next_of(&self.committed) == next_of(&self.pending) {
            self.committed.clone_from(&self.pending);
        }
        Ok(())
    }

    /// The positions of this sink for these rows: those that are there, and for partitions that are
    /// new the oldest row. A store or topic that is not the sink's is refused.
    fn positions(&self, is_new: bool, rows: &[Span]) -> Result<Vec<Position>> {
        let place = || self.target.name.clone();
        let stored = position::read(&place(), self.outlet(), limits::SILENT_PATIENCE)?;
        if let Some((stored, _)) = &stored {
            stored.check_owner(&place(), &self.context)?;
            if stored.positions.len() > rows.len() {
                return Err(Error::PositionDamaged { place: place() });
            }
        } else if !is_new {
            return Err(Error::PositionMissing { place: place() });
        }
        let mut positions = stored.map_or_else(Vec::new, |(stored, _)| stored.positions);
        let new = rows.iter().skip(positions.len());
        positions.extend(new.map(|span| Position::beginning(span.first)));
        Ok(positions)
    }

    fn moved(&self) -> Error {
        Error::Moved { place: self.target.name.clone() }
    }
}

impl KeepsEncoded for Kafka {
    type Encoded = (Batch, Vec<Position>);

    fn take_encoded(&mut self) -> Self::Encoded {
        (std::mem::take(&mut self.batch), self.pending.clone())
    }

    fn put_encoded(&mut self, (batch, pending): Self::Encoded) {
        (self.batch, self.pending) = (batch, pending);
    }
}

impl Sink for Kafka {
    fn name(&self) -> &str {
        &self.target.name
    }

    /// A new place begins with the oldest row that the topic still has.
    fn recover(&mut self, rows: &[Span]) -> Result<Vec<Offset>> {
        let place = self.target.name.clone();
        let failed = |doing| {
            let place = &place;
            move |error| failure::of(place, doing, error)
        };
        let outlet = match self.outlet.take() {
            Some(outlet) => outlet,
            None => self.target.outlet()?,
        };
        let outlet = self.outlet.insert(outlet);
        if self.target.creates {
            let wanted = self.target.partitions.unwrap_or(rows.len() as u32);
            outlet.create(wanted).map_err(failed("making topics"))?;
        }
        let looking = "looking for topics";
        let missing =
            |table: &str| Error::TableMissing { place: place.clone(), table: table.to_owned() };
        let topic = outlet.topic().map_err(failed(looking))?;
        let topic = topic.ok_or_else(|| missing(&self.target.topic))?;
        outlet.positions().map_err(failed(looking))?.ok_or_else(|| missing(POSITIONS))?;
        outlet.take_over().map_err(failed("taking over"))?;
        let is_new = outlet.is_new(&topic).map_err(failed(looking))?;
        self.partitions = topic.partitions;
        self.committed = self.positions(is_new, rows)?;
        self.pending.clone_from(&self.committed);
        (self.is_unknown, self.fenced) = (false, 0);
        self.batch.clear();
        // From now on the position has this sink's name.
        self.transact().map_err(|error| match error {
            Error::Queue(error) if is_fenced(&error) => self.moved(),
            Error::Queue(error) => failure::of(&place, "taking over", error),
            error => error,
        })?;
        Ok(next_of(&self.committed))
    }

    fn last_rows(&self) -> Vec<Option<Fingerprint>> {
        self.committed.iter().map(|position| position.last).collect()
    }

    fn write(&mut self, rows: &Rows<'_>) -> Result<()> {
        if self.batch.length_bytes() >= self.target.batch_bytes {
            self.flush()?;
        }
        let partitioner = self.target.partitioner;
        for at in rows.iter() {
            let to = partitioner.partition(rows.partition(), at.key, self.partitions);
            self.batch.add(&self.format, to, rows, at);
        }
        self.pending[rows.partition().0 as usize].pass(rows);
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        self.flush()
    }
}
