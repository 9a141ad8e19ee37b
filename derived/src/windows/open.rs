//! The rows of open windows, and the clocks that close them.
//!
//! ```text
//!  keys u32, and for each: length u32, key | newest i64, closed i64, last + 1 u64
//!    | windows u32, and for each: start i64, rows u32, length u32, rows
//!  a row: offset u64, index u32, append i64, length u32, cells     (numbers little-endian)
//! ```

use std::collections::BTreeMap;

use seismic_sql::Batch;

use crate::bytes;
use crate::cells;
use crate::clock::Clock;
use crate::definition::timing::WindowDefinition;
use crate::limits;
use crate::output::reason::{Fault, Reason};
use crate::timed::clocks::{Shown, of_key};

/// The open windows of a partition.
#[derive(Debug)]
pub struct OpenWindows {
    definition: WindowDefinition,
    lateness_ms: i64,
    keys: BTreeMap<Box<str>, OfKey>,
    windows: u64,
    rows: u64,
    bytes: u64,
}

/// A key.
#[derive(Debug, Default)]
struct OfKey {
    clock: Clock,
    /// Its open windows, by their first ms.
    open: BTreeMap<i64, Window>,
}

/// The rows of a window.
#[derive(Debug, Default)]
pub struct Window {
    pub rows: u64,
    bytes: Vec<u8>,
}

/// A row of a window.
#[derive(Clone, Copy, Debug)]
pub struct WindowRow<'a> {
    /// Offset of its message, and its number in it.
    pub place: (u64, u32),
    /// When its message was appended, ms since 1970 UTC.
    pub append_ms: i64,
    /// Its cells, see [`cells`].
    pub cells: &'a [u8],
}

/// A window that is closed.
#[derive(Debug)]
pub struct Closed<'a> {
    pub key: &'a str,
    pub start_ms: i64,
    pub end_ms: i64,
    pub window: Window,
}

/// Takes what is closed.
pub type Emit<'a> = &'a mut dyn FnMut(Closed<'_>);

impl Window {
    /// Memory that it takes.
    fn bytes(&self) -> u64 {
        self.bytes.len() as u64 + limits::OPEN_WINDOW_BYTES
    }

    fn push(&mut self, row: WindowRow<'_>) {
        self.rows += 1;
        self.bytes.extend_from_slice(&row.place.0.to_le_bytes());
        self.bytes.extend_from_slice(&row.place.1.to_le_bytes());
        self.bytes.extend_from_slice(&row.append_ms.to_le_bytes());
        bytes::push(row.cells, &mut self.bytes);
    }

    /// Its rows, in the order of the log.
    pub fn each(&self) -> impl Iterator<Item = WindowRow<'_>> {
        let mut rest = &*self.bytes;
        std::iter::from_fn(move || row(&mut rest))
    }
}

fn row<'a>(rest: &mut &'a [u8]) -> Option<WindowRow<'a>> {
    let place = (bytes::number(rest)?, bytes::length(rest)? as u32);
    let append_ms = bytes::number(rest)? as i64;
    Some(WindowRow { place, append_ms, cells: bytes::take(rest)? })
}

/// Bytes that a row takes with these cells.
fn bytes_of(cells: &[u8]) -> u64 {
    cells.len() as u64 + 24
}

impl OpenWindows {
    /// None are open.
    pub fn new(definition: WindowDefinition, lateness_ms: i64) -> Self {
        let (windows, rows, bytes) = (0, 0, 0);
        OpenWindows { definition, lateness_ms, keys: BTreeMap::new(), windows, rows, bytes }
    }

    /// Keys that were seen, windows that are open, and their rows.
    pub fn counts(&self) -> (u64, u64, u64) {
        (self.keys.len() as u64, self.windows, self.rows)
    }

    /// Puts a row into its window, and closes those of its key that the clock has passed.
    ///
    /// # Errors
    /// Why it is a dead letter: its window is closed, or something is full.
    pub fn insert(
        &mut self,
        key: &str,
        time_ms: i64,
        row: WindowRow<'_>,
        emit: Emit<'_>,
    ) -> Result<(), Fault> {
        let OpenWindows { definition, lateness_ms, keys, .. } = self;
        let of: &mut OfKey = of_key(keys, key)?;
        of.clock.see(row.place.0);
        let start_ms = definition.start_ms(time_ms);
        let end_ms = definition.end_ms(start_ms);
        if end_ms <= of.clock.closed_ms {
            let (key, late_ms) = (Shown(key), of.clock.closed_ms.saturating_sub(time_ms));
            let why = format!(
                "its window [{start_ms}, {end_ms}){key} is closed: the watermark is {late_ms} ms further"
            );
            return Err((Reason::Late, why));
        }
        if of.clock.move_to(time_ms, *lateness_ms) {
            self.close_passed(key, emit);
        }
        let of = self.keys.get(key).map(|of| &of.open);
        let is_new = of.is_none_or(|open| !open.contains_key(&start_ms));
        let of_window = if is_new { limits::OPEN_WINDOW_BYTES } else { 0 };
        let more = bytes_of(row.cells) + of_window;
        if self.bytes + more > self.definition.bytes_max {
            let most = self.definition.bytes_max;
            let why = format!(
                "open windows of this partition take {most} bytes, as many as may: shorten lateness, \
                 lengthen or shorten window, or give the topic more partitions"
            );
            return Err((Reason::TooManyBytes, why));
        }
        let open = self.keys.get_mut(key).map(|of| &mut of.open);
        let open = open.expect("its clock was moved");
        let window = open.entry(start_ms).or_default();
        if window.rows >= self.definition.rows_max {
            let (key, most) = (Shown(key), self.definition.rows_max);
            let why = format!(
                "its window [{start_ms}, {end_ms}){key} has {most} rows, as many as may: shorten window, \
                 or count in two steps"
            );
            return Err((Reason::TooManyRows, why));
        }
        window.push(row);
        self.windows += u64::from(is_new);
        self.rows += 1;
        self.bytes += more;
        Ok(())
    }

    /// Closes keys that had no message at or after `below`. Whether that changed something.
    pub fn close_idle(&mut self, below: u64, emit: Emit<'_>) -> bool {
        self.close_keys(&|clock| clock.is_idle(below), emit)
    }

    /// Closes all windows. Whether there were some.
    pub fn drain(&mut self, emit: Emit<'_>) -> bool {
        self.close_keys(&|_| true, emit)
    }

    fn close_keys(&mut self, is_over: &dyn Fn(&Clock) -> bool, emit: Emit<'_>) -> bool {
        let definition = &self.definition;
        let mut closed = Vec::new();
        for (key, of) in &mut self.keys {
            let Some((last_ms, _)) = of.open.last_key_value() else { continue };
            if is_over(&of.clock) {
                of.clock.close_before(definition.end_ms(*last_ms));
                closed.push(key.clone());
            }
        }
        closed.iter().for_each(|key| self.close_passed(key, emit));
        !closed.is_empty()
    }

    /// Takes out the windows of a key that its clock has passed.
    fn close_passed(&mut self, key: &str, emit: Emit<'_>) {
        let Some(of) = self.keys.get_mut(key) else { return };
        while let Some(first) = of.open.first_entry() {
            let start_ms = *first.key();
            let end_ms = self.definition.end_ms(start_ms);
            if end_ms > of.clock.closed_ms {
                break;
            }
            let window = first.remove();
            self.windows -= 1;
            self.rows -= window.rows;
            self.bytes -= window.bytes();
            emit(Closed { key, start_ms, end_ms, window });
        }
    }

    /// Appends them to `into`.
    pub fn encode(&self, into: &mut Vec<u8>) {
        bytes::push_length(self.keys.len(), into);
        for (key, OfKey { clock, open }) in &self.keys {
            bytes::push(key.as_bytes(), into);
            clock.encode(into);
            bytes::push_length(open.len(), into);
            for (start_ms, window) in open {
                into.extend_from_slice(&start_ms.to_le_bytes());
                bytes::push_length(window.rows as usize, into);
                bytes::push(&window.bytes, into);
            }
        }
    }

    /// Takes what was appended, of rows with so many cells. Whether it is whole.
    pub fn restore(&mut self, mut stored: &[u8], width: usize) -> bool {
        self.read(&mut stored, width).is_some() && stored.is_empty()
    }

    fn read(&mut self, rest: &mut &[u8], width: usize) -> Option<()> {
        for _ in 0..bytes::length(rest)? {
            let key = bytes::text(rest)?.into();
            let mut of = OfKey { clock: Clock::decode(rest)?, open: BTreeMap::new() };
            for _ in 0..bytes::length(rest)? {
                let start_ms = bytes::number(rest)? as i64;
                let rows = bytes::length(rest)? as u64;
                let window = Window { rows, bytes: bytes::take(rest)?.to_vec() };
                let mut of_window = &*window.bytes;
                for _ in 0..rows {
                    let row = row(&mut of_window)?;
                    if !cells::push_all(row.cells, width, &mut Batch::new(width)) {
                        return None;
                    }
                }
                let is_open = self.definition.end_ms(start_ms) > of.clock.closed_ms;
                let is_window = self.definition.start_ms(start_ms) == start_ms && rows > 0;
                if !of_window.is_empty() || !is_open || !is_window {
                    return None;
                }
                self.windows += 1;
                self.rows += rows;
                self.bytes += window.bytes();
                if of.open.insert(start_ms, window).is_some() {
                    return None;
                }
            }
            if self.keys.insert(key, of).is_some() {
                return None;
            }
        }
        Some(())
    }
}
