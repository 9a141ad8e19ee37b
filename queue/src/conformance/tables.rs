//! Versions of tables. A store may keep them from the next commit on, so each check commits.

use super::{Backend, P0, P1, commit, job, step};
use crate::{Committer, Error, JobStore, Lease, Partition, TableVersion, limits};

/// A store with an owner and a committer of it, and how many commits of each partition there were.
struct Owned {
    store: Box<dyn JobStore>,
    committer: Box<dyn Committer>,
    commits: [u64; 2],
    _lease: Box<dyn Lease>,
}

impl Owned {
    fn new(backend: &dyn Backend) -> Owned {
        let store = backend.store();
        let lease = store.acquire(&job(&*backend.queue())).unwrap();
        let committer = backend.committer(&*lease);
        Owned { store, committer, commits: [0; 2], _lease: lease }
    }

    fn put(&self, table: &str, hash: &str, content: &[u8]) {
        self.store.put_table(table, hash, content).unwrap();
    }

    fn commit(&mut self, partition: Partition) {
        let number = &mut self.commits[partition.0 as usize];
        *number += 1;
        commit(&mut *self.committer, vec![step(partition, *number)]).unwrap();
    }
}

/// Table, hash and bytes of all versions, of several copies of one the newest.
fn names(store: &dyn JobStore) -> Vec<(String, String, u64)> {
    let mut found: Vec<(String, String, u64)> = Vec::new();
    for TableVersion { table, hash, bytes, .. } in store.tables().unwrap() {
        found.retain(|it| (&it.0, &it.1) != (&table, &hash));
        found.push((table, hash, bytes));
    }
    found
}

fn of(table: &str, hash: &str, bytes: u64) -> (String, String, u64) {
    (table.to_owned(), hash.to_owned(), bytes)
}

/// Forgets every copy of a version.
fn forget(store: &dyn JobStore, table: &str, hash: &str) {
    let all = store.tables().unwrap().into_iter();
    let its = all.filter(|it| (it.table.as_str(), it.hash.as_str()) == (table, hash));
    its.for_each(|it| store.forget_table(&it).unwrap());
}

pub fn a_version_of_a_table_is_found_by_its_hash_until_it_is_forgotten(backend: &dyn Backend) {
    let mut owned = Owned::new(backend);
    assert_eq!(names(&*owned.store), []);
    assert_eq!(owned.store.table("t", "a1").unwrap(), None);
    owned.store.forget_table(&TableVersion::default()).unwrap();
    for (table, hash, content) in
        [("t", "a1", &b"one"[..]), ("u", "a1", b""), ("t", "b2", b"\x00\xff")]
    {
        owned.put(table, hash, content);
        assert_eq!(owned.store.table(table, hash).unwrap().as_deref(), Some(content));
    }
    owned.commit(P0);
    let store = backend.store();
    assert_eq!(names(&*store), [of("t", "a1", 3), of("u", "a1", 0), of("t", "b2", 2)]);
    assert_eq!(store.table("t", "a1").unwrap().as_deref(), Some(&b"one"[..]));
    assert_eq!(store.table("t", "b2").unwrap().as_deref(), Some(&b"\x00\xff"[..]));
    assert_eq!(store.table("u", "a1").unwrap().as_deref(), Some(&b""[..]));
    assert_eq!(store.table("t", "c3").unwrap(), None);
    forget(&*store, "t", "b2");
    assert_eq!(names(&*backend.store()), [of("t", "a1", 3), of("u", "a1", 0)]);
    assert_eq!(backend.store().table("t", "b2").unwrap(), None);
}

pub fn a_version_that_is_put_again_is_the_newest_and_outlives_what_was_listed_before(
    backend: &dyn Backend,
) {
    let mut owned = Owned::new(backend);
    owned.put("t", "a1", b"one");
    owned.put("t", "b2", b"two");
    owned.commit(P0);
    let listed = backend.store().tables().unwrap();
    owned.put("t", "a1", b"one");
    owned.commit(P0);
    let again = backend.store();
    assert_eq!(names(&*again), [of("t", "b2", 3), of("t", "a1", 3)]);
    // What a store keeps once goes; of what it keeps in copies, those that were listed.
    let copies = listed.iter().filter(|it| it.hash == "a1" && !it.copy.is_empty());
    copies.for_each(|it| again.forget_table(it).unwrap());
    assert_eq!(names(&*backend.store()), [of("t", "b2", 3), of("t", "a1", 3)]);
    assert_eq!(backend.store().table("t", "a1").unwrap().as_deref(), Some(&b"one"[..]));
}

pub fn a_version_is_there_with_the_first_commit_of_either_slot_that_names_it(
    backend: &dyn Backend,
) {
    let mut owned = Owned::new(backend);
    for (round, partition) in [P0, P1, P1, P0].into_iter().enumerate() {
        let (hash, content) = (format!("h{round}"), vec![round as u8; 600 << 10]);
        owned.put("t", &hash, &content);
        owned.commit(partition);
        assert_eq!(backend.store().table("t", &hash).unwrap(), Some(content), "{round}");
    }
    assert_eq!(names(&*backend.store()).len(), 4);
}

pub fn the_note_of_a_table_is_the_one_that_was_stored_last(backend: &dyn Backend) {
    let owned = Owned::new(backend);
    assert_eq!(owned.store.table_note("t").unwrap(), None);
    owned.store.put_table_note("t", b"old").unwrap();
    owned.store.put_table_note("t", b"new").unwrap();
    let store = backend.store();
    assert_eq!(store.table_note("t").unwrap().as_deref(), Some(&b"new"[..]));
    assert_eq!(store.table_note("u").unwrap(), None);
    assert_eq!(names(&*store), []);
}

pub fn a_version_of_a_table_that_is_too_large_is_refused_and_changes_nothing(
    backend: &dyn Backend,
) {
    let mut owned = Owned::new(backend);
    let largest = vec![b'x'; limits::TABLE_BYTES];
    owned.put("t", "a1", &largest);
    let refused = owned.store.put_table("t", "b2", &[&largest[..], b"x"].concat());
    assert!(matches!(refused, Err(Error::TableTooLarge { .. })), "{refused:?}");
    owned.commit(P0);
    assert_eq!(backend.store().table("t", "a1").unwrap(), Some(largest));
    assert_eq!(names(&*backend.store()).len(), 1);
}
