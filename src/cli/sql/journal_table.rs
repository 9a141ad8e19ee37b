//! The journal of a job as a table: what its engine was told that is in no log.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use seismic_derived::{HoldEntry, TableEntry};
use seismic_pipeline::Entry;
use seismic_queue::Partition;
use seismic_sql::{Batch, Cell, Column, Kind, Scan, ScanError, Table};

use super::job::{Job, Opened};
use super::message_columns::integer;
use super::read_failure::of_scan;

/// Entries that are read at once.
const CHUNK: u64 = 10_000;

const COLUMNS: [(&str, Kind); 8] = [
    ("partition", Kind::Integer),
    ("sequence", Kind::Integer),
    ("at", Kind::Integer),
    ("kind", Kind::Text),
    ("input", Kind::Integer),
    ("from_offset", Kind::Integer),
    ("to_offset", Kind::Integer),
    ("detail", Kind::Text),
];

/// The journal, oldest entries of each partition first.
pub(super) struct JournalTable {
    columns: Vec<Column>,
    job: Arc<Job>,
    stop: Arc<AtomicBool>,
}

impl JournalTable {
    pub(super) fn new(job: Arc<Job>, stop: Arc<AtomicBool>) -> Self {
        let columns = COLUMNS.iter().map(|(name, kind)| Column::new(*name, *kind)).collect();
        JournalTable { columns, job, stop }
    }
}

impl Table for JournalTable {
    fn name(&self) -> &str {
        "journal"
    }

    fn columns(&self) -> &[Column] {
        &self.columns
    }

    fn rows(&self) -> u64 {
        100_000
    }

    fn scans_max(&self) -> u64 {
        16
    }

    fn scan(&self) -> Result<Box<dyn Scan>, ScanError> {
        let opened = self.job.open().map_err(of_scan)?;
        let next = opened.view.partitions.first().map_or(0, |part| part.journal.start);
        Ok(Box::new(JournalScan { opened, stop: Arc::clone(&self.stop), partition: 0, next }))
    }
}

struct JournalScan {
    opened: Arc<Opened>,
    stop: Arc<AtomicBool>,
    partition: usize,
    /// Sequence of the next entry.
    next: u64,
}

impl Scan for JournalScan {
    fn next(&mut self, into: &mut Batch) -> Result<(), ScanError> {
        while into.rows() == 0 {
            if self.stop.load(Ordering::Relaxed) {
                return Err("it was stopped".into());
            }
            let Some(part) = self.opened.view.partitions.get(self.partition) else { break };
            let range = self.next..part.journal.end.min(self.next + CHUNK);
            if range.is_empty() {
                self.partition += 1;
                let next = self.opened.view.partitions.get(self.partition);
                self.next = next.map_or(0, |part| part.journal.start);
                continue;
            }
            self.next = range.end;
            let partition = Partition(u32::try_from(self.partition)?);
            for entry in self.opened.store.journal(partition, range)? {
                into.push(Cell::Integer(partition.0.into()));
                into.push(integer(entry.sequence));
                into.push(integer(entry.at.0));
                push(&Entry::decode(&entry.bytes)?, into);
            }
        }
        Ok(())
    }
}

/// What an entry of the kind's own says: that a version of a table is in force, or that a side of a
/// join is held.
fn of_own(bytes: &[u8]) -> String {
    if let Some(HoldEntry { input, held }) = HoldEntry::decode(bytes) {
        let what = if held { "held until the other has come as far" } else { "read on" };
        return format!("input {input} is {what}");
    }
    match TableEntry::decode(bytes) {
        Ok(TableEntry { table, sha256, rows, .. }) => {
            format!("table {table} version {sha256}, {rows} rows")
        }
        Err(_) => format!("{} bytes", bytes.len()),
    }
}

/// Appends what an entry says: kind, input, offsets, and the rest in words.
fn push(entry: &Entry, into: &mut Batch) {
    let (kind, input, from, to, detail) = match entry {
        Entry::Start { kind, from, .. } => {
            ("start", None, None, None, format!("kind {kind}, from {from}"))
        }
        Entry::Fork { group, store, checkpoint, .. } => {
            let detail = format!("from checkpoint {checkpoint} of group {group}, store {store}");
            ("fork", None, None, None, detail)
        }
        Entry::Idle { input, below, idle_timeout_ms } => {
            let detail = format!("idle timeout {idle_timeout_ms} ms");
            ("idle", Some(*input), None, Some(below.0), detail)
        }
        Entry::End => ("end", None, None, None, String::new()),
        Entry::Gap { input, from, to } => {
            ("gap", Some(*input), Some(from.0), Some(to.0), String::new())
        }
        Entry::Rescaled { before, partitions } => {
            ("rescaled", None, None, None, format!("from {before} to {partitions} partitions"))
        }
        Entry::Run { input, until } => ("run", Some(*input), None, Some(until.0), String::new()),
        Entry::Own(bytes) => ("own", None, None, None, of_own(bytes)),
    };
    into.push(Cell::Text(kind));
    into.push(input.map_or(Cell::Null, |place| integer(place as u64)));
    into.push(from.map_or(Cell::Null, integer));
    into.push(to.map_or(Cell::Null, integer));
    into.push(Cell::Text(&detail));
}
