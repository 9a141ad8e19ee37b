//! The topic of tables: read from its directory on, and written outside of commits.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::index::SeenTables;
use super::record::{self, CONTENTS, DIRECTORY, TOPIC, TableCopy};
use super::staged::StagedTable;
use crate::client::admin::{Admin, OUTPUT};
use crate::client::cluster::Cluster;
use crate::client::writing::append_all;
use crate::limits;
use crate::queue::fetcher::Fetcher;
use seismic_queue::backend::validate;
use seismic_queue::message::new_id;
use seismic_queue::{Error, Event, Message, Offset, Partition, Reader, Result, Topic, clock};

/// Partitions of the topic.
const PARTITIONS: u32 = 2;

/// The topic as one group sees it.
pub(crate) struct TableTopic<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) group: &'a str,
}

impl TableTopic<'_> {
    /// Makes the topic, where no job with tables has.
    pub(super) fn create(&self) -> Result<Topic> {
        if let Some(topic) = self.find()? {
            return validate::same_topic(topic, PARTITIONS);
        }
        let admin = Admin::new(self.cluster)?;
        let settings = [&[("cleanup.policy", "compact")], &OUTPUT[..]].concat();
        let made = validate::same_topic(admin.create(TOPIC, PARTITIONS, &settings)?, PARTITIONS)?;
        admin.check_tables(TOPIC)?;
        Ok(made)
    }

    fn find(&self) -> Result<Option<Topic>> {
        match self.cluster.topic(TOPIC) {
            Ok(topic) => Ok(Some(topic)),
            Err(Error::TopicMissing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) fn busy(&self) -> Error {
        let at = self.cluster.at.clone();
        Error::Busy { at, doing: "reading which versions of tables there are" }
    }

    /// Takes over what was written since. Whether that is all that was begun by now: a transaction
    /// that does not end hides what is behind it.
    pub(super) fn catch_up(&self, seen: &mut SeenTables, wait: Duration) -> Result<bool> {
        let Some(topic) = self.find()? else {
            *seen = SeenTables::default();
            return Ok(true);
        };
        seen.are_of(&topic);
        let end = self.cluster.end_patiently(TOPIC, DIRECTORY)?;
        let next = seen.next;
        let next = self.read(&topic, (DIRECTORY, next, end), wait, |message| {
            seen.apply(self.group, message);
            false
        })?;
        seen.next = next;
        Ok(next >= end)
    }

    /// Reads from one offset to another, until it is enough or takes longer than that. Gives up to
    /// where.
    fn read(
        &self,
        topic: &Topic,
        (partition, from, to): (Partition, Offset, Offset),
        wait: Duration,
        mut is_enough: impl FnMut(Message<'_>) -> bool,
    ) -> Result<Offset> {
        let mut position = from;
        if position >= to {
            return Ok(position);
        }
        let mut fetcher = Fetcher::up_to_end(self.cluster, topic, (partition, from))?;
        let (mut spare, mut moved) = (Vec::new(), Instant::now());
        while position < to {
            match fetcher.read(Duration::from_millis(100), &mut spare)? {
                Event::Batch(batch) => {
                    if batch.messages().any(&mut is_enough) {
                        return Ok(batch.next());
                    }
                    (position, moved) = (batch.next(), Instant::now());
                    spare.push(batch);
                }
                Event::CaughtUp(_, at) => position = position.max(at),
                _ if moved.elapsed() > wait => break,
                _ => {}
            }
        }
        Ok(position)
    }

    /// The content of a copy; `None` when it was taken out meanwhile.
    pub(super) fn content(&self, copy: &TableCopy) -> Result<Option<Vec<u8>>> {
        let Some(topic) = self.find()? else { return Ok(None) };
        let end = self.cluster.end_patiently(TOPIC, CONTENTS)?;
        let mut chunks: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
        let is_whole = |chunks: &BTreeMap<u32, Vec<u8>>| chunks.len() == copy.chunks as usize;
        if !is_whole(&chunks) {
            let span = (CONTENTS, copy.from, end);
            let next = self.read(&topic, span, limits::SETTLE_WAIT, |message| {
                if let Some(index) = copy.chunk_of(self.group, message.key) {
                    chunks.insert(index, message.value.to_vec());
                }
                is_whole(&chunks)
            })?;
            if !is_whole(&chunks) && next < end {
                return Err(self.busy());
            }
        }
        let content: Vec<u8> = chunks.into_values().flatten().collect();
        Ok((content.len() as u64 == copy.bytes).then_some(content))
    }

    /// Takes copies and notes out. The pieces of a copy go first: without them it counts for
    /// nothing, and it is taken out again by whoever lists it.
    pub(super) fn take_out(&self, copies: &[TableCopy], notes: &[String]) -> Result<()> {
        let mut gone = Vec::new();
        for copy in copies {
            let key = |index| (CONTENTS, copy.chunk_key(self.group, index), None);
            gone.extend((0..copy.chunks).map(key));
        }
        self.append(&gone)?;
        let copies = copies.iter().map(|copy| (DIRECTORY, copy.key(self.group), None));
        let notes =
            notes.iter().map(|table| (DIRECTORY, record::note_key(self.group, table), None));
        self.append(&copies.chain(notes).collect::<Vec<_>>())
    }

    /// Appends records, outside of any commit. Without a value a record takes out what its key names.
    pub(super) fn append(&self, records: &[(Partition, String, Option<&[u8]>)]) -> Result<()> {
        append_all((self.cluster, "writing down what is known of tables"), TOPIC, records)
    }
}

/// The records of a copy.
pub(crate) struct CopyRecords<'a> {
    /// Those of its content.
    pub(crate) pieces: Vec<(Partition, String, &'a [u8])>,
    /// The one of the directory.
    pub(crate) directory: (Partition, String, String),
}

/// The records of a new copy of a version, whose pieces will stand at `from` or behind.
pub(crate) fn records_of<'a>(
    group: &str,
    version: &'a StagedTable,
    from: Offset,
) -> CopyRecords<'a> {
    let chunks: Vec<&[u8]> = version.content.chunks(limits::TABLE_CHUNK_BYTES).collect();
    let copy = TableCopy {
        copy: new_id(),
        table: version.table.clone(),
        hash: version.hash.clone(),
        bytes: version.content.len() as u64,
        chunks: u32::try_from(chunks.len()).expect("a version has at most 16 MiB"),
        from,
        written_ms: clock::now_ms(),
    };
    let piece = |(index, bytes)| (CONTENTS, copy.chunk_key(group, index), bytes);
    let pieces = (0..).zip(chunks).map(piece).collect();
    CopyRecords { pieces, directory: (DIRECTORY, copy.key(group), copy.encode()) }
}

/// Where pieces that are written from now on will stand, or behind.
pub(crate) fn contents_end(cluster: &Cluster) -> Result<Offset> {
    cluster.end(TOPIC, CONTENTS)
}
