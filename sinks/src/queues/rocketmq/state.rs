//! What the sink keeps in the store: the last epoch of each queue, and the offset of the last known
//! row in each.
//!
//! Keys and values, as text:
//!
//! ```text
//!  epoch/PARTITION   EPOCH                              one key a queue: two writers never
//!                                                       overwrite the epoch of each other's queue
//!  fence/PARTITION   OFFSET EPOCH APPENDED              the newest fence, and its append time
//!  last              PARTITION OFFSET, one line each    written by every sync
//! ```
//!
//! Before stores could keep states, both were stored as positions of sinks called `NAME#epoch` and
//! `NAME#last`, 2^62 beyond any row. A sink that finds such positions migrates them when it starts.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use seismic_queue::{JobStore, Offset, Partition};

use crate::{Error, Result};

/// Positions that are states of older versions lie this far up.
const OLD_STATES_FROM: u64 = 1 << 62;

/// Key of where the last rows are.
const LAST: &str = "last";

/// A fence in a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fence {
    /// Where it is.
    pub(super) at: Offset,
    /// Epoch that began with it.
    pub(super) epoch: u64,
    /// When it was appended, ms since 1970 UTC, as the broker says it.
    pub(super) append_ms: i64,
}

impl fmt::Display for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fence { at, epoch, append_ms } = self;
        write!(
            f,
            "the fence of epoch {epoch} at offset {at}, appended at {append_ms} ms since 1970"
        )
    }
}

/// The state of one sink.
pub(super) struct State {
    store: Arc<dyn JobStore>,
    /// Name of the sink.
    sink: String,
    /// Name of the result topic.
    topic: String,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("State").field(&self.store.name()).field(&self.sink).finish()
    }
}

impl State {
    pub(super) fn of(store: &Arc<dyn JobStore>, sink: &str, topic: &str) -> Self {
        State { store: Arc::clone(store), sink: sink.to_owned(), topic: topic.to_owned() }
    }

    /// Takes over what an older version stored, once: what has its own key already stays.
    pub(super) fn take_over(&self) -> Result<()> {
        let topic = self.store.topics().topic(&self.topic)?;
        let holds = self.store.topics().holds(&topic)?;
        let (old_last, old_epoch) = (format!("{}#last", self.sink), format!("{}#epoch", self.sink));
        let value = |offset: Offset| offset.0.saturating_sub(OLD_STATES_FROM);
        let mut last = self.last_rows()?;
        let known = last.len();
        for hold in holds.iter().filter(|hold| hold.holder == old_last) {
            last.entry(hold.partition).or_insert(Offset(value(hold.offset)));
        }
        if last.len() > known {
            self.put_last(&last)?;
        }
        for hold in holds.iter().filter(|hold| hold.holder == old_epoch) {
            if self.epoch(hold.partition)?.is_none() {
                self.put_epoch(hold.partition, value(hold.offset))?;
            }
        }
        for old in [old_last, old_epoch] {
            if holds.iter().any(|hold| hold.holder == old) {
                self.store.topics().hold(&topic, &old, &[])?;
            }
        }
        Ok(())
    }

    /// Row of the result topic that the sink has not made durable yet, as the store knows it.
    pub(super) fn position(&self, partition: Partition) -> Result<Option<Offset>> {
        let sinks = self.store.view()?.sinks;
        let its = sinks.into_iter().find(|at| at.sink == self.sink && at.partition == partition);
        Ok(its.map(|at| at.next))
    }

    /// Place in the queue of the last row that is known to be there.
    pub(super) fn last(&self, partition: Partition) -> Result<Option<Offset>> {
        Ok(self.last_rows()?.get(&partition).copied())
    }

    /// Stores where the last row of each of these queues is.
    pub(super) fn put_last_rows(&self, last: &[(Partition, Offset)]) -> Result<()> {
        let mut all = self.last_rows()?;
        let changed = last.iter().filter(|(partition, at)| all.get(partition) != Some(at)).count();
        if changed == 0 {
            return Ok(());
        }
        all.extend(last.iter().copied());
        self.put_last(&all)
    }

    /// A new epoch: above `seen`, above all taken before, and stored before it is used.
    ///
    /// # Errors
    /// [`Error::Overtaken`] when another writer took a newer one than `ours`.
    pub(super) fn next_epoch(
        &self,
        partition: Partition,
        seen: u64,
        ours: Option<u64>,
    ) -> Result<u64> {
        let stored = self.epoch(partition)?.unwrap_or(0);
        if let Some(ours) = ours.filter(|&ours| ours < stored) {
            let sink = self.sink.clone();
            return Err(Error::Overtaken { sink, ours, theirs: stored });
        }
        let epoch = stored.max(seen) + 1;
        self.put_epoch(partition, epoch)?;
        Ok(epoch)
    }

    fn epoch(&self, partition: Partition) -> Result<Option<u64>> {
        let key = epoch_key(partition);
        let Some(text) = self.text(&key)? else { return Ok(None) };
        text.parse().map(Some).map_err(|_| self.damaged(&key))
    }

    fn put_epoch(&self, partition: Partition, epoch: u64) -> Result<()> {
        let state = epoch.to_string();
        Ok(self.store.put_sink_state(&self.sink, &epoch_key(partition), state.as_bytes())?)
    }

    /// The newest fence that was appended to a queue.
    pub(super) fn fence(&self, partition: Partition) -> Result<Option<Fence>> {
        let key = fence_key(partition);
        let Some(text) = self.text(&key)? else { return Ok(None) };
        let words: Vec<&str> = text.split(' ').collect();
        let fence = match words[..] {
            [at, epoch, append_ms] => {
                at.parse().ok().zip(epoch.parse().ok()).zip(append_ms.parse().ok())
            }
            _ => None,
        };
        let ((at, epoch), append_ms) = fence.ok_or_else(|| self.damaged(&key))?;
        Ok(Some(Fence { at: Offset(at), epoch, append_ms }))
    }

    pub(super) fn put_fence(&self, partition: Partition, fence: Fence) -> Result<()> {
        let Fence { at, epoch, append_ms } = fence;
        let state = format!("{at} {epoch} {append_ms}");
        Ok(self.store.put_sink_state(&self.sink, &fence_key(partition), state.as_bytes())?)
    }

    fn last_rows(&self) -> Result<BTreeMap<Partition, Offset>> {
        let text = self.text(LAST)?.unwrap_or_default();
        let line = |line: &str| {
            let (partition, offset) = line.split_once(' ')?;
            Some((Partition(partition.parse().ok()?), Offset(offset.parse().ok()?)))
        };
        text.lines().map(|text| line(text).ok_or_else(|| self.damaged(LAST))).collect()
    }

    fn put_last(&self, last: &BTreeMap<Partition, Offset>) -> Result<()> {
        let lines = last.iter().map(|(partition, at)| format!("{} {}\n", partition.0, at.0));
        let state: String = lines.collect();
        Ok(self.store.put_sink_state(&self.sink, LAST, state.as_bytes())?)
    }

    fn text(&self, key: &str) -> Result<Option<String>> {
        let Some(state) = self.store.sink_state(&self.sink, key)? else { return Ok(None) };
        String::from_utf8(state).map(Some).map_err(|_| self.damaged(key))
    }

    fn damaged(&self, key: &str) -> Error {
        let (at, sink) = (self.store.name(), self.sink.clone());
        Error::StateDamaged { at, sink, key: key.to_owned() }
    }
}

fn fence_key(partition: Partition) -> String {
    format!("fence/{}", partition.0)
}

fn epoch_key(partition: Partition) -> String {
    format!("epoch/{}", partition.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use seismic_queue::memory::MemoryStore;
    use seismic_queue::{Job, Lease, Topic};

    const P0: Partition = Partition(0);
    const P1: Partition = Partition(1);

    fn store() -> (Arc<dyn JobStore>, Box<dyn Lease>) {
        let store = MemoryStore::new();
        let input = Topic { name: "in".to_owned(), id: "1".to_owned(), partitions: 2 };
        let lease = store.acquire(&Job::plain("g", input, ["result", "dead"])).unwrap();
        (Arc::new(store), lease)
    }

    #[test]
    fn epochs_rise_and_an_overtaken_writer_is_told() {
        let (store, _lease) = store();
        let state = State::of(&store, "rocketmq:t", "result");
        assert_eq!(state.next_epoch(P0, 0, None).unwrap(), 1);
        assert_eq!(state.next_epoch(P0, 7, Some(1)).unwrap(), 8, "above what was seen");
        assert_eq!(state.next_epoch(P1, 0, None).unwrap(), 1, "each queue has its own");
        let error = state.next_epoch(P0, 0, Some(1)).unwrap_err();
        assert!(matches!(error, Error::Overtaken { ours: 1, theirs: 8, .. }), "{error}");
    }

    #[test]
    fn the_last_row_of_each_queue_is_found_again_by_another_process() {
        let (store, _lease) = store();
        let state = State::of(&store, "rocketmq:t", "result");
        state.put_last_rows(&[(P0, Offset(4))]).unwrap();
        state.put_last_rows(&[(P1, Offset(0))]).unwrap();
        let state = State::of(&store, "rocketmq:t", "result");
        assert_eq!(state.last(P0).unwrap(), Some(Offset(4)));
        assert_eq!(state.last(P1).unwrap(), Some(Offset(0)));
        assert_eq!(State::of(&store, "rocketmq:u", "result").last(P0).unwrap(), None);
    }

    #[test]
    fn what_an_older_version_stored_is_taken_over_once() {
        let (store, _lease) = store();
        let old = |at: u64| Offset(OLD_STATES_FROM + at);
        store.put_sink_position("rocketmq:t", 0, &[(P0, Offset(0)), (P1, Offset(0))]).unwrap();
        store.put_sink_position("rocketmq:t#last", 0, &[(P0, old(41)), (P1, old(42))]).unwrap();
        store.put_sink_position("rocketmq:t#epoch", 0, &[(P0, old(3)), (P1, old(5))]).unwrap();
        assert_eq!(store.view().unwrap().sinks.len(), 2, "they are no positions");
        let state = State::of(&store, "rocketmq:t", "result");
        state.take_over().unwrap();
        assert_eq!(state.last(P0).unwrap(), Some(Offset(41)));
        assert_eq!(state.last(P1).unwrap(), Some(Offset(42)));
        assert_eq!(state.next_epoch(P0, 0, None).unwrap(), 4);
        let topic = store.topics().topic("result").unwrap();
        let holders = store.topics().holds(&topic).unwrap();
        assert!(holders.iter().all(|hold| hold.holder == "rocketmq:t"), "{holders:?}");
        state.put_last_rows(&[(P0, Offset(50))]).unwrap();
        state.take_over().unwrap();
        assert_eq!(state.last(P0).unwrap(), Some(Offset(50)), "nothing old comes back");
        assert_eq!(state.next_epoch(P1, 0, None).unwrap(), 6);
    }

    #[test]
    fn a_state_that_is_none_of_ours_is_refused_by_name() {
        let (store, _lease) = store();
        store.put_sink_state("rocketmq:t", LAST, b"0 four\n").unwrap();
        let error = State::of(&store, "rocketmq:t", "result").last(P0).unwrap_err();
        assert!(error.to_string().contains("rocketmq:t"), "{error}");
        assert_eq!(error.kind(), seismic_queue::Kind::Data);
    }
}
