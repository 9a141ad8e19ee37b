//! Checkpoints: complete snapshots, written to a store in chunks, and their names.

use crate::{Class, Error, Offset, Partition, Result};

/// A piece of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Checkpoint it belongs to.
    pub checkpoint: u64,
    /// Place among its chunks, from 0.
    pub index: u32,
    /// At most [`limits::CHUNK_BYTES`](crate::limits::CHUNK_BYTES).
    pub bytes: Vec<u8>,
}

/// What makes chunks a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Number of the checkpoint, rising per partition.
    pub checkpoint: u64,
    /// Position of the snapshot in the first input: it holds the effect of every message before it.
    pub position: Offset,
    /// The same of the further inputs, in the job's order.
    pub further: Vec<Offset>,
    /// Journal entries below this sequence are in the snapshot.
    pub journal_sequence: u64,
    /// Number of chunks.
    pub chunks: u32,
    /// CRC-32 of all chunk bytes in order.
    pub crc: u32,
    /// How many of the newest checkpoints of the partition are kept while this one is the newest,
    /// within [`limits::CHECKPOINTS_KEPT`](crate::limits::CHECKPOINTS_KEPT).
    pub keeps: u32,
}

impl Manifest {
    /// Position of the snapshot in each input.
    pub fn positions(&self) -> impl Iterator<Item = Offset> {
        std::iter::once(self.position).chain(self.further.iter().copied())
    }
}

/// A snapshot read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Its manifest.
    pub manifest: Manifest,
    /// The chunks, joined.
    pub state: Vec<u8>,
}

impl Checkpoint {
    /// Itself, when the chunks are those that the manifest was made for.
    pub fn checked(self, at: &str, partition: Partition) -> Result<Checkpoint> {
        let Manifest { checkpoint, crc, .. } = self.manifest;
        let found = crc32fast::hash(&self.state);
        if found == crc {
            return Ok(self);
        }
        let at = format!("checkpoint {checkpoint} of partition {partition} in {at}");
        Err(Error::Corrupt { at, what: format!("its CRC is {found:08x}, not {crc:08x}") })
    }
}

/// A checkpoint without its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointInfo {
    /// Its manifest.
    pub manifest: Manifest,
    /// Size of the state in bytes.
    pub bytes: u64,
    /// When it was made, ms since 1970 UTC.
    pub created_ms: i64,
    /// Why it is kept; `None`: nothing keeps it, and it goes with the next commit of one.
    pub class: Option<Class>,
    /// Its names, also those that are not whole yet.
    pub names: Vec<String>,
}

/// A checkpoint that was asked for by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointRequest {
    /// Given once: a name that is asked for again is another one.
    pub id: String,
    /// The name.
    pub name: String,
    /// Partitions that have answered.
    pub answered: Vec<Partition>,
}
