//! The seam of a queue: topics that producers append to and sources and readers read from.
//!
//! All calls block, are made per batch, and are `Send`; none is called from two threads at once
//! except those of [`Queue`], which may be shared.

use std::time::Duration;

use crate::{Batch, Block, FencingToken, Finding, Level, Offset, Partition, Result, Span, Topic};

/// Where topics live.
pub trait Queue: Send + Sync {
    /// What to call it in messages.
    fn name(&self) -> String;

    /// Whether what this handle works on is still what is there for others: a file that was deleted
    /// or replaced goes on taking writes that nobody will find. Cheap; running jobs ask every second.
    ///
    /// # Errors
    /// [`Error::Replaced`](crate::Error::Replaced).
    fn check_place(&self) -> Result<()> {
        Ok(())
    }

    /// Whether `topic` is still the one of its name, as wide as it was. Cheap, as
    /// [`Queue::check_place`].
    ///
    /// # Errors
    /// [`Error::TopicRemade`](crate::Error::TopicRemade),
    /// [`Error::JobDiffers`](crate::Error::JobDiffers) when partitions were added.
    fn check_topic(&self, _topic: &Topic) -> Result<()> {
        Ok(())
    }

    /// Whose word the append times of a topic are. Says what else is off with it.
    ///
    /// # Errors
    /// [`Error::TopicSetting`](crate::Error::TopicSetting) when it cannot be read without loss.
    fn append_times(&self, _topic: &Topic) -> Result<AppendTimes> {
        Ok(AppendTimes::Queue)
    }

    /// What there is to say of this place, and of `topic` in it, that opening it does not show.
    ///
    /// # Errors
    /// When the place cannot be asked.
    fn examine(&self, _topic: Option<&Topic>) -> Result<Vec<Finding>> {
        Ok(Vec::new())
    }

    /// Whether who we are may do what is needed here, as far as somebody watches over that. Nothing is
    /// written or made to find out.
    ///
    /// # Errors
    /// When the place cannot be asked.
    fn examine_rights(&self, _needs: &[Need]) -> Result<Vec<Finding>> {
        Ok(Vec::new())
    }

    /// All topics, by name.
    fn topics(&self) -> Result<Vec<Topic>>;

    /// The topic of that name.
    ///
    /// # Errors
    /// [`Error::TopicMissing`](crate::Error::TopicMissing).
    fn topic(&self, name: &str) -> Result<Topic>;

    /// The topic of that name, made if it is missing.
    ///
    /// # Errors
    /// [`Error::PartitionsDiffer`](crate::Error::PartitionsDiffer) when it is there with another
    /// number of partitions.
    fn create(&self, name: &str, partitions: u32) -> Result<Topic>;

    /// What each partition holds, in order of partitions, all read at one moment.
    fn spans(&self, topic: &Topic) -> Result<Vec<Span>>;

    /// First offset appended at or after `time_ms` (the end of the log if there is none). Blocks
    /// share an append time, so the answer is the first message of its block.
    fn offset_at(&self, topic: &Topic, partition: Partition, time_ms: i64) -> Result<Offset>;

    /// A producer. `id` names the run: what it already appended is recognised, see [`Producer`].
    fn producer(&self, topic: &Topic, id: &str) -> Result<Box<dyn Producer>>;

    /// A reader of the given partitions, each from its offset on.
    fn reader(&self, topic: &Topic, at: &[(Partition, Offset)]) -> Result<Box<dyn Reader>>;

    /// A source of a slot that holds `partitions` for good.
    fn source(&self, topic: &Topic, partitions: &[Partition]) -> Result<Box<dyn Source>>;

    /// A source of a member of a group, which is given its partitions, and may lose them.
    ///
    /// # Errors
    /// [`Error::NoGroups`](crate::Error::NoGroups) where there are none.
    fn member(&self, _topic: &Topic, _member: &Member) -> Result<Box<dyn Source>> {
        Err(crate::Error::NoGroups { at: self.name() })
    }

    /// Says that `holder` (a job) needs the log from these offsets on. Replaces what it said before;
    /// with no offsets, it needs nothing any more.
    fn hold(&self, topic: &Topic, holder: &str, at: &[(Partition, Offset)]) -> Result<()>;

    /// Who holds what of a topic.
    fn holds(&self, topic: &Topic) -> Result<Vec<Hold>>;

    /// What [`Queue::retain`] deletes.
    fn policy(&self, topic: &Topic) -> Result<Policy>;

    /// Sets what [`Queue::retain`] deletes from now on.
    fn set_policy(&self, topic: &Topic, policy: Policy) -> Result<()>;

    /// Deletes what the policy lets go of, whole blocks from the oldest on, never past a hold
    /// unless `past_holds`.
    fn retain(&self, topic: &Topic, past_holds: bool) -> Result<Vec<Retained>>;

    /// What the policy would let go of if nobody held it, by partition. A backend whose retention is
    /// not ours knows of nothing.
    fn held(&self, topic: &Topic) -> Result<Vec<Held>> {
        let _ = topic;
        Ok(Vec::new())
    }
}

/// One slot of one worker, among several workers that share a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Name of the group.
    pub group: String,
    /// Name of the slot: whoever has it next takes over from whoever had it before.
    pub slot: String,
    /// Whether a person gave it that name. Then the group keeps its partitions for it while it is
    /// gone for less than a session; else they go to others as soon as it leaves.
    pub is_named: bool,
}

/// What somebody needs to do with a topic, which is made if it is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// Name of the topic.
    pub topic: String,
    /// What is done with it.
    pub access: Access,
    /// Who cannot work without.
    pub who: &'static str,
    /// How bad it is when it is not allowed.
    pub level: Level,
}

/// What can be done with a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading, in the name of a group; `None`: of none.
    Read(Option<String>),
    /// Appending.
    Append,
}

/// A slot at work, as the group that shares a job sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMember {
    /// Name of the slot, or what the client calls itself.
    pub slot: String,
    /// What the group calls it: another one each time that it joins, unless the slot was named.
    pub member: String,
    /// Where it connects from.
    pub host: String,
    /// What it has of the job's input; nothing while the group moves partitions.
    pub partitions: Vec<Partition>,
}

/// Who says when a message was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendTimes {
    /// The queue, by its own clock.
    Queue,
    /// Whoever sent it.
    Producers,
}

/// How much of a topic is kept. `None` = without limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Messages appended longer ago than this are let go of, ms.
    pub max_age_ms: Option<u64>,
    /// Oldest messages are let go of until a partition holds at most this many bytes.
    pub max_bytes: Option<u64>,
}

/// A job that needs part of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Name of the job.
    pub holder: String,
    /// Partition held.
    pub partition: Partition,
    /// First offset that is needed.
    pub offset: Offset,
}

/// What retention did to one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retained {
    /// The partition.
    pub partition: Partition,
    /// Messages deleted.
    pub deleted: u64,
    /// Who kept more from being deleted, and from which offset on.
    pub held_by: Option<Hold>,
}

/// What a hold keeps of one partition that the policy lets go of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The hold that needs the oldest message.
    pub hold: Hold,
    /// Bytes that would be gone.
    pub bytes: u64,
    /// Age of the oldest message of them, ms.
    pub age_ms: u64,
}

/// Messages to append to one partition.
#[derive(Clone, Copy, Debug)]
pub struct Append<'a> {
    /// Where they go.
    pub partition: Partition,
    /// Number of the block's first message among all that this producer id ever sent to the
    /// partition, from 0, without gaps.
    pub first_sequence: u64,
    /// The messages.
    pub block: &'a Block,
}

/// What became of an [`Append`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Appended {
    /// Messages written now.
    pub written: u64,
    /// Messages that were there already, from an earlier try.
    pub recognised: u64,
}

/// Appends messages.
///
/// `Ok` means durable, all of it; after an error nothing of the call was appended, or the outcome
/// is unknown. In both cases the same call may be repeated: messages are numbered per producer id
/// and partition, and those already there are recognised and not written twice, whatever the
/// block boundaries were. Offsets of a partition follow the order of calls.
pub trait Producer: Send {
    /// Appends all blocks in one durable act.
    ///
    /// # Errors
    /// [`Error::SequenceGap`](crate::Error::SequenceGap) when messages before `first_sequence`
    /// never arrived.
    fn append(&mut self, appends: &[Append<'_>]) -> Result<Appended>;

    /// Sequence number that the topic expects next from this producer id.
    fn next_sequence(&mut self, partition: Partition) -> Result<u64>;
}

/// What a source or reader has to say.
#[derive(Debug)]
pub enum Event {
    /// Messages. Give the batch back as `spare` of a later call.
    Batch(Batch),
    /// A read at this offset found the end of the partition's log.
    CaughtUp(Partition, Offset),
    /// The slot now has these partitions; nothing comes from them before [`Source::start`].
    Assigned(Vec<Partition>),
    /// The slot must let go of these: commit, then [`Source::release`].
    Revoked(Vec<Partition>),
    /// The slot has lost these already; a commit for them would be refused.
    Lost(Vec<Partition>),
    /// Nothing came within the wait.
    Nothing,
}

/// Reads partitions as a member of a job, for one slot.
///
/// Order within a partition is the log's; nothing is skipped and nothing comes twice after
/// [`Source::start`]. Partitions take turns, so none starves.
pub trait Source: Send {
    /// Waits up to `wait` for something to say. Batches are filled into memory taken from `spare`.
    ///
    /// # Errors
    /// [`Error::OffsetGone`](crate::Error::OffsetGone) when retention deleted what is next.
    fn poll(&mut self, wait: Duration, spare: &mut Vec<Batch>) -> Result<Event>;

    /// Answers [`Event::Assigned`]: read on from these offsets. May be called again to go back.
    fn start(&mut self, at: &[(Partition, Offset)]) -> Result<()>;

    /// Answers [`Event::Revoked`], after the last commit for these partitions is settled.
    fn release(&mut self, partitions: &[Partition]) -> Result<()>;

    /// The log's end of a partition, asked now: everything appended before the call lies below it.
    fn end(&mut self, partition: Partition) -> Result<Offset>;

    /// As [`Source::end`] of several partitions, in their order: one question where that is possible.
    fn ends(&mut self, partitions: &[Partition]) -> Vec<Result<Offset>> {
        partitions.iter().map(|&partition| self.end(partition)).collect()
    }

    /// Age of the oldest append that may have got its time already and does not show yet, asked now
    /// and without waiting. Zero where messages show at the moment of their time.
    fn in_flight(&mut self) -> Result<Duration> {
        Ok(Duration::ZERO)
    }

    /// What a commit must show to prove that this source still owns its partitions.
    fn fencing_token(&self) -> FencingToken;

    /// Whether the partitions were taken away already; [`Event::Lost`] says so too, but later.
    fn is_lost(&mut self) -> bool {
        false
    }
}

/// Reads partitions for anyone: verify, `read`, sinks. No group, no ownership.
pub trait Reader: Send {
    /// As [`Source::poll`], with only `Batch`, `CaughtUp` and `Nothing`.
    fn read(&mut self, wait: Duration, spare: &mut Vec<Batch>) -> Result<Event>;
}
