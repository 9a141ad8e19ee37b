//! Foreign and damaged bytes: nothing panics, and nothing is read out of bounds.

use proptest::prelude::*;

use super::frame::Request;
use super::fuzz;
use super::message::tests::Written;

/// Any bytes, and bytes that were right until some were changed, cut or repeated.
fn damaged(whole: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let len = whole.len().max(1);
    let changes = prop::collection::vec((0..len, any::<u8>()), 0..6);
    let damaged = (changes, 0..=len, 0..3usize).prop_map(move |(changes, cut, repeated)| {
        let mut bytes = whole.clone();
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        let tail = bytes[cut.min(bytes.len())..].to_vec();
        (0..repeated).for_each(|_| bytes.extend(&tail));
        if repeated == 0 {
            bytes.truncate(cut);
        }
        bytes
    });
    prop_oneof![prop::collection::vec(any::<u8>(), 0..300), damaged]
}

fn frames() -> impl Strategy<Value = Vec<u8>> {
    let request = Request::new(0).with("offset", 7).body(Written::default().bytes());
    let mut bytes = request.head(1).expect("it is short").split_off(4);
    bytes.extend(request.body);
    damaged(bytes)
}

fn messages() -> impl Strategy<Value = Vec<u8>> {
    damaged(
        [Written::default().bytes(), Written { flags: 0x131, ..Written::default() }.bytes()]
            .concat(),
    )
}

fn routes() -> impl Strategy<Value = Vec<u8>> {
    let text = r#"{"brokerDatas":[{"brokerAddrs":{"0":"127.0.0.1:10911"},"brokerName":"a",
        "cluster":"c"}],"queueDatas":[{"brokerName":"a","perm":6,"readQueueNums":4,
        "writeQueueNums":4,"topicSysFlag":0}]}"#;
    damaged(text.as_bytes().to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_frame_of_any_bytes_is_refused_or_lies_within_them(bytes in frames()) {
        fuzz::frame(&bytes);
    }

    #[test]
    fn messages_of_any_bytes_come_to_an_end(bytes in messages()) {
        fuzz::messages(&bytes);
    }

    #[test]
    fn a_route_of_any_bytes_is_refused_or_bounded(bytes in routes()) {
        fuzz::route(&bytes);
    }
}

/// The fuzzer's corpus, as it is.
#[test]
fn what_the_fuzzer_begins_with_is_read() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/rocketmq");
    let mut files = 0;
    for file in std::fs::read_dir(folder).expect("the corpus is in the repository") {
        let bytes = std::fs::read(file.expect("it can be listed").path()).expect("a file");
        fuzz::frame(&bytes);
        fuzz::messages(&bytes);
        fuzz::route(&bytes);
        files += 1;
    }
    assert!(files >= 4);
}
