//! The state of one partition: its position, where every record went, and the versions of tables
//! that are in force. Note and snapshot have
//! the same form, JSON with the definition of the job.

use std::collections::BTreeMap;

use seismic_queue::{Fingerprint, Offset};
use serde::{Deserialize, Serialize};

use crate::definition::Definition;
use crate::output::reason::Reason;

/// Where records went. read == gave + filtered + dead letters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Read: lines of messages, an empty message being one.
    pub read: u64,
    /// Those that gave output rows.
    pub gave: u64,
    /// Those that gave none.
    pub filtered: u64,
    /// Output rows.
    pub rows: u64,
    /// Dead letters of each reason that has some.
    pub dead: BTreeMap<Reason, u64>,
    /// Messages that were gone before they were read, the loss accepted.
    pub lost_messages: u64,
}

impl Counts {
    /// Adds those of another partition.
    pub fn add(&mut self, other: &Counts) {
        self.read += other.read;
        self.gave += other.gave;
        self.filtered += other.filtered;
        self.rows += other.rows;
        self.lost_messages += other.lost_messages;
        for (reason, letters) in &other.dead {
            *self.dead.entry(*reason).or_default() += letters;
        }
    }

    /// Dead letters.
    #[must_use]
    pub fn dead_letters(&self) -> u64 {
        self.dead.values().sum()
    }

    /// Whether every record is in exactly one place.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        let mut parts = [self.gave, self.filtered].into_iter().chain(self.dead.values().copied());
        parts.try_fold(0_u64, u64::checked_add) == Some(self.read)
    }
}

/// The state of one partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Next offset of the input.
    pub next: u64,
    /// Where records went.
    pub counts: Counts,
    /// The version of each table that is in force.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tables: BTreeMap<String, String>,
}

#[derive(Serialize)]
struct StoredRef<'a> {
    definition: &'a Definition,
    state: &'a State,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivered: Option<Delivered>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    definition: Definition,
    state: State,
    #[serde(default)]
    delivered: Option<Delivered>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Delivered {
    offset: u64,
    append_ms: i64,
    crc: u32,
}

/// What was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredState {
    /// The job.
    pub definition: Definition,
    /// The state.
    pub state: State,
    /// The last message that had had its effect, in a note.
    pub delivered: Option<Fingerprint>,
}

impl State {
    /// Of a partition that begins there.
    #[must_use]
    pub fn new(next: Offset) -> Self {
        State { next: next.0, counts: Counts::default(), tables: BTreeMap::new() }
    }

    /// Appends its stored form to `into`.
    pub fn encode(
        &self,
        definition: &Definition,
        delivered: Option<Fingerprint>,
        into: &mut Vec<u8>,
    ) {
        let delivered = delivered.map(|it| Delivered {
            offset: it.offset.0,
            append_ms: it.append_ms,
            crc: it.crc,
        });
        let stored = StoredRef { definition, state: self, delivered };
        serde_json::to_writer(into, &stored).expect("a Vec grows");
    }

    /// From its stored form.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub fn decode(bytes: &[u8]) -> Result<StoredState, String> {
        let Stored { definition, state, delivered } =
            serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        // No log holds more than an i64 counts: counting on from here cannot overflow.
        let counts = &state.counts;
        let most = counts.read.max(counts.rows).max(counts.lost_messages).max(state.next);
        if !counts.is_balanced() || most > i64::MAX as u64 {
            return Err("its counts do not add up".to_owned());
        }
        let delivered = delivered.map(|it| Fingerprint {
            offset: Offset(it.offset),
            append_ms: it.append_ms,
            crc: it.crc,
        });
        Ok(StoredState { definition, state, delivered })
    }
}
