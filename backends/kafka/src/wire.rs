//! Frames of the protocol for our own connections, and the `ApiVersions` call
//! (<https://kafka.apache.org/protocol#protocol_messages>).

#![deny(clippy::arithmetic_side_effects, clippy::indexing_slicing)] // It parses foreign bytes.

use seismic_queue::backend::byte_reader::Bytes;

/// Numbers of calls, and the version of `Fetch` that is spoken here.
pub(crate) const FETCH: i16 = 1;
pub(crate) const FETCH_VERSION: i16 = 13;
const VERSIONS: i16 = 18;

/// A frame with its length before it.
pub(crate) fn framed(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut body = Vec::new();
    write(&mut body);
    let length = u32::try_from(body.len()).expect("4,096 partitions are far below that");
    let mut frame = length.to_be_bytes().to_vec();
    frame.append(&mut body);
    frame
}

/// Writes the head of a question (version 1 of it).
pub(crate) fn head(to: &mut Vec<u8>, call: i16, version: i16, number: i32, client: &str) {
    to.extend([call.to_be_bytes(), version.to_be_bytes()].concat());
    to.extend(number.to_be_bytes());
    string(to, client);
}

/// Writes a text behind its length. No one's name is as long as is possible.
pub(crate) fn string(to: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    let bytes = bytes.get(..i16::MAX as usize).unwrap_or(bytes);
    to.extend(i16::try_from(bytes.len()).unwrap_or(i16::MAX).to_be_bytes());
    to.extend(bytes);
}

/// The question which calls and versions a broker knows (`ApiVersions`, version 0).
pub(crate) fn versions(number: i32, client: &str) -> Vec<u8> {
    framed(|to| head(to, VERSIONS, 0, number, client))
}

/// Whether a broker that answered so knows the version of `Fetch` that is spoken here; `None` when
/// that is no answer.
pub(crate) fn is_fetch_spoken(frame: &[u8]) -> Option<bool> {
    let mut rest = Bytes(frame);
    let (_number, error, count) = (rest.i32()?, rest.i16()?, rest.i32()?);
    if error != 0 {
        return Some(false);
    }
    for _ in 0..count {
        let (call, from, to) = (rest.i16()?, rest.i16()?, rest.i16()?);
        if call == FETCH {
            return Some((from..=to).contains(&FETCH_VERSION));
        }
    }
    Some(false)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_broker_that_does_not_speak_our_version_is_noticed() {
        let versions = |calls: &[[i16; 3]]| {
            let mut bytes = vec![0, 0, 0, 1, 0, 0];
            bytes.extend((calls.len() as i32).to_be_bytes());
            calls.iter().flatten().for_each(|number| bytes.extend(number.to_be_bytes()));
            bytes
        };
        assert_eq!(is_fetch_spoken(&versions(&[[0, 3, 12], [1, 4, 17]])), Some(true));
        let old = versions(&[[0, 3, 12], [1, 0, 12]]);
        assert_eq!(is_fetch_spoken(&old), Some(false), "Kafka 3.0");
        assert_eq!(is_fetch_spoken(&versions(&[[0, 3, 12]])), Some(false));
        let cut = versions(&[[1, 4, 17]]);
        assert_eq!(is_fetch_spoken(cut.get(..12).unwrap()), None, "cut");
    }

    proptest! {
        #[test]
        fn random_bytes_are_read_without_harm(bytes: Vec<u8>) {
            let _ = is_fetch_spoken(&bytes);
        }
    }
}
