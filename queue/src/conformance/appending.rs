//! Topics and what is appended to them.

use super::{Backend, P0, P1, append, batches, block, input, insist, numbered, read, try_append};
use crate::{Append, Appended, Error, Offset, Span, limits};

pub fn messages_come_back_in_order_with_dense_offsets(backend: &dyn Backend) {
    let queue = backend.queue();
    append(&*queue, P0, &["a", "b"]);
    append(&*queue, P1, &["x"]);
    append(&*queue, P0, &["c"]);
    let (topic, other) = (input(&*queue), backend.queue());
    assert_eq!(read(&*other, &topic, P0, 0), numbered(0, &["a", "b", "c"]));
    assert_eq!(read(&*other, &topic, P1, 0), numbered(0, &["x"]));
    let span = |end| Span { first: Offset(0), end: Offset(end) };
    assert_eq!(other.spans(&topic).unwrap(), [span(3), span(1)]);
    assert_eq!(batches(&*queue, &topic, P0, 0)[0].message(0).key, b"key");
}

pub fn one_call_appends_to_several_partitions_at_once(backend: &dyn Backend) {
    let queue = backend.queue();
    let topic = input(&*queue);
    let (a, b, c) = (block(&["a"]), block(&["b"]), block(&["c", "d"]));
    let appends = [(P0, 0, &a), (P1, 0, &b), (P0, 1, &c)]
        .map(|(partition, first_sequence, block)| Append { partition, first_sequence, block });
    let mut producer = queue.producer(&topic, "p").unwrap();
    let appended = insist(&mut *producer, &appends).unwrap();
    assert_eq!(appended, Appended { written: 4, recognised: 0 });
    assert_eq!(read(&*queue, &topic, P0, 0), numbered(0, &["a", "c", "d"]));
    assert_eq!(read(&*queue, &topic, P1, 0), numbered(0, &["b"]));
    let again = insist(&mut *producer, &appends).unwrap();
    assert_eq!(again, Appended { written: 0, recognised: 4 });
}

pub fn append_times_are_those_of_the_clock(backend: &dyn Backend) {
    let queue = backend.queue();
    for i in 0..20 {
        append(&*queue, P0, &[format!("{i}")]);
    }
    let batches = batches(&*queue, &input(&*queue), P0, 0);
    let times: Vec<_> = batches
        .iter()
        .flat_map(|batch| batch.messages().map(|message| message.append_ms))
        .collect();
    assert_eq!(times.len(), 20);
    let now_ms = crate::clock::now_ms();
    assert!(times.iter().all(|time| (now_ms - 600_000..=now_ms).contains(time)), "{times:?}");
}

pub fn a_repeated_append_is_recognised_whatever_the_block_boundaries(backend: &dyn Backend) {
    let queue = backend.queue();
    try_append(&*queue, ("p", 0), P0, &["a", "b", "c"]).unwrap();
    let other = backend.queue();
    for (first, values, written, recognised) in [
        (0, &["a", "b", "c"][..], 0, 3),
        (1, &["b"], 0, 1),
        (0, &["a", "b", "c", "d", "e"], 2, 3),
        (4, &["e", "f"], 1, 1),
        (6, &["g"], 1, 0),
    ] {
        let appended = try_append(&*other, ("p", first), P0, values).unwrap();
        assert_eq!(appended, Appended { written, recognised }, "{first} {values:?}");
    }
    let whole = numbered(0, &["a", "b", "c", "d", "e", "f", "g"]);
    assert_eq!(read(&*queue, &input(&*queue), P0, 0), whole);
    let mut producer = queue.producer(&input(&*queue), "p").unwrap();
    assert_eq!(producer.next_sequence(P0).unwrap(), 7);
}

pub fn a_gap_is_refused_and_nothing_of_the_call_is_written(backend: &dyn Backend) {
    let queue = backend.queue();
    let topic = input(&*queue);
    append(&*queue, P0, &["a"]);
    let fine = block(&["x"]);
    let appends = [
        Append { partition: P1, first_sequence: 0, block: &fine },
        Append { partition: P0, first_sequence: 2, block: &fine },
    ];
    let error = queue.producer(&topic, "p").unwrap().append(&appends).unwrap_err();
    assert!(matches!(error, Error::SequenceGap { expected: 1, found: 2, .. }), "{error}");
    assert_eq!(read(&*queue, &topic, P0, 0), numbered(0, &["a"]));
    assert_eq!(read(&*queue, &topic, P1, 0), []);
}

pub fn producers_do_not_share_their_sequences(backend: &dyn Backend) {
    let queue = backend.queue();
    for (id, sequence, value) in [("p", 0, "a"), ("q", 0, "b"), ("p", 1, "c"), ("q", 1, "d")] {
        try_append(&*queue, (id, sequence), P0, &[value]).unwrap();
    }
    assert_eq!(read(&*queue, &input(&*queue), P0, 0), numbered(0, &["a", "b", "c", "d"]));
}

pub fn a_block_above_the_limit_is_stored_in_pieces(backend: &dyn Backend) {
    let queue = backend.queue();
    let values: Vec<_> = (0..7).map(|i| format!("{i}").repeat(limits::BLOCK_BYTES / 2)).collect();
    append(&*queue, P0, &values);
    let batches = batches(&*queue, &input(&*queue), P0, 0);
    assert!(batches.len() > 1 && batches.iter().all(|batch| batch.size() <= limits::BATCH_BYTES));
    let back: Vec<_> = batches.iter().flat_map(super::values).collect();
    assert_eq!(back, (0..).zip(values).collect::<Vec<_>>());
}

pub fn making_a_topic_again_gives_the_same_one(backend: &dyn Backend) {
    let topic = backend.queue().create("t", 3).unwrap();
    let queue = backend.queue();
    assert_eq!(queue.create("t", 3).unwrap(), topic);
    assert_eq!(queue.topic("t").unwrap(), topic);
    let other = queue.create("a", 1).unwrap();
    assert_ne!(other.id, topic.id);
    assert_eq!(queue.topics().unwrap(), [other, topic]);
}

pub fn a_topic_cannot_change_its_partitions(backend: &dyn Backend) {
    let queue = backend.queue();
    queue.create("t", 3).unwrap();
    let error = queue.create("t", 4).unwrap_err();
    assert!(matches!(error, Error::PartitionsDiffer { have: 3, want: 4, .. }), "{error}");
}

pub fn topics_are_missing_or_misnamed_with_a_reason(backend: &dyn Backend) {
    let queue = backend.queue();
    let missing = queue.topic("nowhere").unwrap_err();
    assert!(matches!(missing, Error::TopicMissing { .. }), "{missing}");
    assert!(matches!(queue.create("a/b", 1), Err(Error::Name { .. })));
    assert!(matches!(queue.create("t", 0), Err(Error::PartitionCount { want: 0, .. })));
    let topic = queue.create("t", 1).unwrap();
    let stale = crate::Topic { id: "another".to_owned(), ..topic };
    let is_refused =
        |error| matches!(error, Error::TopicMissing { .. } | Error::TopicRemade { .. });
    assert!(queue.spans(&stale).is_err_and(is_refused));
    assert!(queue.producer(&stale, "p").is_err_and(is_refused));
}

pub fn without_a_policy_nothing_is_deleted(backend: &dyn Backend) {
    let queue = backend.queue();
    let topic = input(&*queue);
    append(&*queue, P0, &["a"]);
    assert_eq!(queue.retain(&topic, false).unwrap()[0].deleted, 0);
    assert_eq!(queue.spans(&topic).unwrap()[0].first, Offset(0));
}
