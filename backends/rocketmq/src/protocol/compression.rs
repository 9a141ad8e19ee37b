//! Bodies that other clients compressed (`CompressionType`): zlib, LZ4 frames, Zstandard. We send
//! none: packed records hardly shrink.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::io::Read;

use super::code::stored;
use seismic_queue::backend::decompress;
use seismic_queue::limits;

/// The body as it was before it was compressed; `None` when it is not what its flags say or would
/// be longer than any message may be.
pub(crate) fn decompress(flags: i32, body: &[u8]) -> Option<Vec<u8>> {
    match flags & stored::COMPRESSION_TYPE {
        stored::COMPRESSION_LZ4 => bounded(lz4_flex::frame::FrameDecoder::new(body)),
        stored::COMPRESSION_ZSTD => bounded(ruzstd::decoding::StreamingDecoder::new(body).ok()?),
        // Zlib is 0x300, and 0 from clients that knew nothing else.
        0 | 0x300 => bounded(flate2::read::ZlibDecoder::new(body)),
        _ => None,
    }
}

fn bounded(from: impl Read) -> Option<Vec<u8>> {
    let mut value = Vec::new();
    // No one compresses nothing; an LZ4 frame cut off in its head reads as if it were that.
    let is_whole =
        decompress::bounded(from, limits::MESSAGE_BYTES, &mut value) && !value.is_empty();
    is_whole.then_some(value)
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)]
mod tests {
    use std::io::Write;

    use super::*;

    fn zlib(value: &[u8]) -> Vec<u8> {
        let mut to = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        to.write_all(value).unwrap();
        to.finish().unwrap()
    }

    fn lz4(value: &[u8]) -> Vec<u8> {
        let mut to = lz4_flex::frame::FrameEncoder::new(Vec::new());
        to.write_all(value).unwrap();
        to.finish().unwrap()
    }

    fn zstd(value: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(value, ruzstd::encoding::CompressionLevel::Fastest)
    }

    #[test]
    fn each_kind_comes_back() {
        let value = b"seismic ".repeat(1_000);
        for (flags, body) in [
            (stored::COMPRESSION_LZ4, lz4(&value)),
            (stored::COMPRESSION_ZSTD, zstd(&value)),
            (0x300, zlib(&value)),
            (0, zlib(&value)),
        ] {
            assert!(body.len() < value.len());
            assert_eq!(decompress(flags, &body).as_deref(), Some(&value[..]), "{flags:x}");
            assert_eq!(decompress(flags, &body[..body.len() / 2]), None, "cut, {flags:x}");
        }
    }

    #[test]
    fn a_body_that_would_grow_beyond_a_message_is_none() {
        let large = vec![0; limits::MESSAGE_BYTES + 1];
        assert_eq!(decompress(0, &zlib(&large)), None);
        assert_eq!(decompress(0, &zlib(&large[1..])).map(|v| v.len()), Some(limits::MESSAGE_BYTES));
    }
}
