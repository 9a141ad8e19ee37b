//! Reads the checkpoint log of one group and partition.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::checkpoint_record::{CheckpointRecord, KeptCheckpoint};
use super::offset_metadata::OffsetMetadata;
use crate::client::cluster::Cluster;
use crate::limits;
use crate::queue::fetcher::Fetcher;
use seismic_queue::backend::commit_order::LastCommit;
use seismic_queue::{
    Checkpoint, Error, Event, JournalEntry, Offset, Partition, Progress, Reader, Recovered, Result,
    Span, Topic,
};

/// The checkpoint log of one partition as one group sees it.
pub(crate) struct CheckpointLog<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) topic: &'a Topic,
    pub(crate) group: &'a str,
    pub(crate) partition: Partition,
}

/// Content of the log, as far as it was read.
#[derive(Default)]
pub(crate) struct LogContents {
    /// The newest, or the one that was asked for.
    pub(crate) progress: Option<Progress>,
    pub(crate) next_sequence: u64,
    pub(crate) last_checkpoint: u64,
    pub(crate) journal: Vec<JournalEntry>,
    pub(crate) kept: Vec<KeptCheckpoint>,
    /// By checkpoint and index.
    chunks: BTreeMap<(u64, u32), Vec<u8>>,
    /// Of the commit that is not whole yet.
    begun: Vec<CheckpointRecord>,
    /// The first record, and the newest manifest; the latter before it counts and since.
    first: Option<Offset>,
    begun_manifest: Option<Offset>,
    manifest: Option<Offset>,
}

/// What the last commit of a group left, and where.
pub(crate) struct LastState {
    pub(crate) progress: Progress,
    /// As in the metadata of an offset.
    pub(crate) from: Offset,
    pub(crate) manifest: Offset,
}

impl CheckpointLog<'_> {
    /// The end of the log, counting open transactions: what is committed already lies below it.
    pub(crate) fn end(&self) -> Result<Offset> {
        self.cluster.end_patiently(&self.topic.name, self.partition)
    }

    fn first(&self) -> Result<Offset> {
        Ok(self.cluster.spans(self.topic)?[self.partition.0 as usize].first)
    }

    /// Everything of the group between two offsets. Waits for transactions that began before `to`.
    ///
    /// # Errors
    /// [`Error::Busy`] when one of them does not end.
    pub(crate) fn read(&self, from: Offset, to: Offset) -> Result<LogContents> {
        self.read_until(from, to, |_| false)
    }

    /// As [`CheckpointLog::read`], up to the commit with which it is enough.
    fn read_until(
        &self,
        from: Offset,
        to: Offset,
        is_enough: impl Fn(&LogContents) -> bool,
    ) -> Result<LogContents> {
        let mut history = LogContents::default();
        let mut position = from;
        if position >= to {
            return Ok(history);
        }
        let mut fetcher = Fetcher::up_to_end(self.cluster, self.topic, (self.partition, from))?;
        let (mut spare, mut moved) = (Vec::new(), Instant::now());
        while position < to {
            match fetcher.read(Duration::from_millis(100), &mut spare)? {
                Event::Batch(batch) => {
                    for message in batch.messages().take_while(|message| message.offset < to) {
                        if message.key == self.group.as_bytes() {
                            history.apply(self, message.offset, message.value)?;
                        }
                        if is_enough(&history) {
                            return Ok(history);
                        }
                    }
                    (position, moved) = (batch.next(), Instant::now());
                    spare.push(batch);
                }
                Event::CaughtUp(_, at) => position = position.max(at),
                _ if moved.elapsed() > limits::SETTLE_WAIT => {
                    let at = self.cluster.at.clone();
                    return Err(Error::Busy {
                        at,
                        doing: "waiting for an open transaction to end",
                    });
                }
                _ => {}
            }
        }
        Ok(history)
    }

    /// The state that the commit of `offset_metadata` left, as far as `from` allows.
    pub(crate) fn at(&self, offset_metadata: &OffsetMetadata, from: Offset) -> Result<LogContents> {
        self.at_within(offset_metadata, from, self.end()?)
    }

    /// As [`CheckpointLog::at`], where the log is known to have ended at `end` after the commit.
    pub(crate) fn at_within(
        &self,
        offset_metadata: &OffsetMetadata,
        from: Offset,
        mut end: Offset,
    ) -> Result<LogContents> {
        let begun = Instant::now();
        loop {
            let is_it = |history: &LogContents| history.number() == Some(offset_metadata.number);
            let history = self.read_until(from, end, is_it)?;
            if history.number() == Some(offset_metadata.number) {
                return Ok(history);
            }
            if begun.elapsed() > limits::SETTLE_WAIT {
                return Err(self.torn(offset_metadata, history.number()));
            }
            std::thread::sleep(seismic_queue::limits::NAP);
            end = self.end()?;
        }
    }

    /// A checkpoint, read from its first chunk to its manifest.
    ///
    /// # Errors
    /// [`Error::OffsetGone`] when the log was trimmed since the checkpoint was deleted.
    pub(crate) fn checkpoint(&self, kept: &KeptCheckpoint) -> Result<Checkpoint> {
        self.checkpoint_within(kept, self.end()?)
    }

    /// As [`CheckpointLog::checkpoint`], where the log is known to have ended at `end` after it.
    pub(crate) fn checkpoint_within(
        &self,
        kept: &KeptCheckpoint,
        end: Offset,
    ) -> Result<Checkpoint> {
        let is_sealed = |history: &LogContents| {
            history.kept.last().map(KeptCheckpoint::number) == Some(kept.number())
        };
        self.read_until(kept.first, end, is_sealed)?.checkpoint(kept, self)
    }

    /// Everything from the first record that is still there.
    pub(crate) fn all(&self) -> Result<LogContents> {
        loop {
            match self.read(self.first()?, self.end()?) {
                // It was trimmed between the question and the reading.
                Err(Error::OffsetGone { .. }) => {}
                read => return read,
            }
        }
    }

    /// Sequence of the first journal entry that is still there, of a log that holds `span`.
    pub(crate) fn journal_start(&self, span: Span) -> Result<u64> {
        if span.first == Offset(0) {
            return Ok(0);
        }
        let has_begun = |history: &LogContents| history.progress.is_some();
        let history = self.read_until(span.first, span.end, has_begun)?;
        let first = history.journal.first();
        Ok(first.map_or(history.next_sequence, |entry| entry.sequence))
    }

    /// The committed offset and the log disagree, and waiting did not help.
    pub(crate) fn torn(&self, offset_metadata: &OffsetMetadata, found: Option<u64>) -> Error {
        let found = found.map_or("none".to_owned(), |number| number.to_string());
        Error::Corrupt {
            at: format!("{}/{} of group {}", self.topic.name, self.partition, self.group),
            what: format!(
                "the group's offset was committed as number {}, but the newest commit there is \
                 {found}",
                offset_metadata.number
            ),
        }
    }

    fn corrupt(&self, offset: Offset) -> Error {
        Error::Corrupt {
            at: format!("offset {offset} of {}/{}", self.topic.name, self.partition),
            what: "it is no record of ours, or was changed".to_owned(),
        }
    }
}

impl LogContents {
    /// The newest checkpoint that is whole, and the journal behind it.
    pub(crate) fn recovered(mut self, log: &CheckpointLog<'_>) -> Result<Recovered> {
        let mut passed_over = Vec::new();
        let mut checkpoint = None;
        for kept in self.kept.clone().iter().rev() {
            // The newest was read already; older ones only when they are needed.
            let found = match self.checkpoint(kept, log) {
                Err(_) if !passed_over.is_empty() => {
                    self = log.read(kept.first, log.end()?)?;
                    self.checkpoint(kept, log)
                }
                found => found,
            };
            match found {
                Ok(found) => {
                    checkpoint = Some(found);
                    break;
                }
                Err(error) => passed_over.push(error.to_string()),
            }
        }
        if checkpoint.is_none() && !passed_over.is_empty() {
            self = log.all()?;
        }
        let from = checkpoint.as_ref().map_or(0, |found| found.manifest.journal_sequence);
        self.journal.retain(|entry| entry.sequence >= from);
        Ok(Recovered {
            partition: log.partition,
            progress: self.progress,
            checkpoint,
            journal: self.journal,
            next_sequence: self.next_sequence,
            last_checkpoint: self.last_checkpoint,
            passed_over,
        })
    }

    /// Applies a record. The records of a commit count once its progress record was read.
    fn apply(&mut self, log: &CheckpointLog<'_>, offset: Offset, value: &[u8]) -> Result<()> {
        let Some(record) = CheckpointRecord::decode(value) else {
            // A damaged chunk spoils its checkpoint only; older ones take its place.
            return match value.get(1) {
                Some(&kind) if kind == super::checkpoint_record::CHUNK => Ok(()),
                _ => Err(log.corrupt(offset)),
            };
        };
        self.first.get_or_insert(offset);
        let CheckpointRecord::Progress { progress, next_sequence, last_checkpoint } = record else {
            if matches!(record, CheckpointRecord::Manifest(_)) {
                self.begun_manifest = Some(offset);
            }
            self.begun.push(record);
            return Ok(());
        };
        self.manifest = self.begun_manifest.take().or(self.manifest);
        self.progress = Some(progress);
        (self.next_sequence, self.last_checkpoint) = (next_sequence, last_checkpoint);
        for record in std::mem::take(&mut self.begun) {
            match record {
                CheckpointRecord::Journal(entry) => self.journal.push(entry),
                CheckpointRecord::Chunk(chunk) => {
                    self.chunks.insert((chunk.checkpoint, chunk.index), chunk.bytes);
                }
                CheckpointRecord::Manifest(kept) => self.kept = kept,
                CheckpointRecord::Progress { .. } => unreachable!("it is taken above"),
            }
        }
        let oldest = self.kept.first().map_or(0, KeptCheckpoint::number);
        self.chunks.retain(|(checkpoint, _), _| *checkpoint >= oldest);
        Ok(())
    }

    /// What the newest commit left, where everything of the group was read.
    pub(crate) fn last_state(self) -> Option<LastState> {
        let first = self.first?;
        let newest = self.manifest.zip(self.kept.last());
        let (from, manifest) = newest.map_or((first, first), |(at, kept)| (kept.first, at));
        Some(LastState { progress: self.progress?, from, manifest })
    }

    /// Number of the newest commit.
    pub(crate) fn number(&self) -> Option<u64> {
        self.progress.as_ref().map(|progress| progress.number)
    }

    /// Where the next commit continues.
    pub(crate) fn last_commit(&self) -> LastCommit {
        let progress = self.progress.as_ref();
        LastCommit {
            number: progress.map_or(0, |progress| progress.number),
            next: progress.map_or(Offset(0), |progress| progress.next),
            further: progress.map_or(Vec::new(), |progress| progress.further.clone()),
            next_sequence: self.next_sequence,
            checkpoint: self.last_checkpoint,
            unsealed: None,
        }
    }

    /// A checkpoint, when all of it was read.
    pub(crate) fn checkpoint(
        &self,
        kept: &KeptCheckpoint,
        log: &CheckpointLog<'_>,
    ) -> Result<Checkpoint> {
        let manifest = kept.info.manifest.clone();
        let number = manifest.checkpoint;
        let chunks = self.chunks.range((number, 0)..=(number, u32::MAX));
        let state = chunks.flat_map(|(_, bytes)| bytes.iter().copied()).collect();
        Checkpoint { manifest, state }.checked(&log.topic.name, log.partition)
    }
}
