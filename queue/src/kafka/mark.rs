//! What a commit leaves beside the group's offset: where in the checkpoint log its state is.
//!
//! As text (the client library takes nothing else), below 200 bytes without roll-ups:
//! `seismic1 NUMBER FROM MANIFEST ROWS DEAD ROLLUP...`, all decimal.

use crate::Offset;

/// First word; another one is another layout.
const LAYOUT: &str = "seismic1";

/// The metadata of a committed offset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    /// Number of the commit. Two commits may share an offset; they differ in this.
    pub(super) number: u64,
    /// Where recovery reads from: the first chunk of the newest checkpoint, or the job's first
    /// record.
    pub(super) from: Offset,
    /// The newest manifest; before the first, as `from`.
    pub(super) manifest: Offset,
    /// End of the result topic behind the last row.
    pub(super) rows: Offset,
    /// End of the dead-letter topic behind the last dead letter.
    pub(super) dead: Offset,
    /// Ends of the roll-up topics, in their order; those at the end may be missing.
    pub(super) rollups: Vec<Offset>,
}

impl Mark {
    pub(super) fn encode(&self) -> String {
        let Mark { number, from, manifest, rows, dead, rollups } = self;
        let mut text = format!("{LAYOUT} {number} {from} {manifest} {rows} {dead}");
        rollups.iter().for_each(|end| text += &format!(" {end}"));
        text
    }

    /// `None` for anything that [`Mark::encode`] did not write.
    pub(super) fn decode(text: &str) -> Option<Mark> {
        let mut words = text.split(' ');
        if words.next() != Some(LAYOUT) {
            return None;
        }
        let mut number = || words.next()?.parse().ok();
        let mark = Mark {
            number: number()?,
            from: Offset(number()?),
            manifest: Offset(number()?),
            rows: Offset(number()?),
            dead: Offset(number()?),
            rollups: Vec::new(),
        };
        let rollups = words.map(|word| word.parse().map(Offset)).collect::<Result<_, _>>().ok()?;
        Some(Mark { rollups, ..mark })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn marks_read_back_as_written_and_are_short(all: [u64; 5], ends: Vec<u64>) {
            let [number, from, manifest, rows, dead] = all;
            let mark = Mark {
                number,
                from: Offset(from),
                manifest: Offset(manifest),
                rows: Offset(rows),
                dead: Offset(dead),
                rollups: Vec::new(),
            };
            prop_assert!(mark.encode().len() < 200);
            let mark = Mark { rollups: ends.into_iter().map(Offset).collect(), ..mark };
            prop_assert_eq!(Mark::decode(&mark.encode()), Some(mark));
        }

        #[test]
        fn other_texts_are_no_marks(text: String) {
            prop_assert_eq!(Mark::decode(&text), None);
        }
    }
}
