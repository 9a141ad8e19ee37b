//! Foreign and damaged bytes: nothing panics, and nothing is read out of bounds. The fuzzer's
//! corpus is written here too: `UPDATE_CORPUS=1`.

use std::fs;

use proptest::prelude::*;

use super::compression::tests::packed;
use super::fuzz;
use super::record_batch::tests::Written;
use super::response::tests::{TOPIC, frame};
use super::response::{Aborted, PartitionResponse};

/// Batches of every compression.
fn batches() -> Vec<u8> {
    let plain = Written::of(7, &["a", "bb", "ccc"]);
    let mut bytes = plain.bytes();
    for (place, (kind, packed)) in (1..).zip(packed(&plain.plain())) {
        let base = plain.base + place * 10;
        bytes.extend(Written { base, attributes: kind, ..plain.clone() }.with(&packed));
    }
    bytes.extend(Written::of(80, &["d"]).by(5).bytes());
    bytes.extend(Written::end(90, 5, 0).bytes());
    bytes
}

/// An answer, behind the topic that it is of.
fn answer() -> Vec<u8> {
    let aborted = vec![Aborted { producer: 5, first: 80 }];
    let (partition, error, settled_end, records, diverges) = (0, 0, 91, 0..0, true);
    let part = PartitionResponse { partition, error, settled_end, aborted, records, diverges };
    [&TOPIC[..], &frame(1, 0, &mut [(part, batches())])].concat()
}

fn look(bytes: &[u8]) {
    fuzz::answer(bytes);
    fuzz::batches(bytes);
}

/// Any bytes, and bytes that were right until some were changed or cut.
fn damaged(whole: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let length = whole.len();
    let changes = prop::collection::vec((0..length, any::<u8>()), 0..6);
    let damaged = (changes, 0..=length).prop_map(move |(changes, cut)| {
        let mut bytes = whole.clone();
        changes.into_iter().for_each(|(at, byte)| bytes[at] = byte);
        bytes.truncate(cut);
        bytes
    });
    prop_oneof![prop::collection::vec(any::<u8>(), 0..300), damaged]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn batches_of_any_bytes_come_to_an_end(bytes in damaged(batches())) {
        look(&bytes);
    }

    #[test]
    fn an_answer_of_any_bytes_is_refused_or_lies_within_them(bytes in damaged(answer())) {
        look(&bytes);
    }
}

/// The fuzzer's corpus, as it is.
#[test]
fn what_the_fuzzer_begins_with_is_read() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/kafka");
    if std::env::var_os("UPDATE_CORPUS").is_some() {
        fs::create_dir_all(folder).unwrap();
        fs::write(format!("{folder}/batches"), batches()).unwrap();
        fs::write(format!("{folder}/answer"), answer()).unwrap();
    }
    let files = fs::read_dir(folder).expect("the corpus is in the repository");
    let looked = files.map(|file| look(&fs::read(file.unwrap().path()).unwrap())).count();
    assert!(looked >= 2);
}
