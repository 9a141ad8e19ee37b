//! Rows as Parquet files in folders by day, each row exactly once.
//!
//! ```text
//! dt=2026-11-21/rows-000001.parquet    whole, named in one step, never touched again
//! dt=2026-11-22/rows-000001.parquet    rows of the same hour of writing, of another day
//! rows-000002.spool                    rows that no file has yet, see `spool.rs`
//! rows.mark                            how much of the spool counts, and up to which rows
//! rows.lock                            locked, and naming its process, while one writes here
//! ```
//!
//! A file of Parquet can be read only once it is whole. So rows are first added to a spool, which is
//! flushed and counted by the mark as often as the sink syncs: what counts is never lost. When the hour
//! is over, the spool is full, or the sink ends, its rows become one file a day; then the mark moves to
//! the next spool, and the old one is deleted.
//!
//! A crash between file and mark leaves both. The spool still counts, and its files are written again under
//! the same names: with the same rows, and those that came since. So each row is in one file at any
//! moment, and readers see only rows that count.
//!
//! The clock affects only when a file is closed, never rows or their folder: that is by the time of
//! the row.

mod compare;
mod ddl;
mod folder;
mod mark;
mod spool;
mod table_file;
mod target;

use std::collections::BTreeMap;

use jiff::Timestamp;
use seismic_proto::ValueRef;
use seismic_queue::{Fingerprint, Kind, Offset, Span, examine_folder};

use self::folder::Folder;
use self::mark::Mark;
use self::spool::Spool;
use self::table_file::{FileFormat, PlacedRow};
use self::target::Target;
use crate::entry::Entry;
use crate::position::mark::SinkMark;
use crate::position::stored::{Position, next_of};
use crate::{Context, Error, Result, Rows, Sink, SinkSpec, failpoints};

/// Its place in the list of sinks.
pub(crate) const ENTRY: Entry = Entry {
    scheme: "parquet",
    form: "parquet:DIR",
    target: Some("output/seismic_windows"),
    options: target::OPTIONS,
    place: &[],
    name: |spec| folder::name(spec.target().as_ref()),
    passes_over: true,
    keeps_refused: false,
    is_remote: false,
    shows_only: false,
    file: |spec| Some(spec.target().into()),
    writes: |_| None,
    check: |spec| Target::read(spec).err().unwrap_or_default(),
    open: |spec, context| Ok(Box::new(Parquet::open(spec, context)?)),
    examine: |spec| examine_folder(spec.target().as_ref()),
    ddl: Some(ddl::ddl),
    compare: Some(compare::compare),
    mark: Some(|spec, _| {
        let mark = folder::read_mark(spec.target().as_ref())?;
        Ok(mark.map(|mark| SinkMark {
            store_id: mark.store,
            topic: Some(mark.topic),
            next: next_of(&mark.positions),
        }))
    }),
    needs: |_| Vec::new(),
    rows_in: None,
    sends_back_to: None,
    lookup: None,
    bare: None,
};

/// The day of rows without a time, as Hive calls it.
const NO_DAY: &str = "__HIVE_DEFAULT_PARTITION__";

/// A day, ms.
const DAY_MS: i64 = 86_400_000;

/// Writes rows to one folder, which it locks until it is dropped.
#[derive(Debug)]
pub struct Parquet {
    name: String,
    folder: Folder,
    context: Context,
    target: Target,
    format: FileFormat,
    /// The column with the time that names the day, by its place; `None`: rows have no day.
    time: Option<usize>,
    clock: fn() -> Timestamp,
    /// `None` until it recovers.
    spool: Option<Spool>,
    /// The hour in which the spool was begun, since 1970.
    hour: i64,
    positions: Vec<Position>,
    /// Whether the mark says what spool and positions say.
    is_marked: bool,
    /// After a failure that leaves open what is on the disk nothing is retried.
    is_broken: bool,
}

impl Parquet {
    /// Makes the folder if it is missing and locks it.
    ///
    /// # Errors
    /// [`Error::Owned`], naming the process that writes there; columns that the rows do not have.
    pub fn open(spec: &SinkSpec, context: &Context) -> Result<Self> {
        let target = Target::of(spec)?;
        let folder = Folder::lock(spec.target().as_ref())?;
        let refuse = |what| Error::Config { at: folder.path().to_owned(), what };
        let time = target.time(&context.schema).map_err(refuse)?;
        let format = target.format(&context.schema).map_err(refuse)?;
        Ok(Parquet {
            name: folder::name(folder.path()),
            folder,
            context: context.clone(),
            target,
            format,
            time,
            clock: Timestamp::now,
            spool: None,
            hour: 0,
            positions: Vec::new(),
            is_marked: false,
            is_broken: false,
        })
    }

    /// Takes the hours from this clock.
    #[must_use]
    pub fn clock(mut self, clock: fn() -> Timestamp) -> Self {
        self.clock = clock;
        self
    }

    fn hour_now(&self) -> i64 {
        (self.clock)().as_second().div_euclid(3_600)
    }

    fn spool(&mut self) -> &mut Spool {
        self.spool.as_mut().expect("it has recovered")
    }

    /// Does `act` unless an earlier one has left the disk in doubt.
    fn attempt<T>(&mut self, act: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.is_broken {
            return Err(Error::Broken { at: self.folder.path().to_owned() });
        }
        let done = act(self);
        self.is_broken = matches!(&done, Err(error) if error.kind() == Kind::Fatal);
        done
    }

    /// Makes files of a spool that is full or of another hour.
    fn roll(&mut self) -> Result<()> {
        let (hour, most) = (self.hour_now(), self.target.file_bytes);
        let is_over = hour != self.hour;
        let spool = self.spool();
        if spool.bytes() > 0 && (is_over || spool.bytes() >= most) {
            self.sync_rows()?;
            self.publish()?;
        }
        if self.spool().bytes() == 0 {
            self.hour = hour;
        }
        Ok(())
    }

    fn sync_rows(&mut self) -> Result<()> {
        if self.is_marked {
            return Ok(());
        }
        self.spool().sync()?;
        failpoints::pass(failpoints::AFTER_FSYNC)?;
        self.write_mark()
    }

    fn write_mark(&mut self) -> Result<()> {
        let spool = self.spool.as_ref().expect("it has recovered");
        let mark = Mark {
            store: self.context.store_id.clone(),
            topic: self.context.topic.clone(),
            spool: spool.number(),
            bytes: spool.bytes(),
            positions: self.positions.clone(),
        };
        self.folder.write_mark(&mark)?;
        self.is_marked = true;
        Ok(())
    }

    /// Makes files of the rows of the spool, which the mark counts, and begins the next one.
    fn publish(&mut self) -> Result<()> {
        let number = self.spool().number();
        let days = self.days()?;
        for (day, rows) in &days {
            self.folder.write_file(day, number, &self.format, &self.context.schema, rows)?;
        }
        failpoints::pass(failpoints::PARQUET_AFTER_NAME)?;
        self.spool = Some(self.folder.spool(number + 1, 0)?);
        self.write_mark()?;
        self.folder.remove_spool(number)
    }

    /// The rows of the spool by their day.
    fn days(&mut self) -> Result<BTreeMap<String, Vec<PlacedRow>>> {
        let (time, mut days) = (self.time, BTreeMap::<String, Vec<PlacedRow>>::new());
        let schema = self.context.schema.clone();
        self.spool().each(&schema, |placed| {
            let day = day_of(time.map_or(ValueRef::Null, |time| placed.row.get(time)));
            days.entry(day).or_default().push(placed);
            Ok(())
        })?;
        Ok(days)
    }

    /// The mark that counts: the one that is there, or the first one.
    fn mark(&self, rows: &[Span]) -> Result<Mark> {
        let store = &self.context.store_id;
        let mark = match self.folder.mark()? {
            Some(mark) => mark,
            None if self.folder.is_empty()? => {
                let (store, topic) = (store.clone(), self.context.topic.clone());
                let mark = Mark { store, topic, spool: 1, bytes: 0, positions: Vec::new() };
                // Before its spool, which without a mark would be one that lost it.
                self.folder.write_mark(&mark)?;
                mark
            }
            None => return Err(Error::CommitFileMissing { at: self.folder.mark_path() }),
        };
        if (&mark.store, &mark.topic) != (store, &self.context.topic) {
            let (at, stored) = (self.folder.path().to_owned(), mark.store);
            return Err(Error::OtherStore { at, stored, asked: store.clone() });
        }
        if mark.positions.len() > rows.len() {
            let what = "it has more partitions than the result topic";
            return Err(Error::CommitFileDamaged { at: self.folder.mark_path(), what });
        }
        Ok(mark)
    }

    /// Makes the folder what the mark says.
    fn restore(&mut self, rows: &[Span]) -> Result<()> {
        let mark = self.mark(rows)?;
        self.spool = Some(self.folder.spool(mark.spool, mark.bytes)?);
        failpoints::pass(failpoints::IN_TRUNCATION)?;
        self.folder.tidy(mark.spool)?;
        self.positions = mark.positions;
        let new = rows.iter().skip(self.positions.len());
        self.positions.extend(new.map(|span| Position::beginning(span.first)));
        self.hour = self.hour_now();
        self.write_mark()
    }
}

impl Sink for Parquet {
    fn name(&self) -> &str {
        &self.name
    }

    /// A new folder begins with the oldest row that the topic still has.
    fn recover(&mut self, rows: &[Span]) -> Result<Vec<Offset>> {
        self.attempt(|parquet| {
            parquet.restore(rows)?;
            Ok(next_of(&parquet.positions))
        })
    }

    fn last_rows(&self) -> Vec<Option<Fingerprint>> {
        self.positions.iter().map(|position| position.last).collect()
    }

    fn write(&mut self, rows: &Rows<'_>) -> Result<()> {
        self.attempt(|parquet| {
            parquet.roll()?;
            parquet.is_marked = false;
            parquet.spool().add(rows)?;
            failpoints::pass(failpoints::AFTER_WRITE)?;
            parquet.positions[rows.partition().0 as usize].pass(rows);
            Ok(())
        })
    }

    fn sync(&mut self) -> Result<()> {
        self.attempt(|parquet| {
            parquet.sync_rows()?;
            // Nobody waits an hour for rows of a sink that has nothing more to write.
            parquet.roll()
        })
    }
}

impl Drop for Parquet {
    /// What counts becomes files. After a crash the next start of the sink does it.
    fn drop(&mut self) {
        let is_fine = self.is_marked && !self.is_broken;
        if !is_fine || self.spool.as_ref().is_none_or(|spool| spool.bytes() == 0) {
            return;
        }
        if let Err(error) = self.publish() {
            tracing::warn!(
                sink = self.name, %error,
                "rows stay in the spool, and become files when the sink starts again"
            );
        }
    }
}

/// The day of a row, as Hive's folders have it.
fn day_of(time: ValueRef<'_>) -> String {
    let ValueRef::Int64(ms) = time else { return NO_DAY.to_owned() };
    // Whole days, so that no time of day is beyond what can be named.
    let day = Timestamp::from_millisecond(ms.div_euclid(DAY_MS).saturating_mul(DAY_MS));
    day.map_or_else(|_| NO_DAY.to_owned(), |day| day.strftime("%Y-%m-%d").to_string())
}
