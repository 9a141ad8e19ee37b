//! Rows that a sink skips: those skipped on request, and those that its target refused if refused
//! rows are stored separately. They are recorded in the store, so that they stay skipped after a
//! crash and a comparison does not report them as missing.
//!
//! Under the key `skipped`, a line for each: `PARTITION OFFSET REASON`.

use std::collections::BTreeMap;

use seismic_queue::{JobStore, Offset, Partition};

use crate::{Error, Result, limits};

/// Where the store has them.
const KEY: &str = "skipped";

/// Rows that are passed over, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SkippedRows(BTreeMap<(Partition, Offset), String>);

impl SkippedRows {
    /// Those of the sink of that name.
    ///
    /// # Errors
    /// When the store cannot be read, or what it has is none of these.
    pub fn of(store: &dyn JobStore, sink: &str) -> Result<Self> {
        let Some(state) = store.sink_state(sink, KEY)? else { return Ok(Self::default()) };
        let damaged = || Error::StateDamaged {
            at: store.name().to_owned(),
            sink: sink.to_owned(),
            key: KEY.to_owned(),
        };
        let text = String::from_utf8(state).map_err(|_| damaged())?;
        let rows = text.lines().map(|line| {
            let mut words = line.splitn(3, ' ');
            let partition = Partition(words.next()?.parse().ok()?);
            let offset = Offset(words.next()?.parse().ok()?);
            Some(((partition, offset), words.next().unwrap_or_default().to_owned()))
        });
        rows.collect::<Option<_>>().map(SkippedRows).ok_or_else(damaged)
    }

    /// Whether the row of that place is passed over.
    #[must_use]
    pub fn has(&self, partition: Partition, offset: Offset) -> bool {
        self.0.contains_key(&(partition, offset))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each with its reason, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Partition, Offset, &str)> {
        self.0.iter().map(|((partition, offset), reason)| (*partition, *offset, &**reason))
    }

    /// Adds a row, and stores all of them.
    ///
    /// # Errors
    /// [`Error::TooManySkipped`] beyond [`limits::SKIPPED_ROWS`]; then none was added.
    pub fn add(
        &mut self,
        store: &dyn JobStore,
        sink: &str,
        (partition, offset): (Partition, Offset),
        reason: &str,
    ) -> Result<()> {
        if self.0.len() >= limits::SKIPPED_ROWS && !self.has(partition, offset) {
            return Err(Error::TooManySkipped { sink: sink.to_owned(), rows: self.0.len() });
        }
        let end = reason.floor_char_boundary(limits::SKIP_REASON_BYTES);
        let words = reason[..end].replace(char::is_control, " ");
        self.0.insert((partition, offset), words);
        self.store(store, sink)
    }

    /// Forgets those of a partition from an offset on, which a rewind took back.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub(crate) fn take_back(
        &mut self,
        store: &dyn JobStore,
        sink: &str,
        partition: Partition,
        first: Offset,
    ) -> Result<()> {
        let before = self.0.len();
        self.0.retain(|(of, offset), _| *of != partition || *offset < first);
        if self.0.len() == before {
            return Ok(());
        }
        self.store(store, sink)
    }

    fn store(&self, store: &dyn JobStore, sink: &str) -> Result<()> {
        let rows = self.iter();
        let lines: String =
            rows.map(|(partition, offset, why)| format!("{partition} {offset} {why}\n")).collect();
        Ok(store.put_sink_state(sink, KEY, lines.as_bytes())?)
    }
}
