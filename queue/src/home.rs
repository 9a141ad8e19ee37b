//! The seam of a home: the transactional store of one job.
//!
//! A home holds the job's result and dead-letter topics (one partition for each of the input),
//! the progress, journal and checkpoints of every partition, and the positions of its sinks.
//! Everything a [`Commit`] carries becomes visible and durable in one atomic act or not at all:
//! that is the whole of exactly-once. What `note` and `state` mean is the pipeline's business.

use std::ops::Range;

use crate::{
    Block, Class, CommitError, Error, Member, Offset, Partition, Queue, Result, Span, Topic,
};

/// Whose home it is. Written at the first [`Home::own`]; later owners must agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Name of the group.
    pub group: String,
    /// The topic that is read, with its id: one deleted and made again is another topic.
    pub input: Topic,
    /// Topic of result rows, in the home.
    pub result_topic: String,
    /// Topic of dead letters, in the home.
    pub dead_topic: String,
    /// Topics of further rows, made of those of the result topic, in the home.
    pub rollup_topics: Vec<String>,
}

impl Job {
    /// Names of its topics in the home.
    pub fn topics(&self) -> impl Iterator<Item = &String> {
        [&self.result_topic, &self.dead_topic].into_iter().chain(&self.rollup_topics)
    }
}

/// The store of one job. Looking in needs no ownership and may go on beside the running job.
pub trait Home: Send + Sync {
    /// What to call it in messages.
    fn name(&self) -> String;

    /// Takes the home for `job`, makes what is missing, and keeps others out until the owner and
    /// all its committers are dropped or the process ends.
    ///
    /// # Errors
    /// [`Error::Owned`](crate::Error::Owned) naming the process that has it;
    /// [`Error::JobDiffers`](crate::Error::JobDiffers) when it belongs to another job.
    fn own(&self, job: &Job) -> Result<Box<dyn Owner>>;

    /// Everything but rows, journal entries and snapshots, as one commit left it.
    ///
    /// # Errors
    /// [`Error::HomeMissing`](crate::Error::HomeMissing) when no job was ever run here.
    fn view(&self) -> Result<View>;

    /// Journal entries of a partition with a sequence in `range`, in order: those of
    /// [`PartitionView::journal`] are what one commit left.
    fn journal(&self, partition: Partition, range: Range<u64>) -> Result<Vec<JournalEntry>>;

    /// The checkpoint of that number, read and checked.
    ///
    /// # Errors
    /// [`Error::CheckpointMissing`](crate::Error::CheckpointMissing), or
    /// [`Error::Corrupt`](crate::Error::Corrupt) when a chunk is missing or fails its CRC.
    fn checkpoint(&self, partition: Partition, number: u64) -> Result<Checkpoint>;

    /// Who owns it now, as text for people; `None`: nobody does.
    fn owner(&self) -> Result<Option<String>>;

    /// Asks the running job for a checkpoint of that name: every partition is to take one and
    /// answer in the commit of its manifest. Until all have, the name is not whole.
    ///
    /// # Errors
    /// [`Error::Name`](crate::Error::Name), [`Error::NameTaken`](crate::Error::NameTaken),
    /// [`Error::TooManyNames`](crate::Error::TooManyNames).
    fn ask(&self, name: &str) -> Result<()>;

    /// What is asked for and not answered by all, asked often and so without much cost.
    fn asked(&self) -> Result<Vec<Asked>>;

    /// Takes back what was asked for, with the answers so far; `None` when nobody asks for it: it
    /// was never asked, or is whole.
    fn withdraw(&self, name: &str) -> Result<Option<Asked>>;

    /// Names the newest checkpoint of every partition, in one act.
    ///
    /// # Errors
    /// As [`Home::ask`], and [`Error::NothingToName`](crate::Error::NothingToName).
    fn name_newest(&self, name: &str) -> Result<()>;

    /// Forgets a name, and the checkpoints that nothing else keeps.
    ///
    /// # Errors
    /// [`Error::NameMissing`](crate::Error::NameMissing).
    fn forget(&self, name: &str) -> Result<()>;

    /// The topics of the home, for reading. Appending to them is the committer's right alone.
    fn topics(&self) -> &dyn Queue;

    /// Notes how far a sink has come, so that retention waits for it.
    fn note_sink(&self, sink: &str, at: &[(Partition, Offset)]) -> Result<()>;
}

/// The right to commit to a home.
pub trait Owner: Send + Sync {
    /// A committer for one slot. Commits of several are merged where the backend can.
    fn committer(&self) -> Result<Box<dyn Committer>>;

    /// As whom the slot of that index reads, where several owners share a job; `None` where all
    /// partitions belong to this one.
    fn member(&self, _index: usize) -> Result<Option<Member>> {
        Ok(None)
    }

    /// The committer of a member.
    fn committer_of(&self, _member: &Member) -> Result<Box<dyn Committer>> {
        self.committer()
    }

    /// Committed position of every partition, where several owners share a job: what this one cannot
    /// know of itself. Empty where they do not.
    fn positions(&self) -> Result<Vec<Option<Offset>>> {
        Ok(Vec::new())
    }

    /// Where a job begins that several owners share: what the first of them said, with an offset
    /// for each partition.
    fn agree_on_start(&self, from: &str, starts: &[Offset]) -> Result<(String, Vec<Offset>)> {
        Ok((from.to_owned(), starts.to_vec()))
    }

    /// Forgets journal entries before `below`: the log before it is gone and no checkpoint needs
    /// them.
    fn prune_journal(&self, partition: Partition, below: Offset) -> Result<()>;

    /// Sets partitions back to checkpoints, all in one act: the rows and dead letters after them,
    /// the journal entries and the checkpoints go, and so does a name that one of these had. Offsets
    /// that were used are never used again. No committer may be at work.
    ///
    /// # Errors
    /// [`Error::SinkBeyond`](crate::Error::SinkBeyond) when a sink has rows that would go;
    /// [`Error::CheckpointMissing`](crate::Error::CheckpointMissing);
    /// [`Error::OutOfOrder`](crate::Error::OutOfOrder) when something was committed meanwhile.
    fn rewind(&self, back: &[Rewind]) -> Result<()>;
}

/// What proves that a slot still owns its partitions when it commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Partitions never move: the home's lock and epoch are the proof.
    Sole,
    /// The place in a group, as it was when the partitions were assigned.
    #[cfg(feature = "kafka")]
    Group(crate::kafka::Membership),
}

/// One slot's way into its home.
pub trait Committer: Send {
    /// What is known of the partitions, after settling any commit of unknown outcome.
    fn load(&mut self, claim: &Claim, partitions: &[Partition]) -> Result<Vec<Recovered>>;

    /// Makes the commit: all of it, durable and visible, or nothing.
    ///
    /// Checked inside the atomic act: the epoch, and that every partition's `number` is the stored
    /// one plus one and its `next` and journal sequences go on from what is stored.
    ///
    /// # Errors
    /// See [`CommitError`]: the variant says what the slot must do.
    fn commit(&mut self, claim: &Claim, commit: &Commit) -> std::result::Result<(), CommitError>;
}

/// What one slot makes durable at once.
#[derive(Debug, Default)]
pub struct Commit {
    /// Each partition at most once.
    pub partitions: Vec<PartitionCommit>,
}

/// One partition's share of a commit.
#[derive(Debug)]
pub struct PartitionCommit {
    /// Which one.
    pub partition: Partition,
    /// Number of this commit of the partition, from 1, without gaps.
    pub number: u64,
    /// Next input offset: everything before it has had its effect.
    pub next: Offset,
    /// What the pipeline keeps beside the position.
    pub note: Vec<u8>,
    /// Rows for the result topic.
    pub rows: Block,
    /// Dead letters for the dead-letter topic.
    pub dead: Block,
    /// Rows for the roll-up topics, in their order; those at the end may be left out.
    pub rollups: Vec<Block>,
    /// New journal entries, in order.
    pub journal: Vec<JournalEntry>,
    /// Pieces of a snapshot on its way; without a manifest they mean nothing.
    pub chunks: Vec<Chunk>,
    /// Makes the chunks stored so far a checkpoint. Old checkpoints that no [`Class`] keeps go in
    /// the same act.
    pub manifest: Option<Manifest>,
    /// Ids of what was asked for ([`Home::asked`]) that the manifest answers; one that was taken
    /// back meanwhile is passed over.
    pub answers: Vec<String>,
    /// A name that the manifest gets unasked.
    pub name: Option<String>,
}

impl PartitionCommit {
    /// A commit with nothing in it yet.
    #[must_use]
    pub fn new(partition: Partition) -> Self {
        PartitionCommit {
            partition,
            number: 0,
            next: Offset(0),
            note: Vec::new(),
            rows: Block::default(),
            dead: Block::default(),
            rollups: Vec::new(),
            journal: Vec::new(),
            chunks: Vec::new(),
            manifest: None,
            answers: Vec::new(),
            name: None,
        }
    }
}

/// How far one partition goes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewind {
    /// Which one.
    pub partition: Partition,
    /// Number of the checkpoint.
    pub checkpoint: u64,
    /// Number of the commit that this is, which the partition's next one would have had.
    pub number: u64,
    /// What the pipeline keeps beside the position.
    pub note: Vec<u8>,
    /// Rows committed since the checkpoint; those that retention took are gone already.
    pub rows: u64,
    /// Dead letters committed since.
    pub dead: u64,
    /// Rows of each roll-up topic committed since.
    pub rollups: Vec<u64>,
}

/// An input of the engine that is not in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalEntry {
    /// Number among the partition's entries, from 0, without gaps.
    pub sequence: u64,
    /// Position at which it happened: before the message of this offset.
    pub at: Offset,
    /// What it was.
    pub bytes: Vec<u8>,
}

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
    /// Position of the snapshot: it holds the effect of every message before it.
    pub position: Offset,
    /// Journal entries below this sequence are in the snapshot.
    pub journal_sequence: u64,
    /// Number of chunks.
    pub chunks: u32,
    /// CRC-32 of all chunk bytes in order.
    pub crc: u32,
}

/// A partition's position as the last commit left it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Number of that commit.
    pub number: u64,
    /// Next input offset.
    pub next: Offset,
    /// What the pipeline kept beside it.
    pub note: Vec<u8>,
    /// When it was made, ms since 1970 UTC; for people.
    pub committed_ms: i64,
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
    pub(crate) fn checked(self, at: &str, partition: Partition) -> Result<Checkpoint> {
        let Manifest { checkpoint, crc, .. } = self.manifest;
        let found = crc32fast::hash(&self.state);
        if found == crc {
            return Ok(self);
        }
        let at = format!("checkpoint {checkpoint} of partition {partition} in {at}");
        Err(Error::Corrupt { at, what: format!("its CRC is {found:08x}, not {crc:08x}") })
    }
}

/// Where a partition goes on.
#[derive(Debug)]
pub struct Recovered {
    /// The partition.
    pub partition: Partition,
    /// `None`: it was never committed.
    pub progress: Option<Progress>,
    /// The newest checkpoint that is whole. `None`: replay from the first journal entry.
    pub checkpoint: Option<Checkpoint>,
    /// Journal entries that are not in the checkpoint, in order.
    pub journal: Vec<JournalEntry>,
    /// Next journal sequence.
    pub next_sequence: u64,
    /// Highest checkpoint number ever used, 0 if none.
    pub last_checkpoint: u64,
    /// Newer checkpoints that had to be passed over, each with the reason.
    pub passed_over: Vec<String>,
}

/// A home as one commit left it.
#[derive(Debug)]
pub struct View {
    /// Given once, when the home was made: sinks refuse rows of another home.
    pub id: String,
    /// Whose home it is.
    pub job: Job,
    /// One for each partition of the input, in order.
    pub partitions: Vec<PartitionView>,
    /// How far the sinks have come.
    pub sinks: Vec<SinkPosition>,
    /// Checkpoints asked for that not every partition has taken yet.
    pub asked: Vec<Asked>,
}

/// One partition in a [`View`].
#[derive(Debug)]
pub struct PartitionView {
    /// `None`: never committed.
    pub progress: Option<Progress>,
    /// Rows of the result topic.
    pub rows: Span,
    /// Dead letters.
    pub dead: Span,
    /// Rows of the roll-up topics.
    pub rollups: Vec<Span>,
    /// Offsets of rows that rewinds took out: nothing is there, nor will be.
    pub rows_cut: Vec<Span>,
    /// Sequences of the journal entries kept.
    pub journal: Range<u64>,
    /// Checkpoints kept, oldest first.
    pub checkpoints: Vec<CheckpointInfo>,
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
pub struct Asked {
    /// Given once: a name that is asked for again is another one.
    pub id: String,
    /// The name.
    pub name: String,
    /// Partitions that have answered.
    pub answered: Vec<Partition>,
}

/// How far a sink has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkPosition {
    /// Name of the sink.
    pub sink: String,
    /// Partition of the result topic.
    pub partition: Partition,
    /// Next row.
    pub next: Offset,
}
