//! Unpacks gzip as `zcat` does: members one after the other (RFC 1952), trailing zeros, as left by
//! tapes and block devices, are ignored.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// The first two bytes of every gzip file.
pub(crate) const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// The bytes that are packed in `R`.
pub(crate) struct Gunzip<R> {
    state: State<R>,
}

enum State<R> {
    Member(GzDecoder<R>),
    Between(R),
    /// Behind the last member, or after an error.
    Over,
}

impl<R: BufRead> Gunzip<R> {
    pub(crate) fn new(from: R) -> Self {
        Gunzip { state: State::Member(GzDecoder::new(from)) }
    }
}

impl<R: BufRead> Read for Gunzip<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            self.state = match std::mem::replace(&mut self.state, State::Over) {
                State::Over => return Ok(0),
                State::Member(mut member) => match member.read(into) {
                    Ok(0) => State::Between(member.into_inner()),
                    read => {
                        self.state = State::Member(member);
                        return read;
                    }
                },
                State::Between(mut from) => match next_member(&mut from) {
                    Ok(true) => State::Member(GzDecoder::new(from)),
                    Ok(false) => State::Over,
                    Err(error) => {
                        if error.kind() == io::ErrorKind::WouldBlock {
                            self.state = State::Between(from);
                        }
                        return Err(error);
                    }
                },
            };
        }
    }
}

/// Whether another member follows, behind any zeros.
fn next_member(from: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let bytes = from.fill_buf()?;
        let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
        match bytes.get(zeros) {
            Some(&MAGIC_FIRST) => {
                from.consume(zeros);
                return Ok(true);
            }
            Some(_) => {
                let what = "behind the gzip data are bytes that are no gzip data";
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            }
            None if bytes.is_empty() => return Ok(false),
            None => from.consume(zeros),
        }
    }
}

const MAGIC_FIRST: u8 = MAGIC[0];

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn packed(text: &str) -> Vec<u8> {
        let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        zip.write_all(text.as_bytes()).unwrap();
        zip.finish().unwrap()
    }

    fn unpacked(bytes: &[u8]) -> (String, bool) {
        let mut text = Vec::new();
        let whole = Gunzip::new(bytes).read_to_end(&mut text).is_ok();
        (String::from_utf8(text).unwrap(), whole)
    }

    #[test]
    fn members_follow_each_other_and_zeros_behind_them_are_nothing() {
        let (a, b) = (packed("a\n"), packed("b\n"));
        assert_eq!(unpacked(&[&a[..], &[0; 700], &b, &[0; 9]].concat()), ("a\nb\n".into(), true));
    }

    #[test]
    fn what_is_before_other_bytes_or_a_cut_is_there() {
        assert_eq!(unpacked(&[&packed("a\n")[..], b"x"].concat()), ("a\n".into(), false));
        let text = "abc\n".repeat(1_000);
        let whole = packed(&text);
        let (found, is_whole) = unpacked(&whole[..whole.len() - 8]);
        assert_eq!((found, is_whole), (text, false));
    }
}
