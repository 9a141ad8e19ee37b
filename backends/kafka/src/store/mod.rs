//! A job's store in the cluster: the topics of its outputs, the checkpoint log, and the group's
//! offsets.

mod checkpoint_log;
mod checkpoint_names;
mod checkpoint_record;
mod committer;
mod delivery;
mod job_context;
mod job_records;
mod job_topic;
mod lease;
mod offset_metadata;
mod partition_state;
pub(crate) mod trim;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use self::checkpoint_names::CachedNames;
use self::checkpoint_record::KeptCheckpoint;
use self::job_context::JobContext;
use self::job_topic::JobTopic;
use self::lease::KafkaLease;
use self::trim::CHECKPOINTS;
use crate::ClusterAddress;
use crate::client::admin::{Admin, KEPT, OUTPUT};
use crate::client::cluster::Cluster;
use crate::group::offsets::GroupOffsets;
use crate::group::transactional_id::SlotNames;
use crate::queue::KafkaQueue;
use seismic_queue::backend::validate;
use seismic_queue::{
    Checkpoint, CheckpointNames, CheckpointRequest, Error, GroupMember, Job, JobStore,
    JournalEntry, Lease, Offset, OutputView, Partition, PartitionView, Queue, Remedy, Result,
    SinkPosition, SinkState, Span, Topic, View,
};

/// Groups that hold the positions of sinks: `seismic-sink.GROUP.SINK`.
const SINK: &str = "seismic-sink";

/// A store in a cluster.
pub struct KafkaStore {
    cluster: Cluster,
    group: String,
    slot: Option<String>,
    topics: KafkaQueue,
    names: Arc<CachedNames>,
    /// Whoever notes positions of a sink notes them often: what it needs is made once.
    noting: Mutex<BTreeMap<String, SinkOffsets>>,
}

/// Notes the positions of one sink.
struct SinkOffsets {
    rows: Topic,
    offsets: GroupOffsets,
}

impl KafkaStore {
    /// Connects to the cluster.
    ///
    /// # Errors
    /// As [`KafkaQueue::open`]; an address without a group is no store.
    pub fn open(address: &ClusterAddress) -> Result<KafkaStore> {
        let Some(group) = address.group.clone() else {
            return Err(Error::url(address, "the store of a job is kafka://HOST:PORT/GROUP"));
        };
        let KafkaQueue { cluster, .. } = KafkaQueue::open(address)?;
        let topics = KafkaQueue::of_store(cluster.clone());
        let (slot, noting) = (address.slot.clone(), Mutex::default());
        let names = CachedNames::new(&cluster, &group);
        Ok(KafkaStore { cluster, group, slot, topics, names, noting })
    }

    /// Ends the job: its group cannot be run again, and the checkpoint topic keeps nothing more for
    /// it. Rows and dead letters stay in their topics. It goes by what was written down when the
    /// job began, so it can be done also when its input or its offsets are gone.
    ///
    /// # Errors
    /// [`Error::Owned`] while the group has members, [`Error::StoreMissing`].
    pub fn delete(address: &ClusterAddress) -> Result<()> {
        let store = KafkaStore::open(address)?;
        if let Some(by) = store.leased_by()? {
            return Err(Error::Owned { at: store.name(), by });
        }
        let (_, context) = store.context()?;
        JobTopic::new(&store.cluster).end(&store.group)?;
        trim::trim(&store.cluster, &context.checkpoints).map(drop)
    }

    fn owned(&self, admin: &Admin<'_>, job: &Job, is_widening: bool) -> Result<Box<dyn Lease>> {
        let checkpoints = admin.create(CHECKPOINTS, job.partitions(), &settings())?;
        admin.check_checkpoints(CHECKPOINTS)?;
        let checkpoints = admin.widen(checkpoints, job.partitions())?;
        let names = Arc::clone(&self.names);
        let context =
            JobContext { cluster: self.cluster.clone(), job: job.clone(), checkpoints, names };
        let slots = SlotNames::new(&self.group, self.slot.clone());
        let offsets = GroupOffsets::new(&self.cluster, &self.group)?;
        Ok(Box::new(KafkaLease { context: Arc::new(context), slots, offsets, is_widening }))
    }

    fn missing(&self) -> Error {
        Error::StoreMissing { at: self.cluster.at.clone() }
    }

    /// Id of the store, and what is known of its job.
    fn context(&self) -> Result<(String, JobContext)> {
        let (id, job) =
            JobTopic::new(&self.cluster).find(&self.group)?.ok_or_else(|| self.missing())?;
        let checkpoints = match self.cluster.topic(CHECKPOINTS) {
            Err(Error::TopicMissing { .. }) => return Err(self.missing()),
            found => found?,
        };
        let names = Arc::clone(&self.names);
        Ok((id, JobContext { cluster: self.cluster.clone(), job, checkpoints, names }))
    }

    fn partition_view(
        &self,
        context: &JobContext,
        offsets: &GroupOffsets,
        partition: Partition,
        spans: &[Span],
        first: Offset,
    ) -> Result<(PartitionView, Vec<KeptCheckpoint>)> {
        let until = |span: &Span, end: Offset| {
            let span = Span { first: span.first, end: end.max(span.first) };
            OutputView { span, cuts: Vec::new() }
        };
        let Some((_, offset_metadata)) = context.known_metadata(offsets, partition)? else {
            let none = PartitionView {
                progress: None,
                outputs: spans.iter().map(|span| until(span, Offset(0))).collect(),
                journal: 0..0,
                checkpoints: Vec::new(),
            };
            return Ok((none, Vec::new()));
        };
        let log = context.log(partition);
        let history = log.at(&offset_metadata, offset_metadata.manifest)?;
        let ends = offset_metadata.outputs.iter().copied().chain(std::iter::repeat(Offset(0)));
        let outputs = spans.iter().zip(ends).map(|(span, end)| until(span, end));
        let part = PartitionView {
            progress: history.progress,
            outputs: outputs.collect(),
            journal: log.journal_start(first)?..history.next_sequence,
            checkpoints: Vec::new(),
        };
        Ok((part, history.kept))
    }

    /// What the newest manifest of each partition lists.
    fn kept(&self) -> Result<Vec<Vec<KeptCheckpoint>>> {
        let (_, context) = self.context()?;
        context.kept(&GroupOffsets::new(&self.cluster, &self.group)?)
    }

    /// What is asked for. What all have answered is whole from here on.
    fn open_requests(&self, parts: &[Vec<KeptCheckpoint>]) -> Result<Vec<CheckpointRequest>> {
        let (open, whole) = self.names.now()?.requests(parts);
        self.names.complete(&whole)?;
        Ok(open)
    }

    fn sink_group(&self, sink: &str) -> String {
        format!("{SINK}.{}.{sink}", self.group)
    }

    /// Positions of the sinks that were noted.
    fn sinks(&self, rows: &Topic) -> Result<Vec<SinkPosition>> {
        let prefix = self.sink_group("");
        let partitions: Vec<Partition> = rows.all().collect();
        let mut found = Vec::new();
        for group in self.cluster.groups()? {
            let Some(sink) = group.strip_prefix(&prefix) else { continue };
            let committed =
                GroupOffsets::new(&self.cluster, &group)?.committed(rows, &partitions)?;
            for (&partition, committed) in partitions.iter().zip(committed) {
                if let Some((next, _)) = committed {
                    found.push(SinkPosition { sink: sink.to_owned(), partition, next });
                }
            }
        }
        Ok(found)
    }
}

/// What topics of a store are made with.
fn settings() -> Vec<(&'static str, &'static str)> {
    [&KEPT[..], &OUTPUT].concat()
}

/// Whether anything was ever committed, as far as the cluster remembers.
fn has_begun(context: &JobContext, offsets: &GroupOffsets) -> Result<bool> {
    let partitions: Vec<Partition> = context.job.input().all().collect();
    Ok(offsets.committed(context.job.input(), &partitions)?.iter().any(Option::is_some))
}

impl JobStore for KafkaStore {
    fn name(&self) -> String {
        self.cluster.at.clone()
    }

    fn acquire(&self, job: &Job) -> Result<Box<dyn Lease>> {
        validate::new_job(job)?;
        if job.group != self.group {
            let (stored, asked) = (self.group.clone(), job.group.clone());
            let (at, remedy) = (self.name(), Remedy::StoreOfGroup { group: asked.clone() });
            return Err(Error::JobDiffers {
                at,
                what: "group",
                stored,
                asked,
                remedy: Box::new(remedy),
            });
        }
        let (_, stored) = JobTopic::new(&self.cluster).agree(job)?;
        validate::same_job(&self.name(), &stored, job)?;
        let admin = Admin::new(&self.cluster)?;
        for output in &job.outputs {
            let partitions = job.partitions_of(output);
            let made = admin.create(&output.topic, partitions, &settings())?;
            validate::same_topic(made, partitions)?;
            admin.check_output(&output.topic)?;
        }
        self.owned(&admin, job, false)
    }

    fn rescale(&self, job: &Job) -> Result<Box<dyn Lease>> {
        validate::new_job(job)?;
        let (_, context) = self.context()?;
        validate::widened_job(&self.name(), &context.job, job)?;
        if let Some(by) = self.leased_by()? {
            return Err(Error::Owned { at: self.name(), by });
        }
        let admin = Admin::new(&self.cluster)?;
        for output in &job.outputs {
            let partitions = job.partitions_of(output);
            let wide = admin.widen(self.cluster.topic(&output.topic)?, partitions)?;
            validate::same_topic(wide, partitions)?;
        }
        self.owned(&admin, job, true)
    }

    fn view(&self) -> Result<View> {
        let (id, context) = self.context()?;
        let offsets = GroupOffsets::new(&self.cluster, &self.group)?;
        let topics = context.job.topics().map(|name| self.cluster.topic(name));
        let topics = match topics.collect::<Result<Vec<_>>>() {
            // The first worker has written the job down, and is about to make them.
            Err(Error::TopicMissing { .. }) if !has_begun(&context, &offsets)? => {
                return Err(self.missing());
            }
            topics => topics?,
        };
        let spans = |is_keyed: bool| {
            let all = topics.iter().zip(&context.job.outputs);
            let spans = all.map(|(topic, output)| match output.is_keyed() == is_keyed {
                true => self.cluster.spans(topic),
                false => Ok(Vec::new()),
            });
            spans.collect::<Result<Vec<_>>>()
        };
        let by_input = spans(false)?;
        let logs = self.cluster.spans(&context.checkpoints)?;
        let part = |partition: Partition| {
            let place = partition.0 as usize;
            let of_it = by_input.iter().map(|all| all.get(place).copied().unwrap_or_default());
            let of_it: Vec<Span> = of_it.collect();
            self.partition_view(&context, &offsets, partition, &of_it, logs[place].first)
        };
        let (mut partitions, kept): (Vec<_>, Vec<_>) = context.of_each(part)?.into_iter().unzip();
        let checkpoint_requests = self.open_requests(&kept)?;
        let names = self.names.now()?;
        for ((partition, part), mut kept) in
            context.job.input().all().zip(&mut partitions).zip(kept)
        {
            names.settle(partition, &mut kept);
            part.checkpoints = kept.into_iter().map(|kept| kept.info).collect();
        }
        let sinks = self.sinks(&topics[0])?;
        // Asked after the positions, so no row that these made is missing.
        let view = |span| OutputView { span, cuts: Vec::new() };
        let keyed = spans(true)?.into_iter().map(|spans| spans.into_iter().map(view).collect());
        Ok(View {
            id,
            keyed: keyed.collect(),
            job: context.job,
            partitions,
            sinks,
            checkpoint_requests,
        })
    }

    fn journal(&self, partition: Partition, range: Range<u64>) -> Result<Vec<JournalEntry>> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let (_, context) = self.context()?;
        validate::partition(context.job.input(), partition)?;
        let mut journal = context.log(partition).all()?.journal;
        journal.retain(|entry| range.contains(&entry.sequence));
        Ok(journal)
    }

    fn checkpoint(&self, partition: Partition, number: u64) -> Result<Checkpoint> {
        let (_, context) = self.context()?;
        validate::partition(context.job.input(), partition)?;
        let at = self.name();
        let missing = || Error::CheckpointMissing { at: at.clone(), partition, number };
        let offsets = GroupOffsets::new(&self.cluster, &self.group)?;
        let Some((_, offset_metadata)) = context.committed_metadata(&offsets, partition)? else {
            return Err(missing());
        };
        let log = context.log(partition);
        let mut kept = log.at(&offset_metadata, offset_metadata.manifest)?.kept;
        self.names.now()?.settle(partition, &mut kept);
        let kept = kept.iter().find(|kept| kept.number() == number).ok_or_else(missing)?;
        match log.checkpoint(kept) {
            // A newer commit has deleted it, and the log was trimmed since.
            Err(Error::OffsetGone { .. }) => Err(missing()),
            read => read,
        }
    }

    /// The members of its group.
    fn leased_by(&self) -> Result<Option<String>> {
        let members = self.cluster.members(&self.group, "")?.len();
        let text = || format!("{members} members of group {}", self.group);
        Ok((members > 0).then(text))
    }

    fn members(&self) -> Result<Option<Vec<GroupMember>>> {
        let (_, context) = self.context()?;
        self.cluster.members(&self.group, &context.job.input().name).map(Some)
    }

    fn topics(&self) -> &dyn Queue {
        &self.topics
    }
}

impl CheckpointNames for KafkaStore {
    fn request_checkpoint(&self, name: &str) -> Result<()> {
        self.context()?;
        self.names.request(name)
    }

    /// Costs little while nothing is asked for, and a look at every partition while something is.
    fn checkpoint_requests(&self) -> Result<Vec<CheckpointRequest>> {
        match self.names.now()?.is_any_requested() {
            true => self.open_requests(&self.kept()?),
            false => Ok(Vec::new()),
        }
    }

    fn withdraw_request(&self, name: &str) -> Result<Option<CheckpointRequest>> {
        let asked = self.checkpoint_requests()?.into_iter().find(|asked| asked.name == name);
        asked.iter().try_for_each(|asked| self.names.end(&asked.id))?;
        Ok(asked)
    }

    fn name_newest_checkpoint(&self, name: &str) -> Result<()> {
        self.names.check_new(name)?;
        let mut numbers = Vec::new();
        for (partition, kept) in (0..).map(Partition).zip(self.kept()?) {
            let nothing = || Error::NothingToName { at: self.name(), partition };
            numbers.push(kept.last().map(KeptCheckpoint::number).ok_or_else(nothing)?);
        }
        let id = self.names.name(name, &numbers)?;
        // Those that were deleted before the name was there may be trimmed.
        let is_there = |(kept, number): (&Vec<KeptCheckpoint>, &u64)| {
            kept.iter().any(|kept| kept.number() == *number)
        };
        if self.kept()?.iter().zip(&numbers).all(is_there) {
            return Ok(());
        }
        self.names.end(&id)?;
        Err(Error::Busy { at: self.name(), doing: "naming the newest checkpoints" })
    }

    fn delete_checkpoint_name(&self, name: &str) -> Result<()> {
        self.context()?;
        self.names.delete(name)
    }
}

impl SinkState for KafkaStore {
    fn put_sink_position(&self, sink: &str, at: &[(Partition, Offset)]) -> Result<()> {
        let mut noting = self.noting.lock().unwrap_or_else(PoisonError::into_inner);
        let is_of = |topic: &Topic| at.iter().all(|(partition, _)| partition.0 < topic.partitions);
        // The topic may have new partitions.
        noting.retain(|name, known| name != sink || is_of(&known.rows));
        let SinkOffsets { rows, offsets } = match noting.entry(sink.to_owned()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let (_, context) = self.context()?;
                let rows = self.cluster.topic(context.job.main_topic())?;
                let offsets = GroupOffsets::new(&self.cluster, &self.sink_group(sink))?;
                new.insert(SinkOffsets { rows, offsets })
            }
        };
        at.iter().try_for_each(|&(partition, _)| validate::partition(rows, partition))?;
        if at.is_empty() { Ok(()) } else { offsets.commit(rows, at) }
    }

    fn put_sink_state(&self, sink: &str, key: &str, state: &[u8]) -> Result<()> {
        self.context()?;
        validate::sink_state(&self.name(), sink, key, state)?;
        JobTopic::new(&self.cluster).put_sink_state(&self.group, sink, key, state)
    }

    fn sink_state(&self, sink: &str, key: &str) -> Result<Option<Vec<u8>>> {
        self.context()?;
        JobTopic::new(&self.cluster).sink_state(&self.group, sink, key)
    }
}
