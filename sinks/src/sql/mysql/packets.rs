//! Packets of the client/server protocol: three bytes of length, one of their number, and what they
//! say. See "MySQL Packets" in the documentation of its protocol.

#![deny(clippy::arithmetic_side_effects, clippy::indexing_slicing)] // It parses foreign bytes.

use std::io::{self, BufReader, Read as _, Write as _};

use super::stream::Stream;

/// Longest part of a packet, in bytes; one that has as many is followed by another.
const PART: usize = 0xff_ffff;

/// Longest packet that is taken, in bytes: a row has texts of at most some MB.
const PACKET_BYTES: usize = 256 << 20;

/// Packets both ways.
pub(super) struct Packets {
    stream: BufReader<Stream>,
    number: u8,
    out: Vec<u8>,
}

impl Packets {
    pub(super) fn new(stream: Stream) -> Packets {
        Packets { stream: BufReader::with_capacity(64 << 10, stream), number: 0, out: Vec::new() }
    }

    /// The stream beneath.
    pub(super) fn stream(&mut self) -> &mut Stream {
        self.stream.get_mut()
    }

    /// The same over another stream, as when it is encrypted. What came before in plain text may be
    /// anyone's: then it is refused.
    pub(super) fn over(
        self,
        make: impl FnOnce(Stream) -> io::Result<Stream>,
    ) -> io::Result<Packets> {
        if !self.stream.buffer().is_empty() {
            return Err(io::Error::other("the server said something before TLS began"));
        }
        let Packets { stream, number, out } = self;
        let stream = BufReader::with_capacity(64 << 10, make(stream.into_inner())?);
        Ok(Packets { stream, number, out })
    }

    /// Sends the first packet of a command.
    pub(super) fn ask(&mut self, parts: &[&[u8]]) -> io::Result<()> {
        self.number = 0;
        self.stream.get_mut().asks();
        self.send(parts)
    }

    /// Sends a packet that consists of these parts.
    pub(super) fn send(&mut self, parts: &[&[u8]]) -> io::Result<()> {
        self.out.clear();
        let length = parts.iter().map(|part| part.len()).fold(0, usize::saturating_add);
        let mut bytes = parts.iter().flat_map(|part| part.chunks(PART));
        let mut current: &[u8] = bytes.next().unwrap_or_default();
        let mut left = length;
        loop {
            let mut of_part = left.min(PART);
            left = left.saturating_sub(of_part);
            let is_full = of_part == PART;
            let [a, b, c, ..] = u32::try_from(of_part).unwrap_or(u32::MAX).to_le_bytes();
            self.out.extend_from_slice(&[a, b, c, self.number]);
            self.number = self.number.wrapping_add(1);
            while of_part > 0 {
                if current.is_empty() {
                    current = bytes.next().unwrap_or_default();
                    continue;
                }
                let (now, later) = current.split_at(current.len().min(of_part));
                self.out.extend_from_slice(now);
                of_part = of_part.saturating_sub(now.len());
                current = later;
            }
            if !is_full {
                break;
            }
        }
        let stream = self.stream.get_mut();
        stream.write_all(&self.out)?;
        stream.flush()?;
        // One long row must not keep its memory for ever.
        self.out.shrink_to(4 << 20);
        Ok(())
    }

    /// Takes the next packet into `into`, which it replaces.
    pub(super) fn next_into(&mut self, into: &mut Vec<u8>) -> io::Result<()> {
        into.clear();
        loop {
            let mut head = [0; 4];
            self.stream.read_exact(&mut head)?;
            let [a, b, c, number] = head;
            self.number = number.wrapping_add(1);
            let length = u32::from_le_bytes([a, b, c, 0]) as usize;
            let begin = into.len();
            let end = begin.saturating_add(length);
            if end > PACKET_BYTES {
                let words = format!("the server sends a packet of over {} MiB", PACKET_BYTES >> 20);
                return Err(io::Error::new(io::ErrorKind::InvalidData, words));
            }
            into.resize(end, 0);
            self.stream.read_exact(into.get_mut(begin..).unwrap_or_default())?;
            if length < PART {
                return Ok(());
            }
        }
    }
}

/// What is left of a packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl<'a> Bytes<'a> {
    /// The next bytes, that many.
    pub(super) fn some(&mut self, count: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }

    /// All that is left.
    pub(super) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.some(N)?.try_into().ok()
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// A number of one, three, four or nine bytes.
    pub(super) fn number(&mut self) -> Option<u64> {
        Some(match self.u8()? {
            0xfc => self.u16()?.into(),
            0xfd => {
                let [a, b, c] = self.array()?;
                u32::from_le_bytes([a, b, c, 0]).into()
            }
            0xfe => self.u64()?,
            small @ 0..=0xfa => small.into(),
            _ => return None,
        })
    }

    /// Bytes behind their number.
    pub(super) fn counted(&mut self) -> Option<&'a [u8]> {
        let count = usize::try_from(self.number()?).ok()?;
        self.some(count)
    }

    /// Bytes up to a zero, which is passed over.
    pub(super) fn until_zero(&mut self) -> Option<&'a [u8]> {
        let end = self.0.iter().position(|byte| *byte == 0)?;
        let bytes = self.some(end)?;
        self.some(1)?;
        Some(bytes)
    }
}

/// Appends a count and that many bytes.
pub(super) fn put_counted(bytes: &[u8], into: &mut Vec<u8>) {
    let count = bytes.len() as u64;
    match count {
        0..=0xfa => into.push(count as u8),
        0xfb..=0xffff => {
            into.push(0xfc);
            into.extend_from_slice(&(count as u16).to_le_bytes());
        }
        _ => {
            into.push(0xfe);
            into.extend_from_slice(&count.to_le_bytes());
        }
    }
    into.extend_from_slice(bytes);
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;
    use std::thread;

    use super::*;
    use crate::sql::patience::PATIENCE;

    #[test]
    fn what_is_counted_comes_back_and_what_is_cut_is_nothing() {
        for length in [0, 1, 0xfa, 0xfb, 0xffff, 0x1_0000] {
            let (bytes, mut counted) = (vec![7; length], Vec::new());
            put_counted(&bytes, &mut counted);
            assert_eq!(Bytes(&counted).counted(), Some(&*bytes));
            counted.pop();
            assert_eq!(Bytes(&counted).counted(), None);
        }
        assert_eq!(Bytes(b"ab\0c").until_zero(), Some(&b"ab"[..]));
        assert_eq!(Bytes(b"ab").until_zero(), None);
    }

    #[test]
    fn a_packet_of_16_mib_goes_in_two_parts_and_comes_back_whole() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let echo = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut all = vec![0; 4 + PART + 4 + 1];
            stream.read_exact(&mut all).unwrap();
            stream.write_all(&all).unwrap();
            all
        });
        let stream = Stream::connect(("127.0.0.1", at.port()), PATIENCE).unwrap();
        let mut packets = Packets::new(stream);
        let bytes: Vec<u8> = (0..=PART).map(|i| i as u8).collect();
        packets.ask(&[&bytes[..10], &[], &bytes[10..]]).unwrap();
        let mut back = Vec::new();
        packets.next_into(&mut back).unwrap();
        assert!(back == bytes, "the same {} bytes", bytes.len());
        let sent = echo.join().unwrap();
        assert_eq!(
            (&sent[..4], &sent[4 + PART..8 + PART]),
            (&[255, 255, 255, 0][..], &[1, 0, 0, 1][..])
        );
    }
}
