//! Commits: all or nothing, in order.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::recovering::sealed;
use super::{Backend, P0, P1, block, commit, end_after, numbered, owned, read, step};
use crate::{Chunk, CommitError, Error, Manifest, Offset, Partition, PartitionCommit};

pub fn a_commit_shows_everything_at_once(backend: &dyn Backend) {
    let (_lease, mut committer) = owned(backend);
    let mut dead = step(P1, 1);
    dead.outputs.push(block(&["bad", "worse"]));
    commit(&mut *committer, vec![step(P0, 1), dead]).unwrap();
    commit(&mut *committer, vec![step(P0, 2)]).unwrap();
    let store = backend.store();
    let view = store.view().unwrap();
    let progress = view.partitions[0].progress.as_ref().unwrap();
    assert_eq!((progress.number, progress.next), (2, Offset(20)));
    assert_eq!(progress.note, b"note 2");
    assert_eq!(view.partitions[0].journal, 0..2);
    assert_eq!(store.journal(P0, 1..2).unwrap(), step(P0, 2).journal);
    assert_eq!(view.partitions[1].progress.as_ref().unwrap().number, 1);
    assert_eq!(view.partitions[0].outputs[0].span.end, end_after(backend, 2));
    assert_eq!(view.partitions[1].outputs[1].span.end, Offset(2));
    let topic = |name| store.topics().topic(name).unwrap();
    let rows = read(store.topics(), &topic("result"), P0, 0);
    let second = end_after(backend, 2).0 - 1;
    assert_eq!(rows, [numbered(0, &["row 1"]), numbered(second, &["row 2"])].concat());
    let dead = read(store.topics(), &topic("dead"), P1, 0);
    assert_eq!(dead, numbered(0, &["bad", "worse"]));
}

pub fn rows_of_further_outputs_are_part_of_the_commit(backend: &dyn Backend) {
    let (_lease, mut committer) = owned(backend);
    let of = |number, further: &[&[&str]]| {
        let outputs = [&[][..], &[]].into_iter().chain(further.iter().copied()).map(block);
        PartitionCommit { outputs: outputs.collect(), ..step(P1, number) }
    };
    let first = of(1, &[&["10 a", "10 b"], &["60"]]);
    commit(&mut *committer, vec![first, step(P0, 1)]).unwrap();
    commit(&mut *committer, vec![of(2, &[&["10 c"]])]).unwrap();
    let too_many = of(3, &[&["x"], &["x"], &["x"]]);
    let refused = commit(&mut *committer, vec![step(P0, 2), too_many]);
    assert!(matches!(refused, Err(CommitError::Fatal(Error::OutOfOrder { .. }))), "{refused:?}");
    let store = backend.store();
    let view = store.view().unwrap();
    let further = view.job.topics_of("rollup");
    assert_eq!(further.collect::<Vec<_>>(), ["result-10s", "result-60s"]);
    let ends = |place: usize| {
        let spans = view.partitions[place].outputs[2..].iter();
        spans.map(|output| output.span.end.0).collect::<Vec<_>>()
    };
    let last = 2 + backend.gap();
    assert_eq!((ends(0), ends(1)), (vec![0, 0], vec![last + 1, 1]));
    let rows = |name| read(store.topics(), &store.topics().topic(name).unwrap(), P1, 0);
    let of_both = [numbered(0, &["10 a", "10 b"]), numbered(last, &["10 c"])].concat();
    assert_eq!(rows("result-10s"), of_both);
    assert_eq!(rows("result-60s"), numbered(0, &["60"]));
}

pub fn a_commit_that_does_not_go_on_is_refused_and_writes_nothing(backend: &dyn Backend) {
    let (_lease, mut committer) = owned(backend);
    commit(&mut *committer, vec![step(P0, 1)]).unwrap();
    let chunk = |checkpoint, index| vec![Chunk { checkpoint, index, bytes: vec![1] }];
    let manifest = Manifest { checkpoint: 1, chunks: 1, ..sealed(1).manifest.unwrap() };
    let mut journal = step(P0, 2).journal;
    journal[0].sequence = 2;
    for (what, wrong) in [
        ("repeated number", PartitionCommit { number: 1, ..step(P0, 2) }),
        ("skipped number", PartitionCommit { number: 3, ..step(P0, 2) }),
        ("next going back", PartitionCommit { next: Offset(9), ..step(P0, 2) }),
        ("journal with a gap", PartitionCommit { journal, ..step(P0, 2) }),
        ("chunk with a gap", PartitionCommit { chunks: chunk(1, 1), ..step(P0, 2) }),
        ("missing chunk", PartitionCommit { manifest: Some(manifest), ..step(P0, 2) }),
    ] {
        let refused = commit(&mut *committer, vec![wrong]);
        let Err(CommitError::Fatal(Error::OutOfOrder { .. })) = refused else {
            panic!("{what}: {refused:?}");
        };
    }
    let elsewhere = commit(&mut *committer, vec![step(Partition(2), 1)]);
    assert!(matches!(elsewhere, Err(CommitError::Fatal(Error::PartitionMissing { .. }))));
    let view = backend.store().view().unwrap();
    assert_eq!(view.partitions[0].progress.as_ref().unwrap().number, 1);
    assert_eq!(view.partitions[0].outputs[0].span.end, Offset(1));
    commit(&mut *committer, vec![step(P0, 2)]).unwrap();
}

pub fn one_bad_partition_refuses_the_whole_commit(backend: &dyn Backend) {
    let (_lease, mut committer) = owned(backend);
    assert!(commit(&mut *committer, vec![step(P0, 1), step(P1, 2)]).is_err());
    assert!(commit(&mut *committer, vec![step(P0, 1), step(P0, 1)]).is_err());
    let view = backend.store().view().unwrap();
    assert!(view.partitions[0].progress.is_none());
    assert_eq!(view.partitions[0].outputs[0].span.end, Offset(0));
    commit(&mut *committer, vec![step(P0, 1), step(P1, 1)]).unwrap();
}

pub fn commits_of_two_slots_are_both_made(backend: &dyn Backend) {
    let (lease, _) = owned(backend);
    thread::scope(|scope| {
        for partition in [P0, P1] {
            let mut committer = backend.committer(&*lease);
            scope.spawn(move || {
                for number in 1..=20 {
                    commit(&mut *committer, vec![step(partition, number)]).unwrap();
                }
            });
        }
    });
    for partition in backend.store().view().unwrap().partitions {
        assert_eq!(partition.progress.unwrap().number, 20);
        assert_eq!(partition.outputs[0].span.end, end_after(backend, 20));
        assert_eq!(partition.journal, 0..20);
    }
}

pub fn a_view_never_shows_half_a_commit(backend: &dyn Backend) {
    let (_lease, mut committer) = owned(backend);
    let store = backend.store();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 1..=50 {
                commit(&mut *committer, vec![step(P0, number), step(P1, number)]).unwrap();
            }
            done.store(true, Ordering::SeqCst);
        });
        let mut looked = 0;
        while !done.load(Ordering::SeqCst) || looked == 0 {
            let seen = store.view().unwrap().partitions.into_iter().map(|partition| {
                let number = partition.progress.map_or(0, |progress| progress.number);
                assert_eq!(partition.outputs[0].span.end, end_after(backend, number));
                assert_eq!(partition.journal, 0..number);
                number
            });
            let seen: Vec<_> = seen.collect();
            assert_eq!(seen[0], seen[1]);
            looked += 1;
        }
    });
}
