//! The last commit of a partition, and the checks that the next one continues it.

use crate::{CommitError, Error, Kind, Offset, PartitionCommit, Result};

/// What the last commit of a partition left, as far as the next one must continue from it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastCommit {
    /// Number of that commit, 0 before the first.
    pub number: u64,
    /// Next offset of the first input.
    pub next: Offset,
    /// Next offsets of the further inputs; empty before the first commit.
    pub further: Vec<Offset>,
    /// Next journal sequence.
    pub next_sequence: u64,
    /// Highest checkpoint number ever used, also by chunks alone.
    pub checkpoint: u64,
    /// Chunks stored for that checkpoint while it has no manifest yet.
    pub unsealed: Option<u32>,
}

impl LastCommit {
    /// What is left after `commit`.
    ///
    /// # Errors
    /// [`Error::OutOfOrder`] when `commit` does not continue from here.
    pub fn after(mut self, at: &str, commit: &PartitionCommit) -> Result<LastCommit> {
        let refuse = |what, expected, found| {
            let (at, partition) = (at.to_owned(), commit.partition);
            Err(Error::OutOfOrder { at, partition, what, expected, found })
        };
        self.number += 1;
        if commit.number != self.number {
            return refuse("number", self.number, commit.number);
        }
        if commit.next < self.next {
            return refuse("next offset", self.next.0, commit.next.0);
        }
        self.next = commit.next;
        for (before, &next) in self.further.iter().zip(&commit.further) {
            if next < *before {
                return refuse("next offset of a further input", before.0, next.0);
            }
        }
        self.further.clone_from(&commit.further);
        for entry in &commit.journal {
            if entry.sequence != self.next_sequence {
                return refuse("journal sequence", self.next_sequence, entry.sequence);
            }
            self.next_sequence += 1;
        }
        for chunk in &commit.chunks {
            let Some(stored) = self.chunks_of(chunk.checkpoint) else {
                return refuse("checkpoint of a chunk", self.checkpoint + 1, chunk.checkpoint);
            };
            if chunk.index != stored {
                return refuse("chunk", stored.into(), chunk.index.into());
            }
            (self.checkpoint, self.unsealed) = (chunk.checkpoint, Some(stored + 1));
        }
        if let Some(manifest) = &commit.manifest {
            let Some(stored) = self.chunks_of(manifest.checkpoint) else {
                return refuse("checkpoint", self.checkpoint + 1, manifest.checkpoint);
            };
            if manifest.chunks != stored {
                return refuse("number of chunks", stored.into(), manifest.chunks.into());
            }
            (self.checkpoint, self.unsealed) = (manifest.checkpoint, None);
        }
        Ok(self)
    }

    /// Chunks stored of a checkpoint that may still get some; `None` when it may not.
    fn chunks_of(&self, checkpoint: u64) -> Option<u32> {
        match checkpoint.cmp(&self.checkpoint) {
            std::cmp::Ordering::Less => None,
            std::cmp::Ordering::Equal => self.unsealed,
            std::cmp::Ordering::Greater => Some(0),
        }
    }
}

/// What an error that stopped a commit before it was made means for the slot.
pub fn not_made(error: Error) -> CommitError {
    match error.kind() {
        Kind::Retry => CommitError::Retry(error),
        Kind::Fenced => CommitError::Fenced(error),
        _ if matches!(error, Error::Failpoint { .. }) => CommitError::Retry(error),
        _ => CommitError::Fatal(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Chunk, Manifest, Partition};

    fn chunk(checkpoint: u64, index: u32) -> Chunk {
        Chunk { checkpoint, index, bytes: Vec::new() }
    }

    fn manifest(checkpoint: u64, chunks: u32) -> Option<Manifest> {
        let (position, further) = (Offset(0), Vec::new());
        Some(Manifest {
            checkpoint,
            position,
            further,
            journal_sequence: 0,
            chunks,
            crc: 0,
            keeps: 10,
        })
    }

    fn after(
        last_commit: &LastCommit,
        chunks: Vec<Chunk>,
        manifest: Option<Manifest>,
    ) -> Result<LastCommit> {
        let new = PartitionCommit::new(Partition(0));
        let number = last_commit.number + 1;
        last_commit.clone().after("store", &PartitionCommit { number, chunks, manifest, ..new })
    }

    #[test]
    fn a_checkpoint_is_sealed_once_with_all_its_chunks() {
        let last_commit =
            after(&LastCommit::default(), vec![chunk(1, 0), chunk(1, 1)], None).unwrap();
        assert!(after(&last_commit, vec![], manifest(1, 1)).is_err(), "a chunk is not counted");
        let last_commit = after(&last_commit, vec![chunk(1, 2)], manifest(1, 3)).unwrap();
        assert!(after(&last_commit, vec![chunk(1, 3)], None).is_err(), "it is sealed");
        assert!(after(&last_commit, vec![], manifest(1, 0)).is_err(), "its number is used");
    }

    #[test]
    fn a_snapshot_that_was_given_up_is_followed_by_one_with_a_higher_number() {
        let last_commit = after(&LastCommit::default(), vec![chunk(1, 0)], None).unwrap();
        assert!(after(&last_commit, vec![chunk(1, 0)], None).is_err(), "that chunk is there");
        let last_commit = after(&last_commit, vec![chunk(2, 0)], manifest(2, 1)).unwrap();
        assert_eq!((last_commit.checkpoint, last_commit.unsealed), (2, None));
    }
}
