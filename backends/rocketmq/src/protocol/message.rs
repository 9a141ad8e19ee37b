//! Messages as a broker stores and sends them (`MessageDecoder.decode`).
//!
//! Layout: `i32` size of the whole; magic; CRC-32 of the body without its sign bit; queue id; flag;
//! `i64` offset in the queue; place in the commit log; system flag; when it was made, and by whom
//! (4 or 16 bytes of address, port); when the broker stored it, and at which address; how often it
//! was consumed again; a transaction's place; length and body; length (one byte, two in the second
//! magic) and topic; `i16` length and properties.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::borrow::Cow;

use super::code::stored;
use super::compression;
use seismic_queue::backend::byte_reader::Bytes;

/// `MessageDecoder.MESSAGE_MAGIC_CODE`.
pub(crate) const MAGIC: i32 = -626_843_481;
/// `MessageDecoder.MESSAGE_MAGIC_CODE_V2`: the topic's length has two bytes.
pub(crate) const MAGIC_V2: i32 = -626_843_477;

/// One message, borrowed from the answer it came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stored<'a> {
    /// Place in its queue.
    pub(crate) offset: u64,
    /// When the broker took it, ms since 1970 UTC.
    pub(crate) store_ms: i64,
    flags: i32,
    crc: i32,
    body: &'a [u8],
    /// See [`properties`](super::properties).
    pub(crate) properties: &'a [u8],
}

impl<'a> Stored<'a> {
    /// The next message of `rest`, which moves past it. `None` when there is none that is whole.
    pub(crate) fn next(rest: &mut Bytes<'a>) -> Option<Self> {
        let size = Bytes(rest.0).length()?;
        Self::decode(&mut Bytes(rest.take(size)?))
    }

    fn decode(bytes: &mut Bytes<'a>) -> Option<Self> {
        let _size = bytes.i32()?;
        let magic = bytes.i32()?;
        let crc = bytes.i32()?;
        let _queue = bytes.i32()?;
        let _flag = bytes.i32()?;
        let offset = u64::try_from(bytes.i64()?).ok()?;
        let _place = bytes.i64()?;
        let flags = bytes.i32()?;
        let _born_ms = bytes.i64()?;
        bytes.take(if flags & stored::BORNHOST_V6 == 0 { 8 } else { 20 })?;
        let store_ms = bytes.i64()?;
        bytes.take(if flags & stored::STOREHOST_V6 == 0 { 8 } else { 20 })?;
        let _consumed = bytes.i32()?;
        let _transaction = bytes.i64()?;
        let len = bytes.length()?;
        let body = bytes.take(len)?;
        let len = match magic {
            MAGIC => usize::from(bytes.u8()?),
            MAGIC_V2 => usize::from(bytes.u16()?),
            _ => return None,
        };
        let _topic = bytes.take(len)?;
        let len = usize::from(bytes.u16()?);
        let properties = bytes.take(len)?;
        Some(Stored { offset, store_ms, flags, crc, body, properties })
    }

    /// Whether the body is what the broker took.
    pub(crate) fn is_whole(&self) -> bool {
        // Some stores leave the CRC of a message out; then there is nothing to compare.
        self.crc == 0 || crc(self.body) == self.crc
    }

    /// Whether it holds several messages under one offset, which no reader of ours takes apart.
    pub(crate) fn is_inner_batch(&self) -> bool {
        self.flags & stored::INNER_BATCH != 0
    }

    /// What was sent, decompressed if need be. What claims to be compressed and is not is given as
    /// it is: then it is a message that no one can read, and not one that stops its readers.
    pub(crate) fn value(&self) -> Cow<'a, [u8]> {
        if self.flags & stored::COMPRESSED == 0 {
            return Cow::Borrowed(self.body);
        }
        match compression::decompress(self.flags, self.body) {
            Some(value) => Cow::Owned(value),
            None => Cow::Borrowed(self.body),
        }
    }
}

/// `UtilAll.crc32`: without the sign bit.
pub(crate) fn crc(body: &[u8]) -> i32 {
    (crc32fast::hash(body) & 0x7fff_ffff) as i32
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A message as a broker would store it.
    #[derive(Clone, Debug)]
    pub(crate) struct Written {
        pub(crate) magic: i32,
        pub(crate) flags: i32,
        pub(crate) offset: u64,
        pub(crate) store_ms: i64,
        pub(crate) body: Vec<u8>,
        pub(crate) properties: Vec<u8>,
    }

    impl Default for Written {
        fn default() -> Self {
            let (body, properties) = (b"body".to_vec(), b"KEYS\x01S1\x02".to_vec());
            Written { magic: MAGIC, flags: 0, offset: 7, store_ms: 9, body, properties }
        }
    }

    impl Written {
        pub(crate) fn bytes(&self) -> Vec<u8> {
            let host = |v6| vec![0; if self.flags & v6 == 0 { 8 } else { 20 }];
            let mut bytes = vec![0; 4];
            bytes.extend(self.magic.to_be_bytes());
            bytes.extend(crc(&self.body).to_be_bytes());
            bytes.extend([0; 8]);
            bytes.extend(self.offset.to_be_bytes());
            bytes.extend([0; 8]);
            bytes.extend(self.flags.to_be_bytes());
            bytes.extend([0; 8]);
            bytes.extend(host(stored::BORNHOST_V6));
            bytes.extend(self.store_ms.to_be_bytes());
            bytes.extend(host(stored::STOREHOST_V6));
            bytes.extend([0; 12]);
            bytes.extend((self.body.len() as u32).to_be_bytes());
            bytes.extend(&self.body);
            match self.magic {
                MAGIC_V2 => bytes.extend([0, 1, b't']),
                _ => bytes.extend([1, b't']),
            }
            bytes.extend((self.properties.len() as u16).to_be_bytes());
            bytes.extend(&self.properties);
            let size = bytes.len() as u32;
            bytes[..4].copy_from_slice(&size.to_be_bytes());
            bytes
        }
    }

    fn written() -> impl Strategy<Value = Written> {
        let flags = prop::sample::select(vec![0, stored::BORNHOST_V6, stored::STOREHOST_V6, 0x30]);
        let magic = prop::sample::select(vec![MAGIC, MAGIC_V2]);
        let bytes = || prop::collection::vec(any::<u8>(), 0..200);
        let parts = (magic, flags, 0..=i64::MAX as u64, any::<i64>(), bytes(), bytes());
        parts.prop_map(|(magic, flags, offset, store_ms, body, properties)| Written {
            magic,
            flags,
            offset,
            store_ms,
            body,
            properties,
        })
    }

    proptest! {
        #[test]
        fn messages_back_to_back_are_read_as_stored(all in prop::collection::vec(written(), 0..5)) {
            let bytes: Vec<u8> = all.iter().flat_map(Written::bytes).collect();
            let mut rest = Bytes(&bytes);
            for written in &all {
                let read = Stored::next(&mut rest).unwrap();
                prop_assert_eq!((read.offset, read.store_ms), (written.offset, written.store_ms));
                prop_assert!(read.is_whole());
                prop_assert_eq!(&*read.value(), &written.body[..]);
                prop_assert_eq!(read.properties, &written.properties[..]);
            }
            prop_assert!(rest.0.is_empty());
        }

        #[test]
        fn a_message_cut_anywhere_is_none(written in written(), cut in 0.0..1.0f64) {
            let bytes = written.bytes();
            let len = (bytes.len() as f64 * cut) as usize;
            prop_assert_eq!(Stored::next(&mut Bytes(&bytes[..len])), None);
        }
    }

    #[test]
    fn a_changed_body_shows() {
        let mut bytes = Written::default().bytes();
        let at = bytes.windows(4).position(|four| four == b"body").unwrap();
        bytes[at] ^= 1;
        assert!(!Stored::next(&mut Bytes(&bytes)).unwrap().is_whole());
    }

    #[test]
    fn a_body_that_only_claims_to_be_compressed_is_given_as_it_is() {
        for kind in [0, stored::COMPRESSION_LZ4, stored::COMPRESSION_ZSTD, 0x700] {
            let written = Written { flags: stored::COMPRESSED | kind, ..Written::default() };
            let bytes = written.bytes();
            assert_eq!(&*Stored::next(&mut Bytes(&bytes)).unwrap().value(), b"body");
        }
    }
}
