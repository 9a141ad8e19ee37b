//! Keys and values of the directory of tables, and keys of pieces of their contents.

use seismic_queue::{Offset, Partition};

/// Name of the topic.
pub(crate) const TOPIC: &str = "seismic-dimension-topic";

/// Its partition of what there is.
pub(crate) const DIRECTORY: Partition = Partition(0);

/// Its partition of contents.
pub(super) const CONTENTS: Partition = Partition(1);

/// First line of the value of a version.
const LAYOUT: &str = "version1";

/// A copy of a version: what the directory says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TableCopy {
    /// Which one it is.
    pub(crate) copy: String,
    pub(crate) table: String,
    pub(crate) hash: String,
    pub(crate) bytes: u64,
    /// How many pieces the content is in.
    pub(crate) chunks: u32,
    /// No piece of it stands before that.
    pub(crate) from: Offset,
    /// When it was written, ms since 1970 UTC, by the clock of whoever did.
    pub(crate) written_ms: i64,
}

/// What a key of the directory is of.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum DirectoryKey<'a> {
    Version { copy: &'a str },
    Note { table: &'a str },
}

impl<'a> DirectoryKey<'a> {
    /// `None` for a key of another group, or of a newer program.
    pub(super) fn of(group: &str, key: &'a [u8]) -> Option<DirectoryKey<'a>> {
        let rest = std::str::from_utf8(key).ok()?.strip_prefix(group)?.strip_prefix('/')?;
        match rest.split_once('/')? {
            ("version", copy) => Some(DirectoryKey::Version { copy }),
            ("note", table) => Some(DirectoryKey::Note { table }),
            _ => None,
        }
    }
}

impl TableCopy {
    pub(super) fn key(&self, group: &str) -> String {
        format!("{group}/version/{}", self.copy)
    }

    /// Key of a piece of its content.
    pub(super) fn chunk_key(&self, group: &str, index: u32) -> String {
        format!("{group}/{}/{index}", self.copy)
    }

    /// Which piece of its content a key is of.
    pub(super) fn chunk_of(&self, group: &str, key: &[u8]) -> Option<u32> {
        let rest = std::str::from_utf8(key).ok()?.strip_prefix(group)?.strip_prefix('/')?;
        rest.strip_prefix(&*self.copy)?.strip_prefix('/')?.parse().ok()
    }

    pub(super) fn encode(&self) -> String {
        let TableCopy { table, hash, bytes, chunks, from, written_ms, .. } = self;
        format!("{LAYOUT}\n{table}\n{hash}\n{bytes} {chunks} {from} {written_ms}")
    }

    /// `None` for what a newer program wrote.
    pub(super) fn decode(copy: &str, value: &[u8]) -> Option<TableCopy> {
        let mut lines = std::str::from_utf8(value).ok()?.lines();
        let (LAYOUT, table, hash) = (lines.next()?, lines.next()?, lines.next()?) else {
            return None;
        };
        let mut numbers = lines.next()?.split(' ');
        Some(TableCopy {
            copy: copy.to_owned(),
            table: table.to_owned(),
            hash: hash.to_owned(),
            bytes: numbers.next()?.parse().ok()?,
            chunks: numbers.next()?.parse().ok()?,
            from: Offset(numbers.next()?.parse().ok()?),
            written_ms: numbers.next()?.parse().ok()?,
        })
    }
}

/// The key of a table's note.
pub(super) fn note_key(group: &str, table: &str) -> String {
    format!("{group}/note/{table}")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::store::tables) fn copy(copy: &str, table: &str, hash: &str) -> TableCopy {
        TableCopy {
            copy: copy.to_owned(),
            table: table.to_owned(),
            hash: hash.to_owned(),
            bytes: 7,
            chunks: 1,
            from: Offset(3),
            written_ms: 1_000,
        }
    }

    #[test]
    fn a_copy_comes_back_as_written_and_what_is_none_is_not_taken_for_one() {
        let written = copy("c1", "Threshold", "ab12");
        assert_eq!(written.encode(), "version1\nThreshold\nab12\n7 1 3 1000");
        assert_eq!(TableCopy::decode("c1", written.encode().as_bytes()), Some(written));
        for value in ["", "version2\nt\nh\n1 1 1 1", "version1\nt\nh", "version1\nt\nh\n1 1 -1 1"] {
            assert_eq!(TableCopy::decode("c1", value.as_bytes()), None, "{value}");
        }
    }

    #[test]
    fn keys_of_a_group_are_not_those_of_a_longer_one() {
        let written = copy("c1", "t", "h");
        let key = written.key("usage");
        let version = DirectoryKey::Version { copy: "c1" };
        assert_eq!(DirectoryKey::of("usage", key.as_bytes()), Some(version));
        assert_eq!(DirectoryKey::of("usage-2", key.as_bytes()), None);
        assert_eq!(DirectoryKey::of("usag", key.as_bytes()), None);
        let note = note_key("usage", "a/b");
        let of_note = DirectoryKey::Note { table: "a/b" };
        assert_eq!(DirectoryKey::of("usage", note.as_bytes()), Some(of_note));
        let chunk = written.chunk_key("usage", 12);
        assert_eq!(written.chunk_of("usage", chunk.as_bytes()), Some(12));
        assert_eq!(copy("c", "t", "h").chunk_of("usage", chunk.as_bytes()), None);
        assert_eq!(written.chunk_of("usage-2", chunk.as_bytes()), None);
    }
}
