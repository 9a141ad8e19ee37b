//! The inputs of an operator that are not in the log.

use seismic_proto::state::{self, journal_entry::Input};
use seismic_proto::{DecodeError, Message};
use seismic_queue::{KeyedCut, Offset, Partition};

use crate::engine::semantics_error::SemanticsError;

/// Name of the kind whose entries and notes carry no name, since it was once the only one. All
/// other kinds store theirs.
pub const FIRST_KIND: &str = "windows";

/// One entry of the journal.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// The job began here with these semantics; `from` is what was asked for.
    Start {
        /// Name of its kind.
        kind: String,
        /// Its semantics, as the kind writes them.
        semantics: Vec<u8>,
        /// earliest, latest, an offset or a time.
        from: String,
        /// Where it began in its further inputs.
        further: Vec<Offset>,
    },
    /// The job began here with the state of another one.
    Fork {
        /// Group of the other job.
        group: String,
        /// Id of its store.
        store: String,
        /// Number of the checkpoint there.
        checkpoint: u64,
        /// Rows that it had written to each output by then; stored for two outputs at least.
        rows: Vec<u64>,
        /// The same for each partition of its keyed outputs.
        keyed: Vec<KeyedCut>,
    },
    /// Keys without a record at or after `below` were closed.
    Idle {
        /// Place of the input.
        input: usize,
        /// Position that was passed.
        below: Offset,
        /// How long a key may be silent before it is idle, ms.
        idle_timeout_ms: i64,
    },
    /// A drained run closed everything.
    End,
    /// Offsets `[from, to)` were lost and the operator accepted it.
    Gap {
        /// Place of the input.
        input: usize,
        /// First lost offset.
        from: Offset,
        /// Where reading continues.
        to: Offset,
    },
    /// Partitions were added to the input, and the keys of all were redistributed.
    Rescaled {
        /// How many it had.
        before: u32,
        /// How many it has.
        partitions: u32,
    },
    /// Of a job with several inputs: from here on this one was read, up to `until`.
    Run {
        /// Place of the input.
        input: usize,
        /// Its next offset afterwards.
        until: Offset,
    },
    /// An input of the kind's own.
    Own(Vec<u8>),
}

/// Why an entry or a note cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    /// Not what it should be.
    #[error("it is not a journal entry or note of this program")]
    Bytes(#[from] DecodeError),
    /// Its semantics cannot be used.
    #[error(transparent)]
    Semantics(#[from] SemanticsError),
    /// It contradicts itself, or this version does not know it.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// Written by a job of another kind.
    #[error("it is of a job of kind {found:?}, not {expected:?}")]
    OtherKind {
        /// The kind that wrote it.
        found: String,
        /// The kind that reads it.
        expected: &'static str,
    },
    /// Sensors came from other partitions.
    #[error(
        "partitions were added there, and the checkpoint with the redistributed sensors cannot be read"
    )]
    Rescaled,
}

/// Where a task began in each input, given its position and where that was in the further ones;
/// `None` when that cannot be.
#[must_use]
pub fn beginning(at: Offset, further: &[Offset]) -> Option<Vec<Offset>> {
    let rest = further.iter().try_fold(at.0, |rest, offset| rest.checked_sub(offset.0))?;
    Some([Offset(rest)].into_iter().chain(further.iter().copied()).collect())
}

impl Entry {
    /// As stored.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let input = match self {
            Entry::Start { kind, semantics, from, further } => Input::Start(state::Start {
                semantics: semantics.clone(),
                from: from.clone(),
                kind: if kind == FIRST_KIND { String::new() } else { kind.clone() },
                further: further.iter().map(|offset| offset.0).collect(),
            }),
            Entry::Idle { input, below, idle_timeout_ms } => Input::Idle(state::Idle {
                below: below.0,
                idle_timeout_ms: *idle_timeout_ms,
                input: *input as u32,
            }),
            Entry::Fork { group, store, checkpoint, rows, keyed } => Input::Fork(state::Fork {
                group: group.clone(),
                home: store.clone(),
                checkpoint: *checkpoint,
                windows: rows.first().copied().unwrap_or(0),
                dead_letters: rows.get(1).copied().unwrap_or(0),
                rollup_rows: rows.iter().skip(2).copied().collect(),
                keyed_rows: keyed.iter().map(stored_cut).collect(),
            }),
            Entry::End => Input::End(state::End {}),
            Entry::Gap { input, from, to } => {
                Input::Gap(state::Gap { from: from.0, to: to.0, input: *input as u32 })
            }
            Entry::Run { input, until } => {
                Input::Run(state::Run { input: *input as u32, until: until.0 })
            }
            Entry::Own(bytes) => Input::Own(bytes.clone()),
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
            Input::Start(start) => Entry::Start {
                kind: if start.kind.is_empty() { FIRST_KIND.to_owned() } else { start.kind },
                semantics: start.semantics,
                from: start.from,
                further: start.further.into_iter().map(Offset).collect(),
            },
            Input::Idle(idle) => Entry::Idle {
                input: idle.input as usize,
                below: Offset(idle.below),
                idle_timeout_ms: idle.idle_timeout_ms,
            },
            Input::Fork(fork) => Entry::Fork {
                group: fork.group,
                store: fork.home,
                checkpoint: fork.checkpoint,
                rows: [fork.windows, fork.dead_letters]
                    .into_iter()
                    .chain(fork.rollup_rows)
                    .collect(),
                keyed: fork.keyed_rows.iter().map(cut).collect(),
            },
            Input::End(_) => Entry::End,
            Input::Gap(gap) => {
                Entry::Gap { input: gap.input as usize, from: Offset(gap.from), to: Offset(gap.to) }
            }
            Input::Run(run) => Entry::Run { input: run.input as usize, until: Offset(run.until) },
            Input::Own(bytes) => Entry::Own(bytes),
            Input::Widened(widened) => {
                Entry::Rescaled { before: widened.before, partitions: widened.partitions }
            }
        })
    }
}

fn stored_cut(cut: &KeyedCut) -> state::KeyedRows {
    state::KeyedRows { output: cut.output as u32, partition: cut.partition.0, rows: cut.rows }
}

fn cut(stored: &state::KeyedRows) -> KeyedCut {
    let (output, partition) = (stored.output as usize, Partition(stored.partition));
    KeyedCut { output, partition, rows: stored.rows }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back_as_written() {
        for entry in [
            Entry::Start {
                kind: FIRST_KIND.into(),
                semantics: vec![8, 1],
                from: "earliest".into(),
                further: vec![],
            },
            Entry::Start {
                kind: "counts".into(),
                semantics: vec![],
                from: "latest".into(),
                further: vec![Offset(4), Offset(0)],
            },
            Entry::Idle { input: 0, below: Offset(7), idle_timeout_ms: 2_000 },
            Entry::Fork {
                group: "old".into(),
                store: "0f".into(),
                checkpoint: 7,
                rows: vec![3, 2, 1, 0],
                keyed: vec![KeyedCut { output: 1, partition: Partition(2), rows: 5 }],
            },
            Entry::End,
            Entry::Gap { input: 1, from: Offset(3), to: Offset(9) },
            Entry::Rescaled { before: 4, partitions: 6 },
            Entry::Run { input: 1, until: Offset(12) },
            Entry::Own(b"prices 7".to_vec()),
        ] {
            assert_eq!(Entry::decode(&entry.encode()).unwrap(), entry);
        }
    }

    #[test]
    fn bytes_that_are_no_entry_are_refused() {
        assert!(Entry::decode(&[]).is_err());
    }
}
