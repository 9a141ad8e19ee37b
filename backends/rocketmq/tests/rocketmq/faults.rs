//! A broker that dies, returns, and has half-open connections.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use seismic_brokers::{Flush, RocketMq};
use seismic_queue::{
    Append, Block, Event, Kind, Offset, Partition, Producer, Queue, Reader, Topic, patiently,
};
use seismic_rocketmq::{AppendOutcome, Nameservers, Out, RocketQueue};

use crate::PATIENCE;
use crate::line::Line;

const P0: Partition = Partition(0);

fn queue(rocketmq: &RocketMq) -> RocketQueue {
    RocketQueue::open(&Nameservers::one(&rocketmq.address())).unwrap()
}

fn block(from: u64, count: u64) -> Block {
    let mut block = Block::default();
    for i in from..from + count {
        block.push(b"key", i.to_string().as_bytes()).unwrap();
    }
    block
}

/// Appends until it works.
fn append_all(producer: &mut dyn Producer, first_sequence: u64, block: &Block) {
    let begun = Instant::now();
    let appended = patiently(&AtomicBool::new(false), || {
        assert!(begun.elapsed() < PATIENCE, "it never works");
        producer.append(&[Append { partition: P0, first_sequence, block }])
    });
    appended.unwrap();
}

/// Reads values up to `end`, which may be set meanwhile, in order, each once.
fn read_up_to(reader: &mut dyn Reader, from: u64, end: &AtomicU64) {
    let (mut next, begun) = (from, Instant::now());
    while next < end.load(Ordering::Relaxed) {
        assert!(begun.elapsed() < PATIENCE, "only up to {next}");
        match reader.read(Duration::from_millis(100), &mut Vec::new()) {
            Ok(Event::Batch(batch)) => {
                for message in batch.messages() {
                    assert_eq!(message.offset, Offset(next));
                    assert_eq!(message.value, next.to_string().as_bytes());
                    next += 1;
                }
            }
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), Kind::Retry, "{error}"),
        }
    }
}

/// Reads values until `count` were read, in order, each once.
fn read_all(reader: &mut dyn Reader, from: u64, count: u64) {
    read_up_to(reader, from, &AtomicU64::new(from + count));
}

/// A line for the table of what was tried, and lost or doubled nothing.
fn tried(fault: u32, what: &str, tries: u64) {
    Line { place: "RocketMQ", tries, ..Line::new(fault, what) }.print();
}

fn topic(queue: &RocketQueue) -> Topic {
    queue.create("t", 1).unwrap()
}

#[test]
fn a_broker_killed_under_load_loses_and_doubles_nothing() {
    let mut tries = 0;
    for flush in [Flush::Async, Flush::Sync] {
        let Some(mut rocketmq) = RocketMq::one(flush) else { return };
        let queue = queue(&rocketmq);
        let topic = topic(&queue);
        let mut producer = queue.producer(&topic, "p").unwrap();
        let mut reader = queue.reader(&topic, &[(P0, Offset(0))]).unwrap();
        const STEP: u64 = 1_000;
        let (end, is_back) = (AtomicU64::new(u64::MAX), AtomicBool::new(false));
        let (loaded, is_loaded) = mpsc::channel();
        thread::scope(|scope| {
            // Appends without a pause until one that began when the broker had been launched again.
            scope.spawn(|| {
                let loaded = loaded;
                for step in 0.. {
                    let is_last = is_back.load(Ordering::Relaxed);
                    append_all(&mut *producer, step * STEP, &block(step * STEP, STEP));
                    if step == 10 {
                        loaded.send(()).unwrap();
                    }
                    if is_last {
                        return end.store((step + 1) * STEP, Ordering::Relaxed);
                    }
                }
            });
            scope.spawn(|| read_up_to(&mut *reader, 0, &end));
            is_loaded.recv_timeout(PATIENCE).unwrap();
            rocketmq.brokers[0].kill();
            rocketmq.brokers[0].launch();
            is_back.store(true, Ordering::Relaxed);
            rocketmq.wait();
        });
        let mut again = queue.reader(&topic, &[(P0, Offset(0))]).unwrap();
        read_up_to(&mut *again, 0, &end);
        assert_eq!(queue.spans(&topic).unwrap()[0].end.0, end.into_inner());
        tries += 1;
    }
    tried(
        5,
        "the broker is killed under a producer without pauses, with each kind of flush",
        tries,
    );
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_dead_broker_is_noticed_at_once_and_found_again() {
    let Some(mut rocketmq) = RocketMq::one(Flush::Async) else { return };
    let queue = queue(&rocketmq);
    let topic = topic(&queue);
    let mut producer = queue.producer(&topic, "p").unwrap();
    append_all(&mut *producer, 0, &block(0, 3));
    let mut reader = queue.reader(&topic, &[(P0, Offset(0))]).unwrap();
    read_all(&mut *reader, 0, 3);
    // The pull that follows is kept by the broker.
    let begun = Instant::now();
    while !matches!(reader.read(Duration::from_millis(200), &mut Vec::new()), Ok(Event::Nothing)) {
        assert!(begun.elapsed() < PATIENCE, "the end of the log never came");
    }
    rocketmq.brokers[0].kill();
    let died = Instant::now();
    let error = loop {
        match reader.read(Duration::from_secs(5), &mut Vec::new()) {
            Ok(event) => assert!(matches!(event, Event::Nothing), "{event:?}"),
            Err(error) => break error,
        }
        assert!(died.elapsed() < PATIENCE, "that the broker is dead is never noticed");
    };
    assert_eq!(error.kind(), Kind::Retry, "{error}");
    assert!(died.elapsed() < Duration::from_secs(5), "not by a timeout: {:?}", died.elapsed());
    rocketmq.brokers[0].launch();
    rocketmq.wait();
    append_all(&mut *producer, 3, &block(3, 2));
    read_all(&mut *reader, 3, 2);
    tried(5, "the broker is killed while it keeps a pull", 1);
}

#[test]
fn a_frozen_broker_is_given_up_and_the_outcome_is_read_back() {
    let Some(rocketmq) = RocketMq::one(Flush::Async) else { return };
    let queue = queue(&rocketmq);
    let topic = topic(&queue);
    let mut producer = queue.producer(&topic, "p").unwrap();
    append_all(&mut *producer, 0, &block(0, 3));
    rocketmq.brokers[0].freeze();
    let rest = block(3, 5);
    let one = Append { partition: P0, first_sequence: 3, block: &rest };
    let error = producer.append(&[one]).unwrap_err();
    assert_eq!(error.kind(), Kind::Retry, "{error}");
    rocketmq.brokers[0].thaw();
    // What was sent to the frozen broker lands now, or is refused as too old: both must do.
    append_all(&mut *producer, 3, &rest);
    let mut reader = queue.reader(&topic, &[(P0, Offset(0))]).unwrap();
    read_all(&mut *reader, 0, 8);
    assert_eq!(queue.spans(&topic).unwrap()[0].end, Offset(8));
    tried(7, "SIGSTOP of the broker during a send, which lands after it was given up", 1);
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_send_lost_in_the_middle_of_a_long_append_is_read_back_and_only_the_rest_is_sent() {
    let Some(rocketmq) = RocketMq::one(Flush::Async) else { return };
    let wired = rocketmq.wired_url();
    let at = wired.strip_prefix("rocketmq://").unwrap();
    let queue = RocketQueue::open(&Nameservers::one(at)).unwrap();
    let topic = queue.create("t", 2).unwrap();
    let mut producer = queue.producer(&topic, "p").unwrap();
    // Several batches for each of two queues, so that there is one behind each that is lost.
    const COUNT: u64 = 30_000;
    let all = block(0, COUNT);
    let appends = [0, 1].map(|number| Append {
        partition: Partition(number),
        first_sequence: 0,
        block: &all,
    });
    let (mut tries, begun) = (0, Instant::now());
    rocketmq.wires[0].lose_answer_to("\"b\":\"t\"");
    let appended = loop {
        assert!(begun.elapsed() < PATIENCE, "it never works");
        match producer.append(&appends) {
            Ok(appended) => break appended,
            Err(error) => assert_eq!(error.kind(), Kind::Retry, "{error}"),
        }
        tries += 1;
    };
    assert!(tries > 0 && rocketmq.wires[0].lost() == 1, "no answer was lost");
    assert_eq!(appended.written + appended.recognised, 2 * COUNT);
    assert!(appended.recognised > 0, "what the broker took is not sent again");
    for partition in topic.all() {
        let mut reader = queue.reader(&topic, &[(partition, Offset(0))]).unwrap();
        read_all(&mut *reader, 0, COUNT);
        assert_eq!(queue.spans(&topic).unwrap()[partition.0 as usize].end, Offset(COUNT));
    }
    tried(7, "the answer to one of several sends of an append is lost", 1);
}

/// Values that a reader gives from an offset on, up to the end.
fn given(queue: &RocketQueue, topic: &Topic, from: u64) -> Vec<String> {
    let mut reader = queue.reader(topic, &[(P0, Offset(from))]).unwrap();
    let (mut values, begun) = (Vec::new(), Instant::now());
    loop {
        assert!(begun.elapsed() < PATIENCE, "the end never came");
        match reader.read(Duration::from_millis(100), &mut Vec::new()).unwrap() {
            Event::Batch(batch) => values
                .extend(batch.messages().map(|it| String::from_utf8(it.value.to_vec()).unwrap())),
            Event::CaughtUp(..) => return values,
            _ => {}
        }
    }
}

#[test]
#[ignore = "more on brokers: .ci/run"]
fn what_a_dead_producer_had_under_way_and_lands_late_is_given_once_wherever_one_reads_from() {
    let Some(rocketmq) = RocketMq::one(Flush::Async) else { return };
    let queue = queue(&rocketmq);
    let topic = topic(&queue);
    append_all(&mut *queue.producer(&topic, "p").unwrap(), 0, &block(0, 3));
    // The send after that was under way when its producer died. The next one repeats it.
    let mut successor = queue.producer(&topic, "p").unwrap();
    append_all(&mut *successor, 3, &block(3, 4));
    let first = [("seismic_from", "p:3"), ("seismic_after", "3")];
    let out = |(n, value): (usize, &'static str)| Out {
        key: b"key",
        value: value.as_bytes(),
        properties: if n == 0 { &first } else { &[] },
    };
    let texts = ["3", "4", "5", "6", "7"];
    let late: Vec<Out<'_>> = texts.into_iter().enumerate().map(out).collect();
    let landed = queue.outlet(&topic).unwrap().append(P0, &late);
    assert!(matches!(landed, AppendOutcome::At(Offset(7))), "{landed:?}");
    // It brought one more than was repeated; whoever asks knows that this is there.
    let mut third = queue.producer(&topic, "p").unwrap();
    assert_eq!(third.next_sequence(P0).unwrap(), 8);
    append_all(&mut *third, 8, &block(8, 2));
    // Offsets 7 to 10 are repeats.
    let all: Vec<String> = (0..10).map(|value| value.to_string()).collect();
    for (from, rest) in [(0, 0), (2, 2), (5, 5), (7, 7), (9, 7), (11, 7), (12, 8), (13, 9)] {
        assert_eq!(given(&queue, &topic, from), all[rest..], "from {from}");
    }
    tried(24, "a send of a dead producer lands when its successor has repeated it", 1);
}
