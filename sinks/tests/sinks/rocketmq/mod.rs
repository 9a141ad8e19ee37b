//! The RocketMQ sink on a real broker: it stops and continues after every step, meets zombies,
//! prefixes and foreign messages, and every reader that follows the rule sees each row once.

mod place;

use std::sync::Arc;

use seismic_proto::Message as _;
use seismic_queue::memory::MemoryStore;
use seismic_queue::{Kind, Offset, Partition, Remedy, SinkState as _};
use seismic_rocketmq::{AppendOutcome, Out, TopicWriter};
use seismic_sinks::conformance::{self, ROWS, SinkTarget as _, batch, row, spans_of, write};
use seismic_sinks::rocketmq::RocketMq;
use seismic_sinks::{Context, Error, Sink};

use place::{TopicPlace, url};

const P0: Partition = Partition(0);

/// The batches of rows `from..to` of a partition.
fn rows_of(partition: Partition, from: u64, to: u64) -> seismic_queue::Batch {
    let rows: Vec<_> = (from..to).map(|i| row(partition.0, i)).collect();
    batch(partition, Offset(from), &rows)
}

/// A message as a writer of that epoch and fence would append it, whoever he is.
fn append_row(
    outlet: &mut TopicWriter,
    job: &str,
    (epoch, fence, number): (u64, u64, u64),
) -> Offset {
    let (epoch, fence, text) = (epoch.to_string(), fence.to_string(), number.to_string());
    let properties = [
        ("TAGS", "ROW"),
        ("seismic_job", job),
        ("seismic_partition", "0"),
        ("seismic_row", &*text),
        ("seismic_epoch", &*epoch),
        ("seismic_fence", &*fence),
    ];
    let value = row(0, number).encode_to_vec();
    let out = Out { key: b"k", value: &value, properties: &properties };
    match outlet.append(P0, &[out]) {
        AppendOutcome::At(at) => at,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_topic_passes_the_suite() {
    if TopicPlace::new().is_some() {
        conformance::run(&|| Box::new(TopicPlace::new().unwrap()));
    }
}

#[test]
fn a_repeated_write_adds_nothing() {
    let Some(place) = TopicPlace::new() else { return };
    let mut sink = place.sink();
    sink.recover(&spans_of(ROWS)).unwrap();
    for (from, to) in [(0, 2), (0, 4), (1, 3), (2, ROWS)] {
        write(&mut sink, &rows_of(P0, from, to)).unwrap();
    }
    sink.sync().unwrap();
    assert_eq!(place.rows(), (0..ROWS).map(|i| row(0, i)).collect::<Vec<_>>());
    assert_eq!(place.span().end, Offset(ROWS + 1), "one fence and the rows");
}

#[test]
fn what_a_zombie_appends_behind_the_fence_counts_for_nobody() {
    let Some(place) = TopicPlace::new() else { return };
    let mut first = place.sink();
    first.recover(&spans_of(ROWS)).unwrap();
    write(&mut first, &rows_of(P0, 0, 3)).unwrap();
    let mut second = place.sink();
    second.recover(&spans_of(ROWS)).unwrap();
    assert_eq!(second.ahead(), Some((P0, Offset(3))), "not noted, and there");
    // The first one wakes up; the answer shows that the queue is no longer its own.
    let error = write(&mut first, &rows_of(P0, 3, 5)).err();
    let error = error.or_else(|| write(&mut first, &rows_of(P0, 5, 6)).err()).unwrap();
    assert_eq!(error.kind(), Kind::Fenced, "{error}");
    write(&mut second, &rows_of(P0, 0, ROWS)).unwrap();
    assert_eq!(place.rows(), (0..ROWS).map(|i| row(0, i)).collect::<Vec<_>>());
}

#[test]
fn a_planted_prefix_and_a_late_row_of_an_old_epoch_are_told_apart() {
    let Some(place) = TopicPlace::new() else { return };
    let job = place.context(&place.store).store_id;
    let mut sink = place.sink();
    sink.recover(&spans_of(ROWS)).unwrap();
    let mut outlet = place.outlet();
    // The beginning of a send whose end is lost: rows 0 and 1, under the sink's own fence.
    for number in 0..2 {
        append_row(&mut outlet, &job, (1, 0, number));
    }
    drop(sink);
    let mut sink = place.sink();
    sink.recover(&spans_of(ROWS)).unwrap();
    assert_eq!(sink.ahead(), Some((P0, Offset(2))), "progress, simply");
    append_row(&mut outlet, &job, (1, 0, 2));
    write(&mut sink, &rows_of(P0, 0, ROWS)).unwrap();
    assert_eq!(place.rows(), (0..ROWS).map(|i| row(0, i)).collect::<Vec<_>>());
}

#[test]
fn a_queue_that_ends_below_what_was_acknowledged_is_refused() {
    let Some(place) = TopicPlace::new() else { return };
    let mut sink = place.sink();
    sink.recover(&spans_of(ROWS)).unwrap();
    write(&mut sink, &rows_of(P0, 0, 3)).unwrap();
    sink.sync().unwrap();
    drop(sink);
    // What an empty disk would look like: the store knows of a row that is beyond the queue's end.
    let sink = format!("rocketmq:{}", place.topic);
    MemoryStore::named(&place.store).put_sink_state(&sink, "last", b"0 1000\n").unwrap();
    let error = place.sink().recover(&spans_of(ROWS)).unwrap_err();
    assert_eq!(error.kind(), Kind::Data, "{error}");
    assert_eq!(error.remedy(), Some(Remedy::SyncFlush), "{error}");
}

#[test]
fn a_sink_ahead_of_a_store_that_was_put_back_compares_the_rows_and_goes_on() {
    let Some(place) = TopicPlace::new() else { return };
    let mut sink = place.sink();
    sink.recover(&spans_of(ROWS)).unwrap();
    write(&mut sink, &rows_of(P0, 0, 4)).unwrap();
    drop(sink);
    place.note_of(&[(P0, Offset(1))]);
    // The store has two rows again, and then makes them all.
    let mut sink = place.sink();
    assert_eq!(sink.recover(&spans_of(2)).unwrap()[0], Offset(1));
    assert_eq!(sink.ahead(), Some((P0, Offset(4))));
    write(&mut sink, &rows_of(P0, 1, 3)).unwrap();
    sink.sync().unwrap();
    assert_eq!(sink.ahead(), Some((P0, Offset(4))), "it waits for row 3");
    drop(sink);
    place.note_of(&[(P0, Offset(3))]);
    let mut sink = place.sink();
    assert_eq!(sink.recover(&spans_of(3)).unwrap()[0], Offset(3));
    write(&mut sink, &rows_of(P0, 3, ROWS)).unwrap();
    assert_eq!(sink.ahead(), None);
    assert_eq!(place.rows(), (0..ROWS).map(|i| row(0, i)).collect::<Vec<_>>());
}

#[test]
fn a_store_that_was_put_back_and_makes_other_rows_is_refused() {
    let Some(place) = TopicPlace::new() else { return };
    let mut sink = place.sink();
    sink.recover(&spans_of(ROWS)).unwrap();
    write(&mut sink, &rows_of(P0, 0, 4)).unwrap();
    drop(sink);
    place.note_of(&[(P0, Offset(1))]);
    let mut sink = place.sink();
    sink.recover(&spans_of(2)).unwrap();
    write(&mut sink, &rows_of(P0, 1, 2)).unwrap();
    let others = batch(P0, Offset(2), &[row(0, 2), row(1, 77), row(0, 4)]);
    let error = write(&mut sink, &others).unwrap_err();
    assert!(matches!(error, Error::OtherRow { row: Offset(3), .. }), "{error}");
    assert_eq!((error.kind(), error.remedy()), (Kind::Data, Some(Remedy::RestoreStore)));
    assert_eq!(place.rows(), (0..4).map(|i| row(0, i)).collect::<Vec<_>>(), "nothing was added");
}

#[test]
fn a_topic_that_was_put_back_and_grew_is_refused() {
    let Some(place) = TopicPlace::new() else { return };
    let mut sink = place.sink();
    sink.recover(&spans_of(ROWS)).unwrap();
    write(&mut sink, &rows_of(P0, 0, 3)).unwrap();
    sink.sync().unwrap();
    place.note_of(&[(P0, Offset(3))]);
    drop(sink);
    let refused = || {
        let error = place.sink().recover(&spans_of(ROWS)).unwrap_err();
        assert!(matches!(error, Error::QueueDiffers { .. }), "{error}");
        assert_eq!((error.kind(), error.remedy()), (Kind::Data, Some(Remedy::OtherSinkTopic)));
        error.to_string()
    };
    // Another history: the store knows of a fence, a row or rows that are not in this one.
    let sink = format!("rocketmq:{}", place.topic);
    let fence = MemoryStore::named(&place.store).sink_state(&sink, "fence/0").unwrap().unwrap();
    place.put_state("fence/0", "0 1 12345");
    assert!(refused().contains("the fence of epoch 1 at offset 0, appended at 12345 ms"));
    place.put_state("fence/0", "2 1 12345");
    assert!(refused().contains("there is another message"));
    place.put_state("fence/0", std::str::from_utf8(&fence).unwrap());
    place.put_state("last", "0 0\n");
    assert!(refused().contains("a row at offset 0 should be there"));
    place.put_state("last", "0 3\n");
    place.note_of(&[(P0, Offset(5))]);
    assert!(refused().contains("rows up to 5 should be there, and there is none from 3 on"));
    place.note_of(&[(P0, Offset(3))]);
    place.sink().recover(&spans_of(ROWS)).unwrap();
}

#[test]
fn a_sink_needs_a_job_that_reads_from_rocketmq() {
    let (queue, store) = (url("memory:"), Arc::new(MemoryStore::named("")));
    let context = Context::new("home", "result").at(queue, store);
    let error = RocketMq::open("t", &context).unwrap_err();
    assert!(matches!(error, Error::OtherQueue { .. }), "{error}");
}
