//! The clocks of the keys of an input whose rows are looked at one by one.
//!
//! ```text
//!  keys u32, and for each: length u32, key | newest i64, closed i64, last + 1 u64    (little-endian)
//! ```

use std::collections::BTreeMap;

use seismic_queue::Partition;
use seismic_sql::{Batch, Cell};

use super::input::TimedInput;
use crate::bytes;
use crate::clock::Clock;
use crate::definition::Definition;
use crate::definition::timing::TimingDefinition;
use crate::limits;
use crate::output::Record;
use crate::output::reason::{Fault, Reason};

/// The clocks of a partition.
#[derive(Debug)]
pub struct Clocks {
    input: TimedInput,
    lateness_ms: i64,
    /// Partition, of so many.
    place: (Partition, u32),
    keys: BTreeMap<Box<str>, Clock>,
}

/// The clock of a key, which begins where it is the first of it.
///
/// # Errors
/// When there are too many.
pub fn of_key<'a, C: Default>(
    keys: &'a mut BTreeMap<Box<str>, C>,
    key: &str,
) -> Result<&'a mut C, Fault> {
    if !keys.contains_key(key) {
        if keys.len() >= limits::CLOCKS {
            let why = format!("it is of the {}th key of this partition", limits::CLOCKS + 1);
            return Err((Reason::TooManyKeys, why));
        }
        keys.insert(key.into(), C::default());
    }
    Ok(keys.get_mut(key).expect("it is there"))
}

/// The input of a definition with a clock.
pub fn input(definition: &Definition, timing: &TimingDefinition) -> TimedInput {
    let input = &definition.input;
    TimedInput::new(input, input.key.as_deref(), input.time.as_ref(), timing.max_ahead_ms)
}

impl Clocks {
    /// Without keys.
    pub fn new(
        definition: &Definition,
        timing: &TimingDefinition,
        place: (Partition, u32),
    ) -> Self {
        let input = input(definition, timing);
        Clocks { input, lateness_ms: timing.lateness_ms, place, keys: BTreeMap::new() }
    }

    /// Keys that were seen.
    pub fn keys(&self) -> u64 {
        self.keys.len() as u64
    }

    /// Appends the row that a record is, with its event time, and moves the clock of its key.
    ///
    /// # Errors
    /// Why it is a dead letter; nothing is appended then.
    pub fn admit(&mut self, record: &Record<'_>, into: &mut Batch) -> Result<(), Fault> {
        self.input.read(record, self.place)?;
        let clock: &mut Clock = of_key(&mut self.keys, &self.input.key_text)?;
        clock.see(record.offset.0);
        if let Some(late_ms) = clock.late_ms(self.input.time_ms) {
            let key = Shown(&self.input.key_text);
            let why = format!("the watermark{key} is {late_ms} ms further");
            return Err((Reason::Late, why));
        }
        clock.move_to(self.input.time_ms, self.lateness_ms);
        self.push(into);
        Ok(())
    }

    /// Appends the row of a record that was admitted before.
    pub fn push_again(&mut self, record: &Record<'_>, into: &mut Batch) {
        let is_read = self.input.read(record, self.place).is_ok();
        debug_assert!(is_read, "it was a row before");
        self.push(into);
    }

    fn push(&self, into: &mut Batch) {
        self.input.row().for_each(|cell| into.push(cell));
        into.push(Cell::Integer(self.input.time_ms));
    }

    /// Appends them to `into`.
    pub fn encode(&self, into: &mut Vec<u8>) {
        bytes::push_length(self.keys.len(), into);
        for (key, clock) in &self.keys {
            bytes::push(key.as_bytes(), into);
            clock.encode(into);
        }
    }

    /// Takes the clocks that were appended. Whether they are whole.
    pub fn restore(&mut self, mut stored: &[u8]) -> bool {
        fn read(rest: &mut &[u8]) -> Option<BTreeMap<Box<str>, Clock>> {
            let mut keys = BTreeMap::new();
            for _ in 0..bytes::length(rest)? {
                let key = bytes::text(rest)?.into();
                if keys.insert(key, Clock::decode(rest)?).is_some() {
                    return None;
                }
            }
            rest.is_empty().then_some(keys)
        }
        let Some(keys) = read(&mut stored) else { return false };
        self.keys = keys;
        true
    }
}

/// A key in words; nothing where rows have none.
pub struct Shown<'a>(pub &'a str);

impl std::fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            "" => Ok(()),
            key => write!(f, " of {}", &key[..key.floor_char_boundary(100)]),
        }
    }
}
