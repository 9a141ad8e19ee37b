//! Versions of tables that were read here, until a commit has written them, and those in force as
//! long as they are: they are written again before what was written may be forgotten.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::limits;

/// The versions of one store.
#[derive(Default)]
pub(crate) struct StagedTables {
    all: Mutex<Vec<StagedTable>>,
    /// Held by the commit that writes some: the others wait for it, and need not write them too.
    writing: Mutex<()>,
}

/// A version that was read here.
#[derive(Clone)]
pub(crate) struct StagedTable {
    pub(crate) table: String,
    pub(crate) hash: String,
    pub(crate) content: Arc<[u8]>,
    /// When a commit has written it.
    written: Option<Instant>,
}

/// A commit that is to write versions. Dropped before it is [`Writing::done`], nothing was written.
pub(crate) struct Writing<'a> {
    staged: &'a StagedTables,
    due: Vec<StagedTable>,
    _alone: MutexGuard<'a, ()>,
}

impl StagedTables {
    fn all(&self) -> MutexGuard<'_, Vec<StagedTable>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a version, as the newest of its table.
    pub(crate) fn put(&self, table: &str, hash: &str, content: &[u8]) {
        let mut all = self.all();
        // What was written is not written again for its age once it is not the newest.
        all.retain(|it| it.table != table || it.written.is_none() && it.hash != hash);
        let (table, hash, content) = (table.to_owned(), hash.to_owned(), content.into());
        all.push(StagedTable { table, hash, content, written: None });
    }

    /// The content of a version, if it is here.
    pub(crate) fn content(&self, table: &str, hash: &str) -> Option<Arc<[u8]>> {
        let all = self.all();
        let found = all.iter().find(|it| it.table == table && it.hash == hash);
        found.map(|it| Arc::clone(&it.content))
    }

    /// Whether any were read here.
    pub(crate) fn is_any(&self) -> bool {
        !self.all().is_empty()
    }

    fn due(&self, now: Instant) -> Vec<StagedTable> {
        let is_old = |at: Instant| now.saturating_duration_since(at) >= limits::TABLE_REWRITE;
        let is_due = |it: &&StagedTable| it.written.is_none_or(is_old);
        self.all().iter().filter(is_due).cloned().collect()
    }

    /// What the commit that is about to be made has to write; `None` for most.
    pub(crate) fn begin(&self, now: Instant) -> Option<Writing<'_>> {
        if self.due(now).is_empty() {
            return None;
        }
        let alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let due = self.due(now);
        let writing = Writing { staged: self, due, _alone: alone };
        (!writing.due.is_empty()).then_some(writing)
    }
}

impl Writing<'_> {
    /// What is to be written.
    pub(crate) fn due(&self) -> &[StagedTable] {
        &self.due
    }

    /// Its transaction was committed.
    pub(crate) fn done(self, now: Instant) {
        let mut all = self.staged.all();
        for it in all.iter_mut() {
            // One that was put again since is another one.
            if self.due.iter().any(|due| Arc::ptr_eq(&due.content, &it.content)) {
                it.written = Some(now);
            }
        }
        let newest: Vec<bool> = (0..all.len())
            .map(|i| !all[i + 1..].iter().any(|later| later.table == all[i].table))
            .collect();
        let mut newest = newest.into_iter();
        all.retain(|it| newest.next() == Some(true) || it.written.is_none());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn due(staged: &StagedTables, now: Instant) -> Vec<String> {
        staged.begin(now).iter().flat_map(|it| it.due()).map(|it| it.hash.clone()).collect()
    }

    #[test]
    fn a_version_is_due_until_a_commit_that_wrote_it_was_made() {
        let (staged, now) = (StagedTables::default(), Instant::now());
        assert!(staged.begin(now).is_none() && !staged.is_any());
        staged.put("t", "a", b"one");
        staged.put("u", "a", b"two");
        drop(staged.begin(now));
        assert_eq!(due(&staged, now), ["a", "a"], "a commit that failed wrote nothing");
        staged.begin(now).unwrap().done(now);
        assert_eq!(due(&staged, now), [""; 0]);
        assert_eq!(staged.content("u", "a").as_deref(), Some(&b"two"[..]));
        assert_eq!(staged.content("u", "b"), None);
    }

    #[test]
    fn all_that_was_read_before_a_commit_is_written_and_only_the_newest_is_held_on() {
        let (staged, now) = (StagedTables::default(), Instant::now());
        for hash in ["a", "b", "c"] {
            staged.put("t", hash, hash.as_bytes());
        }
        assert_eq!(due(&staged, now), ["a", "b", "c"]);
        staged.begin(now).unwrap().done(now);
        assert_eq!(staged.content("t", "b"), None);
        assert!(staged.content("t", "c").is_some());
        staged.put("t", "d", b"d");
        assert_eq!((due(&staged, now), staged.content("t", "c")), (vec!["d".to_owned()], None));
    }

    #[test]
    fn one_that_is_put_again_while_it_is_written_is_written_again() {
        let (staged, now) = (StagedTables::default(), Instant::now());
        staged.put("t", "a", b"one");
        let writing = staged.begin(now).unwrap();
        staged.put("t", "a", b"one");
        writing.done(now);
        assert_eq!(due(&staged, now), ["a"]);
    }

    #[test]
    fn what_is_in_force_is_written_again_before_it_may_be_forgotten() {
        let (staged, now) = (StagedTables::default(), Instant::now());
        staged.put("t", "a", b"one");
        staged.begin(now).unwrap().done(now);
        let later = now + limits::TABLE_REWRITE;
        assert_eq!(due(&staged, later - Duration::from_secs(1)), [""; 0]);
        assert_eq!(due(&staged, later), ["a"]);
        // A commit that began before it was due ends long before a copy of then is forgotten.
        assert!(limits::TABLE_YOUNG >= 2 * limits::TABLE_REWRITE);
    }

    #[test]
    fn commits_of_other_slots_wait_for_the_one_that_writes_and_have_nothing_to_write() {
        let (staged, now) = (StagedTables::default(), Instant::now());
        staged.put("t", "a", b"one");
        let writing = staged.begin(now).unwrap();
        std::thread::scope(|scope| {
            let other = scope.spawn(|| staged.begin(now).is_none());
            writing.done(now);
            assert!(other.join().unwrap());
        });
    }
}
