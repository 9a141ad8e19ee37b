//! Checkpoints, journal, and where a partition continues.

use super::{Backend, P0, P1, commit, owned, step};
use crate::{
    Chunk, Class, Committer, Error, FencingToken, Manifest, Offset, PartitionCommit, Recovered,
    limits,
};

/// The `number`th commit of partition 0, making a checkpoint of that number in two chunks.
pub(super) fn sealed(number: u64) -> PartitionCommit {
    let chunk = |index: u32| {
        let bytes = format!("state {number}.{index} ").into_bytes();
        Chunk { checkpoint: number, index, bytes }
    };
    let chunks = vec![chunk(0), chunk(1)];
    let crc = crc32fast::hash(&[&chunks[0].bytes[..], &chunks[1].bytes].concat());
    let position = Offset(number * 10);
    let (further, journal_sequence) = (Vec::new(), number);
    let keeps = limits::CHECKPOINTS_NEWEST as u32;
    let manifest =
        Manifest { checkpoint: number, position, further, journal_sequence, chunks: 2, crc, keeps };
    PartitionCommit { chunks, manifest: Some(manifest), ..step(P0, number) }
}

fn load(committer: &mut dyn Committer) -> Recovered {
    let mut recovered = committer.load(&FencingToken::Sole, &[P0]).unwrap();
    assert_eq!(recovered.len(), 1);
    recovered.remove(0)
}

fn state(recovered: &Recovered) -> &str {
    let checkpoint = recovered.checkpoint.as_ref().expect("there is a whole checkpoint");
    std::str::from_utf8(&checkpoint.state).unwrap()
}

fn sequences(recovered: &Recovered) -> Vec<u64> {
    recovered.journal.iter().map(|entry| entry.sequence).collect()
}

pub fn a_partition_never_committed_starts_from_nothing(backend: &dyn Backend) {
    let (_lease, mut committer) = owned(backend);
    commit(&mut *committer, vec![step(P1, 1)]).unwrap();
    let recovered = load(&mut *committer);
    assert_eq!(recovered.partition, P0);
    assert!(recovered.progress.is_none() && recovered.checkpoint.is_none());
    assert!(recovered.journal.is_empty() && recovered.passed_over.is_empty());
    assert_eq!((recovered.next_sequence, recovered.last_checkpoint), (0, 0));
}

pub fn recovery_has_the_newest_checkpoint_and_the_journal_after_it(backend: &dyn Backend) {
    let (lease, mut committer) = owned(backend);
    for number in 1..=2 {
        commit(&mut *committer, vec![sealed(number)]).unwrap();
    }
    commit(&mut *committer, vec![step(P0, 3)]).unwrap();
    drop((lease, committer));
    let (_lease, mut committer) = owned(backend);
    let recovered = load(&mut *committer);
    assert_eq!(recovered.progress.as_ref().unwrap().number, 3);
    assert_eq!(state(&recovered), "state 2.0 state 2.1 ");
    assert_eq!(recovered.journal, step(P0, 3).journal);
    assert_eq!((recovered.next_sequence, recovered.last_checkpoint), (3, 2));
    let read = backend.store().checkpoint(P0, 1).unwrap();
    assert_eq!(
        (read.manifest, read.state),
        (sealed(1).manifest.unwrap(), b"state 1.0 state 1.1 ".to_vec())
    );
    let info = &backend.store().view().unwrap().partitions[0].checkpoints[1];
    assert_eq!((info.manifest.checkpoint, info.bytes), (2, 20));
}

pub fn a_damaged_checkpoint_is_passed_over_with_its_journal(backend: &dyn Backend) {
    let (_lease, mut committer) = owned(backend);
    for number in 1..=3 {
        commit(&mut *committer, vec![sealed(number)]).unwrap();
    }
    backend.damage(P0, 3);
    let recovered = load(&mut *committer);
    assert_eq!(state(&recovered), "state 2.0 state 2.1 ");
    assert_eq!(sequences(&recovered), [2]);
    assert_eq!(recovered.passed_over.len(), 1);
    assert!(recovered.passed_over[0].contains("checkpoint 3"), "{:?}", recovered.passed_over);
    assert!(matches!(backend.store().checkpoint(P0, 3), Err(Error::Corrupt { .. })));
    backend.damage(P0, 2);
    backend.damage(P0, 1);
    let recovered = load(&mut *committer);
    assert!(recovered.checkpoint.is_none());
    assert_eq!(sequences(&recovered), [0, 1, 2]);
    assert_eq!((recovered.passed_over.len(), recovered.last_checkpoint), (3, 3));
}

pub fn chunks_without_a_manifest_mean_nothing(backend: &dyn Backend) {
    let (_lease, mut committer) = owned(backend);
    commit(&mut *committer, vec![sealed(1)]).unwrap();
    let begun = PartitionCommit { manifest: None, ..sealed(2) };
    commit(&mut *committer, vec![begun]).unwrap();
    let recovered = load(&mut *committer);
    assert_eq!(state(&recovered), "state 1.0 state 1.1 ");
    assert_eq!(recovered.last_checkpoint, 2, "its number is used");
    assert!(recovered.passed_over.is_empty());
    let missing = backend.store().checkpoint(P0, 2);
    assert!(matches!(missing, Err(Error::CheckpointMissing { number: 2, .. })));
    commit(&mut *committer, vec![sealed(3)]).unwrap();
    assert_eq!(state(&load(&mut *committer)), "state 3.0 state 3.1 ");
}

pub fn the_newest_checkpoints_are_kept(backend: &dyn Backend) {
    let (_lease, mut committer) = owned(backend);
    let last = limits::CHECKPOINTS_NEWEST as u64 + 8;
    for number in 1..=last {
        commit(&mut *committer, vec![sealed(number)]).unwrap();
    }
    let kept = &backend.store().view().unwrap().partitions[0].checkpoints;
    let newest = kept.iter().filter(|info| info.class == Some(Class::Newest));
    let newest: Vec<_> = newest.map(|info| info.manifest.checkpoint).collect();
    assert_eq!(newest, (9..=last).collect::<Vec<_>>());
    // An hour may have ended meanwhile, and a day with it.
    assert!(kept.len() <= newest.len() + 2, "{kept:?}");
    let gone = (1..9).find(|&number| kept.iter().all(|info| info.manifest.checkpoint != number));
    let missing = backend.store().checkpoint(P0, gone.unwrap());
    assert!(matches!(missing, Err(Error::CheckpointMissing { .. })));
    backend.store().checkpoint(P0, 9).unwrap();
}

pub fn as_many_of_the_newest_are_kept_as_the_newest_says(backend: &dyn Backend) {
    let (lease, mut committer) = owned(backend);
    let keeping = |number, keeps| {
        let mut commit = sealed(number);
        commit.manifest = commit.manifest.map(|it| Manifest { keeps, ..it });
        commit
    };
    let newest = || {
        let kept = backend.store().view().unwrap().partitions[0].checkpoints.clone();
        let newest = kept.iter().filter(|info| info.class == Some(Class::Newest));
        newest.map(|info| info.manifest.checkpoint).collect::<Vec<_>>()
    };
    for number in 1..=20 {
        commit(&mut *committer, vec![keeping(number, 15)]).unwrap();
    }
    assert_eq!(newest(), (6..=20).collect::<Vec<_>>());
    backend.store().checkpoint(P0, 6).unwrap();
    // Whoever has the store next is not asked, and what it commits counts from then on.
    drop((lease, committer));
    let (_lease, mut committer) = owned(backend);
    assert_eq!(newest(), (6..=20).collect::<Vec<_>>());
    commit(&mut *committer, vec![keeping(21, 2)]).unwrap();
    assert_eq!(newest(), [20, 21]);
    let recovered = load(&mut *committer);
    assert_eq!(recovered.checkpoint.unwrap().manifest.keeps, 2);
    commit(&mut *committer, vec![sealed(22)]).unwrap();
    assert_eq!(newest()[newest().len() - 3..], [20, 21, 22]);
}

pub fn a_checkpoint_with_a_missing_chunk_is_refused(backend: &dyn Backend) {
    let (_lease, mut committer) = owned(backend);
    let mut short = sealed(1);
    short.chunks.pop();
    assert!(commit(&mut *committer, vec![short]).is_err());
    let PartitionCommit { mut chunks, manifest, .. } = sealed(1);
    let rest = chunks.split_off(1);
    commit(&mut *committer, vec![PartitionCommit { chunks, ..step(P0, 1) }]).unwrap();
    let sealing = PartitionCommit { chunks: rest, manifest, ..step(P0, 2) };
    commit(&mut *committer, vec![sealing]).unwrap();
    assert_eq!(state(&load(&mut *committer)), "state 1.0 state 1.1 ");
}

pub fn the_journal_is_pruned_up_to_the_oldest_checkpoint(backend: &dyn Backend) {
    let (lease, mut committer) = owned(backend);
    commit(&mut *committer, vec![step(P0, 1)]).unwrap();
    commit(&mut *committer, vec![step(P0, 2)]).unwrap();
    commit(&mut *committer, vec![sealed(3)]).unwrap();
    commit(&mut *committer, vec![step(P0, 4)]).unwrap();
    let kept = || {
        let store = backend.store();
        let range = store.view().unwrap().partitions.remove(0).journal;
        let journal = store.journal(P0, range.clone()).unwrap();
        let sequences: Vec<_> = journal.iter().map(|entry| entry.sequence).collect();
        assert_eq!(sequences, range.collect::<Vec<_>>());
        sequences
    };
    lease.prune_journal(P0, Offset(20)).unwrap();
    assert_eq!(kept(), [1, 2, 3]);
    lease.prune_journal(P0, Offset(1_000)).unwrap();
    assert_eq!(kept(), [3], "the checkpoint needs it");
    assert_eq!(load(&mut *committer).next_sequence, 4);
}
