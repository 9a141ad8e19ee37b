//! Notes of imports about one topic, stored in topic [`TOPIC`]: one partition, compacted, keyed by
//! the id of the imported topic and the key of the note.
//!
//! All imports into topics of one queue share these notes. They are read once and followed from
//! there on, so a lookup costs nothing.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::client::admin::{Admin, OUTPUT};
use crate::client::cluster::Cluster;
use crate::limits;
use crate::queue::fetcher::Fetcher;
use seismic_queue::{
    Batch, Error, Event, NoteChange, Offset, Partition, Reader, Result, Standing, Topic,
};

/// Where imports are noted, together with their messages.
pub(crate) const TOPIC: &str = "seismic-import-topic";

/// The only partition of that topic.
pub(super) const PLACE: Partition = Partition(0);

/// The notes about one topic.
pub(crate) struct ImportNotes {
    cluster: Cluster,
    at: Topic,
    /// Key of all notes about the topic: its id and a zero, which no id has.
    prefix: Vec<u8>,
    notes: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Up to where the log was read, and when it was last.
    read: Option<(Offset, Instant)>,
}

impl ImportNotes {
    /// Notes about `topic`, not read yet. Their topic is made if it is missing.
    pub(super) fn new(cluster: &Cluster, topic: &Topic) -> Result<ImportNotes> {
        let at = match cluster.topic(TOPIC) {
            Ok(at) => at,
            Err(Error::TopicMissing { .. }) => {
                let settings = [&[("cleanup.policy", "compact")], &OUTPUT[..]].concat();
                Admin::new(cluster)?.create(TOPIC, 1, &settings)?
            }
            Err(error) => return Err(error),
        };
        let prefix = [topic.id.as_bytes(), &[0]].concat();
        Ok(ImportNotes { cluster: cluster.clone(), at, prefix, notes: BTreeMap::new(), read: None })
    }

    /// Notes whose key begins so, as they were at most [`limits::NOTES_AGE`] ago.
    pub(super) fn beginning_with(&mut self, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        if self.read.is_none_or(|(_, when)| when.elapsed() > limits::NOTES_AGE) {
            self.catch_up()?;
        }
        let found = self.notes.range(prefix.to_vec()..);
        let found = found.take_while(|(key, _)| key.starts_with(prefix));
        Ok(found.map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    /// How changes stand to what is known.
    pub(super) fn standing(&self, changes: &[NoteChange]) -> Standing {
        Standing::of(changes.iter().map(|change| (change, self.notes.get(&change.key).cloned())))
    }

    /// Takes over changes that were committed.
    pub(super) fn make(&mut self, changes: &[NoteChange]) {
        for change in changes {
            self.notes.insert(change.key.clone(), change.after.clone());
        }
    }

    /// The key in the log of a note.
    pub(super) fn full_key(&self, key: &[u8]) -> Vec<u8> {
        [&self.prefix[..], key].concat()
    }

    /// Reads on to the end of the log. An import of another topic that was killed may hold that up
    /// until brokers have ended its transaction.
    pub(super) fn catch_up(&mut self) -> Result<()> {
        let span = self.cluster.spans(&self.at)?[PLACE.0 as usize];
        let known = self.read.map_or(span.first, |(known, _)| known);
        let mut position = known.max(span.first);
        let begun = Instant::now();
        if position < span.end {
            let mut fetcher = Fetcher::up_to_end(&self.cluster, &self.at, (PLACE, position))?;
            let mut spare = Vec::new();
            while position < span.end {
                match fetcher.read(limits::WAIT, &mut spare)? {
                    Event::Batch(batch) => {
                        position = batch.next();
                        self.apply_batch(&batch);
                        spare.push(batch);
                    }
                    Event::CaughtUp(_, at) => position = at,
                    _ if begun.elapsed() < limits::SETTLE_WAIT => {}
                    _ => {
                        let at = self.cluster.at.clone();
                        return Err(Error::Busy { at, doing: "reading what was imported before" });
                    }
                }
            }
        }
        self.read = Some((position, begun));
        Ok(())
    }

    fn apply_batch(&mut self, batch: &Batch) {
        for message in batch.messages() {
            if let Some(key) = message.key.strip_prefix(&self.prefix[..]) {
                self.notes.insert(key.to_vec(), message.value.to_vec());
            }
        }
    }
}
