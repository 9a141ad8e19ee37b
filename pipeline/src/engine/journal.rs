//! The inputs of an operator that are not in the log.

use seismic_proto::state::{self, journal_entry::Input};
use seismic_proto::{DecodeError, Message};
use seismic_queue::Offset;

use crate::engine::windows::rules::Rules;
use crate::engine::windows::rules::RulesError;

/// One entry of the journal.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// The job began here under these rules; `from` is what was asked for.
    Start {
        /// Semantics of the job.
        rules: Rules,
        /// earliest, latest, an offset or a time.
        from: String,
    },
    /// The job began here with the state of another one.
    Fork {
        /// Group of the other job.
        group: String,
        /// Id of its store.
        store: String,
        /// Number of the checkpoint there.
        checkpoint: u64,
        /// Windows that it had closed by then.
        windows: u64,
        /// Dead letters that it had written by then.
        dead_letters: u64,
        /// Rows of each roll-up that it had written by then.
        rollup_rows: Vec<u64>,
    },
    /// Windows of sensors whose last record lies below `below` were closed.
    Idle {
        /// Position that was passed.
        below: Offset,
        /// How long nothing may come before a sensor is idle, ms.
        idle_timeout_ms: i64,
    },
    /// A drained run closed every window.
    End,
    /// Offsets `[from, to)` were lost and the operator accepted it.
    Gap {
        /// First lost offset.
        from: Offset,
        /// Where reading continues.
        to: Offset,
    },
    /// Partitions were added to the input, and the sensors of all were redistributed.
    Rescaled {
        /// How many it had.
        before: u32,
        /// How many it has.
        partitions: u32,
    },
}

/// Why an entry or a note cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    /// Not what it should be.
    #[error("it is not a journal entry or note of this program")]
    Bytes(#[from] DecodeError),
    /// Its rules cannot be used.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// It contradicts itself, or this version does not know it.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// Sensors came from other partitions.
    #[error(
        "partitions were added there, and the checkpoint with the redistributed sensors cannot be read"
    )]
    Rescaled,
}

impl Entry {
    /// As stored.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let input = match self {
            Entry::Start { rules, from } => {
                Input::Start(state::Start { rules: Some(rules.into()), from: from.clone() })
            }
            Entry::Idle { below, idle_timeout_ms } => {
                Input::Idle(state::Idle { below: below.0, idle_timeout_ms: *idle_timeout_ms })
            }
            Entry::Fork { group, store, checkpoint, windows, dead_letters, rollup_rows } => {
                Input::Fork(state::Fork {
                    group: group.clone(),
                    home: store.clone(),
                    checkpoint: *checkpoint,
                    windows: *windows,
                    dead_letters: *dead_letters,
                    rollup_rows: rollup_rows.clone(),
                })
            }
            Entry::End => Input::End(state::End {}),
            Entry::Gap { from, to } => Input::Gap(state::Gap { from: from.0, to: to.0 }),
            Entry::Rescaled { before, partitions } => {
                Input::Widened(state::Widened { before: *before, partitions: *partitions })
            }
        };
        state::JournalEntry { input: Some(input) }.encode_to_vec()
    }

    /// From its stored form.
    ///
    /// # Errors
    /// [`EntryError`] for anything that [`Entry::encode`] did not write.
    pub fn decode(bytes: &[u8]) -> Result<Entry, EntryError> {
        let unknown = || EntryError::Damaged("it says nothing that this version knows".into());
        Ok(match state::JournalEntry::decode(bytes)?.input.ok_or_else(unknown)? {
            Input::Start(start) => {
                Entry::Start { rules: Rules::try_from(start.rules.as_ref())?, from: start.from }
            }
            Input::Idle(idle) => {
                Entry::Idle { below: Offset(idle.below), idle_timeout_ms: idle.idle_timeout_ms }
            }
            Input::Fork(fork) => Entry::Fork {
                group: fork.group,
                store: fork.home,
                checkpoint: fork.checkpoint,
                windows: fork.windows,
                dead_letters: fork.dead_letters,
                rollup_rows: fork.rollup_rows,
            },
            Input::End(_) => Entry::End,
            Input::Gap(gap) => Entry::Gap { from: Offset(gap.from), to: Offset(gap.to) },
            Input::Widened(widened) => {
                Entry::Rescaled { before: widened.before, partitions: widened.partitions }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back_as_written() {
        for entry in [
            Entry::Start { rules: Rules::default(), from: "earliest".into() },
            Entry::Idle { below: Offset(7), idle_timeout_ms: 2_000 },
            Entry::Fork {
                group: "old".into(),
                store: "0f".into(),
                checkpoint: 7,
                windows: 3,
                dead_letters: 2,
                rollup_rows: vec![1, 0],
            },
            Entry::End,
            Entry::Gap { from: Offset(3), to: Offset(9) },
            Entry::Rescaled { before: 4, partitions: 6 },
        ] {
            assert_eq!(Entry::decode(&entry.encode()).unwrap(), entry);
        }
    }

    #[test]
    fn bytes_that_are_no_entry_are_refused() {
        assert!(Entry::decode(&[]).is_err());
    }
}
