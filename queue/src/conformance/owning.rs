//! Who may commit to a store.

use super::{Backend, P0, commit, input, job, owned, step};
use crate::{CommitError, Error, FencingToken, Job, Kind, Topic};

pub fn a_store_nobody_owned_is_missing(backend: &dyn Backend) {
    let store = backend.store();
    let missing = |error| matches!(error, Error::StoreMissing { .. });
    assert!(store.view().is_err_and(missing));
    assert!(store.checkpoint(P0, 1).is_err_and(missing));
    assert!(store.put_sink_position("csv", 0, &[]).is_err_and(missing));
    drop(owned(backend));
    assert!(store.view().unwrap().partitions[0].progress.is_none());
}

pub fn a_store_says_who_owns_it(backend: &dyn Backend) {
    assert_eq!(backend.store().leased_by().unwrap(), None, "there is none");
    let (lease, committer) = owned(backend);
    let by = backend.store().leased_by().unwrap().unwrap();
    assert!(by.contains(&format!("process {}", std::process::id())), "{by}");
    drop((lease, committer));
    assert_eq!(backend.store().leased_by().unwrap(), None);
    drop(owned(backend));
}

pub fn a_second_owner_is_refused_and_told_who_it_is(backend: &dyn Backend) {
    let job = job(&*backend.queue());
    let _lease = backend.store().acquire(&job).unwrap();
    let Err(error) = backend.store().acquire(&job) else { panic!("it has two owners") };
    assert_eq!(error.kind(), Kind::Fenced);
    let Error::Owned { by, .. } = error else { panic!("{error}") };
    assert!(by.contains(&format!("process {}", std::process::id())), "{by}");
}

pub fn a_store_is_free_when_owner_and_committers_are_gone(backend: &dyn Backend) {
    let job = job(&*backend.queue());
    let (lease, committer) = owned(backend);
    drop(lease);
    assert!(matches!(backend.store().acquire(&job), Err(Error::Owned { .. })));
    drop(committer);
    assert!(backend.store().acquire(&job).is_ok());
}

pub fn another_job_is_refused_with_what_differs(backend: &dyn Backend) {
    drop(owned(backend));
    let job = job(&*backend.queue());
    let input = |changed| Job { inputs: vec![changed], ..job.clone() };
    let remade = Topic { id: "another".to_owned(), ..job.input().clone() };
    let topics = |topics: &[&str]| Job::plain("group", job.input().clone(), topics.iter().copied());
    for (other, differs) in [
        (Job { group: "other".to_owned(), ..job.clone() }, "group"),
        (input(remade), "input topic id"),
        (job.with_partitions(3), "number of input partitions"),
        (topics(&["other", "dead", "result-10s", "result-60s"]), "output topics"),
        (topics(&["result", "other", "result-10s", "result-60s"]), "output topics"),
        (topics(&["result", "dead"]), "list of further output topics"),
    ] {
        let Err(error) = backend.store().acquire(&other) else {
            panic!("another {differs} owns it")
        };
        let Error::JobDiffers { what, .. } = error else { panic!("{error}") };
        assert_eq!(what, differs);
    }
    assert_eq!(backend.store().view().unwrap().job, job);
    for one_topic in [
        topics(&["result", "result"]),
        topics(&["result", "dead", "dead"]),
        topics(&["result", "dead", "r", "r"]),
    ] {
        assert!(matches!(backend.store().acquire(&one_topic), Err(Error::Name { .. })));
    }
}

pub fn a_newer_epoch_fences_the_older_committer(backend: &dyn Backend) {
    let (lease, mut old) = owned(backend);
    commit(&mut *old, vec![step(P0, 1)]).unwrap();
    backend.break_lock();
    let (_newer, mut new) = owned(backend);
    let refused = commit(&mut *old, vec![step(P0, 2)]);
    assert!(matches!(refused, Err(CommitError::Fenced(Error::Fenced { .. }))), "{refused:?}");
    assert!(matches!(old.load(&FencingToken::Sole, &[P0]), Err(Error::Fenced { .. })));
    assert!(lease.prune_journal(P0, crate::Offset(0)).is_err());
    commit(&mut *new, vec![step(P0, 2)]).unwrap();
}

pub fn nobody_else_appends_to_the_topics_of_a_store(backend: &dyn Backend) {
    let store = backend.store();
    drop(owned(backend));
    let rows = store.topics().topic("result").unwrap();
    assert_eq!(rows.partitions, input(&*backend.queue()).partitions);
    assert!(matches!(store.topics().producer(&rows, "p"), Err(Error::CommitsOnly { .. })));
    assert!(matches!(store.topics().create("more", 1), Err(Error::CommitsOnly { .. })));
}
