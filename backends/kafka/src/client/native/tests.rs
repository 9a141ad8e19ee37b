//! Calls every function of the file once, on the mock cluster of librdkafka, so that Valgrind can
//! check their memory use: `backends/kafka/valgrind.sh`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Instant;

use rdkafka::ClientConfig;
use rdkafka::Offset;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};

use super::super::connection::{Quiet, make_with};
use super::*;

const TOPIC: &str = "in";
const WAIT: Duration = Duration::from_millis(100);
/// Under Valgrind everything takes fifty times as long.
const PATIENCE: Duration = Duration::from_secs(120);

type Mock = MockCluster<'static, DefaultProducerContext>;

/// A cluster with a topic of one partition, in which the messages `0..count` are.
fn cluster(count: usize) -> Mock {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic(TOPIC, 1, 1).unwrap();
    let producer: BaseProducer = config(&cluster).create().unwrap();
    for i in 0..count {
        let (key, value) = (format!("key {i}"), vec![b'v'; i]);
        let record = BaseRecord::to(TOPIC).partition(0).payload(&value);
        // One without a key, and one without anything in it.
        let record = if i == 1 { record } else { record.key(&key) };
        producer.send(record).unwrap();
    }
    producer.flush(PATIENCE).unwrap();
    cluster
}

fn config(cluster: &Mock) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", cluster.bootstrap_servers());
    config.set("group.id", "group").set("enable.partition.eof", "true");
    config.set("auto.offset.reset", "earliest");
    config
}

fn consumer(cluster: &Mock) -> Arc<BaseConsumer<Quiet>> {
    Arc::new(make_with(&config(cluster), Quiet).unwrap())
}

/// An inbox into which the topic is led from its beginning on.
fn inbox(cluster: &Mock) -> Inbox<Quiet> {
    let inbox = Inbox::new(consumer(cluster));
    inbox.lead(TOPIC, 0);
    let mut at = TopicPartitionList::new();
    at.add_partition_offset(TOPIC, 0, Offset::Beginning).unwrap();
    inbox.consumer().assign(&at).unwrap();
    inbox
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what}");
    }
}

#[test]
fn messages_come_out_with_all_their_bytes_and_then_the_end() {
    const COUNT: usize = 300;
    let cluster = cluster(COUNT);
    let mut inbox = inbox(&cluster);
    let (mut seen, mut end) = (Vec::new(), None);
    until("the end", || {
        inbox.poll(WAIT, |item| match item {
            Item::Message { offset, key, value, append_ms, .. } => {
                assert!(append_ms > 0);
                seen.push((offset, key.to_vec(), value.to_vec()));
            }
            Item::End { offset, .. } => end = Some(offset),
            Item::Error { code, .. } => panic!("{code}"),
        });
        end.is_some()
    });
    assert_eq!(end, Some(COUNT as i64));
    let key = |i: usize| if i == 1 { vec![] } else { format!("key {i}").into_bytes() };
    let sent: Vec<_> = (0..COUNT).map(|i| (i as i64, key(i), vec![b'v'; i])).collect();
    assert_eq!(seen, sent);
}

#[test]
fn messages_are_given_back_when_looking_at_them_panics_and_when_nobody_takes_them() {
    let cluster = cluster(50);
    let mut inbox = inbox(&cluster);
    until("a panic", || {
        let take = || inbox.poll(WAIT, |_| std::panic::resume_unwind(Box::new("looking")));
        catch_unwind(AssertUnwindSafe(take)).is_err()
    });
    assert!(inbox.slots.iter().all(|slot| slot.is_null()));
    drop(inbox);
    let unread = self::inbox(&cluster);
    std::thread::sleep(WAIT);
    drop(unread);
}

#[test]
fn a_topic_has_an_id_and_one_that_is_not_there_has_none() {
    let cluster = cluster(0);
    let consumer = consumer(&cluster);
    let id = |topic, wait| topic_id(consumer.client(), topic, Some(1), wait);
    let known = id(TOPIC, PATIENCE).unwrap();
    assert!(known.as_ref().is_some_and(|id| id.len() == 22), "{known:?}");
    assert_ne!(id("out", PATIENCE), Ok(known));
    assert_eq!(id(TOPIC, Duration::ZERO), Err(RDKafkaErrorCode::OperationTimedOut));
}

/// Counts attempts to connect, by what librdkafka says now and then.
#[derive(Default)]
struct Connects {
    attempts: AtomicI64,
    heard: AtomicU64,
}

impl ClientContext for Connects {
    fn stats_raw(&self, json: &[u8]) {
        let text = String::from_utf8_lossy(json);
        let each = text.split("\"connects\":").skip(1).filter_map(|rest| {
            rest.split(|it: char| !it.is_ascii_digit()).next()?.parse::<i64>().ok()
        });
        self.attempts.fetch_max(each.sum(), Ordering::Relaxed);
        self.heard.fetch_add(1, Ordering::Relaxed);
    }
}

impl ConsumerContext for Connects {}

#[test]
fn asking_for_an_id_while_no_broker_is_there_does_not_connect_again_and_again() {
    let cluster = cluster(0);
    let mut config = config(&cluster);
    config.set("statistics.interval.ms", "100").set("metadata.recovery.strategy", "none");
    let consumer: BaseConsumer<Connects> = make_with(&config, Connects::default()).unwrap();
    topic_id(consumer.client(), TOPIC, Some(1), PATIENCE).unwrap();
    cluster.broker_down(1).unwrap();
    let span = Duration::from_secs(3);
    assert!(topic_id(consumer.client(), TOPIC, Some(1), span).is_err());
    let connects: &Connects = consumer.context();
    let heard = connects.heard.load(Ordering::Relaxed);
    // Those of the time of the question are heard first: 30 of them.
    until("figures", || {
        consumer.poll(WAIT);
        connects.heard.load(Ordering::Relaxed) >= heard + 35
    });
    // With pauses of at least 50 ms; without any there are thousands.
    let attempts = connects.attempts.load(Ordering::Relaxed);
    assert!(attempts < 300, "{attempts} attempts to connect in {span:?}");
}

#[test]
fn a_member_has_a_name_and_others_have_none() {
    let cluster = cluster(0);
    let member = consumer(&cluster);
    assert_eq!(membership(&member), None);
    member.subscribe(&[TOPIC]).unwrap();
    until("it is a member", || {
        member.poll(WAIT);
        membership(&member).is_some_and(|(name, generation)| !name.is_empty() && generation >= 0)
    });
}

#[test]
fn what_stands_beside_an_offset_is_read_whatever_it_is() {
    let mut list = TopicPartitionList::new();
    list.add_partition(TOPIC, 0);
    list.add_partition(TOPIC, 1).set_metadata("text beside it");
    assert_eq!(metadata(&list, 0), b"");
    assert_eq!(metadata(&list, 1), b"text beside it");
}
