//! Commit files of the fuzz corpus and mutations of them, with and without a correct checksum.

use std::fs;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::hostile::{self, sealed};

fn seeds() -> Vec<Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/mark");
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

#[test]
fn the_marks_of_the_corpus_are_taken_or_refused_as_they_should_be() {
    let taken = |bytes: &Vec<u8>| sealed(bytes) == *bytes;
    assert_eq!(seeds().iter().filter(|seed| taken(seed)).count(), 3, "the newer one has its own");
    seeds().iter().for_each(|seed| hostile::mark(seed));
    seeds().iter().for_each(|seed| hostile::mark(&sealed(seed)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_mark_of_any_bytes_is_refused_or_right(
        seed in select(seeds()),
        changes in vec((any::<Index>(), select(&b"\0\n\"{}[],:0919-e.\xff/"[..])), 0..4),
        cut in proptest::option::of(any::<Index>()),
        seal: bool,
    ) {
        let mut bytes = seed;
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        hostile::mark(&if seal { sealed(&bytes) } else { bytes });
    }
}
