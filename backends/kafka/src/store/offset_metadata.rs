//! The metadata of a committed offset: the position of the state of that commit in the checkpoint
//! log, and fingerprints of its last rows.
//!
//! Text (the client library accepts nothing else), words separated by spaces: `seismic2 NUMBER FROM
//! MANIFEST OUTPUT...`, all numbers decimal, with an output for each of the job's, in their order:
//! `END`, `END:TOPIC`, or `END:TOPIC:APPENDED:CRC`, where TOPIC is the id of the topic and APPENDED
//! (ms since 1970) and CRC (hexadecimal) are of the row before END. With ten outputs below 1,000
//! bytes, of which brokers take 4,096 (`offset.metadata.max.bytes`).
//!
//! `seismic1 NUMBER FROM MANIFEST END...`, which earlier versions wrote, is still read.

use seismic_queue::{Fingerprint, LastRow, Offset};

/// First word; another one is another layout.
const LAYOUT: &str = "seismic2";
const FIRST_LAYOUT: &str = "seismic1";

/// The metadata of a committed offset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OffsetMetadata {
    /// Number of the commit. Two commits may share an offset; they differ in this.
    pub(crate) number: u64,
    /// Where recovery reads from: the first chunk of the newest checkpoint, or the job's first
    /// record.
    pub(crate) from: Offset,
    /// The newest manifest; before the first, as `from`.
    pub(crate) manifest: Offset,
    /// Where the rows of this partition end in the job's outputs, in their order; those at the end
    /// may be missing.
    pub(crate) outputs: Vec<OutputEnd>,
}

/// Where the rows of a partition end in an output, and which row was the last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OutputEnd {
    /// Behind the last row; 0 for an output that is keyed.
    pub(crate) end: Offset,
    /// Id of the topic; empty where an earlier version wrote the metadata.
    pub(crate) topic_id: String,
    /// Append time and CRC of the last row, as far as they are known.
    pub(crate) last: Option<(i64, u32)>,
}

impl OutputEnd {
    /// What there is to compare the topic with.
    pub(crate) fn last_row(&self) -> Option<LastRow> {
        if self.topic_id.is_empty() {
            return None;
        }
        let fingerprint = |(append_ms, crc)| {
            let offset = Offset(self.end.0.checked_sub(1)?);
            Some(Fingerprint { offset, append_ms, crc })
        };
        let row = self.last.and_then(fingerprint);
        Some(LastRow { topic_id: self.topic_id.clone(), next: self.end, row })
    }

    fn encode(&self) -> String {
        let OutputEnd { end, topic_id, last } = self;
        match last {
            _ if topic_id.is_empty() => end.to_string(),
            None => format!("{end}:{topic_id}"),
            Some((append_ms, crc)) => format!("{end}:{topic_id}:{append_ms}:{crc:08x}"),
        }
    }

    fn decode(word: &str) -> Option<OutputEnd> {
        let mut parts = word.split(':');
        let end = Offset(parts.next()?.parse().ok()?);
        let topic_id = parts.next().unwrap_or_default().to_owned();
        let last = match (parts.next(), parts.next(), parts.next()) {
            (None, None, None) => None,
            (Some(append_ms), Some(crc), None) => {
                Some((append_ms.parse().ok()?, u32::from_str_radix(crc, 16).ok()?))
            }
            _ => return None,
        };
        Some(OutputEnd { end, topic_id, last })
    }
}

impl OffsetMetadata {
    pub(crate) fn encode(&self) -> String {
        let OffsetMetadata { number, from, manifest, outputs } = self;
        let mut text = format!("{LAYOUT} {number} {from} {manifest}");
        outputs.iter().for_each(|output| text += &format!(" {}", output.encode()));
        text
    }

    /// `None` for anything that no version has written.
    pub(crate) fn decode(text: &str) -> Option<OffsetMetadata> {
        let mut words = text.split(' ');
        let layout = words.next()?;
        let mut number = || words.next()?.parse().ok();
        let (of, from, manifest) = (number()?, Offset(number()?), Offset(number()?));
        let output = |word: &str| match layout {
            LAYOUT => OutputEnd::decode(word),
            FIRST_LAYOUT => {
                let end = Offset(word.parse().ok()?);
                Some(OutputEnd { end, ..OutputEnd::default() })
            }
            _ => None,
        };
        if ![LAYOUT, FIRST_LAYOUT].contains(&layout) {
            return None;
        }
        let outputs = words.map(output).collect::<Option<_>>()?;
        Some(OffsetMetadata { number: of, from, manifest, outputs })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn output() -> impl Strategy<Value = OutputEnd> {
        let last = proptest::option::of((any::<i64>(), any::<u32>()));
        ("[A-Za-z0-9_-]{0,22}", any::<u64>(), last).prop_map(|(topic_id, end, last)| OutputEnd {
            end: Offset(end),
            last: last.filter(|_| !topic_id.is_empty()),
            topic_id,
        })
    }

    proptest! {
        #[test]
        fn marks_read_back_as_written_and_are_short(
            all: [u64; 3],
            outputs in proptest::collection::vec(output(), 0..=10),
        ) {
            let [number, from, manifest] = all;
            let (from, manifest) = (Offset(from), Offset(manifest));
            let offset_metadata = OffsetMetadata { number, from, manifest, outputs };
            let text = offset_metadata.encode();
            prop_assert!(text.len() < 1_000);
            prop_assert_eq!(OffsetMetadata::decode(&text), Some(offset_metadata));
        }

        #[test]
        fn other_texts_are_no_marks(text: String) {
            prop_assert_eq!(OffsetMetadata::decode(&text), None);
        }
    }

    #[test]
    fn a_mark_of_the_first_layout_is_still_read() {
        let ends = [500, 6, 70].map(|end| OutputEnd { end: Offset(end), ..OutputEnd::default() });
        let (from, manifest) = (Offset(3), Offset(40));
        let offset_metadata = OffsetMetadata { number: 12, from, manifest, outputs: ends.to_vec() };
        let text = "seismic1 12 3 40 500 6 70";
        assert_eq!(OffsetMetadata::decode(text), Some(offset_metadata.clone()));
        assert!(offset_metadata.outputs.iter().all(|output| output.last_row().is_none()));
        assert_eq!(OffsetMetadata::decode("seismic1 12 3 40 500:x"), None);
    }

    #[test]
    fn a_mark_of_the_second_layout_is_written_as_ever() {
        let topic_id = "u1_-x".to_owned();
        let row = OutputEnd { end: Offset(5), topic_id, last: Some((1_700, 0xab)) };
        let none = OutputEnd { end: Offset(0), last: None, ..row.clone() };
        let outputs = vec![row, none];
        let (from, manifest) = (Offset(3), Offset(40));
        let offset_metadata = OffsetMetadata { number: 12, from, manifest, outputs };
        let text = "seismic2 12 3 40 5:u1_-x:1700:000000ab 0:u1_-x";
        assert_eq!(offset_metadata.encode(), text);
        assert_eq!(OffsetMetadata::decode(text), Some(offset_metadata));
        for other in ["seismic2 1 2 3 5:x:1", "seismic2 1 2 3 5:x:1:2:3", "seismic2 1 2 3 x"] {
            assert_eq!(OffsetMetadata::decode(other), None, "{other}");
        }
    }
}
