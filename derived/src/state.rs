//! The state of one partition: its position, where every record went, and the versions of tables
//! that are in force. Note and snapshot have
//! the same form, JSON with the definition of the job; the snapshot of a join has rows behind it.

use std::collections::BTreeMap;

use seismic_queue::{Fingerprint, Offset};
use serde::{Deserialize, Serialize};

use crate::definition::Definition;
use crate::definition::dimension::DimensionDefinition;
use crate::definition::function::FunctionDefinition;
use crate::output::reason::Reason;

/// Where records went. read == gave + filtered + waiting + dead letters of records.
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
    /// In a join: those that have found no other yet, and may. In windows: those of open ones.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub waiting: u64,
    /// In a join: dead letters that are of a pair; its records are counted for themselves.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dead_pairs: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde gives references")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Counts {
    /// Adds those of another partition.
    pub fn add(&mut self, other: &Counts) {
        self.read += other.read;
        self.gave += other.gave;
        self.filtered += other.filtered;
        self.rows += other.rows;
        self.lost_messages += other.lost_messages;
        self.waiting += other.waiting;
        self.dead_pairs += other.dead_pairs;
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
        let parts = [self.gave, self.filtered, self.waiting].into_iter();
        let mut parts = parts.chain(self.dead.values().copied());
        let sum = parts.try_fold(0_u64, u64::checked_add);
        sum.is_some() && sum == self.read.checked_add(self.dead_pairs)
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
    /// What a join has beside that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub join: Option<JoinState>,
    /// What a job with event times has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timed: Option<TimedState>,
}

/// What a job with event times has in short; its clocks and rows are in its snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimedState {
    /// Keys that it has seen.
    pub keys: u64,
    /// Windows that are open.
    pub windows: u64,
    /// Their rows.
    pub rows: u64,
}

/// What the state of a join has in short; the rows that wait are in its snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JoinState {
    /// Next offset of the right side.
    pub next: u64,
    /// Keys that it has seen.
    pub keys: u64,
    /// Rows of each side that wait for others, also those that have found some.
    pub rows: [u64; 2],
    /// Whether a side is read no further until the other one has come as far.
    pub held: [bool; 2],
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
        State {
            next: next.0,
            counts: Counts::default(),
            tables: BTreeMap::new(),
            join: None,
            timed: None,
        }
    }

    /// The version of a table that is in force.
    pub(crate) fn version_of(&self, table: &DimensionDefinition) -> Option<&str> {
        self.tables.get(&table.name).map(String::as_str)
    }

    /// Whether the module of a function is in force.
    pub(crate) fn has_module(&self, function: &FunctionDefinition) -> bool {
        self.tables.contains_key(&function.stored_name())
    }

    /// Appends the state in a snapshot that has more behind it: its length as u32, and itself.
    pub fn encode_with(
        &self,
        definition: &Definition,
        into: &mut Vec<u8>,
        behind: &mut dyn FnMut(&mut Vec<u8>),
    ) {
        let from = into.len();
        into.extend_from_slice(&[0; 4]);
        self.encode(definition, None, into);
        let length = (into.len() - from - 4) as u32;
        into[from..from + 4].copy_from_slice(&length.to_le_bytes());
        behind(into);
    }

    /// Whether a note says the same.
    ///
    /// # Errors
    /// This state and that of the note, as text.
    pub fn check_note(&self, note: &[u8]) -> Result<(), (String, String)> {
        let ours = || format!("{self:?}");
        match State::decode(note) {
            Ok(noted) if noted.state == *self => Ok(()),
            Ok(noted) => Err((ours(), format!("{:?}", noted.state))),
            Err(why) => Err((ours(), why)),
        }
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
        let most = most.max(counts.dead_pairs).max(state.join.as_ref().map_or(0, |join| join.next));
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
