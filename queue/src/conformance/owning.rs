//! Who may commit to a store.

use super::{Backend, P0, commit, input, job, owned, step};
use crate::{CommitError, Error, FencingToken, Job, Kind, Topic};

pub fn a_store_nobody_owned_is_missing(backend: &dyn Backend) {
    let store = backend.store();
    let missing = |error| matches!(error, Error::StoreMissing { .. });
    assert!(store.view().is_err_and(missing));
    assert!(store.checkpoint(P0, 1).is_err_and(missing));
    assert!(store.put_sink_position("csv", &[]).is_err_and(missing));
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
    let remade = Topic { id: "another".to_owned(), ..job.input.clone() };
    let wider = Topic { partitions: 3, ..job.input.clone() };
    for (other, differs) in [
        (Job { group: "other".to_owned(), ..job.clone() }, "group"),
        (Job { input: remade, ..job.clone() }, "input topic id"),
        (Job { input: wider, ..job.clone() }, "number of input partitions"),
        (Job { result_topic: "other".to_owned(), ..job.clone() }, "result topic"),
        (Job { dead_topic: "other".to_owned(), ..job.clone() }, "dead-letter topic"),
        (Job { rollup_topics: vec![], ..job.clone() }, "list of roll-up topics"),
    ] {
        let Err(error) = backend.store().acquire(&other) else {
            panic!("another {differs} owns it")
        };
        let Error::JobDiffers { what, .. } = error else { panic!("{error}") };
        assert_eq!(what, differs);
    }
    assert_eq!(backend.store().view().unwrap().job, job);
    for one_topic in [
        Job { dead_topic: job.result_topic.clone(), ..job.clone() },
        Job { rollup_topics: vec![job.dead_topic.clone()], ..job.clone() },
        Job { rollup_topics: vec!["r".to_owned(), "r".to_owned()], ..job },
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
