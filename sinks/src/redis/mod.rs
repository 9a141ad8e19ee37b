//! Rows as keys of Redis, each exactly once while the server keeps its append-only file: one script
//! checks the position, does the commands of a batch, and moves the position.
//!
//! * **Unknown outcome.** Where the answer to a script is lost, the same batch comes again under
//!   the same name: the position says whether that one was done, whatever came first.
//! * **Zombies.** A script with an old position does nothing, and whoever sent it learns that.
//! * **A command that fails** (its key holds another type, a sum overflows) ends its script: what
//!   was done before it counts, and the row is named.
//! * **Failover, power loss.** Rows and position are one and the same history, and go back
//!   together: the sink continues from the older position as long as the result topic has the rows.
//!
//! The batch is kept until it is done, so an outage of the server costs nothing but time.

mod compare;
mod examine;
mod failure;
mod merge;
mod names;
mod operation;
mod options;
mod position;
mod reading;
mod resp;
mod script;
mod session;
mod stream;
mod target;

use seismic_queue::{Fingerprint, Kind, Offset, Partition, Span};

use crate::entry::{Entry, Written};
use crate::position::stored::{Position, next_of};
use crate::run::bare::{KeepsEncoded, bare};
use crate::{Context, Error, Result, Rows, Sink, SinkSpec, failpoints, limits};
use operation::{Operation, Plan};
use session::Session;
use target::Target;

/// Its place in the list of sinks.
pub(crate) const ENTRY: Entry = Entry {
    scheme: "redis",
    form: target::FORM,
    target: Some(""),
    options: options::OPTIONS,
    place: &["name"],
    name: |spec| Target::read(spec).map_or_else(|_| spec.to_string(), |target| target.name),
    passes_over: true,
    keeps_refused: false,
    is_remote: true,
    shows_only: false,
    file: |_| None,
    writes: |spec| {
        let of = |target: Target| target.key.beginning().to_owned();
        Some(Written::Beginning(Target::read(spec).map(of).unwrap_or_default()))
    },
    check: |spec| Target::read(spec).err().unwrap_or_default(),
    open: |spec, context| Ok(Box::new(Redis::open(spec, context)?)),
    examine: examine::examine,
    ddl: None,
    compare: Some(compare::compare),
    mark: Some(|spec, _| position::mark(spec)),
    needs: |_| Vec::new(),
    rows_in: None,
    sends_back_to: None,
    lookup: Some(&reading::READING),
    bare: Some(|spec, context, batches| bare(Redis::open(spec, context)?, context, batches)),
};

/// Writes rows to one database of a server.
pub struct Redis {
    target: Target,
    context: Context,
    plan: Plan,
    /// Name of this sink's connections.
    application: String,
    /// `None` when it is lost, or its state unknown.
    session: Option<Session>,
    /// What the server has, as far as is known.
    committed: Vec<Position>,
    /// What it has once the batch is there.
    pending: Vec<Position>,
    batch: Vec<Command>,
    /// Length of the batch's words.
    bytes: usize,
    /// What was sent last, until it is known what became of it.
    attempted: Option<Attempt>,
    /// Batches so far.
    batches: u64,
}

/// The command of one row.
#[derive(Debug)]
pub(crate) struct Command {
    partition: Partition,
    offset: Offset,
    key: Vec<u8>,
    words: Vec<Vec<u8>>,
}

/// A batch that was sent.
#[derive(Debug)]
struct Attempt {
    /// Its name, which no other batch has.
    batch: String,
    /// What the server has once it is done.
    positions: Vec<Position>,
    /// How many commands it has: the first ones of the batch.
    commands: usize,
}

impl Command {
    fn bytes(&self) -> usize {
        self.key.len() + self.words.iter().map(|word| word.len() + 8).sum::<usize>()
    }
}

impl Redis {
    /// The sink of that spec. It does not connect yet.
    ///
    /// # Errors
    /// When key and values are not those of the rows.
    pub fn open(spec: &SinkSpec, context: &Context) -> Result<Self> {
        let target = Target::of(spec)?;
        Ok(Redis {
            plan: target.plan(&context.schema)?,
            target,
            context: context.clone(),
            application: session::application(),
            session: None,
            committed: Vec::new(),
            pending: Vec::new(),
            batch: Vec::new(),
            bytes: 0,
            attempted: None,
            batches: 0,
        })
    }

    fn connect(&self) -> Result<Session> {
        let session = Session::connect(&self.target, limits::CONNECT_PATIENCE)?;
        let mut session = session.patient()?;
        session.take_turn(&self.target, &self.application)?;
        Ok(session)
    }

    /// Brings the batch and its position to the server.
    fn flush(&mut self) -> Result<()> {
        while self.pending != self.committed {
            let mut session = match self.session.take() {
                Some(session) => session,
                None => {
                    let mut session = self.connect()?;
                    self.settle(&mut session)?;
                    self.session = Some(session);
                    continue;
                }
            };
            let refused = self.send(&mut session)?;
            self.session = Some(session);
            if let Some(error) = refused {
                return Err(error);
            }
        }
        Ok(())
    }

    /// One script; the error of the command that ended it.
    fn send(&mut self, session: &mut Session) -> Result<Option<Error>> {
        if self.attempted.is_none() {
            self.batches += 1;
            let batch = format!("{}-{}", self.application, self.batches);
            let (positions, commands) = (self.pending.clone(), self.batch.len());
            self.attempted = Some(Attempt { batch, positions, commands });
        }
        let args = self.args();
        failpoints::pass(failpoints::REDIS_BEFORE_SCRIPT)?;
        let answer = session.call("writing rows", &args)?.parts();
        failpoints::pass(failpoints::REDIS_AFTER_SCRIPT)?;
        let words: Vec<String> = answer.iter().filter_map(resp::Reply::text).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        self.settle(session)?;
        Ok(match words[..] {
            ["refused", partition, offset, what] => Some(self.refused(partition, offset, what)),
            _ => None,
        })
    }

    /// The words of the script for the batch that is attempted.
    fn args(&self) -> Vec<Vec<u8>> {
        let Some(attempt) = &self.attempted else { return Vec::new() };
        let mut args: Vec<Vec<u8>> = Vec::new();
        let mut add = |word: &str| args.push(word.as_bytes().to_vec());
        let merge = if self.plan.merges_panes { merge::MERGE } else { "" };
        let script = [merge, script::WRITE].concat();
        for word in ["EVAL", &script, "1", &self.target.position_key] {
            add(word);
        }
        add(&self.context.store_id);
        add(&attempt.batch);
        let moves: Vec<_> = (0u32..)
            .zip(self.committed.iter().zip(&attempt.positions))
            .filter(|(_, (old, new))| old != new)
            .collect();
        add(&moves.len().to_string());
        for (part, (old, new)) in moves {
            add(&part.to_string());
            add(&old.next.to_string());
            add(&new.next.to_string());
            add(&position::last_in_words(new));
        }
        let operation = self.plan.operation;
        add(self.plan.command());
        add(&self.target.expire_ms.to_string());
        let is_counter = matches!(operation, Operation::Incr | Operation::IncrByFloat);
        add(if is_counter { "keep" } else { "renew" });
        match self.plan.merges_panes {
            true => {
                let columns = self.context.schema.columns();
                merge::names(columns, &self.plan.value).iter().for_each(|word| add(word));
            }
            false => add("0"),
        }
        for command in &self.batch[..attempt.commands] {
            args.push(command.partition.to_string().into_bytes());
            args.push(command.offset.to_string().into_bytes());
            args.push(command.key.clone());
            args.push(command.words.len().to_string().into_bytes());
            args.extend(command.words.iter().cloned());
        }
        args
    }

    /// Learns from the server what became of what was sent last.
    fn settle(&mut self, session: &mut Session) -> Result<()> {
        let Some(stored) = position::read(session, &self.target)? else {
            return Err(Error::PositionMissing { place: self.target.name.clone() });
        };
        stored.position.check_owner(&self.target.name, &self.context)?;
        let found = stored.position.positions;
        if let Some(attempt) = self.attempted.take_if(|attempt| attempt.batch == stored.batch) {
            // Whatever it did counts: all of it, or what came before a command that failed.
            self.committed = found;
            if next_of(&self.committed) == next_of(&attempt.positions) {
                self.committed = attempt.positions;
            }
            let mut number = 0;
            self.batch.retain(|command| {
                number += 1;
                let at = &self.committed[command.partition.0 as usize];
                number > attempt.commands || command.offset >= at.next
            });
            self.bytes = self.batch.iter().map(Command::bytes).sum();
            return Ok(());
        }
        if next_of(&self.committed) == next_of(&found) {
            return Ok(());
        }
        Err(Error::Moved { place: self.target.name.clone() })
    }

    /// What the error of a row's command means.
    fn refused(&mut self, partition: &str, offset: &str, what: &str) -> Error {
        let what = what.trim_start_matches('-').to_owned();
        let place = self.target.name.clone();
        let kind = failure::kind(&what);
        match (partition.parse(), offset.parse()) {
            (Ok(partition), Ok(offset)) if kind == Kind::Data => {
                let (partition, offset) = (Partition(partition), Offset(offset));
                Error::RowRefused { place, partition, offset, what }
            }
            _ => Error::Database { place, doing: "writing rows", what, kind },
        }
    }
}

impl KeepsEncoded for Redis {
    type Encoded = (Vec<Command>, usize, Vec<Position>);

    fn take_encoded(&mut self) -> Self::Encoded {
        let commands = std::mem::take(&mut self.batch);
        (commands, std::mem::take(&mut self.bytes), self.pending.clone())
    }

    fn put_encoded(&mut self, (commands, bytes, pending): Self::Encoded) {
        (self.batch, self.bytes, self.pending) = (commands, bytes, pending);
    }
}

impl Sink for Redis {
    fn name(&self) -> &str {
        &self.target.name
    }

    /// A new place begins with the oldest row that the topic still has.
    fn recover(&mut self, rows: &[Span]) -> Result<Vec<Offset>> {
        // One that continues without a row that was refused keeps its connection, and so its place.
        let mut session = match self.session.take() {
            Some(session) => session,
            None => self.connect()?,
        };
        if session.info("cluster")?.contains("cluster_enabled:1") {
            let (place, doing) = (self.target.name.clone(), "looking at the server");
            let what =
                "it is a node of a cluster, whose keys and position cannot be written together; \
                        use a server of its own"
                    .to_owned();
            return Err(Error::Database { place, doing, what, kind: Kind::Config });
        }
        self.committed = position::begin(&mut session, &self.target, &self.context, rows)?;
        self.pending.clone_from(&self.committed);
        (self.batch, self.bytes, self.attempted) = (Vec::new(), 0, None);
        self.session = Some(session);
        Ok(next_of(&self.committed))
    }

    fn last_rows(&self) -> Vec<Option<Fingerprint>> {
        self.committed.iter().map(|position| position.last).collect()
    }

    fn write(&mut self, rows: &Rows<'_>) -> Result<()> {
        if self.bytes >= self.target.batch_bytes {
            self.flush()?;
        }
        let mut commands = Vec::with_capacity(rows.len());
        for at in rows.iter() {
            let (partition, offset) = (rows.partition(), at.offset);
            let (key, words) = self.plan.words(rows.schema(), at.row).map_err(|what| {
                let place = self.target.name.clone();
                Error::RowRefused { place, partition, offset, what }
            })?;
            commands.push(Command { partition, offset, key, words });
        }
        self.bytes += commands.iter().map(Command::bytes).sum::<usize>();
        self.batch.append(&mut commands);
        self.pending[rows.partition().0 as usize].pass(rows);
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        self.flush()
    }
}
