//! Retention and holds.

use std::time::Duration;

use super::{Backend, P0, P1, append, commit, input, numbered, owned, read, step};
use crate::{Error, Hold, Offset, Policy, Queue, Retained, Topic, limits};

/// Three blocks of two messages in partition 0, and a policy that keeps only the last block.
fn three_blocks(queue: &dyn Queue) -> Topic {
    let topic = input(queue);
    for values in [["aaaa", "bbbb"], ["cccc", "dddd"], ["eeee", "ffff"]] {
        append(queue, P0, &values);
    }
    let keep = Policy { max_age_ms: None, max_bytes: Some(20) };
    queue.set_policy(&topic, keep).unwrap();
    assert_eq!(queue.policy(&topic).unwrap(), keep);
    topic
}

fn hold(holder: &str, offset: u64) -> Hold {
    Hold { holder: holder.to_owned(), partition: P0, offset: Offset(offset) }
}

pub fn retention_deletes_whole_blocks_from_the_oldest_on(backend: &dyn Backend) {
    let queue = backend.queue();
    let topic = three_blocks(&*queue);
    let retained = backend.queue().retain(&topic, false).unwrap();
    let of = |partition, deleted| Retained { partition, deleted, held_by: None };
    assert_eq!(retained, [of(P0, 4), of(P1, 0)]);
    assert_eq!(queue.spans(&topic).unwrap()[0].first, Offset(4));
    assert_eq!(read(&*queue, &topic, P0, 4), numbered(4, &["eeee", "ffff"]));
    append(&*queue, P0, &["gggg"]);
    assert_eq!(read(&*queue, &topic, P0, 6), numbered(6, &["gggg"]));
}

pub fn retention_never_passes_a_hold_and_says_who_holds(backend: &dyn Backend) {
    let queue = backend.queue();
    let topic = three_blocks(&*queue);
    queue.hold(&topic, "slow", &[(P0, Offset(3))]).unwrap();
    queue.hold(&topic, "fast", &[(P0, Offset(5))]).unwrap();
    let retained = queue.retain(&topic, false).unwrap();
    let held_by = Some(hold("slow", 3));
    assert_eq!(retained[0], Retained { partition: P0, deleted: 2, held_by });
    assert_eq!(queue.spans(&topic).unwrap()[0].first, Offset(2));
    let forced = queue.retain(&topic, true).unwrap();
    assert_eq!(forced[0], Retained { partition: P0, deleted: 2, held_by: None });
}

pub fn what_a_hold_keeps_is_told_with_its_size(backend: &dyn Backend) {
    let queue = backend.queue();
    let topic = three_blocks(&*queue);
    assert_eq!(queue.held(&topic).unwrap(), []);
    queue.hold(&topic, "slow", &[(P0, Offset(3))]).unwrap();
    queue.hold(&topic, "fast", &[(P0, Offset(5)), (P1, Offset(0))]).unwrap();
    let held = queue.held(&topic).unwrap();
    // Of three blocks of 18 bytes the policy keeps one, and the hold keeps another.
    assert_eq!((held.len(), &held[0].hold, held[0].bytes), (1, &hold("slow", 3), 16));
    queue.retain(&topic, false).unwrap();
    assert_eq!(queue.held(&topic).unwrap()[0].bytes, 16, "the same when the rest is gone");
    queue.hold(&topic, "slow", &[]).unwrap();
    assert_eq!(queue.held(&topic).unwrap(), []);
}

pub fn a_hold_is_replaced_by_what_its_holder_says_next(backend: &dyn Backend) {
    let queue = backend.queue();
    let topic = three_blocks(&*queue);
    queue.hold(&topic, "job", &[(P0, Offset(0)), (P1, Offset(0))]).unwrap();
    queue.hold(&topic, "job", &[(P0, Offset(4))]).unwrap();
    assert_eq!(backend.queue().holds(&topic).unwrap(), [hold("job", 4)]);
    assert_eq!(queue.retain(&topic, false).unwrap()[0].deleted, 4);
    queue.hold(&topic, "job", &[]).unwrap();
    assert_eq!(queue.holds(&topic).unwrap(), []);
}

pub fn reading_below_the_first_offset_is_refused(backend: &dyn Backend) {
    let queue = backend.queue();
    let topic = three_blocks(&*queue);
    let mut reader = queue.reader(&topic, &[(P0, Offset(3))]).unwrap();
    let mut source = queue.source(&topic, &[P0]).unwrap();
    queue.retain(&topic, false).unwrap();
    let gone = |error: &Error| {
        matches!(error, Error::OffsetGone { wanted: Offset(3), first: Offset(4), .. })
    };
    let error = reader.read(Duration::ZERO, &mut Vec::new()).unwrap_err();
    assert!(gone(&error), "{error}");
    source.poll(Duration::ZERO, &mut Vec::new()).unwrap();
    source.start(&[(P0, Offset(3))]).unwrap();
    let error = source.poll(Duration::ZERO, &mut Vec::new()).unwrap_err();
    assert!(gone(&error), "{error}");
}

pub fn sinks_hold_the_result_topic(backend: &dyn Backend) {
    let (_lease, mut committer) = owned(backend);
    for number in 1..=3 {
        commit(&mut *committer, vec![step(P0, number), step(P1, number)]).unwrap();
    }
    let store = backend.store();
    store.put_sink_position("csv", 0, &[(P0, Offset(1)), (P1, Offset(0))]).unwrap();
    store.put_sink_position("csv", 0, &[(P1, Offset(3))]).unwrap();
    let sinks = store.view().unwrap().sinks;
    let at: Vec<_> = sinks.iter().map(|at| (&*at.sink, at.partition, at.next)).collect();
    assert_eq!(at, [("csv", P0, Offset(1)), ("csv", P1, Offset(3))]);
    let (topics, rows) = (store.topics(), store.topics().topic("result").unwrap());
    topics.set_policy(&rows, Policy { max_age_ms: None, max_bytes: Some(0) }).unwrap();
    let held_by = Some(hold("csv", 1));
    let retained = topics.retain(&rows, false).unwrap();
    assert_eq!(retained[0], Retained { partition: P0, deleted: 1, held_by });
    assert_eq!(retained[1], Retained { partition: P1, deleted: 3, held_by: None });
    assert_eq!(store.view().unwrap().partitions[0].outputs[0].span.first, Offset(1));
}

pub fn rows_that_a_sink_has_are_kept_for_as_long_as_it_says(backend: &dyn Backend) {
    let (_lease, mut committer) = owned(backend);
    for number in 1..=3 {
        commit(&mut *committer, vec![step(P0, number)]).unwrap();
    }
    let store = backend.store();
    let missing = store.put_sink_position("map", 7, &[(P0, Offset(0))]);
    assert!(missing.is_err(), "there is no such output");
    store.put_sink_position("csv", 0, &[(P0, Offset(3))]).unwrap();
    store.put_sink_position("map", 1, &[(P0, Offset(0))]).unwrap();
    if !store.keep_for_sink("csv", 0, &[(P0, Offset(1))]).unwrap() {
        return;
    }
    let sinks = store.view().unwrap().sinks;
    let at: Vec<_> = sinks.iter().map(|at| (&*at.sink, at.output, at.next, at.kept_from)).collect();
    assert_eq!(at, [("csv", 0, Offset(3), Offset(1)), ("map", 1, Offset(0), Offset(0))]);
    let (topics, rows) = (store.topics(), store.topics().topic("result").unwrap());
    topics.set_policy(&rows, Policy { max_age_ms: None, max_bytes: Some(0) }).unwrap();
    assert_eq!(topics.retain(&rows, false).unwrap()[0].deleted, 1);
    store.keep_for_sink("csv", 0, &[]).unwrap();
    assert_eq!(topics.retain(&rows, false).unwrap()[0].deleted, 2);
    assert_eq!(store.view().unwrap().sinks.len(), 2, "the position stays");
}

pub fn a_sink_finds_the_state_that_it_stored_last(backend: &dyn Backend) {
    drop(owned(backend));
    let store = backend.store();
    assert_eq!(store.sink_state("rocketmq:x", "epoch").unwrap(), None);
    for (sink, key, state) in [
        ("rocketmq:x", "epoch", &b"1"[..]),
        ("rocketmq:x", "last", b"\x00\xff\n"),
        ("rocketmq:y", "epoch", b""),
        ("rocketmq:x", "epoch", b"2"),
    ] {
        store.put_sink_state(sink, key, state).unwrap();
    }
    let store = backend.store();
    let state = |sink, key| store.sink_state(sink, key).unwrap();
    assert_eq!(state("rocketmq:x", "epoch").as_deref(), Some(&b"2"[..]));
    assert_eq!(state("rocketmq:x", "last").as_deref(), Some(&b"\x00\xff\n"[..]));
    assert_eq!(state("rocketmq:y", "epoch").as_deref(), Some(&b""[..]));
    assert_eq!(state("rocketmq:y", "last"), None);
    assert!(store.view().unwrap().sinks.is_empty(), "a state is no position and holds nothing");
}

pub fn a_sink_state_that_is_too_large_is_refused_and_changes_nothing(backend: &dyn Backend) {
    drop(owned(backend));
    let store = backend.store();
    let largest = vec![b'x'; limits::SINK_STATE_BYTES];
    store.put_sink_state("csv:x", "key", &largest).unwrap();
    let refused = store.put_sink_state("csv:x", "key", &[&largest[..], b"x"].concat());
    let bytes = limits::SINK_STATE_BYTES + 1;
    assert!(matches!(refused, Err(Error::SinkStateTooLarge { bytes: of, .. }) if of == bytes));
    assert_eq!(backend.store().sink_state("csv:x", "key").unwrap(), Some(largest));
}
