//! The contract of a queue, as far as RocketMQ can keep it.
//!
//! One guarantee is weaker than that of embedded queues: an append to several partitions is not
//! atomic, so a crash may leave a part of it (`faults.rs` shows that a retry adds only the rest).
//! Two checks are adapted here.

use std::time::{Duration, Instant};

use seismic_queue::conformance::Backend as _;
use seismic_queue::{Append, Block, Error, Event, Offset, Partition};

use crate::PATIENCE;
use crate::fresh::Fresh;

seismic_queue::conformance! { Fresh::new(); without
    // It is no store.
    owning committing recovering naming rewinding tables shaping shape_rewinding
    // Turns are taken as answers come: `no_partition_starves`.
    reading::partitions_take_turns
    // `an_offset_above_the_end_is_waited_for_and_then_refused`.
    reading::offsets_and_partitions_that_are_not_there_are_refused
    // Retention is the broker's, which knows no holds.
    retaining
}

#[test]
fn no_partition_starves() {
    let Some(fresh) = Fresh::new() else { return };
    let queue = fresh.queue();
    let topic = queue.create("in", 3).unwrap();
    let mut producer = queue.producer(&topic, "p").unwrap();
    let mut block = Block::default();
    (0..8).for_each(|_| block.push(b"k", &[7; 600_000]).unwrap());
    for partition in topic.all() {
        producer.append(&[Append { partition, first_sequence: 0, block: &block }]).unwrap();
    }
    let at: Vec<_> = topic.all().map(|partition| (partition, Offset(0))).collect();
    let mut reader = queue.reader(&topic, &at).unwrap();
    let (mut read, begun) = ([0; 3], Instant::now());
    while read.iter().sum::<usize>() < 24 {
        assert!(begun.elapsed() < PATIENCE, "only {read:?} of 8 each");
        if let Event::Batch(batch) = reader.read(Duration::ZERO, &mut Vec::new()).unwrap() {
            read[batch.partition().0 as usize] += batch.len();
            let least = read.iter().min().unwrap();
            // What one pull brings may be given before another partition's first answer is there.
            assert!(read.iter().all(|read| read - least <= 8), "{read:?}");
        }
    }
    assert_eq!(read, [8; 3]);
}

#[test]
fn an_offset_above_the_end_is_waited_for_and_then_refused() {
    let Some(fresh) = Fresh::new() else { return };
    let queue = fresh.queue();
    let topic = queue.create("in", 2).unwrap();
    let mut reader = queue.reader(&topic, &[(Partition(0), Offset(2))]).unwrap();
    let asked = Instant::now();
    let error = loop {
        match reader.read(Duration::from_secs(1), &mut Vec::new()) {
            Ok(event) => assert!(matches!(event, Event::Nothing), "{event:?}"),
            Err(error) => break error,
        }
        assert!(asked.elapsed() < PATIENCE, "it is neither there nor refused");
    };
    assert!(matches!(error, Error::OffsetBeyond { end: Offset(0), .. }), "{error}");
    assert!(asked.elapsed() > Duration::from_secs(10), "it was waited for");
    let p2 = Partition(2);
    let missing = |error| matches!(error, Error::PartitionMissing { partitions: 2, .. });
    assert!(queue.reader(&topic, &[(p2, Offset(0))]).is_err_and(missing));
    assert!(queue.source(&topic, &[p2]).is_err_and(missing));
    assert!(queue.offset_at(&topic, p2, 0).is_err_and(missing));
}
