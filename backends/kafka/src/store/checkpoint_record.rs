//! Records of the checkpoint log. The topic has one partition for each of the input; the key is the
//! group.
//!
//! A record consists of its layout (1), its kind, the fields (numbers as u64, little endian; bytes
//! prefixed with their length), and a CRC-32 over all of it. The progress is the last record of a
//! commit, so a reader that has read it has read the whole commit.

use seismic_queue::{CheckpointInfo, Chunk, JournalEntry, Manifest, Offset, Progress, limits};

const LAYOUT: u8 = 1;
const PROGRESS: u8 = 1;
const JOURNAL: u8 = 2;
pub(crate) const CHUNK: u8 = 3;
const MANIFEST: u8 = 4;
/// As [`PROGRESS`] and [`MANIFEST`], with positions in further inputs: only of jobs that have some.
const FURTHER_PROGRESS: u8 = 5;
const FURTHER_MANIFEST: u8 = 6;
/// As [`MANIFEST`] and [`FURTHER_MANIFEST`], with how many of the newest each has kept: only where
/// that is not [`USUAL_KEEPS`].
const KEEPING_MANIFEST: u8 = 7;
const FURTHER_KEEPING_MANIFEST: u8 = 8;

/// How many of the newest a checkpoint has kept whose record does not say it.
const USUAL_KEEPS: u32 = limits::CHECKPOINTS_NEWEST as u32;

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CheckpointRecord {
    /// Where the partition stands after a commit.
    Progress {
        progress: Progress,
        /// Next journal sequence.
        next_sequence: u64,
        /// Highest checkpoint number ever used.
        last_checkpoint: u64,
    },
    /// An input of the engine that is not in the log.
    Journal(JournalEntry),
    /// A piece of a snapshot.
    Chunk(Chunk),
    /// Every checkpoint that is kept, oldest first; the newest was made by this commit.
    Manifest(Vec<KeptCheckpoint>),
}

/// A checkpoint and where its first chunk is. What it is called and why it is kept say the names of
/// the group (`checkpoint_names.rs`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeptCheckpoint {
    pub(crate) info: CheckpointInfo,
    pub(crate) first: Offset,
    /// Ids of what was asked for that it answers.
    pub(crate) answers: Vec<String>,
}

impl KeptCheckpoint {
    pub(crate) fn number(&self) -> u64 {
        self.info.manifest.checkpoint
    }
}

impl CheckpointRecord {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut put = Encoder(vec![LAYOUT]);
        match self {
            CheckpointRecord::Progress { progress, next_sequence, last_checkpoint } => {
                let is_alone = progress.further.is_empty();
                put.0.push(if is_alone { PROGRESS } else { FURTHER_PROGRESS });
                put.numbers(&[progress.number, progress.next.0, progress.committed_ms as u64]);
                put.numbers(&[*next_sequence, *last_checkpoint]);
                put.bytes(&progress.note);
                if !is_alone {
                    put.offsets(&progress.further);
                }
            }
            CheckpointRecord::Journal(entry) => {
                put.0.push(JOURNAL);
                put.numbers(&[entry.sequence, entry.at.0]);
                put.bytes(&entry.bytes);
            }
            CheckpointRecord::Chunk(chunk) => {
                put.0.push(CHUNK);
                put.numbers(&[chunk.checkpoint, chunk.index.into()]);
                put.bytes(&chunk.bytes);
            }
            CheckpointRecord::Manifest(kept) => {
                let is_alone = kept.iter().all(|kept| kept.info.manifest.further.is_empty());
                let is_usual = kept.iter().all(|kept| kept.info.manifest.keeps == USUAL_KEEPS);
                put.0.push(match (is_alone, is_usual) {
                    (true, true) => MANIFEST,
                    (false, true) => FURTHER_MANIFEST,
                    (true, false) => KEEPING_MANIFEST,
                    (false, false) => FURTHER_KEEPING_MANIFEST,
                });
                put.numbers(&[kept.len() as u64]);
                for kept in kept {
                    put.kept(kept);
                    if !is_alone {
                        put.offsets(&kept.info.manifest.further);
                    }
                    if !is_usual {
                        put.numbers(&[kept.info.manifest.keeps.into()]);
                    }
                }
            }
        }
        let crc = crc32fast::hash(&put.0);
        put.0.extend_from_slice(&crc.to_le_bytes());
        put.0
    }

    /// `None` for anything that [`CheckpointRecord::encode`] did not write.
    pub(crate) fn decode(bytes: &[u8]) -> Option<CheckpointRecord> {
        let (body, crc) = bytes.split_last_chunk::<4>()?;
        if crc32fast::hash(body) != u32::from_le_bytes(*crc) {
            return None;
        }
        let [LAYOUT, kind, fields @ ..] = body else { return None };
        let mut get = Decoder(fields);
        let record = match *kind {
            PROGRESS | FURTHER_PROGRESS => {
                let (number, next) = (get.number()?, Offset(get.number()?));
                let committed_ms = get.number()? as i64;
                let (next_sequence, last_checkpoint) = (get.number()?, get.number()?);
                let note = get.bytes()?;
                let is_alone = *kind == PROGRESS;
                let further = if is_alone { Vec::new() } else { get.offsets()? };
                let progress = Progress { number, next, further, note, committed_ms };
                CheckpointRecord::Progress { progress, next_sequence, last_checkpoint }
            }
            JOURNAL => {
                let (sequence, at) = (get.number()?, Offset(get.number()?));
                CheckpointRecord::Journal(JournalEntry { sequence, at, bytes: get.bytes()? })
            }
            CHUNK => {
                let (checkpoint, index) = (get.number()?, get.small()?);
                CheckpointRecord::Chunk(Chunk { checkpoint, index, bytes: get.bytes()? })
            }
            MANIFEST | FURTHER_MANIFEST | KEEPING_MANIFEST | FURTHER_KEEPING_MANIFEST => {
                let is_alone = matches!(*kind, MANIFEST | KEEPING_MANIFEST);
                let is_usual = matches!(*kind, MANIFEST | FURTHER_MANIFEST);
                let count = get.number()?;
                let kept = (0..count).map(|_| {
                    let mut kept = get.kept()?;
                    if !is_alone {
                        kept.info.manifest.further = get.offsets()?;
                    }
                    if !is_usual {
                        kept.info.manifest.keeps = get.small()?;
                    }
                    Some(kept)
                });
                CheckpointRecord::Manifest(kept.collect::<Option<_>>()?)
            }
            _ => return None,
        };
        get.0.is_empty().then_some(record)
    }
}

struct Encoder(Vec<u8>);

impl Encoder {
    fn numbers(&mut self, numbers: &[u64]) {
        numbers.iter().for_each(|number| self.0.extend_from_slice(&number.to_le_bytes()));
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.numbers(&[bytes.len() as u64]);
        self.0.extend_from_slice(bytes);
    }

    fn offsets(&mut self, offsets: &[Offset]) {
        self.numbers(&[offsets.len() as u64]);
        offsets.iter().for_each(|offset| self.numbers(&[offset.0]));
    }

    fn kept(&mut self, kept: &KeptCheckpoint) {
        let CheckpointInfo { manifest, bytes, created_ms, .. } = &kept.info;
        let Manifest { checkpoint, position, journal_sequence, chunks, crc, .. } = manifest;
        self.numbers(&[*checkpoint, position.0, *journal_sequence]);
        self.numbers(&[(*chunks).into(), (*crc).into()]);
        self.numbers(&[*bytes, *created_ms as u64, kept.first.0]);
        self.numbers(&[kept.answers.len() as u64]);
        kept.answers.iter().for_each(|id| self.bytes(id.as_bytes()));
    }
}

struct Decoder<'a>(&'a [u8]);

impl Decoder<'_> {
    fn number(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*number))
    }

    fn small(&mut self) -> Option<u32> {
        u32::try_from(self.number()?).ok()
    }

    fn bytes(&mut self) -> Option<Vec<u8>> {
        let len = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes.to_vec())
    }

    fn offsets(&mut self) -> Option<Vec<Offset>> {
        let count = self.number()?;
        (0..count).map(|_| self.number().map(Offset)).collect()
    }

    fn kept(&mut self) -> Option<KeptCheckpoint> {
        let manifest = Manifest {
            checkpoint: self.number()?,
            position: Offset(self.number()?),
            further: Vec::new(),
            journal_sequence: self.number()?,
            chunks: self.small()?,
            crc: self.small()?,
            keeps: USUAL_KEEPS,
        };
        let (bytes, created_ms) = (self.number()?, self.number()? as i64);
        let info = CheckpointInfo { manifest, bytes, created_ms, class: None, names: Vec::new() };
        let (first, count) = (Offset(self.number()?), self.number()?);
        let answers = (0..count).map(|_| String::from_utf8(self.bytes()?).ok());
        Some(KeptCheckpoint { info, first, answers: answers.collect::<Option<_>>()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kept(n: u64, further: &[Offset]) -> KeptCheckpoint {
        let manifest = Manifest {
            checkpoint: n,
            position: Offset(n + 1),
            further: further.to_vec(),
            journal_sequence: n + 2,
            chunks: 3,
            crc: 4,
            keeps: USUAL_KEEPS,
        };
        let (class, names) = (None, Vec::new());
        let info = CheckpointInfo { manifest, bytes: 5, created_ms: -6, class, names };
        let answers = (0..n % 3).map(|i| format!("id{i}")).collect();
        KeptCheckpoint { info, first: Offset(7), answers }
    }

    fn records(n: u64, bytes: &[u8]) -> [CheckpointRecord; 4] {
        records_with(n, bytes, &[])
    }

    fn records_with(n: u64, bytes: &[u8], further: &[Offset]) -> [CheckpointRecord; 4] {
        let (note, next) = (bytes.to_vec(), Offset(n));
        let further = further.to_vec();
        let progress =
            Progress { number: n, next, further: further.clone(), note, committed_ms: -1 };
        [
            CheckpointRecord::Progress { progress, next_sequence: n, last_checkpoint: 1 },
            CheckpointRecord::Journal(JournalEntry {
                sequence: n,
                at: Offset(2),
                bytes: bytes.to_vec(),
            }),
            CheckpointRecord::Chunk(Chunk { checkpoint: n, index: 9, bytes: bytes.to_vec() }),
            CheckpointRecord::Manifest((0..n % 11).map(|n| kept(n, &further)).collect()),
        ]
    }

    proptest! {
        #[test]
        fn records_read_back_as_written(n: u64, bytes: Vec<u8>) {
            for further in [&[][..], &[Offset(n), Offset(3)]] {
                for record in records_with(n, &bytes, further) {
                    prop_assert_eq!(CheckpointRecord::decode(&record.encode()), Some(record));
                }
            }
        }

        #[test]
        fn manifests_read_back_with_how_many_they_keep(keeps: Vec<u32>, further: bool) {
            let further = if further { &[Offset(3)][..] } else { &[] };
            let of = |(n, keeps): (u64, &u32)| {
                let mut kept = kept(n, further);
                kept.info.manifest.keeps = *keeps;
                kept
            };
            let record = CheckpointRecord::Manifest((1..).zip(&keeps).map(of).collect());
            prop_assert_eq!(CheckpointRecord::decode(&record.encode()), Some(record));
        }

        #[test]
        fn random_bytes_are_no_record(bytes: Vec<u8>) {
            prop_assert_eq!(CheckpointRecord::decode(&bytes), None);
        }
    }

    #[test]
    fn every_changed_byte_and_every_cut_is_seen() {
        for record in records(3, b"state") {
            let whole = record.encode();
            for i in 0..whole.len() {
                let mut changed = whole.clone();
                changed[i] ^= 1;
                assert_eq!(CheckpointRecord::decode(&changed), None);
                assert_eq!(CheckpointRecord::decode(&whole[..i]), None);
            }
        }
    }

    /// Bytes as every version wrote them, for a job with one input.
    #[test]
    fn records_of_the_first_layout_are_written_as_ever() {
        let progress = Progress {
            number: 7,
            next: Offset(40),
            further: Vec::new(),
            note: b"note".to_vec(),
            committed_ms: 1_600_000_000_000,
        };
        let progress =
            CheckpointRecord::Progress { progress, next_sequence: 3, last_checkpoint: 2 };
        let mut kept = kept(2, &[]);
        kept.info.manifest.position = Offset(30);
        kept.info.manifest.journal_sequence = 3;
        (kept.info.manifest.chunks, kept.info.manifest.crc) = (1, 99);
        (kept.info.bytes, kept.info.created_ms) = (5, 1_600_000_000_000);
        (kept.first, kept.answers) = (Offset(11), vec!["id".to_owned()]);
        let entry = JournalEntry { sequence: 3, at: Offset(40), bytes: b"e".to_vec() };
        for (record, expected) in [
            (
                progress,
                "01010700000000000000280000000000000000806e877401000003000000000000000200000000\
                 00000004000000000000006e6f74651e2d0e58",
            ),
            (
                CheckpointRecord::Manifest(vec![kept]),
                "0104010000000000000002000000000000001e00000000000000030000000000000001000000\
                 000000006300000000000000050000000000000000806e87740100000b0000000000000001000000\
                 00000000020000000000000069644951b560",
            ),
            (
                CheckpointRecord::Journal(entry),
                "0102030000000000000028000000000000000100000000000000653e4841b6",
            ),
        ] {
            let written = record.encode();
            let hex: String = written.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, expected);
            assert_eq!(CheckpointRecord::decode(&written), Some(record));
        }
    }
}
