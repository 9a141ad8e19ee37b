//! Keeps the tables of a job: reads each when it is due, and has what it has read in force.
//!
//! A reading that fails changes nothing: the version in force stays so, the table is *stale*, and
//! the next try comes sooner than a reading would have. The first reading is waited for, unless the
//! store has a version from before.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use seismic_derived::{DimensionDefinition, Read, TableError, Tables};
use seismic_queue::{JobStore, limits::NAP, sleep};

use super::note::{TableNote, TableNotes};
use super::{TableSpec, limits};
use crate::time::now_ms;

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
}

/// Reads tables until it is dropped.
#[derive(Debug)]
pub struct TableKeeper {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// One table.
struct Table {
    definition: DimensionDefinition,
    spec: TableSpec,
    note: TableNote,
    due: Instant,
    /// Failures since it was read last.
    failed: u32,
}

/// What the tables of a job have in common.
struct Common {
    tables: Arc<Tables>,
    store: Arc<dyn JobStore>,
    notes: TableNotes,
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
        let TableKeeping { all, tables, store, notes } = self;
        let common = Common { tables, store, notes };
        let mut kept: Vec<Table> = all.into_iter().map(Table::new).collect();
        for table in &mut kept {
            let mut is_told = false;
            while !common.begin(table)? {
                let why = table.note.error.clone().unwrap_or_default();
                let name = &table.spec.table;
                if is_bounded {
                    bail!(
                        "table {name} cannot be read, and the store has no version of it from before: {why}"
                    );
                }
                if !is_told {
                    tell(&format_args!("waiting for table {name}: {why}"));
                    is_told = true;
                }
                sleep(table.pause(), job_stop);
                if job_stop.load(Ordering::Relaxed) {
                    return Ok(None);
                }
            }
        }
        let stop = Arc::new(AtomicBool::new(false));
        let of_thread = Arc::clone(&stop);
        let thread = thread::Builder::new()
            .name("tables".to_owned())
            .spawn(move || common.keep(kept, &of_thread))
            .context("starting the thread that reads tables")?;
        Ok(Some(TableKeeper { stop, thread: Some(thread) }))
    }
}

impl Common {
    /// The first version of a table: what its source has, or what the store has of before. Whether
    /// there is one.
    fn begin(&self, table: &mut Table) -> anyhow::Result<bool> {
        if self.refresh(table) {
            return Ok(true);
        }
        let name = &table.spec.table;
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
    fn refresh(&self, table: &mut Table) -> bool {
        let Table { definition, spec, note, .. } = &mut *table;
        let name = &spec.table;
        let read = spec
            .source
            .read(&definition.columns)
            .and_then(|rows| self.take(definition, rows).map_err(|error| error.to_string()))
            .map_err(|why| format!("{}: {why}", spec.source));
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
            Err(mut why) => {
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
                table.failed += 1;
            }
        }
        table.due = Instant::now() + table.pause();
        self.tell(table);
        is_read
    }

    /// Has rows in force, and forgets versions that are needed no more.
    fn take(
        &self,
        definition: &DimensionDefinition,
        rows: Vec<seismic_derived::TableRow>,
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

    fn keep(&self, mut all: Vec<Table>, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            let now = Instant::now();
            all.iter_mut().filter(|table| table.due <= now).for_each(|table| {
                self.refresh(table);
            });
            sleep(NAP, stop);
        }
    }
}

impl Table {
    fn new((definition, spec): (DimensionDefinition, TableSpec)) -> Self {
        let (table, source) = (spec.table.clone(), spec.source.to_string());
        let note = TableNote { table, source, ..TableNote::default() };
        Table { definition, spec, note, due: Instant::now(), failed: 0 }
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
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that reads tables has panicked");
        }
    }
}
