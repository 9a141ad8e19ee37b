//! The contract of a queue, as far as RocketMQ can keep it.
//!
//! Left out: everything of a home, which it is not; retention and holds, which are the broker's. One
//! thing is kept less strictly than by embedded queues: an append of several partitions is not one
//! act, so a crash may leave a part of it (`faults.rs` shows that a retry adds only the rest). Two
//! checks are here in a form of their own: turns are taken as answers come, and an offset above the
//! end is waited for before it is refused.

use std::time::{Duration, Instant};

use seismic_queue::conformance::{self, Backend as _};
use seismic_queue::{Append, Block, Error, Event, Offset, Partition};

use crate::fresh::Fresh;

macro_rules! checks {
    ($($part:ident: $($check:ident)+;)+) => {
        $($(
            #[test]
            fn $check() {
                if let Some(fresh) = Fresh::new() {
                    conformance::$part::$check(&fresh);
                }
            }
        )+)+
    };
}

checks! {
    appending:
        messages_come_back_in_order_with_dense_offsets
        one_call_appends_to_several_partitions_at_once
        append_times_are_those_of_the_clock
        a_repeated_append_is_recognised_whatever_the_block_boundaries
        a_gap_is_refused_and_nothing_of_the_call_is_written
        producers_do_not_share_their_sequences
        a_block_above_the_limit_is_stored_in_pieces
        making_a_topic_again_gives_the_same_one
        a_topic_cannot_change_its_partitions
        topics_are_missing_or_misnamed_with_a_reason;
    reading:
        two_readers_see_the_same
        reading_begins_in_the_middle_of_a_block
        the_end_is_said_once_and_again_after_more
        small_blocks_share_a_batch_and_batches_stay_small
        a_waiting_reader_sees_what_is_appended_meanwhile
        a_source_is_silent_until_started_and_can_go_back
        the_end_of_a_log_is_asked_now
        a_time_is_found_at_the_first_message_of_its_block;
    retaining:
        without_a_policy_nothing_is_deleted;
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
    let mut read = [0; 3];
    while read.iter().sum::<usize>() < 24 {
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
        assert!(asked.elapsed() < Duration::from_secs(120));
    };
    assert!(matches!(error, Error::OffsetBeyond { end: Offset(0), .. }), "{error}");
    assert!(asked.elapsed() > Duration::from_secs(10), "it was waited for");
    let p2 = Partition(2);
    let missing = |error| matches!(error, Error::PartitionMissing { partitions: 2, .. });
    assert!(queue.reader(&topic, &[(p2, Offset(0))]).is_err_and(missing));
    assert!(queue.source(&topic, &[p2]).is_err_and(missing));
    assert!(queue.offset_at(&topic, p2, 0).is_err_and(missing));
}
