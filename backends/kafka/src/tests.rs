//! The conformance suite on a real broker, and tests of what only Kafka has.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use seismic_brokers::Kafka;

use crate::ClusterAddress;
use crate::client::admin::Admin;
use crate::{KafkaQueue, KafkaStore};
use seismic_queue::conformance::Backend;
use seismic_queue::{
    Block, Commit, CommitError, Committer, Error, Event, FencingToken, Fingerprint, Job, JobStore,
    LastRow, Lease, Member, Offset, Partition, PartitionCommit, Queue, Recovered, Result, Source,
};

/// What only a hang meets.
const PATIENCE: Duration = Duration::from_secs(240);

/// Looks again and again, until it is so.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "waited for: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A broker of this test process, which is made at its first use. Each check has one for itself,
/// and most of its time is waiting for it: so there are as many as checks run at once.
struct Broker {
    kafka: OnceLock<Option<Kafka>>,
    alone: Mutex<()>,
}

static BROKERS: [Broker; 4] =
    [const { Broker { kafka: OnceLock::new(), alone: Mutex::new(()) } }; 4];

impl Broker {
    /// One that no other check uses, the first one where all are used.
    fn free() -> (&'static Broker, MutexGuard<'static, ()>) {
        let free = BROKERS.iter().find_map(|broker| match broker.alone.try_lock() {
            Ok(alone) => Some((broker, alone)),
            Err(TryLockError::Poisoned(error)) => Some((broker, error.into_inner())),
            Err(TryLockError::WouldBlock) => None,
        });
        free.unwrap_or_else(|| {
            let [first, ..] = &BROKERS;
            (first, first.alone.lock().unwrap_or_else(PoisonError::into_inner))
        })
    }
}

pub(crate) fn address(brokers: &str) -> ClusterAddress {
    ClusterAddress { brokers: brokers.to_owned(), group: None, slot: None, options: Vec::new() }
}

/// An empty cluster, for one test at a time, and the member of the group that has all partitions.
pub(crate) struct OnKafka {
    pub(crate) kafka: &'static Kafka,
    pub(crate) address: ClusterAddress,
    member: Mutex<Option<Box<dyn Source>>>,
    _alone: MutexGuard<'static, ()>,
}

impl OnKafka {
    /// `None` where there can be no broker.
    pub(crate) fn new() -> Option<OnKafka> {
        let (broker, alone) = Broker::free();
        let kafka = broker.kafka.get_or_init(Kafka::one).as_ref()?;
        let address = address(&kafka.address());
        let queue = KafkaQueue::open(&address).unwrap();
        let topics = queue.topics().unwrap();
        let names: Vec<&str> = topics.iter().map(|topic| topic.name.as_str()).collect();
        if !names.is_empty() {
            Admin::new(&queue.cluster).unwrap().delete(&names);
        }
        until("the topics are gone", || queue.topics().unwrap().is_empty());
        Some(OnKafka { kafka, address, member: Mutex::default(), _alone: alone })
    }

    /// The claim of the group's only member, which joins it the first time. It is not polled again:
    /// no one else joins, so it keeps what it has.
    fn fencing_token(&self) -> FencingToken {
        let mut member = self.member.lock().unwrap();
        let member = member.get_or_insert_with(|| {
            let queue = self.queue();
            // The first input of the suite's job.
            let input = ["in", "left"].into_iter().find_map(|name| queue.topic(name).ok());
            let topic = input.expect("the suite made the input of its job");
            let (group, slot) = (GROUP.to_owned(), "s".to_owned());
            let who = Member { group, slot, is_named: false, slots: 1, takes_all: false };
            let mut source = queue.member(&topic, &who).unwrap();
            let began = Instant::now();
            while !matches!(
                source.poll(Duration::from_millis(10), &mut Vec::new()).unwrap(),
                Event::Assigned(_)
            ) {
                assert!(began.elapsed() < Duration::from_secs(60), "it is given nothing");
            }
            source
        });
        member.fencing_token()
    }
}

/// Group of the suite's job.
pub(crate) const GROUP: &str = "group";

/// Commits by the claim of a member of the group, where the suite knows of none.
struct Claiming {
    inner: Box<dyn Committer>,
    token: FencingToken,
}

impl Committer for Claiming {
    fn load(&mut self, _: &FencingToken, partitions: &[Partition]) -> Result<Vec<Recovered>> {
        self.inner.load(&self.token, partitions)
    }

    fn commit(
        &mut self,
        _: &FencingToken,
        commit: &Commit,
    ) -> std::result::Result<(), CommitError> {
        self.inner.commit(&self.token, commit)
    }
}

impl Backend for OnKafka {
    fn queue(&self) -> Box<dyn Queue> {
        Box::new(KafkaQueue::open(&self.address).unwrap())
    }

    fn store(&self) -> Box<dyn JobStore> {
        let group = Some(GROUP.to_owned());
        Box::new(KafkaStore::open(&ClusterAddress { group, ..self.address.clone() }).unwrap())
    }

    fn committer(&self, lease: &dyn Lease) -> Box<dyn Committer> {
        let worker = lease.shared().expect("workers share a job of Kafka");
        let member = worker.member(0, 1).unwrap();
        let (inner, token) = (worker.committer_of(&member).unwrap(), self.fencing_token());
        let mut committer = Claiming { inner, token };
        // A slot loads what it is given before it commits.
        committer.load(&FencingToken::Sole, &[Partition(0), Partition(1)]).unwrap();
        Box::new(committer)
    }

    /// The end of a transaction takes an offset of every partition that it wrote to.
    fn gap(&self) -> u64 {
        1
    }

    fn quiet(&self) -> Duration {
        Duration::from_millis(700)
    }

    fn break_lock(&self) {}

    fn damage(&self, _: Partition, _: u64) {}
}

seismic_queue::conformance! { OnKafka::new(); without
    // Its store is shared: it has members of a group for owners, no one is refused for being the
    // second, and what fences is the group, which tests of whole jobs prove.
    owning::a_store_says_who_owns_it
    owning::a_second_owner_is_refused_and_told_who_it_is
    owning::a_store_is_free_when_owner_and_committers_are_gone
    owning::a_newer_epoch_fences_the_older_committer
    // A view asks for one partition after the other, and commits continue meanwhile.
    committing::a_view_never_shows_half_a_commit
    // No one can change a byte of its log from outside.
    recovering::a_damaged_checkpoint_is_passed_over_with_its_journal
    // Its journal goes with the head of the checkpoint topic: `store/trim.rs`.
    recovering::the_journal_is_pruned_up_to_the_oldest_checkpoint
    // It would hold the log of all groups from there on.
    naming::a_checkpoint_may_be_born_with_a_name
    shaping::an_older_committer_moves_no_input_and_writes_no_keyed_row
    // It takes nothing back.
    rewinding
    shape_rewinding
    // The client hands out messages as they come, and batches are made of those.
    reading::partitions_take_turns
    reading::small_blocks_share_a_batch_and_batches_stay_small
    // It keeps messages by its own rules, and knows no holds.
    retaining
}

/// Commits two rows of partition 1, in each of both outputs.
fn commit_rows(on: &OnKafka, job: &Job) {
    let lease = on.store().acquire(job).unwrap();
    let mut rows = Block::default();
    for value in ["a", "b"] {
        rows.push(b"key", value.as_bytes()).unwrap();
    }
    let new = PartitionCommit::new(Partition(1));
    let new =
        PartitionCommit { number: 1, next: Offset(1), outputs: vec![rows.clone(), rows], ..new };
    let commit = Commit { partitions: vec![new] };
    on.committer(&*lease).commit(&FencingToken::Sole, &commit).unwrap();
}

#[test]
fn a_view_says_which_row_was_the_last_and_a_topic_made_again_is_refused_and_left_alone() {
    let Some(on) = OnKafka::new() else { return };
    let job = Job::plain(GROUP, on.queue().create("in", 2).unwrap(), ["rows", "dead"]);
    commit_rows(&on, &job);
    let store = on.store();
    let view = store.view().unwrap();
    for (place, name) in ["rows", "dead"].into_iter().enumerate() {
        let topic = store.topics().topic(name).unwrap();
        let LastRow { topic_id, next, row } =
            view.partitions[1].outputs[place].last.clone().unwrap();
        assert_eq!((topic_id, next), (topic.id.clone(), Offset(2)));
        let found = Fingerprint::find(store.topics(), &topic, Partition(1), Offset(1)).unwrap();
        assert!(found.is_some() && found == row, "{found:?} {row:?}");
    }
    store.acquire(&job).unwrap();
    let queue = KafkaQueue::open(&on.address).unwrap();
    Admin::new(&queue.cluster).unwrap().delete(&["rows"]);
    let refused = || {
        let error = on.store().acquire(&job).err().expect("it is refused");
        assert!(matches!(error, Error::OutputDiffers { .. }), "{error}");
        error.to_string()
    };
    until("the topic is gone", || on.queue().topic("rows").is_err());
    assert!(refused().contains("no such topic"));
    assert!(on.queue().topic("rows").is_err(), "none is made in its place");
    let error = on.store().view().unwrap_err();
    assert!(matches!(error, Error::OutputDiffers { .. }), "{error}");
    on.queue().create("rows", 2).unwrap();
    assert!(refused().contains("is another one (id "));
}
