//! A job's store in the cluster: the topics of its outputs, the checkpoint log, the group's
//! offsets, and versions of tables.

mod checkpoint_log;
mod checkpoint_names;
mod checkpoint_record;
mod checkpoint_requests;
pub(crate) mod committer;
mod delivery;
mod job_context;
mod job_records;
pub(crate) mod job_topic;
mod last_view;
mod lease;
mod offset_metadata;
mod partition_state;
mod repair;
mod sink_state;
pub(crate) mod tables;
pub(crate) mod trim;
mod view;
mod viewed;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use self::checkpoint_names::CachedNames;
use self::checkpoint_names::settled::SettledCheckpoints;
use self::job_context::JobContext;
use self::job_topic::JobTopic;
use self::last_view::LastView;
use self::lease::KafkaLease;
use self::tables::index::SeenTables;
use self::tables::staged::StagedTables;
use self::trim::CHECKPOINTS;
use crate::ClusterAddress;
use crate::client::admin::{Admin, KEPT, KEYED, OUTPUT};
use crate::client::cluster::Cluster;
use crate::group::offsets::GroupOffsets;
use crate::group::scaling_lease::KafkaScalingLease;
use crate::group::sink_offsets::SinkOffsets;
use crate::group::transactional_id::SlotNames;
use crate::queue::KafkaQueue;
use seismic_queue::backend::validate;
use seismic_queue::{
    Checkpoint, Error, GroupMember, Job, JobStore, JournalEntry, Lease, LostOffset, Offset,
    Partition, Queue, Remedy, Result, ScalingLease, Span, Topic, View,
};

/// A store in a cluster.
pub struct KafkaStore {
    cluster: Cluster,
    group: String,
    slot: Option<String>,
    topics: KafkaQueue,
    names: Arc<CachedNames>,
    /// The client that asks for the group's offsets, made when they are asked for first.
    offsets: OnceLock<Arc<GroupOffsets>>,
    /// What was seen of its checkpoints while answers to a request were waited for.
    settled: Mutex<Option<SettledCheckpoints>>,
    /// The job as it was written down when it was looked for last.
    known: Mutex<Option<KnownJob>>,
    /// What was seen of the checkpoint topic when someone looked at the job last.
    last: Mutex<Option<Arc<LastView>>>,
    /// Whoever notes positions of a sink notes them often: what it needs is made once.
    noting: Mutex<BTreeMap<(String, usize), SinkOffsets>>,
    /// Versions of tables that its commits have to write.
    staged: Arc<StagedTables>,
    /// What is known of those that were written.
    tables: Mutex<SeenTables>,
}

/// What a job topic of that extent says of a group's job.
#[derive(Clone)]
struct KnownJob {
    extent: (Topic, Span),
    /// Of the store.
    id: String,
    job: Job,
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
        let (offsets, known, last) = (OnceLock::new(), Mutex::default(), Mutex::default());
        let (staged, tables, settled) = (Arc::default(), Mutex::default(), Mutex::default());
        Ok(KafkaStore {
            cluster,
            group,
            slot,
            topics,
            names,
            offsets,
            settled,
            known,
            last,
            noting,
            staged,
            tables,
        })
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
        store.forget_all_tables()?;
        trim::trim(&store.cluster, &context.checkpoints).map(drop)
    }

    /// A lease of the job whose outputs have these topics.
    fn owned(
        &self,
        admin: &Admin<'_>,
        job: &Job,
        output_ids: Vec<String>,
        is_widening: bool,
    ) -> Result<Box<dyn Lease>> {
        let checkpoints = admin.create(CHECKPOINTS, job.partitions(), &settings())?;
        admin.check_checkpoints(CHECKPOINTS)?;
        let checkpoints = admin.widen(checkpoints, job.partitions())?;
        let (names, staged) = (Arc::clone(&self.names), Arc::clone(&self.staged));
        let (cluster, job) = (self.cluster.clone(), job.clone());
        let context = JobContext { cluster, job, output_ids, checkpoints, names, staged };
        let slots = SlotNames::new(&self.group, self.slot.clone());
        let offsets = self.offsets()?;
        Ok(Box::new(KafkaLease { context: Arc::new(context), slots, offsets, is_widening }))
    }

    /// Its group's offsets, by one client for all that is asked of this store.
    fn offsets(&self) -> Result<Arc<GroupOffsets>> {
        if let Some(offsets) = self.offsets.get() {
            return Ok(Arc::clone(offsets));
        }
        let made = Arc::new(GroupOffsets::new(&self.cluster, &self.group)?);
        Ok(Arc::clone(self.offsets.get_or_init(|| made)))
    }

    fn missing(&self) -> Error {
        Error::StoreMissing { at: self.cluster.at.clone() }
    }

    /// Its job, read again when something was written down since.
    fn job(&self) -> Result<KnownJob> {
        let jobs = JobTopic::new(&self.cluster);
        let extent = jobs.extent()?.ok_or_else(|| self.missing())?;
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = known.filter(|known| known.extent == extent) {
            return Ok(known);
        }
        // What is written down meanwhile is read again the next time.
        let (id, job) = jobs.find(&self.group)?.ok_or_else(|| self.missing())?;
        let known = KnownJob { extent, id, job };
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(known.clone());
        Ok(known)
    }

    /// Its job as it was looked up last.
    fn known_job(&self) -> Option<Job> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().map(|known| known.job.clone())
    }

    /// Where the job topic ended when the job was looked up last.
    fn written_down(&self) -> Option<Offset> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().map(|known| known.extent.1.end)
    }

    /// Id of the store, and what is known of its job.
    fn context(&self) -> Result<(String, JobContext)> {
        let KnownJob { id, job, .. } = self.job()?;
        let checkpoints = match self.cluster.topic(CHECKPOINTS) {
            Err(Error::TopicMissing { .. }) => return Err(self.missing()),
            found => found?,
        };
        let (names, staged) = (Arc::clone(&self.names), Arc::clone(&self.staged));
        let (cluster, output_ids) = (self.cluster.clone(), Vec::new());
        Ok((id, JobContext { cluster, job, output_ids, checkpoints, names, staged }))
    }
}

/// What topics of a store are made with.
fn settings() -> Vec<(&'static str, &'static str)> {
    [&KEPT[..], &OUTPUT].concat()
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
        // Before a topic that is missing is recreated.
        match self.context() {
            Ok((_, context)) => self.compare_outputs(&context)?,
            Err(Error::StoreMissing { .. }) => {}
            Err(error) => return Err(error),
        }
        let admin = Admin::new(&self.cluster)?;
        let mut ids = Vec::new();
        for output in &job.outputs {
            let partitions = job.partitions_of(output);
            let settings = if output.is_keyed() { [KEPT, KEYED].concat() } else { settings() };
            let made = admin.create(&output.topic, partitions, &settings)?;
            ids.push(validate::same_topic(made, partitions)?.id);
            match output.is_keyed() {
                true => admin.check_keyed_output(&output.topic)?,
                false => admin.check_output(&output.topic)?,
            }
        }
        self.owned(&admin, job, ids, false)
    }

    fn rescale(&self, job: &Job) -> Result<Box<dyn Lease>> {
        validate::new_job(job)?;
        let (_, context) = self.context()?;
        validate::widened_job(&self.name(), &context.job, job)?;
        if let Some(by) = self.leased_by()? {
            return Err(Error::Owned { at: self.name(), by });
        }
        self.compare_outputs(&context)?;
        let admin = Admin::new(&self.cluster)?;
        let mut ids = Vec::new();
        for output in &job.outputs {
            let partitions = job.partitions_of(output);
            let wide = admin.widen(self.cluster.topic(&output.topic)?, partitions)?;
            ids.push(validate::same_topic(wide, partitions)?.id);
        }
        self.owned(&admin, job, ids, true)
    }

    fn view(&self) -> Result<View> {
        self.read_view()
    }

    fn journal(&self, partition: Partition, range: Range<u64>) -> Result<Vec<JournalEntry>> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(journal) = self.viewed_journal(partition, &range)? {
            return Ok(journal);
        }
        let (_, context) = self.context()?;
        validate::partition(context.job.input(), partition)?;
        let mut journal = context.log(partition).all()?.journal;
        journal.retain(|entry| range.contains(&entry.sequence));
        Ok(journal)
    }

    fn checkpoint(&self, partition: Partition, number: u64) -> Result<Checkpoint> {
        if let Some(checkpoint) = self.viewed_checkpoint(partition, number)? {
            return Ok(checkpoint);
        }
        let (_, context) = self.context()?;
        validate::partition(context.job.input(), partition)?;
        let at = self.name();
        let missing = || Error::CheckpointMissing { at: at.clone(), partition, number };
        let offsets = self.offsets()?;
        let Some((_, offset_metadata)) = context.committed_metadata(&offsets, partition)? else {
            return Err(missing());
        };
        let log = context.log(partition);
        let mut kept = log.at(&offset_metadata, offset_metadata.manifest)?.kept;
        self.names.now_patiently()?.settle(partition, &mut kept);
        let kept = kept.iter().find(|kept| kept.number() == number).ok_or_else(missing)?;
        match log.checkpoint(kept) {
            // A newer commit has deleted it, and the log was trimmed since.
            Err(Error::OffsetGone { .. }) => Err(missing()),
            read => read,
        }
    }

    fn lost_offsets(&self) -> Result<Vec<LostOffset>> {
        self.find_lost_offsets()
    }

    fn put_offsets_back(&self, lost: &[LostOffset]) -> Result<()> {
        self.commit_lost_offsets(lost)
    }

    /// What any broker says of all.
    fn rests_for(&self) -> Result<Option<Duration>> {
        const KEY: &str = "offsets.retention.minutes";
        let admin = Admin::new(&self.cluster)?;
        let Some(broker) = self.cluster.brokers()?.into_iter().next() else { return Ok(None) };
        let settings = admin.broker_settings(broker)?;
        let minutes = settings.get(KEY).and_then(|minutes| minutes.parse::<u64>().ok());
        Ok(minutes.map(|minutes| Duration::from_secs(minutes.saturating_mul(60))))
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

    fn scaling_lease(&self) -> Result<Option<Box<dyn ScalingLease>>> {
        let KnownJob { job, .. } = self.job()?;
        let lease = KafkaScalingLease::new(&self.cluster, &self.group, job.input())?;
        Ok(Some(Box::new(lease)))
    }

    fn topics(&self) -> &dyn Queue {
        &self.topics
    }
}
