//! Named checkpoints.

use super::recovering::sealed;
use super::{Backend, P0, P1, commit, owned, step};
use crate::{Class, Committer, Error, JobStore, Offset, Partition, PartitionCommit, limits};

/// As [`sealed`], in any partition.
fn sealed_in(partition: Partition, number: u64) -> PartitionCommit {
    PartitionCommit { partition, ..sealed(number) }
}

fn seal(committer: &mut dyn Committer, commits: Vec<PartitionCommit>) {
    commit(committer, commits).unwrap();
}

/// Numbers of the checkpoints of that name, by partition.
fn named(store: &dyn JobStore, name: &str) -> Vec<(u32, u64)> {
    let view = store.view().unwrap();
    let mut named = Vec::new();
    for (partition, part) in (0..).zip(&view.partitions) {
        for info in &part.checkpoints {
            if info.names.iter().any(|one| one == name) {
                named.push((partition, info.manifest.checkpoint));
            }
        }
    }
    named
}

pub fn a_name_is_whole_when_every_partition_has_answered(backend: &dyn Backend) {
    let (_lease, mut committer) = owned(backend);
    seal(&mut *committer, vec![sealed_in(P0, 1), sealed_in(P1, 1)]);
    let store = backend.store();
    store.request_checkpoint("quake").unwrap();
    assert!(matches!(backend.store().request_checkpoint("quake"), Err(Error::NameTaken { .. })));
    let asked = store.checkpoint_requests().unwrap().remove(0);
    assert_eq!((&*asked.name, &asked.answered), ("quake", &vec![]));
    let answer = |partition, number| {
        let answers = vec![asked.id.clone()];
        PartitionCommit { answers, ..sealed_in(partition, number) }
    };
    seal(&mut *committer, vec![answer(P1, 2)]);
    assert_eq!(store.checkpoint_requests().unwrap()[0].answered, [P1]);
    assert_eq!(store.view().unwrap().checkpoint_requests, store.checkpoint_requests().unwrap());
    // Answered twice: the first counts.
    seal(&mut *committer, vec![answer(P1, 3)]);
    seal(&mut *committer, vec![answer(P0, 2)]);
    assert_eq!(store.checkpoint_requests().unwrap(), []);
    assert_eq!(named(&*store, "quake"), [(0, 2), (1, 2)]);
    seal(&mut *committer, vec![answer(P0, 3)]);
    assert_eq!(named(&*store, "quake"), [(0, 2), (1, 2)], "it is whole");
    assert_eq!(store.withdraw_request("quake").unwrap(), None);
}

pub fn an_answer_to_what_was_taken_back_names_nothing(backend: &dyn Backend) {
    let (_lease, mut committer) = owned(backend);
    seal(&mut *committer, vec![step(P0, 1), step(P1, 1)]);
    let store = backend.store();
    store.request_checkpoint("quake").unwrap();
    let answers = vec![store.checkpoint_requests().unwrap().remove(0).id];
    let answer = |partition, number| PartitionCommit {
        answers: answers.clone(),
        ..sealed_in(partition, number)
    };
    seal(&mut *committer, vec![answer(P1, 2)]);
    let taken_back = store.withdraw_request("quake").unwrap().unwrap();
    assert_eq!(taken_back.answered, [P1]);
    assert_eq!(named(&*store, "quake"), []);
    store.request_checkpoint("quake").unwrap();
    seal(&mut *committer, vec![answer(P0, 2)]);
    assert_eq!(store.checkpoint_requests().unwrap()[0].answered, [], "it is another question");
    assert_eq!(store.view().unwrap().partitions[0].checkpoints.len(), 1, "but a checkpoint");
}

pub fn the_newest_checkpoints_of_a_job_at_rest_get_a_name_at_once(backend: &dyn Backend) {
    let (_lease, mut committer) = owned(backend);
    seal(&mut *committer, vec![sealed_in(P0, 1), step(P1, 1)]);
    let store = backend.store();
    let refused = store.name_newest_checkpoint("quake");
    assert!(matches!(refused, Err(Error::NothingToName { partition: P1, .. })), "{refused:?}");
    assert_eq!(named(&*store, "quake"), [], "all or nothing");
    seal(&mut *committer, vec![sealed_in(P0, 2), sealed_in(P1, 2)]);
    seal(&mut *committer, vec![sealed_in(P0, 3)]);
    store.name_newest_checkpoint("quake").unwrap();
    assert_eq!(named(&*backend.store(), "quake"), [(0, 3), (1, 2)]);
    assert!(matches!(store.name_newest_checkpoint("quake"), Err(Error::NameTaken { .. })));
    assert_eq!(store.checkpoint_requests().unwrap(), []);
}

pub fn a_named_checkpoint_is_kept_until_its_last_name_is_forgotten(backend: &dyn Backend) {
    let (_lease, mut committer) = owned(backend);
    let store = backend.store();
    seal(&mut *committer, vec![sealed_in(P0, 1), sealed_in(P1, 1)]);
    store.name_newest_checkpoint("quake").unwrap();
    store.name_newest_checkpoint("also").unwrap();
    let last = limits::CHECKPOINTS_NEWEST as u64 + 4;
    for number in 2..=last {
        seal(&mut *committer, vec![sealed_in(P0, number)]);
    }
    let oldest = || store.view().unwrap().partitions[0].checkpoints.remove(0);
    assert_eq!(oldest().names, ["also", "quake"]);
    store.delete_checkpoint_name("also").unwrap();
    assert_eq!((oldest().manifest.checkpoint, oldest().class), (1, Some(Class::Named)));
    store.checkpoint(P0, 1).unwrap();
    // A snapshot on its way keeps its chunks.
    let begun = PartitionCommit { manifest: None, ..sealed(last + 1) };
    let mut rest = begun.chunks.clone();
    let first = PartitionCommit { chunks: vec![rest.remove(0)], ..begun };
    seal(&mut *committer, vec![first]);
    store.delete_checkpoint_name("quake").unwrap();
    assert!(oldest().manifest.checkpoint > 1);
    assert!(matches!(store.checkpoint(P0, 1), Err(Error::CheckpointMissing { .. })));
    assert!(matches!(store.delete_checkpoint_name("quake"), Err(Error::NameMissing { .. })));
    let manifest = sealed(last + 1).manifest;
    let whole = PartitionCommit { chunks: rest, manifest, ..step(P0, last + 2) };
    seal(&mut *committer, vec![whole]);
    store.checkpoint(P0, last + 1).unwrap();
    assert_eq!(store.view().unwrap().partitions[1].checkpoints.len(), 1, "it is among the newest");
}

pub fn names_that_cannot_be_are_refused_with_the_reason(backend: &dyn Backend) {
    let (_lease, mut committer) = owned(backend);
    seal(&mut *committer, vec![sealed_in(P0, 1), sealed_in(P1, 1)]);
    let store = backend.store();
    for name in ["", "12", "a b", "..", "a/b"] {
        let bad = |error| matches!(error, Error::Name { .. });
        assert!(
            store.request_checkpoint(name).is_err_and(bad)
                && store.name_newest_checkpoint(name).is_err_and(bad),
            "{name}"
        );
    }
    for i in 0..limits::CHECKPOINT_NAMES {
        store.name_newest_checkpoint(&format!("n{i}")).unwrap();
    }
    assert!(matches!(store.request_checkpoint("more"), Err(Error::TooManyNames { .. })));
    store.delete_checkpoint_name("n7").unwrap();
    store.request_checkpoint("more").unwrap();
    // Scaling takes names of its own, which no person's names leave without room.
    for i in 0..limits::CHECKPOINT_NAMES_OF_SCALING {
        store.name_newest_checkpoint(&format!("elastic-{i}-w3-p6")).unwrap();
    }
    let one_more = store.request_checkpoint("elastic-99-w3-p6");
    assert!(matches!(one_more, Err(Error::TooManyNames { .. })));
    assert!(matches!(store.request_checkpoint("elastic"), Err(Error::TooManyNames { .. })));
    store.delete_checkpoint_name("more").unwrap();
    assert_eq!(store.checkpoint_requests().unwrap(), []);
}

pub fn a_checkpoint_may_be_born_with_a_name(backend: &dyn Backend) {
    let (_lease, mut committer) = owned(backend);
    let name = Some("fork".to_owned());
    let born = |partition| PartitionCommit { name: name.clone(), ..sealed_in(partition, 1) };
    seal(&mut *committer, vec![born(P0), born(P1)]);
    assert_eq!(named(&*backend.store(), "fork"), [(0, 1), (1, 1)]);
    let next = backend.store().view().unwrap().partitions[0].progress.as_ref().unwrap().next;
    assert_eq!(next, Offset(10));
}
