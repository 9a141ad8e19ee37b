//! Reads big-endian numbers and pieces off the front of foreign bytes.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

/// What is left to read. Every call gives `None` when there is less than it needs.
#[derive(Clone, Copy, Debug)]
pub(in crate::rocketmq) struct Bytes<'a>(pub(in crate::rocketmq) &'a [u8]);

impl<'a> Bytes<'a> {
    /// The next `len` bytes.
    pub(in crate::rocketmq) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (piece, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(piece)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(in crate::rocketmq) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    pub(in crate::rocketmq) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(in crate::rocketmq) fn i32(&mut self) -> Option<i32> {
        self.array().map(i32::from_be_bytes)
    }

    pub(in crate::rocketmq) fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_be_bytes)
    }

    /// A length as Java writes it, signed; a negative one is none.
    pub(in crate::rocketmq) fn length(&mut self) -> Option<usize> {
        usize::try_from(self.i32()?).ok()
    }
}
