//! The end of a log that idle detection goes by, on three brokers of which one is frozen.
//! They are run apart from the tests that keep a broker until the process ends (`--ignored`): three
//! more are above what runs at once.

use seismic_brokers::Kafka;

use super::*;

#[test]
#[ignore = "more on brokers: .ci/run"]
fn the_end_of_a_kafka_log_counts_what_a_frozen_replica_does_not_have_yet() {
    let Some(kafka) = Kafka::three() else { return };
    let (cluster, topic) = of_one_partition(&kafka);
    let leader = until("a leader", || cluster.leaders("in").ok()?.of.get(&P0).copied());
    let mut fetcher = Fetcher::at(&cluster, &topic, &[(P0, Offset(0))]).unwrap();
    let mut next = || fetcher.read(Duration::from_millis(20), &mut Vec::new()).unwrap();
    until("an empty log", || matches!(next(), Event::CaughtUp(P0, Offset(0))).then_some(()));
    let mut end = || fetcher.ends(&[P0]).remove(0);
    assert_eq!(until("an end", || end().ok()), Offset(0));

    // Any but the leader, with the number that follows its own.
    let follower = &kafka.nodes[leader as usize % 3];
    follower.freeze();
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", kafka.address()).set("acks", "1");
    let producer: BaseProducer = config.create().unwrap();
    for number in 0..3 {
        let record = BaseRecord::<(), _>::to("in").partition(0).payload("a record");
        producer.send(record).map_err(|(error, _)| error).unwrap();
        producer.flush(Duration::from_secs(20)).unwrap();
        // Its answer may come a moment later than it is asked for.
        assert_eq!(until("an end", || end().ok()), Offset(number + 1), "the leader has it");
    }
    let readable = cluster.ends("in", &[P0]).remove(0).unwrap();
    assert_eq!(readable, Offset(0), "no one can read it");
    let mut next = || fetcher.read(Duration::from_millis(20), &mut Vec::new()).unwrap();
    assert!(!matches!(next(), Event::Batch(_)), "no one reads it");

    follower.thaw();
    until("all of it", || matches!(next(), Event::CaughtUp(P0, Offset(3))).then_some(()));
    assert_eq!(fetcher.ends(&[P0]).remove(0).unwrap(), Offset(3));
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn the_end_of_a_kafka_log_is_asked_of_its_next_leader_also_by_who_reads_nothing_meanwhile() {
    let Some(mut kafka) = Kafka::three() else { return };
    let (cluster, topic) = of_one_partition(&kafka);
    let mut fetcher = Fetcher::at(&cluster, &topic, &[(P0, Offset(0))]).unwrap();
    let mut next = || fetcher.read(Duration::from_millis(20), &mut Vec::new()).unwrap();
    until("an empty log", || matches!(next(), Event::CaughtUp(P0, Offset(0))).then_some(()));
    let mut end = || fetcher.ends(&[P0]).remove(0);
    until("an end", || end().ok());
    let leader = || cluster.leaders("in").ok()?.of.get(&P0).copied();
    let first = until("a leader", leader);
    kafka.nodes[first as usize - 1].kill();
    until("another leader", || leader().filter(|next| *next != first));
    // The first answer may be one of before; the lost connection is noticed by the next.
    for _ in 0..3 {
        assert_eq!(until("an end", || end().ok()), Offset(0));
    }
}

/// A topic with one partition, which all brokers have.
fn of_one_partition(kafka: &Kafka) -> (Cluster, Topic) {
    let cluster = cluster(&kafka.address(), &[]);
    let settings: Vec<_> = KEPT.iter().chain(&INPUT[1..]).copied().collect();
    // Brokers that have just met may be too busy to answer; the topic may be made all the same.
    let made = || Admin::new(&cluster).ok()?.create("in", 1, &settings).ok();
    let topic = until("a topic", || made().or_else(|| cluster.topic("in").ok()));
    (cluster, topic)
}
