//! The name of a slot that has another member id, on a real broker: that of the slot itself, which has
//! joined again, or that of another process.

use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, mpsc};

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::consumer::ConsumerContext;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::RDKafkaRespErr;

use super::*;
use crate::client::connection::Quiet;
use crate::tests::{GROUP, OnKafka};
use crate::{ClusterAddress, KafkaQueue, KafkaStore};
use seismic_queue::conformance::Backend as _;
use seismic_queue::{
    Block, Commit, CommitError, Committer, Job, JobStore as _, Lease, PartitionCommit,
};

/// What only a hang meets.
const PATIENCE: Duration = Duration::from_secs(120);

/// One process with the slot.
struct Process {
    lease: Box<dyn Lease>,
    committer: Box<dyn Committer>,
    source: GroupSource,
}

impl Process {
    /// Joins by the name of the slot, and waits for its partitions.
    fn joined(on: &OnKafka, job: &Job) -> Process {
        let (group, slot) = (Some(GROUP.to_owned()), Some("s".to_owned()));
        let address = ClusterAddress { group, slot, ..on.address.clone() };
        let lease = KafkaStore::open(&address).unwrap().acquire(job).unwrap();
        let shared = lease.shared().expect("workers share a job of Kafka");
        let member = shared.member(0, 1).unwrap();
        assert!(member.is_named, "a slot with a name is a member with a name");
        let committer = shared.committer_of(&member).unwrap();
        let cluster = KafkaQueue::open(&on.address).unwrap().cluster;
        let gate = Arc::new(StartGate::new(1));
        let source = GroupSource::join(&cluster, job.input(), &member, gate).unwrap();
        let mut process = Process { lease, committer, source };
        process.wait_for_partitions();
        process
    }

    fn wait_for_partitions(&mut self) {
        let began = Instant::now();
        loop {
            let event = self.source.poll(Duration::from_millis(10), &mut Vec::new()).unwrap();
            if matches!(event, Event::Assigned(_)) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "it is given nothing");
        }
    }

    fn load(&mut self, token: &FencingToken) -> Option<u64> {
        let found = self.committer.load(token, &[Partition(1)]).unwrap();
        found[0].progress.as_ref().map(|progress| progress.number)
    }

    /// Commits a row as the commit of that number.
    fn commit(
        &mut self,
        token: &FencingToken,
        number: u64,
    ) -> std::result::Result<(), CommitError> {
        let mut rows = Block::default();
        rows.push(b"key", b"row").unwrap();
        let next = Offset(number);
        let outputs = vec![rows, Block::default()];
        let new = PartitionCommit { number, next, outputs, ..PartitionCommit::new(Partition(1)) };
        self.committer.commit(token, &Commit { partitions: vec![new] })
    }

    /// Why it ends.
    fn ends(&mut self) -> Error {
        let began = Instant::now();
        loop {
            match self.source.poll(Duration::from_millis(10), &mut Vec::new()) {
                Err(error) => return error,
                Ok(Event::Assigned(given)) => panic!("it has come back, with {given:?}"),
                Ok(_) => assert!(began.elapsed() < PATIENCE, "it does not end"),
            }
        }
    }
}

fn is_outlived(token: &FencingToken) -> bool {
    token.of_backend::<Membership>().unwrap().is_outlived()
}

fn job(on: &OnKafka) -> Job {
    Job::plain(GROUP, on.queue().create("in", 2).unwrap(), ["rows", "dead"])
}

#[test]
fn a_slot_that_has_joined_again_goes_on_after_a_commit_by_the_place_that_it_had_before() {
    let Some(on) = OnKafka::new() else { return };
    let mut slot = Process::joined(&on, &job(&on));
    let before = slot.source.fencing_token();
    assert_eq!(slot.load(&before), None);
    slot.commit(&before, 1).unwrap();
    // As after a session without an answer of the coordinator: the same slot has another member id,
    // and a commit is still under way.
    slot.source.begins_again = true;
    assert!(matches!(slot.source.lost(), Some(Event::Lost(_))));
    slot.wait_for_partitions();
    let error = slot.commit(&before, 2).unwrap_err();
    assert!(matches!(error, CommitError::Rebuild(_)), "{error:?}");
    assert!(is_outlived(&before), "the broker has said so: {error:?}");
    assert!(!slot.source.is_lost(), "only the place before is worthless");
    let now = slot.source.fencing_token();
    assert_eq!(slot.load(&now), Some(1), "what was refused is not there");
    slot.commit(&now, 2).unwrap();
    drop(slot.lease);
}

#[test]
fn a_process_whose_slot_another_one_has_taken_ends_and_does_not_take_it_back() {
    let Some(on) = OnKafka::new() else { return };
    let job = job(&on);
    let mut older = Process::joined(&on, &job);
    let place = older.source.fencing_token();
    older.load(&place);
    older.commit(&place, 1).unwrap();
    let mut newer = Process::joined(&on, &job);
    // Its commit may hear of it before its member does: then it knows only that its place is gone.
    let error = older.commit(&place, 2).unwrap_err();
    assert!(matches!(error, CommitError::Rebuild(_)), "{error:?}");
    assert!(is_outlived(&place), "the broker has said so: {error:?}");
    assert!(older.source.is_lost(), "so no client of the slot's transactional id is opened");
    let token = newer.source.fencing_token();
    assert_eq!(newer.load(&token), Some(1));
    newer.commit(&token, 2).unwrap();
    for _ in 0..2 {
        let error = older.ends();
        assert!(matches!(error, Error::SlotTaken { .. }), "{error}");
    }
    drop(older);
    newer.commit(&token, 3).unwrap();
    assert!(!newer.source.is_lost(), "nobody has taken it back");
}

/// As a broker has it that dies before it has stored who has joined: an earlier process has the name, which
/// has long ended and has not left.
#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_slot_on_kafka_whose_name_a_process_has_that_is_gone_waits_for_its_session_and_goes_on() {
    let Some(on) = OnKafka::new() else { return };
    let mut slot = Process::joined(&on, &job(&on));
    let before = slot.source.fencing_token();
    assert_eq!(slot.load(&before), None);
    slot.commit(&before, 1).unwrap();
    let GroupSource { cluster, topic, member, .. } = &slot.source;
    let gone = subscribed(cluster, topic, member).unwrap();
    let began = Instant::now();
    while gone.context().next().is_none() {
        drop(gone.poll(Duration::from_millis(10)));
        assert!(began.elapsed() < PATIENCE, "it does not join");
    }
    gone.context().begin_closing();
    // librdkafka leaves no group for a member with a name.
    drop(gone);
    slot.wait_for_partitions();
    let now = slot.source.fencing_token();
    assert_eq!(slot.load(&now), Some(1));
    slot.commit(&now, 2).unwrap();
}

#[test]
fn a_place_that_is_worthless_for_longer_than_a_session_is_another_processs() {
    let Some(on) = OnKafka::new() else { return };
    let mut slot = Process::joined(&on, &job(&on));
    // The group goes on answering it, and commits are refused all the same.
    slot.source.place.as_ref().unwrap().outlive();
    let now = Instant::now();
    slot.source.check_place(now).unwrap();
    let session = slot.source.cluster.settings.session();
    slot.source.check_place(now + session).unwrap();
    let error = slot.source.check_place(now + session + limits::OUTLIVED_WAIT).unwrap_err();
    assert!(matches!(error, Error::SlotTaken { .. }), "{error}");
}

/// A client that asks to become a member of the group.
fn joining<C: ConsumerContext>(
    cluster: &MockCluster<'_, DefaultProducerContext>,
    context: C,
) -> BaseConsumer<C> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", cluster.bootstrap_servers()).set("group.id", GROUP);
    config.set("heartbeat.interval.ms", "100");
    let consumer: BaseConsumer<C> = make_with(&config, context).unwrap();
    consumer.subscribe(&["in"]).unwrap();
    consumer
}

/// As when all workers of a job are stopped at the same moment: the group asks for partitions since one
/// has left or come, and the next one is stopped before it has answered.
#[test]
fn a_member_that_has_not_answered_the_group_is_closed_at_once() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("in", 2, 1).unwrap();
    let member = Arc::new(joining(&cluster, RebalanceListener::default()));
    let mut other = None;
    let began = Instant::now();
    loop {
        drop(member.poll(Duration::from_millis(10)));
        match member.context().next() {
            Some(GroupEvent::Assigned(..)) => other = Some(joining(&cluster, Quiet)),
            Some(GroupEvent::Revoked) => break,
            _ => assert!(began.elapsed() < PATIENCE, "the group asks for nothing"),
        }
    }
    member.context().begin_closing();
    assert!(close_within(&member, PATIENCE), "it is closed");
    drop(other);
}

/// Answers its group when it is told to, which a client that is being closed waits for.
struct Silent {
    has_partitions: AtomicBool,
    answers: Mutex<mpsc::Receiver<()>>,
}

impl ClientContext for Silent {}

impl ConsumerContext for Silent {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Silent>,
        code: RDKafkaRespErr,
        given: &mut TopicPartitionList,
    ) {
        if code == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            consumer.assign(given).unwrap();
            return self.has_partitions.store(true, Ordering::Relaxed);
        }
        self.answers.lock().unwrap().recv().unwrap();
        consumer.unassign().unwrap();
    }
}

#[test]
fn a_stop_does_not_wait_for_a_member_that_does_not_end() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("in", 2, 1).unwrap();
    let (answer, answers) = mpsc::channel();
    let silent = Silent { has_partitions: AtomicBool::new(false), answers: Mutex::new(answers) };
    let member = Arc::new(joining(&cluster, silent));
    let began = Instant::now();
    while !member.context().has_partitions.load(Ordering::Relaxed) {
        drop(member.poll(Duration::from_millis(10)));
        assert!(began.elapsed() < PATIENCE, "it is given nothing");
    }
    assert!(!close_within(&member, Duration::from_millis(200)), "it is left");
    answer.send(()).unwrap();
}
