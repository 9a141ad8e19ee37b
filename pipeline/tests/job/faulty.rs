//! A store whose commits fail, are tampered with, or are busy, as a test demands.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use seismic_queue::memory::MemoryStore;
use seismic_queue::{
    Checkpoint, CheckpointNames, CheckpointRequest, Commit, CommitError, Committer, Error,
    FencingToken, GroupMember, Job, JobStore, JournalEntry, Lease, LostOffset, Offset, Partition,
    Queue, Recovered, Result, Rewind, ScalingLease, SharedLease, SinkState, TableVersion,
    TableVersions, View,
};

/// What becomes of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is made.
    Made,
    /// It is not made, and may be retried.
    Busy,
    /// It is made, but no one hears of it.
    MadeUnheard,
    /// It is not made, and no one knows that.
    LostUnheard,
    /// It is made, and the process dies before it hears of it.
    MadeThenDead,
    /// The process dies before it is made.
    DeadBefore,
    /// Someone else owns the store.
    Fenced,
}

/// Decides about each commit, and may change it.
pub type Decide = Arc<Mutex<dyn FnMut(&mut Commit) -> Fate + Send>>;

/// A store in memory with a test in between.
pub struct FaultyStore {
    inner: MemoryStore,
    decide: Decide,
    /// Loads that find the store busy before one does not.
    busy_loads: Arc<AtomicU32>,
}

impl FaultyStore {
    pub fn new(decide: impl FnMut(&mut Commit) -> Fate + Send + 'static) -> Self {
        let (decide, busy_loads) = (Arc::new(Mutex::new(decide)), Arc::default());
        FaultyStore { inner: MemoryStore::new(), decide, busy_loads }
    }

    /// A store whose first loads find it busy; the rest goes well. The counter is what is left.
    pub fn busy(loads: u32) -> (Self, Arc<AtomicU32>) {
        let busy_loads = Arc::new(AtomicU32::new(loads));
        (
            FaultyStore { busy_loads: Arc::clone(&busy_loads), ..Self::new(|_| Fate::Made) },
            busy_loads,
        )
    }

    fn faulty(&self, inner: Box<dyn Lease>) -> Box<dyn Lease> {
        let (decide, busy_loads) = (Arc::clone(&self.decide), Arc::clone(&self.busy_loads));
        Box::new(FaultyLease { inner, decide, busy_loads })
    }
}

impl JobStore for FaultyStore {
    fn name(&self) -> String {
        self.inner.name()
    }

    fn acquire(&self, job: &Job) -> Result<Box<dyn Lease>> {
        self.inner.acquire(job).map(|inner| self.faulty(inner))
    }

    fn rescale(&self, job: &Job) -> Result<Box<dyn Lease>> {
        self.inner.rescale(job).map(|inner| self.faulty(inner))
    }

    fn view(&self) -> Result<View> {
        self.inner.view()
    }

    fn journal(&self, partition: Partition, range: Range<u64>) -> Result<Vec<JournalEntry>> {
        self.inner.journal(partition, range)
    }

    fn checkpoint(&self, partition: Partition, number: u64) -> Result<Checkpoint> {
        self.inner.checkpoint(partition, number)
    }

    fn leased_by(&self) -> Result<Option<String>> {
        self.inner.leased_by()
    }

    fn members(&self) -> Result<Option<Vec<GroupMember>>> {
        self.inner.members()
    }

    fn scaling_lease(&self) -> Result<Option<Box<dyn ScalingLease>>> {
        self.inner.scaling_lease()
    }

    fn topics(&self) -> &dyn Queue {
        self.inner.topics()
    }

    fn lost_offsets(&self) -> Result<Vec<LostOffset>> {
        self.inner.lost_offsets()
    }

    fn put_offsets_back(&self, lost: &[LostOffset]) -> Result<()> {
        self.inner.put_offsets_back(lost)
    }

    fn rests_for(&self) -> Result<Option<Duration>> {
        self.inner.rests_for()
    }
}

impl CheckpointNames for FaultyStore {
    fn request_checkpoint(&self, name: &str) -> Result<()> {
        self.inner.request_checkpoint(name)
    }

    fn checkpoint_requests(&self) -> Result<Vec<CheckpointRequest>> {
        self.inner.checkpoint_requests()
    }

    fn withdraw_request(&self, name: &str) -> Result<Option<CheckpointRequest>> {
        self.inner.withdraw_request(name)
    }

    fn name_newest_checkpoint(&self, name: &str) -> Result<()> {
        self.inner.name_newest_checkpoint(name)
    }

    fn delete_checkpoint_name(&self, name: &str) -> Result<()> {
        self.inner.delete_checkpoint_name(name)
    }
}

impl SinkState for FaultyStore {
    fn put_sink_position(
        &self,
        sink: &str,
        output: usize,
        at: &[(Partition, Offset)],
    ) -> Result<()> {
        self.inner.put_sink_position(sink, output, at)
    }

    fn keep_for_sink(
        &self,
        sink: &str,
        output: usize,
        from: &[(Partition, Offset)],
    ) -> Result<bool> {
        self.inner.keep_for_sink(sink, output, from)
    }

    fn put_sink_state(&self, sink: &str, key: &str, state: &[u8]) -> Result<()> {
        self.inner.put_sink_state(sink, key, state)
    }

    fn sink_state(&self, sink: &str, key: &str) -> Result<Option<Vec<u8>>> {
        self.inner.sink_state(sink, key)
    }
}

impl TableVersions for FaultyStore {
    fn put_table(&self, table: &str, hash: &str, content: &[u8]) -> Result<()> {
        self.inner.put_table(table, hash, content)
    }

    fn table(&self, table: &str, hash: &str) -> Result<Option<Vec<u8>>> {
        self.inner.table(table, hash)
    }

    fn tables(&self) -> Result<Vec<TableVersion>> {
        self.inner.tables()
    }

    fn forget_table(&self, version: &TableVersion) -> Result<()> {
        self.inner.forget_table(version)
    }

    fn put_table_note(&self, table: &str, note: &[u8]) -> Result<()> {
        self.inner.put_table_note(table, note)
    }

    fn table_note(&self, table: &str) -> Result<Option<Vec<u8>>> {
        self.inner.table_note(table)
    }
}

struct FaultyLease {
    inner: Box<dyn Lease>,
    decide: Decide,
    busy_loads: Arc<AtomicU32>,
}

impl Lease for FaultyLease {
    fn committer(&self) -> Result<Box<dyn Committer>> {
        let inner = self.inner.committer()?;
        let (decide, busy_loads) = (Arc::clone(&self.decide), Arc::clone(&self.busy_loads));
        Ok(Box::new(FaultyCommitter { inner, decide, busy_loads }))
    }

    fn shared(&self) -> Option<&dyn SharedLease> {
        self.inner.shared()
    }

    fn check_outputs(&self) -> Result<()> {
        self.inner.check_outputs()
    }

    fn housekeep(&self) -> Result<()> {
        self.inner.housekeep()
    }

    fn prune_journal(&self, partition: Partition, below: Offset) -> Result<()> {
        self.inner.prune_journal(partition, below)
    }

    fn rewind(&self, back: &[Rewind]) -> Result<()> {
        self.inner.rewind(back)
    }
}

struct FaultyCommitter {
    inner: Box<dyn Committer>,
    decide: Decide,
    busy_loads: Arc<AtomicU32>,
}

impl Committer for FaultyCommitter {
    fn load(&mut self, token: &FencingToken, partitions: &[Partition]) -> Result<Vec<Recovered>> {
        let left = |left: u32| left.checked_sub(1);
        if self.busy_loads.fetch_update(Ordering::SeqCst, Ordering::SeqCst, left).is_ok() {
            return Err(busy("load"));
        }
        self.inner.load(token, partitions)
    }

    fn commit(
        &mut self,
        token: &FencingToken,
        commit: &Commit,
    ) -> std::result::Result<(), CommitError> {
        let mut commit = copy(commit);
        let fate = (self.decide.lock().unwrap())(&mut commit);
        let error = || Error::Failpoint { at: "the test".into(), doing: "commit" };
        match fate {
            Fate::Made => self.inner.commit(token, &commit),
            Fate::Busy => Err(CommitError::Retry(busy("commit"))),
            Fate::MadeUnheard => {
                self.inner.commit(token, &commit)?;
                Err(CommitError::Rebuild(error()))
            }
            Fate::LostUnheard => Err(CommitError::Rebuild(error())),
            Fate::MadeThenDead => {
                self.inner.commit(token, &commit)?;
                Err(CommitError::Fatal(error()))
            }
            Fate::DeadBefore => Err(CommitError::Fatal(error())),
            Fate::Fenced => Err(CommitError::Fenced(Error::Fenced {
                at: "the test".into(),
                ours: 1,
                theirs: 2,
            })),
        }
    }
}

fn busy(doing: &'static str) -> Error {
    Error::Busy { at: "the test".into(), doing }
}

fn copy(commit: &Commit) -> Commit {
    let copy = |part: &seismic_queue::PartitionCommit| seismic_queue::PartitionCommit {
        partition: part.partition,
        number: part.number,
        next: part.next,
        note: part.note.clone(),
        outputs: part.outputs.clone(),
        keyed: part.keyed.clone(),
        further: part.further.clone(),
        journal: part.journal.clone(),
        chunks: part.chunks.clone(),
        manifest: part.manifest.clone(),
        answers: part.answers.clone(),
        name: part.name.clone(),
    };
    Commit { partitions: commit.partitions.iter().map(copy).collect() }
}
