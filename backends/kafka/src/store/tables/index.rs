//! What was read of the directory of tables, as one group sees it.

use std::collections::BTreeMap;

use super::record::{DirectoryKey, TableCopy};
use crate::limits;
use seismic_queue::{Message, Offset, TableVersion, Topic};

/// What is known, up to an offset of the directory.
#[derive(Default)]
pub(crate) struct SeenTables {
    /// Of the topic that was read; another one is read from its beginning.
    topic_id: String,
    /// Up to where it was read.
    pub(super) next: Offset,
    /// In the order in which they were written.
    pub(super) copies: Vec<TableCopy>,
    notes: BTreeMap<String, Vec<u8>>,
}

impl SeenTables {
    /// Forgets everything if the topic was deleted and created again.
    pub(super) fn are_of(&mut self, topic: &Topic) {
        if self.topic_id != topic.id {
            *self = SeenTables { topic_id: topic.id.clone(), ..SeenTables::default() };
        }
    }

    /// Takes a record of the directory. One without a value takes out what it is of.
    pub(super) fn apply(&mut self, group: &str, message: Message<'_>) {
        match DirectoryKey::of(group, message.key) {
            Some(DirectoryKey::Version { copy }) => {
                self.copies.retain(|it| it.copy != copy);
                self.copies.extend(TableCopy::decode(copy, message.value));
            }
            Some(DirectoryKey::Note { table }) => {
                self.notes.remove(table);
                if !message.value.is_empty() {
                    self.notes.insert(table.to_owned(), message.value.to_vec());
                }
            }
            None => {}
        }
    }

    pub(super) fn copy(&self, id: &str) -> Option<&TableCopy> {
        self.copies.iter().find(|it| it.copy == id)
    }

    /// The copies of a version, the newest last.
    pub(super) fn copies_of(&self, table: &str, hash: &str) -> Vec<TableCopy> {
        let is_of = |it: &&TableCopy| it.table == table && it.hash == hash;
        self.copies.iter().filter(is_of).cloned().collect()
    }

    pub(super) fn note(&self, table: &str) -> Option<&[u8]> {
        self.notes.get(table).map(Vec::as_slice)
    }

    /// Tables that have a note.
    pub(super) fn notes(&self) -> Vec<String> {
        self.notes.keys().cloned().collect()
    }
}

impl TableCopy {
    /// As whoever asks for all versions sees it.
    pub(super) fn listed(&self, now_ms: i64) -> TableVersion {
        let age_ms = now_ms.saturating_sub(self.written_ms);
        TableVersion {
            table: self.table.clone(),
            hash: self.hash.clone(),
            bytes: self.bytes,
            copy: self.copy.clone(),
            is_young: age_ms < limits::TABLE_YOUNG.as_millis() as i64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::note_key;
    use super::super::record::tests::copy;
    use super::*;

    fn message<'a>(key: &'a str, value: &'a str) -> Message<'a> {
        let (offset, append_ms) = (Offset(0), 0);
        Message { offset, append_ms, key: key.as_bytes(), value: value.as_bytes() }
    }

    /// Has a copy of a group read by group `g`.
    fn put(seen: &mut SeenTables, group: &str, it: &TableCopy) {
        seen.apply("g", message(&it.key(group), &it.encode()));
    }

    #[test]
    fn copies_are_in_the_order_of_the_log_until_they_are_taken_out() {
        let mut seen = SeenTables::default();
        let [a, b, again] = [copy("1", "t", "a"), copy("2", "t", "b"), copy("3", "t", "a")];
        [&a, &b, &again].into_iter().for_each(|it| put(&mut seen, "g", it));
        assert_eq!(seen.copies_of("t", "a"), [a.clone(), again.clone()]);
        assert_eq!(seen.copies_of("u", "a"), []);
        seen.apply("g", message(&a.key("g"), ""));
        assert_eq!(seen.copies, [b, again]);
        assert_eq!(seen.copy("1"), None);
    }

    #[test]
    fn other_groups_and_newer_records_are_passed_over() {
        let mut seen = SeenTables::default();
        put(&mut seen, "h", &copy("1", "t", "a"));
        seen.apply("g", message("g/version/2", "version9\nwhat"));
        seen.apply("g", message("g/what/2", "x"));
        assert_eq!((seen.copies.len(), seen.notes().len()), (0, 0));
        seen.apply("g", message(&note_key("g", "t"), "one"));
        seen.apply("g", message(&note_key("g", "t"), "two"));
        assert_eq!(seen.note("t"), Some(&b"two"[..]));
        seen.apply("g", message(&note_key("g", "t"), ""));
        assert_eq!(seen.note("t"), None);
    }

    #[test]
    fn a_copy_is_young_for_a_day() {
        let it = copy("1", "t", "a");
        let day_ms = limits::TABLE_YOUNG.as_millis() as i64;
        assert!(it.listed(it.written_ms - 5).is_young, "clocks of workers differ");
        assert!(it.listed(it.written_ms + day_ms - 1).is_young);
        assert!(!it.listed(it.written_ms + day_ms).is_young);
    }

    #[test]
    fn another_topic_under_the_name_is_read_from_its_beginning() {
        let topic = |id: &str| Topic { name: "t".to_owned(), id: id.to_owned(), partitions: 2 };
        let mut seen = SeenTables::default();
        seen.are_of(&topic("a"));
        put(&mut seen, "g", &copy("1", "t", "a"));
        seen.next = Offset(9);
        seen.are_of(&topic("a"));
        assert_eq!((seen.next, seen.copies.len()), (Offset(9), 1));
        seen.are_of(&topic("b"));
        assert_eq!((seen.next, seen.copies.len()), (Offset(0), 0));
    }
}
