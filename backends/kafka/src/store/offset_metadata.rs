//! The metadata of a committed offset: where the state of that commit is in the checkpoint log.
//!
//! As text (the client library takes nothing else), below 200 bytes with two outputs:
//! `seismic1 NUMBER FROM MANIFEST END...`, all decimal, with an end for each output.

use seismic_queue::Offset;

/// First word; another one is another layout.
const LAYOUT: &str = "seismic1";

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
    /// Ends of the job's outputs behind the last row of this partition, in their order; those at
    /// the end may be missing. 0 for an output that is keyed.
    pub(crate) outputs: Vec<Offset>,
}

impl OffsetMetadata {
    pub(crate) fn encode(&self) -> String {
        let OffsetMetadata { number, from, manifest, outputs } = self;
        let mut text = format!("{LAYOUT} {number} {from} {manifest}");
        outputs.iter().for_each(|end| text += &format!(" {end}"));
        text
    }

    /// `None` for anything that [`OffsetMetadata::encode`] did not write.
    pub(crate) fn decode(text: &str) -> Option<OffsetMetadata> {
        let mut words = text.split(' ');
        if words.next() != Some(LAYOUT) {
            return None;
        }
        let mut number = || words.next()?.parse().ok();
        let (of, from, manifest) = (number()?, Offset(number()?), Offset(number()?));
        let outputs = words.map(|word| word.parse().map(Offset)).collect::<Result<_, _>>().ok()?;
        Some(OffsetMetadata { number: of, from, manifest, outputs })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn marks_read_back_as_written_and_are_short(all: [u64; 5], ends: Vec<u64>) {
            let [number, from, manifest, result, dead] = all.map(Offset);
            let number = number.0;
            let offset_metadata = OffsetMetadata { number, from, manifest, outputs: vec![result, dead] };
            prop_assert!(offset_metadata.encode().len() < 200);
            let offset_metadata = OffsetMetadata { outputs: ends.into_iter().map(Offset).collect(), ..offset_metadata };
            prop_assert_eq!(OffsetMetadata::decode(&offset_metadata.encode()), Some(offset_metadata));
        }

        #[test]
        fn other_texts_are_no_marks(text: String) {
            prop_assert_eq!(OffsetMetadata::decode(&text), None);
        }
    }

    #[test]
    fn a_mark_of_the_first_layout_is_written_as_ever() {
        let text = "seismic1 12 3 40 500 6 70";
        let (from, manifest) = (Offset(3), Offset(40));
        let outputs = vec![Offset(500), Offset(6), Offset(70)];
        let offset_metadata = OffsetMetadata { number: 12, from, manifest, outputs };
        assert_eq!(offset_metadata.encode(), text);
        assert_eq!(OffsetMetadata::decode(text), Some(offset_metadata));
    }
}
