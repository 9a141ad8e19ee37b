//! A store in memory. Every change is made under the lock of its handle, so every commit is atomic.

use std::ops::Range;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::handle::{Handle, Use};
use super::lease::MemoryLease;
use super::queue::Memory;
use super::state::StoreState;
use super::topics::Topics;
use crate::backend::validate;
use crate::{
    Checkpoint, CheckpointNames, CheckpointRequest, Error, GroupMember, Job, JobStore,
    JournalEntry, Lease, LostOffset, Offset, Partition, Queue, Result, ScalingLease, SinkPosition,
    SinkState, TableVersion, TableVersions, View,
};

/// A store in memory.
#[derive(Clone, Debug)]
pub struct MemoryStore {
    topics: Memory,
}

impl MemoryStore {
    /// A store that only clones of this handle see.
    #[must_use]
    pub fn new() -> Self {
        MemoryStore::of(Handle::new(Use::JobStore, "", None))
    }

    /// As [`MemoryStore::new`], with append times (ms since 1970 UTC) taken from `clock`.
    #[must_use]
    pub fn with_clock(clock: Arc<AtomicI64>) -> Self {
        MemoryStore::of(Handle::new(Use::JobStore, "", Some(clock)))
    }

    /// The store of that name in this process, empty when it was not asked for before.
    #[must_use]
    pub fn named(name: &str) -> Self {
        MemoryStore::of(Handle::named(Use::JobStore, name))
    }

    fn of(handle: Handle) -> Self {
        MemoryStore { topics: Memory { handle } }
    }

    fn handle(&self) -> &Handle {
        &self.topics.handle
    }

    /// Lets the next one own the store although it is owned: for tests of what a lost lock does.
    pub fn break_lock(&self) {
        if let Some(store) = &mut self.handle().contents().store {
            store.lease = Weak::new();
        }
    }

    /// Flips a bit in the stored chunks of a checkpoint, if it has any: for tests of recovery.
    pub fn damage(&self, partition: Partition, number: u64) {
        let mut contents = self.handle().contents();
        let state = contents.store.as_mut().and_then(|store| store.at_mut(partition));
        let chunk = state.and_then(|state| state.chunks.get_mut(&(number, 0)));
        if let Some(byte) = chunk.and_then(|chunk| chunk.first_mut()) {
            *byte ^= 1;
        }
    }

    /// Makes the caller the owner, if no one is and `check` has nothing against it.
    fn become_owner(
        &self,
        check: impl FnOnce(&str, &mut Topics, &mut StoreState) -> Result<()>,
    ) -> Result<Box<dyn Lease>> {
        self.handle().in_store(|at, topics, store| {
            if store.lease.strong_count() > 0 {
                let by = format!("process {}", std::process::id());
                return Err(Error::Owned { at: at.to_owned(), by });
            }
            check(at, topics, store)?;
            store.epoch += 1;
            let alive = Arc::new(());
            store.lease = Arc::downgrade(&alive);
            let lease = MemoryLease::new(self.handle().clone(), store.epoch, alive);
            Ok(Box::new(lease) as Box<dyn Lease>)
        })
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl JobStore for MemoryStore {
    fn name(&self) -> String {
        self.handle().name().to_owned()
    }

    fn acquire(&self, job: &Job) -> Result<Box<dyn Lease>> {
        validate::new_job(job)?;
        let mut contents = self.handle().contents();
        if contents.store.is_none() {
            contents.store = Some(StoreState::new(&mut contents.topics, job));
        }
        drop(contents);
        self.become_owner(|at, _, store| {
            validate::same_job(at, &store.job, job)?;
            store.widened = None;
            Ok(())
        })
    }

    fn rescale(&self, job: &Job) -> Result<Box<dyn Lease>> {
        validate::new_job(job)?;
        self.become_owner(|at, topics, store| {
            validate::widened_job(at, &store.job, job)?;
            store.rescale(at, topics, job)
        })
    }

    fn view(&self) -> Result<View> {
        self.handle().in_store(|at, topics, store| store.view(at, topics))
    }

    fn journal(&self, partition: Partition, range: Range<u64>) -> Result<Vec<JournalEntry>> {
        self.handle().in_store(|_, _, store| {
            let kept = store.at(partition)?.journal.iter();
            Ok(kept.filter(|entry| range.contains(&entry.sequence)).cloned().collect())
        })
    }

    fn checkpoint(&self, partition: Partition, number: u64) -> Result<Checkpoint> {
        self.handle()
            .in_store(|at, _, store| store.at(partition)?.checkpoint(at, partition, number))
    }

    fn leased_by(&self) -> Result<Option<String>> {
        let contents = self.handle().contents();
        let is_owned = contents.store.as_ref().is_some_and(|store| store.lease.strong_count() > 0);
        Ok(is_owned.then(|| format!("process {}", std::process::id())))
    }

    /// One process has all of it.
    fn members(&self) -> Result<Option<Vec<GroupMember>>> {
        Ok(None)
    }

    fn scaling_lease(&self) -> Result<Option<Box<dyn ScalingLease>>> {
        Ok(None)
    }

    fn topics(&self) -> &dyn Queue {
        &self.topics
    }

    /// Positions are committed with their rows.
    fn lost_offsets(&self) -> Result<Vec<LostOffset>> {
        Ok(Vec::new())
    }

    fn put_offsets_back(&self, _lost: &[LostOffset]) -> Result<()> {
        Ok(())
    }

    fn rests_for(&self) -> Result<Option<Duration>> {
        Ok(None)
    }
}

impl CheckpointNames for MemoryStore {
    fn request_checkpoint(&self, name: &str) -> Result<()> {
        self.handle().in_store(|at, _, store| store.names.request(at, name))
    }

    fn checkpoint_requests(&self) -> Result<Vec<CheckpointRequest>> {
        self.handle().in_store(|_, _, store| Ok(store.names.requests()))
    }

    fn withdraw_request(&self, name: &str) -> Result<Option<CheckpointRequest>> {
        self.handle().in_store(|_, _, store| {
            let asked = store.names.withdraw(name);
            store.prune();
            Ok(asked)
        })
    }

    fn name_newest_checkpoint(&self, name: &str) -> Result<()> {
        self.handle().in_store(|at, _, store| store.name_newest(at, name))
    }

    fn delete_checkpoint_name(&self, name: &str) -> Result<()> {
        self.handle().in_store(|at, _, store| {
            store.names.delete(at, name)?;
            store.prune();
            Ok(())
        })
    }
}

impl SinkState for MemoryStore {
    fn put_sink_position(
        &self,
        sink: &str,
        output: usize,
        at: &[(Partition, Offset)],
    ) -> Result<()> {
        self.handle().in_store(|name, topics, store| {
            let topic = store.output(name, output)?;
            at.iter().try_for_each(|&(partition, _)| validate::partition(topic, partition))?;
            let holds = &mut topics.topic(name, topic)?.holds;
            holds.extend(at.iter().map(|&(partition, next)| ((partition, sink.to_owned()), next)));
            Ok(())
        })
    }

    fn keep_for_sink(
        &self,
        sink: &str,
        output: usize,
        from: &[(Partition, Offset)],
    ) -> Result<bool> {
        let holder = SinkPosition::holder_of_kept(sink);
        if from.is_empty() {
            return self.handle().in_store(|name, topics, store| {
                let topic = store.output(name, output)?;
                topics.topic(name, topic)?.holds.retain(|(_, by), _| *by != holder);
                Ok(true)
            });
        }
        self.put_sink_position(&holder, output, from).map(|()| true)
    }

    fn put_sink_state(&self, sink: &str, key: &str, state: &[u8]) -> Result<()> {
        self.handle().in_store(|at, _, store| {
            validate::sink_state(at, sink, key, state)?;
            store.sink_states.insert((sink.to_owned(), key.to_owned()), state.to_vec());
            Ok(())
        })
    }

    fn sink_state(&self, sink: &str, key: &str) -> Result<Option<Vec<u8>>> {
        self.handle().in_store(|_, _, store| {
            Ok(store.sink_states.get(&(sink.to_owned(), key.to_owned())).cloned())
        })
    }
}

impl TableVersions for MemoryStore {
    fn put_table(&self, table: &str, hash: &str, content: &[u8]) -> Result<()> {
        self.handle().in_store(|at, _, store| {
            validate::table(at, table, content)?;
            store.tables.retain(|(it, _)| (it.table.as_str(), it.hash.as_str()) != (table, hash));
            let (table, hash, bytes) = (table.to_owned(), hash.to_owned(), content.len() as u64);
            let version = TableVersion { table, hash, bytes, ..TableVersion::default() };
            store.tables.push((version, content.to_vec()));
            Ok(())
        })
    }

    fn table(&self, table: &str, hash: &str) -> Result<Option<Vec<u8>>> {
        self.handle().in_store(|_, _, store| {
            let mut all = store.tables.iter();
            let found = all.find(|(it, _)| (it.table.as_str(), it.hash.as_str()) == (table, hash));
            Ok(found.map(|(_, content)| content.clone()))
        })
    }

    fn tables(&self) -> Result<Vec<TableVersion>> {
        self.handle()
            .in_store(|_, _, store| Ok(store.tables.iter().map(|(it, _)| it.clone()).collect()))
    }

    fn forget_table(&self, version: &TableVersion) -> Result<()> {
        self.handle().in_store(|_, _, store| {
            store.tables.retain(|(it, _)| (&it.table, &it.hash) != (&version.table, &version.hash));
            Ok(())
        })
    }

    fn put_table_note(&self, table: &str, note: &[u8]) -> Result<()> {
        self.handle().in_store(|at, _, store| {
            validate::table(at, table, note)?;
            store.table_notes.insert(table.to_owned(), note.to_vec());
            Ok(())
        })
    }

    fn table_note(&self, table: &str) -> Result<Option<Vec<u8>>> {
        self.handle().in_store(|_, _, store| Ok(store.table_notes.get(table).cloned()))
    }
}
