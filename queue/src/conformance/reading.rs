//! Readers and sources.

use std::thread;
use std::time::{Duration, Instant};

use super::{Backend, P0, P1, PATIENCE, append, batches, block, input, numbered, read, values};
use crate::{Append, Batch, Error, Event, Offset, Partition, Source, limits};

const NO_WAIT: Duration = Duration::ZERO;

pub fn two_readers_see_the_same(backend: &dyn Backend) {
    let queue = backend.queue();
    append(&*queue, P0, &["a", "b"]);
    append(&*queue, P0, &["c"]);
    let topic = input(&*queue);
    let seen = read(&*backend.queue(), &topic, P0, 0);
    assert_eq!(seen, numbered(0, &["a", "b", "c"]));
    assert_eq!(read(&*backend.queue(), &topic, P0, 0), seen);
}

pub fn reading_begins_in_the_middle_of_a_block(backend: &dyn Backend) {
    let queue = backend.queue();
    append(&*queue, P0, &["a", "b", "c"]);
    append(&*queue, P0, &["d", "e"]);
    let all = numbered(0, &["a", "b", "c", "d", "e"]);
    for from in 0..=5 {
        assert_eq!(read(&*queue, &input(&*queue), P0, from), all[from as usize..]);
    }
}

pub fn the_end_is_said_once_and_again_after_more(backend: &dyn Backend) {
    let queue = backend.queue();
    append(&*queue, P0, &["a"]);
    let mut reader = queue.reader(&input(&*queue), &[(P0, Offset(0))]).unwrap();
    let mut next = |wait| reader.read(wait, &mut Vec::new()).unwrap();
    for end in 1..4 {
        assert!(matches!(next(PATIENCE), Event::Batch(batch) if batch.next() == Offset(end)));
        assert!(matches!(next(PATIENCE), Event::CaughtUp(P0, at) if at == Offset(end)));
        assert!(matches!(next(backend.quiet()), Event::Nothing));
        assert!(matches!(next(NO_WAIT), Event::Nothing));
        append(&*queue, P0, &["more"]);
    }
}

pub fn partitions_take_turns(backend: &dyn Backend) {
    let queue = backend.queue();
    let large = "x".repeat(limits::BLOCK_BYTES);
    for _ in 0..4 {
        append(&*queue, P0, &[&large]);
        append(&*queue, P1, &[&large]);
    }
    let starts = [(P0, Offset(0)), (P1, Offset(0))];
    let mut reader = queue.reader(&input(&*queue), &starts).unwrap();
    let mut turns = Vec::new();
    let mut spare = Vec::new();
    while let Event::Batch(batch) = reader.read(NO_WAIT, &mut spare).unwrap() {
        turns.push(batch.partition());
        spare.push(batch);
    }
    assert_eq!(turns.len(), 8);
    assert!(turns.windows(2).all(|two| two[0] != two[1]), "{turns:?}");
}

pub fn small_blocks_share_a_batch_and_batches_stay_small(backend: &dyn Backend) {
    let queue = backend.queue();
    append(&*queue, P0, &["a"]);
    append(&*queue, P0, &["b"]);
    assert_eq!(batches(&*queue, &input(&*queue), P0, 0).len(), 1);
    let half = "x".repeat(limits::BLOCK_BYTES / 2);
    for _ in 0..9 {
        append(&*queue, P0, &[&half]);
    }
    let batches = batches(&*queue, &input(&*queue), P0, 0);
    assert!((3..9).contains(&batches.len()), "{}", batches.len());
    assert!(batches.iter().all(|batch| batch.size() <= limits::BATCH_BYTES));
}

pub fn a_waiting_reader_sees_what_is_appended_meanwhile(backend: &dyn Backend) {
    let (queue, other) = (backend.queue(), backend.queue());
    let topic = input(&*queue);
    let mut reader = queue.reader(&topic, &[(P0, Offset(0))]).unwrap();
    assert!(matches!(reader.read(PATIENCE, &mut Vec::new()).unwrap(), Event::CaughtUp(..)));
    let begun = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| append(&*other, P0, &["a"]));
        let event = reader.read(PATIENCE, &mut Vec::new()).unwrap();
        assert!(matches!(event, Event::Batch(batch) if values(&batch) == numbered(0, &["a"])));
    });
    assert!(begun.elapsed() < PATIENCE);
}

/// What a source gives until these partitions are at their ends and nothing more comes.
fn drain(backend: &dyn Backend, source: &mut dyn Source, mut until: Vec<Partition>) -> Vec<Event> {
    let mut events = Vec::new();
    loop {
        let wait = if until.is_empty() { backend.quiet() } else { PATIENCE };
        let event = source.poll(wait, &mut Vec::new()).unwrap();
        match &event {
            Event::Nothing => {
                assert!(until.is_empty(), "the end of {until:?} never came");
                return events;
            }
            Event::CaughtUp(partition, _) => until.retain(|other| other != partition),
            _ => {}
        }
        events.push(event);
    }
}

fn batches_of(events: &[Event]) -> Vec<&Batch> {
    let mut batches = Vec::new();
    for event in events {
        if let Event::Batch(batch) = event {
            batches.push(batch);
        }
    }
    batches
}

pub fn a_source_is_silent_until_started_and_can_go_back(backend: &dyn Backend) {
    let queue = backend.queue();
    append(&*queue, P0, &["a", "b"]);
    append(&*queue, P1, &["x"]);
    let mut source = queue.source(&input(&*queue), &[P0, P1]).unwrap();
    let events = drain(backend, &mut *source, vec![]);
    assert!(matches!(&events[..], [Event::Assigned(p)] if *p == [P0, P1]), "{events:?}");
    source.start(&[(P0, Offset(1)), (P1, Offset(0))]).unwrap();
    assert_eq!(batches_of(&drain(backend, &mut *source, vec![P0, P1])).len(), 2);
    source.start(&[(P0, Offset(0))]).unwrap();
    let events = drain(backend, &mut *source, vec![P0]);
    let [again] = batches_of(&events)[..] else { panic!("{events:?}") };
    assert_eq!(values(again), numbered(0, &["a", "b"]));
    source.release(&[P0]).unwrap();
    append(&*queue, P0, &["c"]);
    append(&*queue, P1, &["y"]);
    let events = drain(backend, &mut *source, vec![P1]);
    let [other] = batches_of(&events)[..] else { panic!("{events:?}") };
    assert_eq!(values(other), numbered(1, &["y"]));
}

pub fn a_partition_moves_from_one_source_to_another(backend: &dyn Backend) {
    let queue = backend.queue();
    append(&*queue, P0, &["a", "b"]);
    append(&*queue, P1, &["x"]);
    // One begins with all, and the other one without any.
    let mut first = queue.source(&input(&*queue), &[P0, P1]).unwrap();
    let mut second = queue.source(&input(&*queue), &[]).unwrap();
    drain(backend, &mut *first, vec![]);
    drain(backend, &mut *second, vec![]);
    first.start(&[(P0, Offset(0)), (P1, Offset(0))]).unwrap();
    drain(backend, &mut *first, vec![P0, P1]);
    first.release(&[P0]).unwrap();
    append(&*queue, P0, &["c"]);
    append(&*queue, P1, &["y"]);
    second.start(&[(P0, Offset(2))]).unwrap();
    let events = drain(backend, &mut *second, vec![P0]);
    let [moved] = batches_of(&events)[..] else { panic!("{events:?}") };
    assert_eq!(values(moved), numbered(2, &["c"]));
    let events = drain(backend, &mut *first, vec![P1]);
    let [stayed] = batches_of(&events)[..] else { panic!("{events:?}") };
    assert_eq!(values(stayed), numbered(1, &["y"]));
    // And back again, beside what the other one has.
    second.release(&[P0]).unwrap();
    first.start(&[(P0, Offset(3))]).unwrap();
    append(&*queue, P0, &["d"]);
    let events = drain(backend, &mut *first, vec![P0]);
    let moved: Vec<_> = batches_of(&events).into_iter().flat_map(values).collect();
    assert_eq!(moved, numbered(3, &["d"]));
}

pub fn a_paused_partition_is_fetched_no_more_until_it_is_resumed_where_it_was(
    backend: &dyn Backend,
) {
    let queue = backend.queue();
    append(&*queue, P0, &["a"]);
    append(&*queue, P1, &["x"]);
    let mut source = queue.source(&input(&*queue), &[P0, P1]).unwrap();
    drain(backend, &mut *source, vec![]);
    source.start(&[(P0, Offset(0)), (P1, Offset(0))]).unwrap();
    let mut events = drain(backend, &mut *source, vec![P0, P1]);
    let of_paused = |events: &[Event]| {
        let batches = batches_of(events).into_iter().filter(|batch| batch.partition() == P0);
        batches.flat_map(values).collect::<Vec<_>>()
    };
    source.pause(&[P0]).unwrap();
    // A question that was under way may still bring what is appended now, and no later one.
    append(&*queue, P0, &["b"]);
    append(&*queue, P1, &["y"]);
    events.extend(drain(backend, &mut *source, vec![P1]));
    append(&*queue, P0, &["c"]);
    append(&*queue, P1, &["z"]);
    let paused = drain(backend, &mut *source, vec![P1]);
    assert!(of_paused(&paused).is_empty(), "{paused:?}");
    events.extend(paused);
    // Pausing twice is harmless: a restarted source does so.
    source.pause(&[P0]).unwrap();
    let at = Offset(of_paused(&events).len() as u64);
    source.resume(&[(P0, at)]).unwrap();
    events.extend(drain(backend, &mut *source, vec![P0]));
    assert_eq!(of_paused(&events), numbered(0, &["a", "b", "c"]));
    let other = batches_of(&events).into_iter().filter(|batch| batch.partition() == P1);
    let other: Vec<_> = other.flat_map(values).collect();
    assert_eq!(other, numbered(0, &["x", "y", "z"]));
}

pub fn the_end_of_a_log_is_asked_now(backend: &dyn Backend) {
    let (queue, other) = (backend.queue(), backend.queue());
    let mut source = queue.source(&input(&*queue), &[P0]).unwrap();
    for end in 0..3 {
        assert_eq!(source.ends(&[P0]).remove(0).unwrap(), Offset(end));
        append(&*other, P0, &["a"]);
    }
}

pub fn a_time_is_found_at_the_first_message_of_its_block(backend: &dyn Backend) {
    let queue = backend.queue();
    let topic = input(&*queue);
    for _ in 0..3 {
        append(&*queue, P0, &["a", "b"]);
    }
    let batches = batches(&*queue, &topic, P0, 0);
    let times: Vec<_> = batches
        .iter()
        .flat_map(|batch| batch.messages().map(|message| (message.offset, message.append_ms)))
        .collect();
    for &(_, time) in &times {
        let first = times.iter().find(|(_, at)| *at >= time).unwrap().0;
        assert_eq!(queue.offset_at(&topic, P0, time).unwrap(), first);
    }
    assert_eq!(queue.offset_at(&topic, P0, i64::MIN).unwrap(), Offset(0));
    assert_eq!(queue.offset_at(&topic, P0, i64::MAX).unwrap(), Offset(6));
    assert_eq!(queue.offset_at(&topic, P1, 0).unwrap(), Offset(0));
}

pub fn offsets_and_partitions_that_are_not_there_are_refused(backend: &dyn Backend) {
    let queue = backend.queue();
    let topic = input(&*queue);
    append(&*queue, P0, &["a"]);
    let mut reader = queue.reader(&topic, &[(P0, Offset(2))]).unwrap();
    let error = reader.read(PATIENCE, &mut Vec::new()).unwrap_err();
    assert!(matches!(error, Error::OffsetBeyond { end: Offset(1), .. }), "{error}");
    let p2 = Partition(2);
    let missing = |error| matches!(error, Error::PartitionMissing { partitions: 2, .. });
    assert!(queue.reader(&topic, &[(p2, Offset(0))]).is_err_and(missing));
    assert!(queue.source(&topic, &[p2]).is_err_and(missing));
    assert!(queue.offset_at(&topic, p2, 0).is_err_and(missing));
    let one = block(&["a"]);
    let append = Append { partition: p2, first_sequence: 0, block: &one };
    assert!(queue.producer(&topic, "p").unwrap().append(&[append]).is_err_and(missing));
}
