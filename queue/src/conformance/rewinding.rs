//! Rewinding to a checkpoint, and topics with gaps in their offsets.

use std::time::Duration;

use super::recovering::sealed;
use super::{Backend, P0, P1, block, commit, numbered, owned, read, step};
use crate::{
    Committer, Error, Event, FencingToken, JobStore, Lease, Offset, Partition, PartitionCommit,
    Policy, Rewind, Span, Topic,
};

/// Commits 1 to 4 of two partitions, three rows each; those of an even number seal a checkpoint.
fn four_commits(committer: &mut dyn Committer) {
    for number in 1..=4 {
        let one = |partition| {
            let made = if number % 2 == 0 { sealed(number) } else { step(P0, number) };
            let rows = ["a", "b", "c"].map(|row| format!("{row}{number}"));
            let (dead, rolled) = (format!("dead {number}"), format!("10 s {number}"));
            let outputs = vec![block(&rows), block(&[dead]), block(&[rolled])];
            PartitionCommit { partition, outputs, ..made }
        };
        commit(committer, vec![one(P0), one(P1)]).unwrap();
    }
}

/// Back to checkpoint 2, after four commits.
fn back(partition: Partition) -> Rewind {
    let note = b"note 2".to_vec();
    let (outputs, keyed) = (vec![6, 2, 2], Vec::new());
    Rewind { partition, checkpoint: 2, number: 5, note, outputs, keyed }
}

fn topic(store: &dyn JobStore, name: &str) -> Topic {
    store.topics().topic(name).unwrap()
}

fn rows(store: &dyn JobStore, partition: Partition) -> Vec<(u64, String)> {
    read(store.topics(), &topic(store, "result"), partition, 0)
}

fn span(first: u64, end: u64) -> Span {
    Span { first: Offset(first), end: Offset(end) }
}

pub fn a_rewind_leaves_what_was_there_at_the_checkpoint(backend: &dyn Backend) {
    let (lease, mut committer) = owned(backend);
    four_commits(&mut *committer);
    backend.store().name_newest_checkpoint("late").unwrap();
    lease.rewind(&[back(P0), back(P1)]).unwrap();
    let store = backend.store();
    let view = store.view().unwrap();
    for (partition, part) in [P0, P1].into_iter().zip(&view.partitions) {
        let progress = part.progress.as_ref().unwrap();
        assert_eq!((progress.number, progress.next), (5, Offset(20)));
        assert_eq!(progress.note, b"note 2");
        assert_eq!(part.journal, 0..2);
        assert_eq!(part.checkpoints.len(), 1);
        assert!(part.checkpoints[0].names.is_empty(), "the name went with its checkpoint");
        assert_eq!((part.outputs[0].span, part.outputs[1].span), (span(0, 12), span(0, 4)));
        assert_eq!(part.outputs[0].cuts, [span(6, 12)]);
        let left = numbered(0, &["a1", "b1", "c1", "a2", "b2", "c2"]);
        assert_eq!(rows(&*store, partition), left);
        let rolled = topic(&*store, "result-10s");
        let rolled = read(store.topics(), &rolled, partition, 0);
        assert_eq!(rolled, numbered(0, &["10 s 1", "10 s 2"]));
    }
    let recovered = committer.load(&FencingToken::Sole, &[P0]).unwrap().remove(0);
    assert_eq!(recovered.checkpoint.unwrap().manifest.checkpoint, 2);
    assert_eq!((recovered.next_sequence, recovered.last_checkpoint), (2, 4));
    assert!(recovered.journal.is_empty());
}

pub fn rows_go_on_after_the_offsets_that_were_taken_out(backend: &dyn Backend) {
    let (lease, mut committer) = owned(backend);
    four_commits(&mut *committer);
    lease.rewind(&[back(P0), back(P1)]).unwrap();
    let on = |number| {
        let mut on = step(P0, number);
        on.journal[0].sequence = 2;
        on
    };
    assert!(commit(&mut *committer, vec![on(5)]).is_err(), "that is the rewind itself");
    commit(&mut *committer, vec![on(6)]).unwrap();
    let store = backend.store();
    let mut expected = numbered(0, &["a1", "b1", "c1", "a2", "b2", "c2"]);
    expected.push((12, "row 6".to_owned()));
    assert_eq!(rows(&*store, P0), expected);
    let topic = topic(&*store, "result");
    for from in 6..=12 {
        let expected = numbered(12, &["row 6"]);
        assert_eq!(read(store.topics(), &topic, P0, from), expected, "from {from}");
    }
}

pub fn a_cut_goes_through_the_middle_of_a_block_and_over_an_older_cut(backend: &dyn Backend) {
    let (lease, mut committer) = owned(backend);
    four_commits(&mut *committer);
    let part = |number, rows| Rewind { number, outputs: vec![rows, 0, 2], ..back(P0) };
    lease.rewind(&[part(5, 2)]).unwrap();
    let store = backend.store();
    assert_eq!(rows(&*store, P0).last().unwrap(), &(9, "a4".to_owned()));
    let mut on = step(P0, 6);
    on.journal[0].sequence = 2;
    commit(&mut *committer, vec![on]).unwrap();
    assert_eq!(rows(&*store, P0).last().unwrap(), &(12, "row 6".to_owned()));
    lease.rewind(&[part(7, 3)]).unwrap();
    assert_eq!(rows(&*store, P0).last().unwrap(), &(7, "b3".to_owned()));
    let view = store.view().unwrap();
    assert_eq!(view.partitions[0].outputs[0].cuts, [span(8, 13)], "one gap, and not two");
    lease.rewind(&[part(8, 1_000)]).unwrap();
    assert_eq!(rows(&*store, P0), []);
    let view = store.view().unwrap();
    assert_eq!(
        view.partitions[0].outputs[0].span,
        span(0, 13),
        "nothing was let go of by retention"
    );
    assert_eq!(view.partitions[0].outputs[0].cuts, [span(0, 13)]);
}

pub fn a_reader_at_the_end_goes_on_over_a_cut(backend: &dyn Backend) {
    let (lease, mut committer) = owned(backend);
    four_commits(&mut *committer);
    let store = backend.store();
    let mut reader = store.topics().reader(&topic(&*store, "result"), &[(P0, Offset(6))]).unwrap();
    lease.rewind(&[back(P0)]).unwrap();
    let mut next = || loop {
        match reader.read(Duration::from_secs(20), &mut Vec::new()).unwrap() {
            Event::Batch(batch) => return (batch.message(0).offset, batch.len()),
            Event::CaughtUp(_, at) => assert_eq!(at, Offset(12)),
            other => panic!("{other:?}"),
        }
    };
    let mut on = step(P0, 6);
    on.journal[0].sequence = 2;
    commit(&mut *committer, vec![on]).unwrap();
    assert_eq!(next(), (Offset(12), 1));
}

pub fn retention_counts_messages_and_not_offsets(backend: &dyn Backend) {
    let (lease, mut committer) = owned(backend);
    four_commits(&mut *committer);
    lease.rewind(&[back(P0)]).unwrap();
    let mut on = step(P0, 6);
    on.journal[0].sequence = 2;
    commit(&mut *committer, vec![on]).unwrap();
    let store = backend.store();
    let topic = topic(&*store, "result");
    store.topics().set_policy(&topic, Policy { max_age_ms: None, max_bytes: Some(0) }).unwrap();
    assert_eq!(store.topics().retain(&topic, false).unwrap()[0].deleted, 7);
    assert_eq!(store.view().unwrap().partitions[0].outputs[0].span, span(13, 13));
}

pub fn a_rewind_is_refused_as_a_whole(backend: &dyn Backend) {
    let (lease, mut committer) = owned(backend);
    four_commits(&mut *committer);
    let store = backend.store();
    let before = format!("{:?}", store.view().unwrap());
    let refused = |lease: &dyn Lease, second: Rewind| {
        lease.rewind(&[back(P0), second]).expect_err("it cannot be")
    };
    let missing = refused(&*lease, Rewind { checkpoint: 3, ..back(P1) });
    assert!(matches!(missing, Error::CheckpointMissing { number: 3, .. }), "{missing}");
    let old = refused(&*lease, Rewind { number: 4, ..back(P1) });
    assert!(matches!(old, Error::OutOfOrder { expected: 5, .. }), "{old}");
    assert_eq!(format!("{:?}", store.view().unwrap()), before, "nothing was done");

    store.put_sink_position("csv:x", 0, &[(P1, Offset(7))]).unwrap();
    let beyond = refused(&*lease, back(P1));
    assert!(matches!(&beyond, Error::SinkBeyond { left: Offset(6), .. }), "{beyond}");
    assert!(beyond.to_string().contains("csv:x"), "{beyond}");
    assert_eq!(rows(&*store, P0).len(), 12);
    store.put_sink_position("csv:x", 0, &[(P1, Offset(6))]).unwrap();
    lease.rewind(&[back(P0), back(P1)]).unwrap();
    backend.break_lock();
    let _newer = owned(backend);
    assert!(matches!(refused(&*lease, back(P1)), Error::Fenced { .. }));
}
