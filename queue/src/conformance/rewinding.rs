//! Going back to a checkpoint, and topics with offsets that nothing has any more.

use std::time::Duration;

use super::recovering::sealed;
use super::{Backend, P0, P1, block, commit, numbered, owned, read, step};
use crate::{
    Claim, Committer, Error, Event, Home, Offset, Owner, Partition, PartitionCommit, Policy,
    Rewind, Span, Topic,
};

/// Commits 1 to 4 of two partitions, three rows each; those of an even number seal a checkpoint.
fn four_commits(committer: &mut dyn Committer) {
    for number in 1..=4 {
        let one = |partition| {
            let made = if number % 2 == 0 { sealed(number) } else { step(P0, number) };
            let rows = ["a", "b", "c"].map(|row| format!("{row}{number}"));
            let dead = block(&[format!("dead {number}")]);
            let rollups = vec![block(&[format!("10 s {number}")])];
            PartitionCommit { partition, rows: block(&rows), dead, rollups, ..made }
        };
        commit(committer, vec![one(P0), one(P1)]).unwrap();
    }
}

/// Back to checkpoint 2, after four commits.
fn back(partition: Partition) -> Rewind {
    let note = b"note 2".to_vec();
    let rollups = vec![2];
    Rewind { partition, checkpoint: 2, number: 5, note, rows: 6, dead: 2, rollups }
}

fn topic(home: &dyn Home, name: &str) -> Topic {
    home.topics().topic(name).unwrap()
}

fn rows(home: &dyn Home, partition: Partition) -> Vec<(u64, String)> {
    read(home.topics(), &topic(home, "result"), partition, 0)
}

fn span(first: u64, end: u64) -> Span {
    Span { first: Offset(first), end: Offset(end) }
}

pub fn a_rewind_leaves_what_was_there_at_the_checkpoint(backend: &dyn Backend) {
    let (owner, mut committer) = owned(backend);
    four_commits(&mut *committer);
    backend.home().name_newest("late").unwrap();
    owner.rewind(&[back(P0), back(P1)]).unwrap();
    let home = backend.home();
    let view = home.view().unwrap();
    for (partition, part) in [P0, P1].into_iter().zip(&view.partitions) {
        let progress = part.progress.as_ref().unwrap();
        assert_eq!((progress.number, progress.next), (5, Offset(20)));
        assert_eq!(progress.note, b"note 2");
        assert_eq!(part.journal, 0..2);
        assert_eq!(part.checkpoints.len(), 1);
        assert!(part.checkpoints[0].names.is_empty(), "the name went with its checkpoint");
        assert_eq!((part.rows, part.dead), (span(0, 12), span(0, 4)));
        assert_eq!(part.rows_cut, [span(6, 12)]);
        let left = numbered(0, &["a1", "b1", "c1", "a2", "b2", "c2"]);
        assert_eq!(rows(&*home, partition), left);
        let rolled = topic(&*home, "result-10s");
        let rolled = read(home.topics(), &rolled, partition, 0);
        assert_eq!(rolled, numbered(0, &["10 s 1", "10 s 2"]));
    }
    let recovered = committer.load(&Claim::Sole, &[P0]).unwrap().remove(0);
    assert_eq!(recovered.checkpoint.unwrap().manifest.checkpoint, 2);
    assert_eq!((recovered.next_sequence, recovered.last_checkpoint), (2, 4));
    assert!(recovered.journal.is_empty());
}

pub fn rows_go_on_after_the_offsets_that_were_taken_out(backend: &dyn Backend) {
    let (owner, mut committer) = owned(backend);
    four_commits(&mut *committer);
    owner.rewind(&[back(P0), back(P1)]).unwrap();
    let on = |number| {
        let mut on = step(P0, number);
        on.journal[0].sequence = 2;
        on
    };
    assert!(commit(&mut *committer, vec![on(5)]).is_err(), "that is the rewind itself");
    commit(&mut *committer, vec![on(6)]).unwrap();
    let home = backend.home();
    let mut expected = numbered(0, &["a1", "b1", "c1", "a2", "b2", "c2"]);
    expected.push((12, "row 6".to_owned()));
    assert_eq!(rows(&*home, P0), expected);
    let topic = topic(&*home, "result");
    for from in 6..=12 {
        let expected = numbered(12, &["row 6"]);
        assert_eq!(read(home.topics(), &topic, P0, from), expected, "from {from}");
    }
}

pub fn a_cut_goes_through_the_middle_of_a_block_and_over_an_older_cut(backend: &dyn Backend) {
    let (owner, mut committer) = owned(backend);
    four_commits(&mut *committer);
    let part = |number, rows| Rewind { number, rows, dead: 0, ..back(P0) };
    owner.rewind(&[part(5, 2)]).unwrap();
    let home = backend.home();
    assert_eq!(rows(&*home, P0).last().unwrap(), &(9, "a4".to_owned()));
    let mut on = step(P0, 6);
    on.journal[0].sequence = 2;
    commit(&mut *committer, vec![on]).unwrap();
    assert_eq!(rows(&*home, P0).last().unwrap(), &(12, "row 6".to_owned()));
    owner.rewind(&[part(7, 3)]).unwrap();
    assert_eq!(rows(&*home, P0).last().unwrap(), &(7, "b3".to_owned()));
    let view = home.view().unwrap();
    assert_eq!(view.partitions[0].rows_cut, [span(8, 13)], "one gap, and not two");
    owner.rewind(&[part(8, 1_000)]).unwrap();
    assert_eq!(rows(&*home, P0), []);
    let view = home.view().unwrap();
    assert_eq!(view.partitions[0].rows, span(0, 13), "nothing was let go of by retention");
    assert_eq!(view.partitions[0].rows_cut, [span(0, 13)]);
}

pub fn a_reader_at_the_end_goes_on_over_a_cut(backend: &dyn Backend) {
    let (owner, mut committer) = owned(backend);
    four_commits(&mut *committer);
    let home = backend.home();
    let mut reader = home.topics().reader(&topic(&*home, "result"), &[(P0, Offset(6))]).unwrap();
    owner.rewind(&[back(P0)]).unwrap();
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
    let (owner, mut committer) = owned(backend);
    four_commits(&mut *committer);
    owner.rewind(&[back(P0)]).unwrap();
    let mut on = step(P0, 6);
    on.journal[0].sequence = 2;
    commit(&mut *committer, vec![on]).unwrap();
    let home = backend.home();
    let topic = topic(&*home, "result");
    home.topics().set_policy(&topic, Policy { max_age_ms: None, max_bytes: Some(0) }).unwrap();
    assert_eq!(home.topics().retain(&topic, false).unwrap()[0].deleted, 7);
    assert_eq!(home.view().unwrap().partitions[0].rows, span(13, 13));
}

pub fn a_rewind_is_refused_as_a_whole(backend: &dyn Backend) {
    let (owner, mut committer) = owned(backend);
    four_commits(&mut *committer);
    let home = backend.home();
    let before = format!("{:?}", home.view().unwrap());
    let refused = |owner: &dyn Owner, second: Rewind| {
        owner.rewind(&[back(P0), second]).expect_err("it cannot be")
    };
    let missing = refused(&*owner, Rewind { checkpoint: 3, ..back(P1) });
    assert!(matches!(missing, Error::CheckpointMissing { number: 3, .. }), "{missing}");
    let old = refused(&*owner, Rewind { number: 4, ..back(P1) });
    assert!(matches!(old, Error::OutOfOrder { expected: 5, .. }), "{old}");
    assert_eq!(format!("{:?}", home.view().unwrap()), before, "nothing was done");

    home.note_sink("csv:x", &[(P1, Offset(7))]).unwrap();
    let beyond = refused(&*owner, back(P1));
    assert!(matches!(&beyond, Error::SinkBeyond { left: Offset(6), .. }), "{beyond}");
    assert!(beyond.to_string().contains("csv:x"), "{beyond}");
    assert_eq!(rows(&*home, P0).len(), 12);
    home.note_sink("csv:x", &[(P1, Offset(6))]).unwrap();
    owner.rewind(&[back(P0), back(P1)]).unwrap();
    backend.break_lock();
    let _newer = owned(backend);
    assert!(matches!(refused(&*owner, back(P1)), Error::Fenced { .. }));
}
