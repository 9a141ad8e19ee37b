//! Our fetcher reads the same messages as librdkafka on a real broker, and handles faulty brokers,
//! on the mock cluster of librdkafka.

mod unreplicated;

use std::io::Write as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rdkafka::bindings::rd_kafka_resp_err_t as RespErr;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};
use rdkafka::types::RDKafkaApiKey;

use super::*;
use crate::ClusterAddress;
use crate::KafkaQueue;
use crate::client::admin::{Admin, INPUT, KEPT};
use crate::client::native::topic_id;
use crate::error_kind::{NotAllowed, Resource};
use crate::tests::{OnKafka, address};
use seismic_queue::Message;

const P0: Partition = Partition(0);
const PATIENCE: Duration = Duration::from_secs(60);
/// A setting of librdkafka's own reading, which has it read.
const THEIRS: (&str, &str) = ("queued.min.messages", "50000");

/// One message: partition, offset, ms, key, value.
type Seen = (u32, u64, i64, Vec<u8>, Vec<u8>);

/// A clean cluster, and the two ways to read it.
struct Both {
    on: OnKafka,
    ours: Cluster,
    theirs: Cluster,
}

fn cluster(brokers: &str, options: &[(&str, &str)]) -> Cluster {
    let options = options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let address = ClusterAddress { options: options.collect(), ..address(brokers) };
    KafkaQueue::open(&address).unwrap().cluster
}

fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        assert!(began.elapsed() < PATIENCE, "{what}");
        if let Some(found) = found() {
            return found;
        }
    }
}

/// Reads from these offsets on until every partition has said that its end is at `ends`.
fn read(
    cluster: &Cluster,
    topic: &Topic,
    from: &[(Partition, Offset)],
    ends: &[Offset],
) -> Vec<Seen> {
    let mut fetcher = Fetcher::new(cluster, topic);
    let is_theirs = cluster.settings.given().contains_key(THEIRS.0);
    assert_eq!(matches!(fetcher.source, MessageSource::Librdkafka(_)), is_theirs);
    fetcher.start(from).unwrap();
    let (mut seen, mut spare) = (Vec::new(), Vec::new());
    let mut left: Vec<_> = from.iter().map(|(partition, _)| *partition).collect();
    until("the ends", || {
        match fetcher.read(Duration::from_millis(50), &mut spare).unwrap() {
            Event::Batch(batch) => {
                let partition = batch.partition().0;
                seen.extend(batch.messages().map(|message| {
                    let Message { offset, append_ms, key, value } = message;
                    (partition, offset.0, append_ms, key.to_vec(), value.to_vec())
                }));
                spare.push(batch);
            }
            Event::CaughtUp(partition, at) if at == ends[partition.0 as usize] => {
                left.retain(|other| *other != partition);
            }
            Event::CaughtUp(..) | Event::Nothing => {}
            other => panic!("{other:?}"),
        }
        left.is_empty().then_some(())
    });
    assert_eq!(
        matches!(fetcher.source, MessageSource::Librdkafka(_)),
        is_theirs,
        "nobody has taken over"
    );
    seen.sort();
    seen
}

impl Both {
    fn new() -> Option<Both> {
        let on = OnKafka::new()?;
        let (ours, theirs) =
            (cluster(&on.address.brokers, &[]), cluster(&on.address.brokers, &[THEIRS]));
        Some(Both { on, ours, theirs })
    }

    /// A topic that takes messages of any length, with a further setting.
    fn topic(&self, partitions: u32, further: &[(&str, &str)]) -> Topic {
        let admin = Admin::new(&self.ours).unwrap();
        let settings: Vec<_> = KEPT.iter().chain(&INPUT[1..]).chain(further).copied().collect();
        admin.create("in", partitions, &settings).unwrap()
    }

    fn producer(&self, settings: &[(&str, &str)]) -> BaseProducer {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.on.address.brokers);
        config.set("message.max.bytes", "16000000");
        settings.iter().for_each(|(key, value)| {
            config.set(*key, *value);
        });
        config.create().unwrap()
    }

    /// Reads from these offsets on up to where transactions are over, in both ways, which must see
    /// the same.
    fn read(&self, topic: &Topic, from: &[(Partition, Offset)]) -> Vec<Seen> {
        let ends = self.ours.settled_ends(topic).unwrap();
        let ours = read(&self.ours, topic, from, &ends);
        let theirs = read(&self.theirs, topic, from, &ends);
        if let Some((ours, theirs)) = ours.iter().zip(&theirs).find(|(ours, theirs)| ours != theirs)
        {
            panic!("offset {} of ours, {} of theirs", ours.1, theirs.1);
        }
        assert_eq!(ours.len(), theirs.len());
        ours
    }

    /// As [`Both::read`], from the beginning and from each of these offsets of partition 0.
    fn read_from(&self, topic: &Topic, offsets: &[u64]) -> Vec<Seen> {
        for &offset in offsets {
            self.read(topic, &[(P0, Offset(offset))]);
        }
        let all: Vec<_> = topic.all().map(|partition| (partition, Offset(0))).collect();
        self.read(topic, &all)
    }
}

/// Sends messages of all kinds: without a key, without a value, with headers, with a time of their
/// own.
fn send(producer: &BaseProducer, partition: i32, values: impl Iterator<Item = String>) {
    for (number, value) in values.enumerate() {
        let key = format!("key {number}");
        let mut record = BaseRecord::to("in").partition(partition);
        record = record.timestamp(1_600_000_000_000 + (number as i64 * 7_919) % 1_000);
        if number % 7 != 1 {
            record = record.key(&key);
        }
        if number % 5 != 1 {
            record = record.payload(&value);
        }
        if number % 3 == 1 {
            let header = Header { key: "h", value: Some(&value) };
            record = record.headers(OwnedHeaders::new().insert(header));
        }
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(PATIENCE).unwrap();
}

fn values(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| format!("value {number} ").repeat(number % 20))
}

fn texts(seen: &[Seen]) -> Vec<String> {
    seen.iter().map(|it| String::from_utf8_lossy(&it.4).into_owned()).collect()
}

#[test]
fn messages_of_every_compression_and_kind_are_read_as_librdkafka_reads_them() {
    let Some(both) = Both::new() else { return };
    for stamps in ["LogAppendTime", "CreateTime"] {
        let topic = both.topic(2, &[("message.timestamp.type", stamps)]);
        for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
            let producer = both.producer(&[("compression.codec", codec), ("linger.ms", "20")]);
            send(&producer, 0, values(300));
            send(&producer, 1, values(50));
        }
        let seen = both.read_from(&topic, &[1, 17, 299, 300, 750, 1_499, 1_500]);
        assert_eq!(seen.len(), 1_750);
        Admin::new(&both.ours).unwrap().delete(&["in"]);
        until("it is gone", || both.ours.topics().unwrap().is_empty().then_some(()));
    }
}

#[test]
fn what_javas_producer_compresses_is_read_as_librdkafka_reads_it() {
    let Some(both) = Both::new() else { return };
    let topic = both.topic(1, &[]);
    let mut sent = Vec::new();
    for codec in ["gzip", "snappy", "lz4", "zstd"] {
        let mut producer = both.on.kafka.tool("kafka.tools.ConsoleProducer");
        producer.args(["--bootstrap-server", &both.on.address.brokers, "--topic", "in"]);
        producer.args(["--compression-codec", codec, "--batch-size", "100000"]);
        let mut producer = producer.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let line = |number: usize| format!("{codec} {number} {}", "abc".repeat(number % 50));
        let lines: Vec<_> = (0..2_000).map(line).collect();
        let mut stdin = producer.stdin.take().unwrap();
        stdin.write_all((lines.join("\n") + "\n").as_bytes()).unwrap();
        drop(stdin);
        assert!(producer.wait().unwrap().success());
        sent.extend(lines);
    }
    assert_eq!(texts(&both.read_from(&topic, &[5, 2_500, 5_999, 7_998])), sent);
    let ends = both.ours.settled_ends(&topic).unwrap();
    let tail = read(&both.ours, &topic, &[(P0, Offset(7_998))], &ends);
    assert_eq!(texts(&tail), sent[7_998..]);
}

#[test]
fn only_what_is_committed_is_read_and_the_end_is_where_open_transactions_begin() {
    let Some(both) = Both::new() else { return };
    let topic = both.topic(1, &[]);
    let transactional = |id| {
        let producer = both.producer(&[("transactional.id", id), ("linger.ms", "0")]);
        producer.init_transactions(PATIENCE).unwrap();
        producer
    };
    let (a, b, plain) = (transactional("a"), transactional("b"), both.producer(&[]));
    let say = |producer: &BaseProducer, value: &str| {
        send(producer, 0, [value, value].map(str::to_owned).into_iter());
    };
    let begin = |producer: &BaseProducer| producer.begin_transaction().unwrap();
    let commit = |producer: &BaseProducer| producer.commit_transaction(PATIENCE).unwrap();
    let abort = |producer: &BaseProducer| producer.abort_transaction(PATIENCE).unwrap();
    say(&plain, "plain 1");
    for round in 0..3 {
        begin(&a);
        say(&a, "a commits");
        begin(&b);
        say(&b, "b aborts");
        say(&a, "a commits");
        say(&plain, "plain 2");
        if round == 1 {
            abort(&b);
            begin(&b);
            say(&b, "b commits");
            commit(&a);
            commit(&b);
        } else {
            commit(&a);
            say(&b, "b aborts");
            abort(&b);
        }
    }
    // The log ends with the end of a transaction that does not count.
    let end = both.ours.end("in", P0).unwrap();
    let seen = both.read_from(&topic, &(0..=end.0).collect::<Vec<_>>());
    assert!(texts(&seen).iter().all(|text| !text.contains("aborts")));
    assert_eq!(seen.len(), 2 + 3 * 6 + 2);
    begin(&a);
    say(&a, "a is open");
    say(&plain, "behind it");
    let settled = both.ours.settled_ends(&topic).unwrap();
    assert!(settled[0] < both.ours.end("in", P0).unwrap());
    assert_eq!(both.read_from(&topic, &[settled[0].0]).len(), seen.len());
    abort(&a);
    until("the end of the transaction", || {
        (both.ours.settled_ends(&topic).unwrap() > settled).then_some(())
    });
    assert_eq!(both.read_from(&topic, &[settled[0].0]).len(), seen.len() + 2);
}

#[test]
fn long_messages_are_read_among_short_ones() {
    let Some(both) = Both::new() else { return };
    let topic = both.topic(2, &[]);
    let producer = both.producer(&[("linger.ms", "20")]);
    let long = |length: usize| "x".repeat(length);
    for length in [10, 10 << 20, 10, 1 << 20, 3 << 20, 10] {
        // Not the second, which has no value.
        send(&producer, 0, std::iter::once(long(length)));
        send(&producer, 1, std::iter::once(long(length)));
    }
    let seen = both.read_from(&topic, &[1, 2]);
    assert_eq!(seen.iter().map(|it| it.4.len()).max(), Some(10 << 20));
    assert_eq!(seen.len(), 12);
}

#[test]
fn a_batch_that_is_180_mb_when_it_is_unpacked_is_read() {
    let Some(both) = Both::new() else { return };
    let topic = both.topic(1, &[]);
    let all = [
        ("compression.codec", "zstd"),
        ("linger.ms", "2000"),
        ("batch.size", "500000000"),
        ("message.max.bytes", "1000000000"),
        ("queue.buffering.max.kbytes", "1000000"),
    ];
    let producer = both.producer(&all);
    let zeros = "0".repeat(9_000_000);
    send(&producer, 0, (0..20).map(|_| zeros.clone()));
    let seen = both.read_from(&topic, &[3]);
    let lengths: BTreeSet<usize> = seen.iter().map(|it| it.4.len()).collect();
    assert_eq!((seen.len(), lengths.len()), (20, 2), "one of them has no value");
}

#[test]
fn what_is_deleted_or_not_there_yet_is_said_as_librdkafka_says_it() {
    let Some(both) = Both::new() else { return };
    let topic = both.topic(1, &[]);
    send(&both.producer(&[]), 0, values(10));
    Admin::new(&both.ours).unwrap().delete_records("in", &[(P0, Offset(4))]).unwrap();
    for cluster in [&both.ours, &both.theirs] {
        let error = |from| {
            let mut fetcher = Fetcher::new(cluster, &topic);
            fetcher.start(&[(P0, Offset(from))]).unwrap();
            until("an error", || fetcher.read(PATIENCE, &mut Vec::new()).err())
        };
        let gone = error(3);
        assert!(matches!(gone, Error::OffsetGone { first: Offset(4), .. }), "{gone}");
        let beyond = error(11);
        assert!(matches!(beyond, Error::OffsetBeyond { end: Offset(10), .. }), "{beyond}");
    }
    assert_eq!(both.read(&topic, &[(P0, Offset(4))]).len(), 6);
}

#[test]
fn a_topic_that_was_made_again_is_never_read() {
    let Some(both) = Both::new() else { return };
    let topic = both.topic(1, &[]);
    send(&both.producer(&[]), 0, values(10));
    let mut fetcher = Fetcher::new(&both.ours, &topic);
    fetcher.start(&[(P0, Offset(0))]).unwrap();
    let mut next = || fetcher.read(Duration::from_millis(20), &mut Vec::new());
    until("the end", || matches!(next().unwrap(), Event::CaughtUp(..)).then_some(()));
    Admin::new(&both.ours).unwrap().delete(&["in"]);
    until("it is gone", || both.ours.topics().unwrap().is_empty().then_some(()));
    both.topic(1, &[]);
    send(&both.producer(&[]), 0, values(50));
    let error = until("an error", || match next() {
        Ok(Event::Batch(_)) => panic!("it gave what is in the new topic"),
        Ok(_) => None,
        Err(error) => Some(error),
    });
    assert!(matches!(error, Error::TopicRemade { .. }), "{error}");
}

#[test]
fn a_topic_that_is_gone_for_good_is_said_to_be() {
    let Some(both) = Both::new() else { return };
    let topic = both.topic(1, &[]);
    let mut fetcher = Fetcher::new(&both.ours, &topic);
    fetcher.start(&[(P0, Offset(0))]).unwrap();
    let mut next = || fetcher.read(Duration::from_millis(20), &mut Vec::new());
    until("the end", || matches!(next().unwrap(), Event::CaughtUp(..)).then_some(()));
    Admin::new(&both.ours).unwrap().delete(&["in"]);
    let error = until("an error", || next().err());
    assert!(matches!(error, Error::TopicMissing { .. }), "{error}");
}

#[test]
fn partitions_are_started_and_stopped_while_others_are_read() {
    let Some(both) = Both::new() else { return };
    let topic = both.topic(3, &[]);
    let producer = both.producer(&[]);
    (0..3).for_each(|partition| send(&producer, partition, values(100)));
    let mut fetcher = Fetcher::new(&both.ours, &topic);
    let counts = |fetcher: &mut Fetcher, ends: usize| {
        let (mut counts, mut left) = ([0; 3], ends);
        until("the ends", || {
            match fetcher.read(Duration::from_millis(50), &mut Vec::new()).unwrap() {
                Event::Batch(batch) => counts[batch.partition().0 as usize] += batch.len(),
                Event::CaughtUp(..) => left -= 1,
                _ => {}
            }
            (left == 0).then_some(())
        });
        counts
    };
    fetcher.start(&[(P0, Offset(0)), (Partition(1), Offset(50))]).unwrap();
    assert_eq!(counts(&mut fetcher, 2), [100, 50, 0]);
    fetcher.start(&[(Partition(2), Offset(10)), (P0, Offset(90))]).unwrap();
    assert_eq!(counts(&mut fetcher, 2), [10, 0, 90]);
    fetcher.stop(&[P0]);
    (0..3).for_each(|partition| send(&producer, partition, values(5)));
    assert_eq!(counts(&mut fetcher, 2), [0, 5, 5]);
    assert_eq!(fetcher.brokers(), &BTreeSet::new(), "all of it was asked for by the topic's id");
    let mut by_name = Fetcher::new(&both.theirs, &topic);
    by_name.start(&[(P0, Offset(0))]).unwrap();
    assert_eq!(counts(&mut by_name, 1), [105, 0, 0]);
    assert_eq!(by_name.brokers().len(), 1);
}

type Mock = MockCluster<'static, DefaultProducerContext>;

/// A cluster that knows versions of `Fetch` up to this one, with topic `in` of one partition and
/// ten messages, and what reads them from an offset on.
fn mock_of(brokers: i32, version: i16, from: u64) -> (Mock, Fetcher) {
    let mock = MockCluster::new(brokers).unwrap();
    mock.apiversion(RDKafkaApiKey::Fetch, Some(4), Some(version)).unwrap();
    mock.create_topic("in", 1, brokers).unwrap();
    mock.partition_leader("in", 0, Some(1)).unwrap();
    send_to(&mock, values(10));
    let cluster = cluster(&mock.bootstrap_servers(), &[]);
    // It answers this only where it is asked at one broker.
    let asking: BaseConsumer<Quiet> = make_with(&cluster.settings.asking(), Quiet).unwrap();
    let id = until("the topic", || topic_id(asking.client(), "in", Some(1), PATIENCE).ok());
    let topic = Topic { name: "in".to_owned(), id: id.unwrap(), partitions: 1 };
    let mut fetcher = Fetcher::new(&cluster, &topic);
    assert!(matches!(fetcher.source, MessageSource::Ours(_)));
    fetcher.start(&[(P0, Offset(from))]).unwrap();
    (mock, fetcher)
}

fn mock(brokers: i32) -> (Mock, Fetcher) {
    mock_of(brokers, 13, 0)
}

fn send_to(mock: &Mock, values: impl Iterator<Item = String>) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", mock.bootstrap_servers());
    send(&config.create().unwrap(), 0, values);
}

/// Reads messages until there are that many.
fn offsets(fetcher: &mut Fetcher, count: usize) -> Vec<u64> {
    let mut offsets = Vec::new();
    until("messages", || {
        if let Event::Batch(batch) =
            fetcher.read(Duration::from_millis(20), &mut Vec::new()).unwrap()
        {
            offsets.extend(batch.messages().map(|message| message.offset.0));
        }
        (offsets.len() >= count).then_some(())
    });
    offsets
}

fn numbers(range: std::ops::Range<u64>) -> Vec<u64> {
    range.collect()
}

#[test]
fn a_broker_that_is_too_old_is_read_by_librdkafka() {
    let (_mock, mut fetcher) = mock_of(1, 12, 3);
    assert_eq!(offsets(&mut fetcher, 7), numbers(3..10));
    assert!(matches!(fetcher.source, MessageSource::Librdkafka(_)));
}

#[test]
fn errors_that_pass_are_passed_over() {
    let (mock, mut fetcher) = mock(1);
    assert_eq!(offsets(&mut fetcher, 10), numbers(0..10));
    for error in [
        RespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        RespErr::RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH,
        RespErr::RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE,
        // Of a leader that lacks a moment's messages; by the time one looks the offset is there.
        RespErr::RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE,
        RespErr::RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
    ] {
        mock.request_errors(RDKafkaApiKey::Fetch, &[error, error]);
    }
    send_to(&mock, values(10));
    assert_eq!(offsets(&mut fetcher, 10), numbers(10..20));
}

#[test]
fn who_may_not_read_is_told_so() {
    let (mock, mut fetcher) = mock(1);
    let refused = RespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    mock.request_errors(RDKafkaApiKey::Fetch, &[refused]);
    let error = until("an error", || fetcher.read(PATIENCE, &mut Vec::new()).err());
    let missing = error.of_backend::<NotAllowed>().expect("a right is missing");
    assert_eq!(missing.right, "Read");
    assert!(matches!(&missing.resource, Resource::Topic(name) if name == "in"), "{error:?}");
}

#[test]
fn reading_goes_on_at_another_leader_and_when_a_broker_is_back() {
    let (mock, mut fetcher) = mock(2);
    assert_eq!(offsets(&mut fetcher, 10), numbers(0..10));
    mock.partition_leader("in", 0, Some(2)).unwrap();
    send_to(&mock, values(10));
    assert_eq!(offsets(&mut fetcher, 10), numbers(10..20));
    mock.broker_down(2).unwrap();
    assert!(matches!(
        fetcher.read(Duration::from_millis(300), &mut Vec::new()).unwrap(),
        Event::Nothing | Event::CaughtUp(..)
    ));
    mock.broker_up(2).unwrap();
    send_to(&mock, values(10));
    assert_eq!(offsets(&mut fetcher, 10), numbers(20..30));
}

#[test]
fn a_read_returns_in_time_while_nobody_answers() {
    let (mock, mut fetcher) = mock(1);
    assert_eq!(offsets(&mut fetcher, 10), numbers(0..10));
    mock.broker_down(1).unwrap();
    let began = Instant::now();
    for _ in 0..10 {
        drop(fetcher.read(Duration::from_millis(20), &mut Vec::new()).unwrap());
    }
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}
