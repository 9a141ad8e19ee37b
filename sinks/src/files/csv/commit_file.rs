//! The commit file of a CSV folder, `windows.mark`: how much of the folder is committed.
//!
//! Two lines of text. The first names the format, its version and the CRC-32 of the rest (with the
//! version before it); the second is JSON:
//!
//! ```text
//! seismic-csv-mark 1 d9b5c93d
//! {"home":"b1946ac9","file":"windows-000002-2026-11-21T10Z.csv","bytes":8192,"next":[40,0,37,51]}
//! ```
//!
//! `next` is the next row of each partition of the result topic, in order; `file` is the newest
//! file that counts, with its length (`null` and 0 before the first one); files of lower number
//! count whole. Version 2 also has `last`: the fingerprint of the last row of each partition
//! (offset, append time and CRC of its message in the topic; `null` before the first), so that
//! another row in its place is noticed. Without such rows, version 1 is written. Reading is strict:
//! a commit file is valid only if writing it again gives the same bytes.

#![deny(clippy::arithmetic_side_effects, clippy::indexing_slicing)] // It parses foreign bytes.

use seismic_queue::{Fingerprint, Offset};
use serde::{Deserialize, Serialize};

use super::file_name::FileName;

const MAGIC: &str = "seismic-csv-mark";

/// Layout that this program writes.
pub(crate) const VERSION: u32 = 2;

/// Layout of a commit file that knows no last rows.
const WITHOUT_LAST: u32 = 1;

/// How far the files of a folder count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CommitFile {
    store: String,
    file: Option<(FileName, u64)>,
    next: Vec<Offset>,
    /// Empty, or one for each partition and not all `None`.
    last: Vec<Option<Fingerprint>>,
}

/// Why bytes are not a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// They are whole, but of a version that came later.
    Newer(u32),
    /// They are not what was written.
    Damaged(&'static str),
}

/// The second line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Json {
    #[serde(rename = "home")]
    store: String,
    file: Option<FileName>,
    bytes: u64,
    next: Vec<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    last: Vec<Option<(u64, i64, u32)>>,
}

impl CommitFile {
    /// `file` is the newest file with its length in bytes.
    pub(crate) fn new(store: &str, file: Option<(FileName, u64)>, next: &[Offset]) -> Self {
        CommitFile { store: store.to_owned(), file, next: next.to_vec(), last: Vec::new() }
    }

    /// The same with the last row of each partition.
    pub(crate) fn with_last(mut self, last: &[Option<Fingerprint>]) -> Self {
        self.last = if last.iter().any(Option::is_some) { last.to_vec() } else { Vec::new() };
        self
    }

    /// The last row of each partition; none where it does not say.
    pub(crate) fn last(&self) -> Vec<Option<Fingerprint>> {
        let mut last = self.last.clone();
        last.resize(self.next.len(), None);
        last
    }

    fn version(&self) -> u32 {
        if self.last.is_empty() { WITHOUT_LAST } else { VERSION }
    }

    /// The same with partitions added behind those that it has.
    pub(crate) fn with_partitions(mut self, added: impl Iterator<Item = Offset>) -> Self {
        self.next.extend(added);
        self
    }

    pub(crate) fn store(&self) -> &str {
        &self.store
    }

    /// The newest file that counts, with its length in bytes.
    pub(crate) fn file(&self) -> Option<(&FileName, u64)> {
        self.file.as_ref().map(|(name, bytes)| (name, *bytes))
    }

    /// Next row of each partition.
    pub(crate) fn next(&self) -> &[Offset] {
        &self.next
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let json = Json {
            store: self.store.clone(),
            file: self.file.as_ref().map(|(name, _)| name.clone()),
            bytes: self.file.as_ref().map_or(0, |(_, bytes)| *bytes),
            next: self.next.iter().map(|offset| offset.0).collect(),
            last: self.last.iter().map(|last| last.map(parts)).collect(),
        };
        let body = serde_json::to_string(&json).expect("text and numbers are always JSON") + "\n";
        let version = self.version().to_string();
        format!("{MAGIC} {version} {:08x}\n{body}", crc(&version, &body)).into_bytes()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Refused> {
        let text = str::from_utf8(bytes).map_err(|_| Refused::Damaged("it is not text"))?;
        let head = "its first line is not that of a commit file";
        let (version, sum, body) = split(text).ok_or(Refused::Damaged(head))?;
        if format!("{:08x}", crc(version, body)) != sum {
            return Err(Refused::Damaged("its checksum does not fit"));
        }
        match version.parse() {
            Ok(WITHOUT_LAST | VERSION) => {}
            Ok(newer) if newer > VERSION => return Err(Refused::Newer(newer)),
            _ => return Err(Refused::Damaged("there is no such version")),
        }
        let json: Json =
            serde_json::from_str(body).map_err(|_| Refused::Damaged("its fields do not fit"))?;
        let commit = CommitFile {
            store: json.store,
            file: json.file.map(|name| (name, json.bytes)),
            next: json.next.into_iter().map(Offset).collect(),
            last: json.last.into_iter().map(|last| last.map(whole)).collect(),
        };
        if commit.encode() != bytes {
            return Err(Refused::Damaged("it is not written as we write it"));
        }
        Ok(commit)
    }
}

fn parts(Fingerprint { offset, append_ms, crc }: Fingerprint) -> (u64, i64, u32) {
    (offset.0, append_ms, crc)
}

fn whole((offset, append_ms, crc): (u64, i64, u32)) -> Fingerprint {
    Fingerprint { offset: Offset(offset), append_ms, crc }
}

/// Version, checksum and body.
fn split(text: &str) -> Option<(&str, &str, &str)> {
    let (head, body) = text.split_once('\n')?;
    let (version, sum) = head.strip_prefix(MAGIC)?.strip_prefix(' ')?.split_once(' ')?;
    Some((version, sum, body))
}

fn crc(version: &str, body: &str) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(version.as_bytes());
    hasher.update(body.as_bytes());
    hasher.finalize()
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use proptest::prelude::*;

    fn mark() -> CommitFile {
        let begun: Timestamp = "2026-11-21T09:30:00Z".parse().unwrap();
        CommitFile::new("b1946ac9", Some((FileName::new(2, begun), 8192)), &[Offset(40), Offset(0)])
    }

    #[test]
    fn a_mark_is_text_that_a_person_can_read() {
        let text = String::from_utf8(mark().encode()).unwrap();
        let (head, body) = text.split_once('\n').unwrap();
        assert!(head.starts_with("seismic-csv-mark 1 "));
        let file = "windows-000002-2026-11-21T09Z.csv";
        let expected =
            format!(r#"{{"home":"b1946ac9","file":"{file}","bytes":8192,"next":[40,0]}}"#);
        assert_eq!(body, expected + "\n");
    }

    #[test]
    fn every_single_byte_changed_to_any_other_is_refused() {
        let bytes = mark().encode();
        for at in 0..bytes.len() {
            for flip in 1..=255 {
                let mut other = bytes.clone();
                other[at] ^= flip;
                assert!(CommitFile::decode(&other).is_err(), "byte {at} ^ {flip}");
            }
        }
    }

    #[test]
    fn every_shortened_or_lengthened_mark_is_refused() {
        let bytes = mark().encode();
        for len in 0..bytes.len() {
            assert!(CommitFile::decode(&bytes[..len]).is_err(), "{len} bytes");
        }
        assert!(CommitFile::decode(&[&bytes[..], b"\n"].concat()).is_err());
    }

    #[test]
    fn the_example_in_the_documentation_is_a_mark() {
        let source = include_str!("commit_file.rs");
        let example = source.lines().skip_while(|line| !line.contains("```text")).skip(1).take(2);
        let lines: String = example.map(|line| line.replacen("//! ", "", 1) + "\n").collect();
        let mark = CommitFile::decode(lines.as_bytes()).unwrap();
        assert_eq!(mark.next(), [Offset(40), Offset(0), Offset(37), Offset(51)]);
        assert_eq!(mark.file().unwrap().0.number(), 2);
    }

    #[test]
    fn a_mark_of_a_newer_version_is_told_from_a_damaged_one() {
        let body = "{\"something\":\"else\"}\n";
        let text = format!("{MAGIC} 3 {:08x}\n{body}", crc("3", body));
        assert_eq!(CommitFile::decode(text.as_bytes()), Err(Refused::Newer(3)));
    }

    #[test]
    fn a_whole_mark_that_is_written_otherwise_is_refused() {
        let body = "{\"home\":\"h\", \"file\":null,\"bytes\":0,\"next\":[]}\n";
        let text = format!("{MAGIC} 1 {:08x}\n{body}", crc("1", body));
        let refused = Refused::Damaged("it is not written as we write it");
        assert_eq!(CommitFile::decode(text.as_bytes()), Err(refused));
    }

    #[test]
    fn a_whole_mark_that_names_a_file_elsewhere_is_refused() {
        let body = "{\"home\":\"h\",\"file\":\"../x.csv\",\"bytes\":1,\"next\":[]}\n";
        let text = format!("{MAGIC} 1 {:08x}\n{body}", crc("1", body));
        assert_eq!(
            CommitFile::decode(text.as_bytes()),
            Err(Refused::Damaged("its fields do not fit"))
        );
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(
            store: String,
            file in proptest::option::of((1u64.., 0i64..200_000_000_000, 0u64..)),
            next: Vec<u64>,
            last: Vec<Option<(u64, i64, u32)>>,
        ) {
            let file = file.map(|(number, second, bytes)| {
                (FileName::new(number, Timestamp::from_second(second).unwrap()), bytes)
            });
            let next: Vec<_> = next.into_iter().map(Offset).collect();
            let last: Vec<_> = last.into_iter().map(|last| last.map(whole)).collect();
            let mark = CommitFile::new(&store, file, &next).with_last(&last);
            prop_assert_eq!(CommitFile::decode(&mark.encode()), Ok(mark));
        }

        #[test]
        fn foreign_bytes_never_panic(bytes: Vec<u8>, body: String) {
            prop_assert!(CommitFile::decode(&bytes).is_err());
            let whole = format!("{MAGIC} 1 {:08x}\n{body}", crc("1", &body));
            prop_assert!(CommitFile::decode(whole.as_bytes()).is_err());
        }
    }
}
