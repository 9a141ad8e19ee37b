//! Rewinding to a checkpoint where tasks write to each other's partitions.

use super::shaping::{joined, owned, pairs, sealed_at, values};
use super::{Backend, P0, P1, commit};
use crate::{Committer, Error, KeyedCut, Offset, Partition, PartitionCommit, Rewind};

/// Two commits of two tasks, each with rows for partition 1 of the keyed output, and a third one of
/// both after the checkpoints that the first made.
fn three_commits(committer: &mut dyn Committer) {
    let share = |partition, number: u64, rows: &[&str]| -> PartitionCommit {
        let make = if number == 1 { sealed_at } else { joined };
        make(partition, (number, number), vec![pairs(1, rows)])
    };
    commit(committer, vec![share(P0, 1, &["a1"]), share(P1, 1, &["b1"])]).unwrap();
    commit(committer, vec![share(P0, 2, &["a2", "a3"]), share(P1, 2, &["b2"])]).unwrap();
    commit(committer, vec![share(P0, 3, &["a4"]), share(P1, 3, &["b3", "b4"])]).unwrap();
}

/// Takes a task back to checkpoint 1, with that many of its rows.
fn back(partition: Partition, rows: u64) -> Rewind {
    let keyed = vec![KeyedCut { output: 0, partition: Partition(1), rows }];
    let (number, note, outputs) = (4, b"note 1".to_vec(), vec![0, 2]);
    Rewind { partition, checkpoint: 1, number, note, outputs, keyed }
}

pub fn a_rewind_takes_back_the_rows_of_its_task_alone(backend: &dyn Backend) {
    let (lease, mut committer) = owned(backend);
    three_commits(&mut *committer);
    lease.rewind(&[back(P0, 3)]).unwrap();
    let store = backend.store();
    assert_eq!(values(&*store, 1), ["a1", "b1", "b2", "b3", "b4"]);
    let progress = store.view().unwrap().partitions.remove(0).progress.unwrap();
    assert_eq!((progress.next, progress.further), (Offset(10), vec![Offset(1)]));
    lease.rewind(&[back(P1, 2)]).unwrap();
    assert_eq!(values(&*store, 1), ["a1", "b1", "b2"], "the last ones of a block and of all");
    let mut on = joined(P0, (5, 2), vec![pairs(1, &["a5"])]);
    on.journal[0].sequence = 1;
    commit(&mut *committer, vec![on]).unwrap();
    assert_eq!(values(&*store, 1), ["a1", "b1", "b2", "a5"]);
}

pub fn a_reader_goes_on_over_what_was_taken_out_between_others(backend: &dyn Backend) {
    let (lease, mut committer) = owned(backend);
    three_commits(&mut *committer);
    lease.rewind(&[back(P0, 3)]).unwrap();
    let store = backend.store();
    let topic = store.topics().topic("pairs").unwrap();
    let rest = ["b2", "b3", "b4"];
    for (from, left) in [(2, 3), (3, 3), (4, 3), (5, 2), (6, 2), (7, 1)] {
        let found = super::read(store.topics(), &topic, Partition(1), from);
        let found: Vec<_> = found.iter().map(|(_, value)| &**value).collect();
        assert_eq!(found, rest[3 - left..], "from {from}");
    }
    let view = store.view().unwrap();
    let cut = |offset| view.keyed[0][1].is_cut(Offset(offset));
    assert_eq!((0..8).map(cut).collect::<Vec<_>>(), [0, 0, 1, 1, 0, 1, 0, 0].map(|it| it == 1));
}

pub fn a_rewind_is_refused_while_a_sink_is_beyond_a_keyed_row(backend: &dyn Backend) {
    let (lease, mut committer) = owned(backend);
    three_commits(&mut *committer);
    let store = backend.store();
    store.put_sink_position("csv:x", 0, &[(Partition(1), Offset(3))]).unwrap();
    let refused = lease.rewind(&[back(P0, 3)]);
    assert!(matches!(refused, Err(Error::SinkBeyond { left: Offset(2), .. })), "{refused:?}");
    assert_eq!(values(&*store, 1).len(), 8, "nothing was done");
    store.put_sink_position("csv:x", 0, &[(Partition(1), Offset(2))]).unwrap();
    lease.rewind(&[back(P0, 3)]).unwrap();
}
