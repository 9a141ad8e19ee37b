//! Keeps the tables of a job: reads each when it is due, and has what it has read in force.
//!
//! A reading that fails changes nothing: the version in force stays so, the table is *stale*, and
//! the next try comes sooner than a reading would have. Where the table may not be stale for as long
//! as it is, the job reads nothing until it can be read again. The first reading is waited for, unless
//! the store has a version from before.
//!
//! Each table has a thread of its own, so that none waits for the source of another one, and each
//! reading one more, which is left to itself when the job stops.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use seismic_derived::{DimensionDefinition, Read, TableError, TableRow, Tables};
use seismic_pipeline::PauseToken;
use seismic_queue::{JobStore, limits::NAP, sleep};

use super::database::Unread;
use super::note::{TableNote, TableNotes};
use super::{TableSpec, limits};
use crate::job::time_span::TimeSpan;
use crate::time::{now_ms, show_ms};

/// What the keeper works with.
pub struct TableKeeping {
    /// The tables, with where they come from.
    pub all: Vec<(DimensionDefinition, TableSpec)>,
    /// Who has their versions.
    pub tables: Arc<Tables>,
    /// The store of the job.
    pub store: Arc<dyn JobStore>,
    /// Where it says what it has done.
    pub notes: TableNotes,
    /// What has the job wait for a table.
    pub pause: PauseToken,
}

/// Reads tables until it is dropped.
#[derive(Debug)]
pub struct TableKeeper {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// One table.
struct Table {
    definition: DimensionDefinition,
    spec: TableSpec,
    note: TableNote,
    due: Instant,
    /// Failures since it was read last.
    failed: u32,
    /// Whether the newest failure may pass by itself.
    passes: bool,
}

/// What the tables of a job have in common.
struct Common {
    tables: Arc<Tables>,
    store: Arc<dyn JobStore>,
    notes: TableNotes,
    pause: PauseToken,
}

impl TableKeeping {
    /// Reads every table for the first time, and starts to keep them. `None` when it was stopped
    /// meanwhile.
    ///
    /// # Errors
    /// Of a bounded run, why a table has no version.
    pub fn start(
        self,
        is_bounded: bool,
        job_stop: &AtomicBool,
        tell: &dyn Fn(&dyn std::fmt::Display),
    ) -> anyhow::Result<Option<TableKeeper>> {
        let TableKeeping { all, tables, store, notes, pause } = self;
        let common = Arc::new(Common { tables, store, notes, pause });
        let mut kept: Vec<Table> = all.into_iter().map(Table::new).collect();
        let begun = Instant::now();
        for table in &mut kept {
            let mut is_told = false;
            while !common.begin(table, job_stop)? {
                if job_stop.load(Ordering::Relaxed) {
                    return Ok(None);
                }
                let why = table.note.error.clone().unwrap_or_default();
                let name = &table.spec.table;
                let is_over = !table.passes || begun.elapsed() > limits::FIRST_PATIENCE;
                if is_bounded && is_over {
                    bail!("table {name} cannot be read, and {}: {why}", table.without());
                }
                if !is_told {
                    tell(&format_args!("waiting for table {name}: {why}"));
                    is_told = true;
                }
                sleep(table.pause(), job_stop);
            }
        }
        let stop = Arc::new(AtomicBool::new(false));
        let mut keeper = TableKeeper { stop, threads: Vec::new() };
        for table in kept {
            let (common, stop) = (Arc::clone(&common), Arc::clone(&keeper.stop));
            let name = format!("table {}", table.spec.table);
            let thread = thread::Builder::new().name(name).spawn(move || common.keep(table, &stop));
            keeper.threads.push(thread.context("starting the thread that reads a table")?);
        }
        Ok(Some(keeper))
    }
}

impl Common {
    /// The first version of a table: what its source has, or what the store has of before. Whether
    /// there is one.
    fn begin(&self, table: &mut Table, stop: &AtomicBool) -> anyhow::Result<bool> {
        let name = table.spec.table.clone();
        if table.note.checked_ms == 0 {
            let stored = TableNote::stored(&*self.store, &name);
            table.note.checked_ms = stored?.map_or(0, |note| note.checked_ms);
        }
        if self.refresh(table, stop) {
            return Ok(true);
        }
        if table.is_too_old() {
            return Ok(false);
        }
        let resumed = self.tables.resume(&table.definition);
        let Some(Read { hash, rows, .. }) =
            resumed.with_context(|| format!("looking for an earlier version of table {name}"))?
        else {
            return Ok(false);
        };
        tracing::warn!(
            "table {name}: version {} of {rows} rows, which was read before, stays in force",
            short(&hash)
        );
        (table.note.version, table.note.rows) = (hash, rows);
        self.tell(table);
        Ok(true)
    }

    /// Reads a table, and has what it has read in force. Whether it could.
    fn refresh(&self, table: &mut Table, stop: &AtomicBool) -> bool {
        let Table { definition, spec, note, .. } = &mut *table;
        let name = &spec.table;
        let Some(rows) = read_unless_stopped(definition, spec, stop) else { return false };
        let taken = |rows| {
            let taken = self.take(definition, rows);
            taken.map_err(|error| Unread::for_good(error.to_string()))
        };
        let read = rows.and_then(taken);
        let is_read = read.is_ok();
        let at_ms = now_ms();
        match read {
            Ok(Read { hash, rows, is_new }) => {
                if note.stale_since_ms.take().is_some() {
                    tracing::info!("table {name} can be read again");
                }
                if is_new {
                    tracing::info!("table {name}: version {} of {rows} rows", short(&hash));
                    note.read_ms = at_ms;
                }
                (note.version, note.rows) = (hash, rows);
                (note.checked_ms, note.error) = (at_ms, None);
                table.failed = 0;
            }
            Err(Unread { why, passes, .. }) => {
                let mut why = format!("{}: {why}", spec.source);
                why.truncate(why.floor_char_boundary(limits::WORDS));
                let has_version = !note.version.is_empty();
                if note.error.as_ref() != Some(&why) {
                    let stays =
                        if has_version { "; the version before stays in force" } else { "" };
                    tracing::warn!("table {name} cannot be read: {why}{stays}");
                }
                note.stale_since_ms.get_or_insert(at_ms);
                note.error = Some(why);
                note.failures += 1;
                (table.failed, table.passes) = (table.failed.saturating_add(1), passes);
            }
        }
        table.due = Instant::now() + table.pause();
        self.wait_or_go_on(table);
        self.tell(table);
        is_read
    }

    /// Has the job wait when what it has of a table is too old by now, and go on when it is not.
    fn wait_or_go_on(&self, table: &mut Table) {
        let (waits, name) =
            (table.is_too_old() && !table.note.version.is_empty(), &table.spec.table);
        if waits == table.note.waits {
            return;
        }
        table.note.waits = waits;
        match waits {
            true => {
                self.pause.begin_to_wait();
                let without = table.without();
                tracing::error!("the job waits for table {name}: it cannot be read, and {without}");
            }
            false => {
                self.pause.go_on();
                tracing::info!("the job goes on with table {name}");
            }
        }
    }

    /// Has rows in force, and forgets versions that are needed no more.
    fn take(
        &self,
        definition: &DimensionDefinition,
        rows: Vec<TableRow>,
    ) -> Result<Read, TableError> {
        let read = self.tables.read(definition, rows, now_ms())?;
        if read.is_new
            && let Err(error) = self.tables.forget_unneeded()
        {
            // They are looked for again with the next version.
            tracing::warn!("old versions of tables stay in {}: {error}", self.store.name());
        }
        Ok(read)
    }

    fn tell(&self, table: &Table) {
        self.notes.put(&table.note);
        if let Err(error) = table.note.store(&*self.store) {
            tracing::warn!("noting what is known of table {}: {error}", table.spec.table);
        }
    }

    fn keep(&self, mut table: Table, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            if table.due <= Instant::now() {
                self.refresh(&mut table, stop);
            } else if table.failed > 0 && table.is_too_old() != table.note.waits {
                self.wait_or_go_on(&mut table);
                self.tell(&table);
            }
            sleep(NAP, stop);
        }
        if table.note.waits {
            self.pause.go_on();
        }
    }
}

/// Reads a table on a thread of its own, so that a stop is noticed whatever the source waits for;
/// `None` after a stop.
fn read_unless_stopped(
    definition: &DimensionDefinition,
    spec: &TableSpec,
    stop: &AtomicBool,
) -> Option<Result<Vec<TableRow>, Unread>> {
    let (source, definition) = (spec.source.clone(), definition.clone());
    let reading = thread::Builder::new().name("reads a table".to_owned());
    let reading = match reading.spawn(move || source.read(&definition.columns, &definition.key)) {
        Ok(reading) => reading,
        Err(error) => {
            let why = format!("no thread can be started to read it: {error}");
            return Some(Err(Unread { passes: true, ..Unread::for_good(why) }));
        }
    };
    while !reading.is_finished() {
        if stop.load(Ordering::Relaxed) {
            return None;
        }
        thread::park_timeout(limits::LOOK_EVERY);
    }
    Some(reading.join().unwrap_or_else(|panic| resume_unwind(panic)))
}

impl Table {
    fn new((definition, spec): (DimensionDefinition, TableSpec)) -> Self {
        let (table, source) = (spec.table.clone(), spec.source.to_string());
        let note = TableNote { table, source, ..TableNote::default() };
        Table { definition, spec, note, due: Instant::now(), failed: 0, passes: false }
    }

    /// Whether what was read last is older than the job may go on with.
    fn is_too_old(&self) -> bool {
        let age_ms = now_ms().saturating_sub(self.note.checked_ms);
        self.failed > 0 && self.spec.stale.is_some_and(|most| age_ms > most.as_millis() as i64)
    }

    /// Why the job cannot go on without a reading.
    fn without(&self) -> String {
        match (self.note.checked_ms, self.spec.stale) {
            (checked_ms, Some(stale)) if checked_ms > 0 => {
                let stale = TimeSpan::from_ms(stale.as_millis() as i64);
                format!(
                    "it was read last at {}, longer ago than stale = {stale}",
                    show_ms(checked_ms)
                )
            }
            _ => "the store has no version of it from before".to_owned(),
        }
    }

    /// The time until it is read again: up to a tenth longer or shorter than what was read is good,
    /// so that jobs that were started together do not ask together.
    fn pause(&self) -> Duration {
        let ttl = self.spec.ttl;
        if self.failed > 0 {
            return ttl.min(limits::RETRY.saturating_mul(1 << self.failed.min(20)));
        }
        let chance = u32::try_from(now_ms().rem_euclid(201)).unwrap_or(100);
        ttl.saturating_mul(900 + chance) / 1_000
    }
}

fn short(hash: &str) -> &str {
    &hash[..hash.len().min(8)]
}

impl Drop for TableKeeper {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread that reads a table has panicked");
            }
        }
    }
}
