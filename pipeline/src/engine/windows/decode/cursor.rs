//! A cursor over the bytes of a message that reads protobuf's wire types.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::engine::windows::decode::record::ByteRange;

/// What is left of a message, and where that lies.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    pub rest: &'a [u8],
    pub end: u32,
}

impl<'a> Cursor<'a> {
    pub fn over(message: &'a [u8]) -> Option<Self> {
        Some(Cursor { rest: message, end: u32::try_from(message.len()).ok()? })
    }

    pub fn is_done(&self) -> bool {
        self.rest.is_empty()
    }

    pub fn range(&self) -> ByteRange {
        ByteRange { start: self.back(self.rest.len()), end: self.end }
    }

    /// The offset `len` bytes before the end, which are there: `rest` is the tail of bytes [0, end)
    /// of the message.
    pub fn back(&self, len: usize) -> u32 {
        self.end.wrapping_sub(len as u32)
    }

    #[inline]
    pub fn varint(&mut self) -> Option<u64> {
        let (&byte, rest) = self.rest.split_first()?;
        if byte < 0x80 {
            self.rest = rest;
            return Some(u64::from(byte));
        }
        self.long_varint()
    }

    #[inline]
    fn long_varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for (i, &byte) in self.rest.iter().take(10).enumerate() {
            // i < 10, so the shift is below 64 and i + 1 does not overflow.
            #[allow(clippy::arithmetic_side_effects)]
            {
                value |= u64::from(byte & 0x7f) << (7 * i);
                if byte < 0x80 {
                    self.rest = self.rest.get(i + 1..)?;
                    // The tenth byte holds one bit.
                    return (i < 9 || byte < 2).then_some(value);
                }
            }
        }
        None
    }

    /// Field number and wire type; a key has 32 bits and no field is number 0.
    #[inline]
    pub fn key(&mut self) -> Option<u64> {
        let key = self.varint()?;
        (key <= u64::from(u32::MAX) && key >> 3 != 0).then_some(key)
    }

    #[inline]
    fn split_off(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(taken)
    }

    #[inline]
    pub fn part(&mut self) -> Option<Cursor<'a>> {
        let len = usize::try_from(self.varint()?).ok()?;
        let taken = self.split_off(len)?;
        let end = self.range().start;
        Some(Cursor { rest: taken, end })
    }

    #[inline]
    pub fn text(&mut self) -> Option<(ByteRange, &'a [u8])> {
        let part = self.part()?;
        let fine = part.rest.is_ascii() || std::str::from_utf8(part.rest).is_ok();
        fine.then(|| (part.range(), part.rest))
    }

    #[inline]
    pub fn double(&mut self) -> Option<f64> {
        let (bytes, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(f64::from_le_bytes(*bytes))
    }

    #[inline]
    pub fn float(&mut self) -> Option<f32> {
        let (bytes, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(f32::from_le_bytes(*bytes))
    }

    #[cold]
    pub fn skip(&mut self, key: u64, depth: u32) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match key & 7 {
            0 => self.varint().map(drop),
            1 => self.split_off(8).map(drop),
            2 => self.part().map(drop),
            5 => self.split_off(4).map(drop),
            3 => loop {
                let inner = self.key()?;
                match inner & 7 {
                    4 => break (inner >> 3 == key >> 3).then_some(()),
                    _ => self.skip(inner, depth)?,
                }
            },
            _ => None,
        }
    }
}
