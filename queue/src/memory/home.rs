//! A home in memory: the whole of it is changed under the lock of its store, so every commit is
//! one atomic act.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Weak};

use super::names::Names;
use super::store::Store;
use super::{Memory, Use};
use crate::failpoints::{
    COMMIT_AFTER, COMMIT_BEFORE, COMMIT_IN_TRANSACTION, REWIND_AFTER, REWIND_IN_TRANSACTION, pass,
};
use crate::kept::{Candidate, classes};
use crate::tip::{Tip, not_made};
use crate::topic::new_id;
use crate::{
    Asked, Checkpoint, CheckpointInfo, Claim, Commit, CommitError, Committer, Error, Hold, Home,
    Job, JournalEntry, Offset, Owner, Partition, PartitionCommit, PartitionView, Progress, Queue,
    Recovered, Result, Rewind, SinkPosition, Topic, View, check,
};

/// A home in memory.
#[derive(Clone, Debug)]
pub struct MemoryHome {
    memory: Memory,
}

/// What a home knows beside its topics.
pub(super) struct HomeState {
    id: String,
    job: Job,
    epoch: u64,
    /// Alive as long as the owner or one of its committers is.
    owner: Weak<()>,
    result: Topic,
    dead: Topic,
    rollups: Vec<Topic>,
    partitions: Vec<PartitionState>,
    names: Names,
}

#[derive(Default)]
struct PartitionState {
    tip: Tip,
    progress: Option<Progress>,
    journal: Vec<JournalEntry>,
    /// By checkpoint and index.
    chunks: BTreeMap<(u64, u32), Vec<u8>>,
    checkpoints: BTreeMap<u64, CheckpointInfo>,
}

impl MemoryHome {
    /// A home that only clones of this handle see.
    #[must_use]
    pub fn new() -> Self {
        MemoryHome { memory: Memory::build(Use::Home, "", None) }
    }

    /// As [`MemoryHome::new`], with append times (ms since 1970 UTC) taken from `clock`.
    #[must_use]
    pub fn with_clock(clock: Arc<AtomicI64>) -> Self {
        MemoryHome { memory: Memory::build(Use::Home, "", Some(clock)) }
    }

    /// The home of that name in this process, empty when it was not asked for before.
    #[must_use]
    pub fn named(name: &str) -> Self {
        MemoryHome { memory: Memory::shared(Use::Home, name) }
    }

    /// Lets the next one own the home although it is owned: for tests of what a lost lock does.
    pub fn break_lock(&self) {
        if let Some(home) = &mut self.memory.store().home {
            home.owner = Weak::new();
        }
    }

    /// Flips a bit in the stored chunks of a checkpoint, if it has any: for tests of recovery.
    pub fn damage(&self, partition: Partition, number: u64) {
        let mut store = self.memory.store();
        let state = store.home.as_mut().and_then(|home| home.at_mut(partition));
        let chunk = state.and_then(|state| state.chunks.get_mut(&(number, 0)));
        if let Some(byte) = chunk.and_then(|chunk| chunk.first_mut()) {
            *byte ^= 1;
        }
    }

    fn look<T>(
        &self,
        look: impl FnOnce(&str, &mut Store, &mut HomeState) -> Result<T>,
    ) -> Result<T> {
        self.memory.in_home(look)
    }
}

impl Default for MemoryHome {
    fn default() -> Self {
        Self::new()
    }
}

impl Memory {
    /// Runs `act` on the store and the home in it, which is taken out meanwhile.
    fn in_home<T>(
        &self,
        act: impl FnOnce(&str, &mut Store, &mut HomeState) -> Result<T>,
    ) -> Result<T> {
        let at = self.name();
        let mut store = self.store();
        let Some(mut home) = store.home.take() else {
            return Err(Error::HomeMissing { at });
        };
        let result = act(&at, &mut store, &mut home);
        store.home = Some(home);
        result
    }
}

impl HomeState {
    fn new(store: &mut Store, job: &Job) -> Self {
        let partitions = job.input.partitions;
        HomeState {
            id: new_id(),
            job: job.clone(),
            epoch: 0,
            owner: Weak::new(),
            result: store.create(&job.result_topic, partitions),
            dead: store.create(&job.dead_topic, partitions),
            rollups: job.rollup_topics.iter().map(|name| store.create(name, partitions)).collect(),
            partitions: job.input.all().map(|_| PartitionState::default()).collect(),
            names: Names::of_job(job),
        }
    }

    fn at(&self, partition: Partition) -> Result<&PartitionState> {
        check::partition(&self.job.input, partition)?;
        Ok(&self.partitions[partition.0 as usize])
    }

    fn at_mut(&mut self, partition: Partition) -> Option<&mut PartitionState> {
        self.partitions.get_mut(partition.0 as usize)
    }

    /// Lets go of the checkpoints that nothing keeps.
    fn prune(&mut self) {
        for (partition, state) in self.job.input.all().zip(&mut self.partitions) {
            state.prune(partition, &self.names);
        }
    }

    fn fence(&self, at: &str, ours: u64) -> Result<()> {
        match self.epoch == ours {
            true => Ok(()),
            false => Err(Error::Fenced { at: at.to_owned(), ours, theirs: self.epoch }),
        }
    }
}

impl Home for MemoryHome {
    fn name(&self) -> String {
        self.memory.name()
    }

    fn own(&self, job: &Job) -> Result<Box<dyn Owner>> {
        check::new_job(job)?;
        let mut store = self.memory.store();
        if store.home.is_none() {
            store.home = Some(HomeState::new(&mut store, job));
        }
        let home = store.home.as_mut().expect("it was just made");
        if home.owner.strong_count() > 0 {
            let by = format!("process {}", std::process::id());
            return Err(Error::Owned { at: self.name(), by });
        }
        check::same_job(&self.name(), &home.job, job)?;
        home.epoch += 1;
        let alive = Arc::new(());
        home.owner = Arc::downgrade(&alive);
        Ok(Box::new(MemoryOwner { memory: self.memory.clone(), epoch: home.epoch, _alive: alive }))
    }

    fn view(&self) -> Result<View> {
        self.look(|at, store, home| {
            let rows = store.topic(at, &home.result)?;
            let sinks = rows.holds().map(|hold| SinkPosition {
                sink: hold.holder,
                partition: hold.partition,
                next: hold.offset,
            });
            let sinks = sinks.collect();
            let cuts: Vec<_> = rows.partitions.iter().map(|log| log.cuts().to_vec()).collect();
            let rows: Vec<_> = rows.partitions.iter().map(|log| log.span()).collect();
            let mut rollups = vec![Vec::new(); rows.len()];
            for topic in &home.rollups {
                let logs = &store.topic(at, topic)?.partitions;
                rollups.iter_mut().zip(logs).for_each(|(spans, log)| spans.push(log.span()));
            }
            let dead = store.topic(at, &home.dead)?.partitions.iter().map(|log| log.span());
            let partitions =
                home.job.input.all().zip(&home.partitions).zip(rows.into_iter().zip(cuts));
            let partitions = partitions.zip(dead).zip(rollups);
            let partitions =
                partitions.map(|((((partition, state), (rows, cuts)), dead), rollups)| {
                    PartitionView {
                        progress: state.progress.clone(),
                        rows,
                        dead,
                        rows_cut: cuts,
                        rollups,
                        journal: state
                            .journal
                            .first()
                            .map_or(state.tip.next_sequence, |e| e.sequence)
                            ..state.tip.next_sequence,
                        checkpoints: state.infos(partition, &home.names),
                    }
                });
            let partitions = partitions.collect();
            let (id, job) = (home.id.clone(), home.job.clone());
            Ok(View { id, job, partitions, sinks, asked: home.names.asked() })
        })
    }

    fn journal(&self, partition: Partition, range: Range<u64>) -> Result<Vec<JournalEntry>> {
        self.look(|_, _, home| {
            let kept = home.at(partition)?.journal.iter();
            Ok(kept.filter(|entry| range.contains(&entry.sequence)).cloned().collect())
        })
    }

    fn checkpoint(&self, partition: Partition, number: u64) -> Result<Checkpoint> {
        self.look(|at, _, home| home.at(partition)?.checkpoint(at, partition, number))
    }

    fn owner(&self) -> Result<Option<String>> {
        let store = self.memory.store();
        let is_owned = store.home.as_ref().is_some_and(|home| home.owner.strong_count() > 0);
        Ok(is_owned.then(|| format!("process {}", std::process::id())))
    }

    fn ask(&self, name: &str) -> Result<()> {
        self.look(|at, _, home| home.names.ask(at, name))
    }

    fn asked(&self) -> Result<Vec<Asked>> {
        self.look(|_, _, home| Ok(home.names.asked()))
    }

    fn withdraw(&self, name: &str) -> Result<Option<Asked>> {
        self.look(|_, _, home| {
            let asked = home.names.withdraw(name);
            home.prune();
            Ok(asked)
        })
    }

    fn name_newest(&self, name: &str) -> Result<()> {
        self.look(|at, _, home| {
            home.names.check_new(at, name)?;
            let mut newest = BTreeMap::new();
            for (partition, state) in home.job.input.all().zip(&home.partitions) {
                let Some((&number, _)) = state.checkpoints.last_key_value() else {
                    return Err(Error::NothingToName { at: at.to_owned(), partition });
                };
                newest.insert(partition, number);
            }
            home.names.put(name, newest);
            Ok(())
        })
    }

    fn forget(&self, name: &str) -> Result<()> {
        self.look(|at, _, home| {
            home.names.forget(at, name)?;
            home.prune();
            Ok(())
        })
    }

    fn topics(&self) -> &dyn Queue {
        &self.memory
    }

    fn note_sink(&self, sink: &str, at: &[(Partition, Offset)]) -> Result<()> {
        self.look(|name, store, home| {
            at.iter().try_for_each(|&(partition, _)| check::partition(&home.result, partition))?;
            let holds = &mut store.topic(name, &home.result)?.holds;
            holds.extend(at.iter().map(|&(partition, next)| ((partition, sink.to_owned()), next)));
            Ok(())
        })
    }
}

impl PartitionState {
    fn apply(&mut self, tip: Tip, commit: &PartitionCommit, now_ms: i64, names: &mut Names) {
        self.tip = tip;
        self.progress = Some(Progress {
            number: commit.number,
            next: commit.next,
            note: commit.note.clone(),
            committed_ms: now_ms,
        });
        self.journal.extend(commit.journal.iter().cloned());
        for chunk in &commit.chunks {
            self.chunks.insert((chunk.checkpoint, chunk.index), chunk.bytes.clone());
        }
        let Some(manifest) = &commit.manifest else {
            return;
        };
        let of_it = self.chunks.range((manifest.checkpoint, 0)..);
        let bytes = of_it.map(|(_, bytes)| bytes.len() as u64).sum();
        let (manifest, created_ms) = (manifest.clone(), now_ms);
        let number = manifest.checkpoint;
        let info = CheckpointInfo { manifest, bytes, created_ms, class: None, names: Vec::new() };
        self.checkpoints.insert(number, info);
        names.give(commit);
        self.prune(commit.partition, names);
        self.chunks.retain(|(number, _), _| self.checkpoints.contains_key(number));
    }

    /// Goes back to a checkpoint, which is there.
    fn set_back(&mut self, back: &Rewind, now_ms: i64) {
        let manifest = self.checkpoints[&back.checkpoint].manifest.clone();
        self.journal.retain(|entry| entry.sequence < manifest.journal_sequence);
        self.checkpoints.retain(|number, _| *number <= back.checkpoint);
        self.chunks.retain(|(number, _), _| *number <= back.checkpoint);
        self.tip.number = back.number;
        self.tip.next = manifest.position;
        self.tip.next_sequence = manifest.journal_sequence;
        self.tip.unsealed = None;
        self.progress = Some(Progress {
            number: back.number,
            next: manifest.position,
            note: back.note.clone(),
            committed_ms: now_ms,
        });
    }

    /// Every checkpoint with what keeps it.
    fn infos(&self, partition: Partition, names: &Names) -> Vec<CheckpointInfo> {
        let mut infos: Vec<_> = self.checkpoints.values().cloned().collect();
        for info in &mut infos {
            info.names = names.of(partition, info.manifest.checkpoint);
        }
        let candidate = |info: &CheckpointInfo| Candidate {
            number: info.manifest.checkpoint,
            created_ms: info.created_ms,
            is_named: !info.names.is_empty(),
        };
        let classes = classes(&infos.iter().map(candidate).collect::<Vec<_>>());
        infos.iter_mut().zip(classes).for_each(|(info, class)| info.class = class);
        infos
    }

    /// Lets go of the checkpoints that nothing keeps, with their chunks.
    fn prune(&mut self, partition: Partition, names: &Names) {
        for info in self.infos(partition, names) {
            if info.class.is_none() {
                let number = info.manifest.checkpoint;
                self.checkpoints.remove(&number);
                self.chunks.retain(|(of, _), _| *of != number);
            }
        }
    }

    fn checkpoint(&self, at: &str, partition: Partition, number: u64) -> Result<Checkpoint> {
        let Some(info) = self.checkpoints.get(&number) else {
            return Err(Error::CheckpointMissing { at: at.to_owned(), partition, number });
        };
        let chunks = self.chunks.range((number, 0)..=(number, u32::MAX));
        let state = chunks.flat_map(|(_, bytes)| bytes.iter().copied()).collect();
        Checkpoint { manifest: info.manifest.clone(), state }.checked(at, partition)
    }

    fn recover(&self, at: &str, partition: Partition) -> Recovered {
        let mut passed_over = Vec::new();
        let checkpoint = self.checkpoints.keys().rev().find_map(|&number| {
            let read = self.checkpoint(at, partition, number);
            read.map_err(|error| passed_over.push(error.to_string())).ok()
        });
        let from = checkpoint.as_ref().map_or(0, |found| found.manifest.journal_sequence);
        Recovered {
            partition,
            progress: self.progress.clone(),
            checkpoint,
            journal: self.journal.iter().filter(|entry| entry.sequence >= from).cloned().collect(),
            next_sequence: self.tip.next_sequence,
            last_checkpoint: self.tip.checkpoint,
            passed_over,
        }
    }
}

/// Owner and committer are the same here.
#[derive(Clone)]
struct MemoryOwner {
    memory: Memory,
    epoch: u64,
    /// Held, not read: while it lives, nobody else owns the home.
    _alive: Arc<()>,
}

impl Owner for MemoryOwner {
    fn committer(&self) -> Result<Box<dyn Committer>> {
        Ok(Box::new(self.clone()))
    }

    fn prune_journal(&self, partition: Partition, below: Offset) -> Result<()> {
        self.memory.in_home(|at, _, home| {
            home.fence(at, self.epoch)?;
            check::partition(&home.job.input, partition)?;
            let state = &mut home.partitions[partition.0 as usize];
            let oldest = state.checkpoints.values().next();
            let needed = oldest.map_or(u64::MAX, |info| info.manifest.journal_sequence);
            state.journal.retain(|entry| entry.at >= below || entry.sequence >= needed);
            Ok(())
        })
    }

    fn rewind(&self, back: &[Rewind]) -> Result<()> {
        let now_ms = self.memory.now_ms();
        self.memory.in_home(|at, store, home| {
            home.fence(at, self.epoch)?;
            home.rewind(at, store, back, now_ms)
        })?;
        pass(&self.memory.name(), REWIND_AFTER)
    }
}

impl HomeState {
    fn rewind(&mut self, at: &str, store: &mut Store, back: &[Rewind], now_ms: i64) -> Result<()> {
        let mut cuts = Vec::with_capacity(back.len());
        for back in back {
            let state = self.at(back.partition)?;
            let (partition, number) = (back.partition, back.checkpoint);
            if !state.checkpoints.contains_key(&number) {
                return Err(Error::CheckpointMissing { at: at.to_owned(), partition, number });
            }
            let (expected, found) = (state.tip.number + 1, back.number);
            if found != expected {
                let (at, what) = (at.to_owned(), "number");
                return Err(Error::OutOfOrder { at, partition, what, expected, found });
            }
            let rows = store.topic(at, &self.result)?;
            let left = rows.at(partition).left_after_cut(back.rows);
            let is_beyond = |hold: &Hold| hold.partition == partition && hold.offset > left;
            if let Some(hold) = rows.holds().find(is_beyond) {
                return Err(Error::sink_beyond(at, hold, left));
            }
            let dead = store.topic(at, &self.dead)?.at(partition).left_after_cut(back.dead);
            check::rollups(at, back.partition, back.rollups.len(), self.rollups.len())?;
            let mut rollups = Vec::with_capacity(back.rollups.len());
            for (topic, &rows) in self.rollups.iter().zip(&back.rollups) {
                rollups.push(store.topic(at, topic)?.at(partition).left_after_cut(rows));
            }
            cuts.push((left, dead, rollups));
        }
        pass(at, REWIND_IN_TRANSACTION)?;
        for (back, (rows, dead, rollups)) in back.iter().zip(cuts) {
            store.topic(at, &self.result)?.at_mut(back.partition).cut(rows);
            store.topic(at, &self.dead)?.at_mut(back.partition).cut(dead);
            for (topic, left) in self.rollups.iter().zip(rollups) {
                store.topic(at, topic)?.at_mut(back.partition).cut(left);
            }
            self.names.cut(back.partition, back.checkpoint);
            self.partitions[back.partition.0 as usize].set_back(back, now_ms);
        }
        self.prune();
        store.version += 1;
        Ok(())
    }
}

impl Committer for MemoryOwner {
    fn load(&mut self, _: &Claim, partitions: &[Partition]) -> Result<Vec<Recovered>> {
        self.memory.in_home(|at, _, home| {
            home.fence(at, self.epoch)?;
            let recover = |&partition| Ok(home.at(partition)?.recover(at, partition));
            partitions.iter().map(recover).collect()
        })
    }

    fn commit(&mut self, _: &Claim, commit: &Commit) -> std::result::Result<(), CommitError> {
        let name = self.memory.name();
        pass(&name, COMMIT_BEFORE).map_err(not_made)?;
        let now_ms = self.memory.now_ms();
        let made = self.memory.in_home(|at, store, home| {
            home.fence(at, self.epoch)?;
            let mut tips: BTreeMap<Partition, Tip> = BTreeMap::new();
            for new in &commit.partitions {
                let stored = home.at(new.partition)?.tip;
                check::rollups(at, new.partition, new.rollups.len(), home.rollups.len())?;
                let tip = tips.get(&new.partition).copied().unwrap_or(stored);
                tips.insert(new.partition, tip.after(at, new)?);
            }
            pass(at, COMMIT_IN_TRANSACTION)?;
            for new in &commit.partitions {
                let rows = store.topic(at, &home.result)?.at_mut(new.partition);
                rows.append(&new.rows, 0, now_ms);
                let dead = store.topic(at, &home.dead)?.at_mut(new.partition);
                dead.append(&new.dead, 0, now_ms);
                for (topic, block) in home.rollups.iter().zip(&new.rollups) {
                    store.topic(at, topic)?.at_mut(new.partition).append(block, 0, now_ms);
                }
                let state = &mut home.partitions[new.partition.0 as usize];
                state.apply(tips[&new.partition], new, now_ms, &mut home.names);
            }
            store.version += 1;
            Ok(())
        });
        made.map_err(not_made)?;
        pass(&name, COMMIT_AFTER).map_err(CommitError::Rebuild)
    }
}
