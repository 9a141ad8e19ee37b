//! Versions of tables. A store that keeps none says so, and has none.

use super::{Backend, owned};
use crate::{Error, JobStore, limits};

fn names(store: &dyn JobStore) -> Vec<(String, String, u64)> {
    let all = store.tables().unwrap().into_iter();
    all.map(|version| (version.table, version.hash, version.bytes)).collect()
}

pub fn a_version_of_a_table_is_found_by_its_hash_until_it_is_forgotten(backend: &dyn Backend) {
    drop(owned(backend));
    let store = backend.store();
    assert_eq!(names(&*store), []);
    assert_eq!(store.table("t", "a1").unwrap(), None);
    assert_eq!(store.table_note("t").unwrap(), None);
    store.forget_table("t", "a1").unwrap();
    if !store.keeps_tables() {
        let refused = store.put_table("t", "a1", b"x");
        assert!(matches!(refused, Err(Error::NoTables { .. })), "{refused:?}");
        assert!(matches!(store.put_table_note("t", b"x"), Err(Error::NoTables { .. })));
        return;
    }
    for (table, hash, content) in
        [("t", "a1", &b"one"[..]), ("u", "a1", b""), ("t", "b2", b"\x00\xff"), ("t", "a1", b"one")]
    {
        store.put_table(table, hash, content).unwrap();
    }
    store.put_table_note("t", b"old").unwrap();
    store.put_table_note("t", b"new").unwrap();
    let store = backend.store();
    let of = |table: &str, hash: &str, bytes| (table.to_owned(), hash.to_owned(), bytes);
    assert_eq!(names(&*store), [of("u", "a1", 0), of("t", "b2", 2), of("t", "a1", 3)]);
    assert_eq!(store.table("t", "b2").unwrap().as_deref(), Some(&b"\x00\xff"[..]));
    assert_eq!(store.table("t", "c3").unwrap(), None);
    assert_eq!(store.table_note("t").unwrap().as_deref(), Some(&b"new"[..]));
    assert_eq!(store.table_note("u").unwrap(), None);
    store.forget_table("t", "b2").unwrap();
    assert_eq!(names(&*backend.store()), [of("u", "a1", 0), of("t", "a1", 3)]);
    assert_eq!(backend.store().table("t", "b2").unwrap(), None);
}

pub fn a_version_of_a_table_that_is_too_large_is_refused_and_changes_nothing(
    backend: &dyn Backend,
) {
    drop(owned(backend));
    let store = backend.store();
    if !store.keeps_tables() {
        return;
    }
    let largest = vec![b'x'; limits::TABLE_BYTES];
    store.put_table("t", "a1", &largest).unwrap();
    let refused = store.put_table("t", "b2", &[&largest[..], b"x"].concat());
    assert!(matches!(refused, Err(Error::TableTooLarge { .. })), "{refused:?}");
    assert_eq!(backend.store().table("t", "a1").unwrap(), Some(largest));
    assert_eq!(backend.store().tables().unwrap().len(), 1);
}
