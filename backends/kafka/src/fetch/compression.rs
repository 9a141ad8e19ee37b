//! Records that producers compressed (`CompressionType` of the protocol).

#![deny(clippy::arithmetic_side_effects, clippy::indexing_slicing)] // It parses foreign bytes.

use std::io::{Cursor, Read};

use crate::limits;
use seismic_queue::backend::byte_reader::Bytes;
use seismic_queue::backend::decompress;

/// What Java's Snappy writes before its blocks, with two versions behind it
/// (<https://github.com/xerial/snappy-java>, `SnappyCodec`).
const XERIAL: [u8; 8] = *b"\x82SNAPPY\0";
const XERIAL_HEAD: usize = 16;

/// Unpacks records of that compression; `false` when they are not what it says, or too large.
pub(super) fn unpack(compression: i16, packed: &[u8], into: &mut Vec<u8>) -> bool {
    let most = limits::UNPACKED_BYTES;
    match compression {
        1 => decompress::bounded(flate2::read::MultiGzDecoder::new(packed), most, into),
        2 => snappy(packed, most, into).is_some(),
        3 => decompress::bounded(lz4_flex::frame::FrameDecoder::new(packed), most, into),
        4 => ruzstd::decoding::StreamingDecoder::new(packed)
            .is_ok_and(|from| decompress::bounded(from, most, into)),
        _ => false,
    }
}

/// Unpacks records of that compression as they are read; `None` for one that is undone as a whole.
pub(super) fn reader(compression: i16, packed: &[u8]) -> Option<Box<dyn Read + Send>> {
    let packed = Cursor::new(packed.to_vec());
    Some(match compression {
        1 => Box::new(flate2::read::MultiGzDecoder::new(packed)),
        3 => Box::new(lz4_flex::frame::FrameDecoder::new(packed)),
        4 => Box::new(ruzstd::decoding::StreamingDecoder::new(packed).ok()?),
        _ => return None,
    })
}

/// Snappy in one piece, or in blocks as Java writes them.
fn snappy(packed: &[u8], most: usize, into: &mut Vec<u8>) -> Option<()> {
    into.clear();
    if !packed.starts_with(&XERIAL) {
        return block(packed, most, into);
    }
    let mut rest = Bytes(packed);
    rest.take(XERIAL_HEAD)?;
    while !rest.0.is_empty() {
        let length = usize::try_from(rest.i32()?).ok()?;
        block(rest.take(length)?, most, into)?;
    }
    Some(())
}

/// Adds one block.
fn block(packed: &[u8], most: usize, into: &mut Vec<u8>) -> Option<()> {
    let length = snap::raw::decompress_len(packed).ok()?;
    let start = into.len();
    let end = start.checked_add(length).filter(|end| *end <= most)?;
    // A block grows by 21 times at most; what claims more is none, and gets no memory.
    (length <= packed.len().saturating_mul(64)).then_some(())?;
    into.resize(end, 0);
    let unpacked = snap::raw::Decoder::new().decompress(packed, into.get_mut(start..end)?).ok()?;
    (unpacked == length).then_some(())
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "tests may")]
pub(super) mod tests {
    use std::io::Write as _;

    use super::*;
    use proptest::prelude::*;

    fn xerial(plain: &[u8]) -> Vec<u8> {
        let mut bytes = [&XERIAL[..], &1_i32.to_be_bytes(), &1_i32.to_be_bytes()].concat();
        for piece in plain.chunks(1_000) {
            let packed = snap::raw::Encoder::new().compress_vec(piece).unwrap();
            bytes.extend((packed.len() as i32).to_be_bytes());
            bytes.extend(packed);
        }
        bytes
    }

    /// What each compression makes of it.
    pub(in crate::fetch) fn packed(plain: &[u8]) -> Vec<(i16, Vec<u8>)> {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(plain).unwrap();
        let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
        lz4.write_all(plain).unwrap();
        let fastest = ruzstd::encoding::CompressionLevel::Fastest;
        vec![
            (1, gzip.finish().unwrap()),
            (2, snap::raw::Encoder::new().compress_vec(plain).unwrap()),
            (2, xerial(plain)),
            (3, lz4.finish().unwrap()),
            (4, ruzstd::encoding::compress_to_vec(plain, fastest)),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn each_kind_comes_back(plain in prop::collection::vec(0..4u8, 1..5_000)) {
            let mut unpacked = b"what was there before".to_vec();
            for (kind, packed) in packed(&plain) {
                prop_assert!(unpack(kind, &packed, &mut unpacked), "{}", kind);
                prop_assert_eq!(&unpacked, &plain);
            }
        }

        #[test]
        fn random_bytes_are_read_without_harm(kind in 0..8_i16, bytes: Vec<u8>, is_java: bool) {
            let bytes = if is_java { [&XERIAL[..], &[0; 8], &bytes].concat() } else { bytes };
            unpack(kind, &bytes, &mut Vec::new());
        }
    }

    #[test]
    fn what_would_grow_beyond_its_bound_is_refused() {
        let large = vec![0; limits::UNPACKED_BYTES + 1];
        let mut unpacked = Vec::new();
        for (kind, packed) in packed(&large) {
            assert!(!unpack(kind, &packed, &mut unpacked), "{kind}");
            assert!(unpacked.len() <= limits::UNPACKED_BYTES + 1);
        }
    }

    #[test]
    fn a_block_that_claims_a_length_reserves_no_memory_for_it() {
        let mut unpacked = Vec::new();
        assert!(!unpack(2, &[0x80, 0x80, 0x80, 0x10, 0], &mut unpacked));
        assert_eq!(unpacked.capacity(), 0);
    }

    #[test]
    fn compressions_that_nobody_knows_are_refused() {
        for kind in [0, 5, 6, 7] {
            assert!(!unpack(kind, b"x", &mut Vec::new()));
        }
    }
}
