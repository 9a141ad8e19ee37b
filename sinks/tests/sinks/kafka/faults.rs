//! Brokers that die under load, networks that lose answers, and sinks that lost their place.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use seismic_brokers::{Kafka as Cluster, Proxy};
use seismic_queue::{Kind, Offset, Partition};
use seismic_sinks::conformance::{
    ROWS, SinkTarget as _, assert_whole, batch, row, spans_of, write, write_the_rest,
};
use seismic_sinks::{Error, Sink};

use super::place::{TopicPlace, shared};
use crate::patiently::{patiently, wait_until, write_patiently};

#[test]
fn a_commit_whose_answer_is_lost_is_looked_up_and_never_assumed() {
    let Some(cluster) = Cluster::one().map(Arc::new) else { return };
    let place = TopicPlace::new(&cluster, "");
    let mut sink = place.wired_sink();
    patiently(|| sink.recover(&spans_of(ROWS)));
    let rows: Vec<_> = (0..ROWS).map(|i| row(0, i)).collect();
    for (i, partition) in [Partition(0), Partition(1)].into_iter().enumerate() {
        write(&mut sink, &batch(partition, Offset(0), &rows)).unwrap();
        cluster.wires[0].lose_end_of_transaction();
        // librdkafka asks for the end of a transaction again, or gives it up; both may be.
        patiently(|| sink.sync());
        assert_eq!(cluster.wires[0].lost() as usize, i + 1);
        assert_eq!(place.rows().len() as u64, (i as u64 + 1) * ROWS);
    }
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_connection_that_breaks_at_any_request_or_answer_loses_and_doubles_no_row() {
    let Some(cluster) = Cluster::one().map(Arc::new) else { return };
    let breaks = [
        (Proxy::break_after_requests as fn(&Proxy, u32), "requests"),
        (Proxy::break_after_answers, "answers"),
    ];
    for (breaks, what) in breaks {
        // Every seventh, beginning at another one each: connections are made again and again.
        let mut broken = 0;
        for after in (0..120).step_by(11) {
            let place = TopicPlace::new(&cluster, "");
            let mut sink = place.wired_sink();
            let start = patiently(|| sink.recover(&spans_of(ROWS)));
            assert_eq!(start, [Offset(0); 3]);
            breaks(&cluster.wires[0], after);
            write_patiently(&mut sink);
            broken += u32::from(cluster.wires[0].has_broken());
            cluster.wires[0].break_after_requests(u32::MAX);
            cluster.wires[0].break_after_answers(u32::MAX);
            assert_whole(&place);
        }
        assert!(broken > 3, "{broken} {what} broke a connection");
    }
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_broker_that_is_killed_under_load_loses_and_doubles_no_row() {
    let Some(mut cluster) = Cluster::one() else { return };
    let (address, topic) = (cluster.address(), "rows");
    let spec = format!("kafka://{address},topic={topic},create=true");
    let (is_over, spec) = (AtomicBool::new(false), spec.parse().unwrap());
    let count = std::sync::atomic::AtomicU64::new(0);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let context = seismic_sinks::Context::new("home", "results");
            let mut sink = seismic_sinks::open(&spec, &context).unwrap();
            let mut next = patiently(|| sink.recover(&spans_of(u64::MAX >> 12)))[0].0;
            while !is_over.load(Ordering::Relaxed) {
                let rows: Vec<_> = (next..next + 50).map(|i| row(0, i)).collect();
                patiently(|| write(&mut *sink, &batch(Partition(0), Offset(next), &rows)));
                next += 50;
                patiently(|| sink.sync());
                count.store(next, Ordering::Relaxed);
            }
        });
        for _ in 0..3 {
            let before = count.load(Ordering::Relaxed);
            wait_until(|| count.load(Ordering::Relaxed) >= before + 500);
            cluster.nodes[0].kill();
            cluster.nodes[0].restart();
        }
        is_over.store(true, Ordering::Relaxed);
        writer.join().unwrap();
    });
    let written = count.load(Ordering::Relaxed);
    let place =
        TopicPlace { cluster: Arc::new(cluster), topic: topic.to_owned(), options: String::new() };
    let offsets: Vec<u64> =
        place.messages().iter().map(|(_, message)| message.row.unwrap().1.0).collect();
    assert_eq!(offsets, (0..written).collect::<Vec<_>>(), "each once, in order");
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_sink_that_lost_its_place_is_fenced_and_does_not_take_it_from_the_new_one() {
    let Some(cluster) = shared() else { return };
    let place = TopicPlace::new(&cluster, "");
    let mut zombie = place.sink("home").unwrap();
    zombie.recover(&spans_of(ROWS)).unwrap();
    write(&mut zombie, &batch(Partition(0), Offset(0), &[row(0, 0)])).unwrap();
    let mut new = place.sink("home").unwrap();
    new.recover(&spans_of(ROWS)).unwrap();
    let error = zombie.sync().unwrap_err();
    assert!(matches!(error, Error::Moved { .. }), "{error}");
    assert_eq!(error.kind(), Kind::Fenced);
    // It goes on, undisturbed.
    write(&mut new, &batch(Partition(0), Offset(0), &[row(0, 0)])).unwrap();
    new.sync().unwrap();
    assert_eq!(zombie.sync().unwrap_err().kind(), Kind::Fenced);
    drop((zombie, new));
    write_the_rest(&place);
    assert_whole(&place);
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_network_that_stands_still_for_longer_than_a_transaction_costs_time_alone() {
    let Some(cluster) = Cluster::one().map(Arc::new) else { return };
    let place = TopicPlace::new(&cluster, "");
    let mut sink = place.wired_sink();
    patiently(|| sink.recover(&spans_of(ROWS)));
    let rows: Vec<_> = (0..ROWS).map(|i| row(0, i)).collect();
    write(&mut sink, &batch(Partition(0), Offset(0), &rows)).unwrap();
    cluster.wires[0].freeze();
    let error = sink.sync().unwrap_err();
    assert_eq!(error.kind(), Kind::Retry, "{error}");
    // What was sent arrives now, after the client has given it up.
    cluster.wires[0].heal();
    patiently(|| sink.sync());
    drop(sink);
    write_the_rest(&place);
    assert_whole(&place);
}
