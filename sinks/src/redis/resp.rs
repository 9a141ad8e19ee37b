//! Commands and replies of Redis: RESP 2, see "Redis serialization protocol" in its manual.

use std::io::{self, BufRead, Read as _};

/// Longest text of an answer that is taken, in bytes: a list of a comparison is the longest.
const BULK_BYTES: u64 = 256 << 20;

/// Most parts of one answer.
const PARTS: usize = 16 << 20;

/// What the server answers.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Reply {
    Nil,
    Status(String),
    Error(String),
    Int(i64),
    Bulk(Vec<u8>),
    Array(Vec<Reply>),
}

impl Reply {
    /// Its text, where it is one.
    pub(super) fn text(&self) -> Option<String> {
        match self {
            Reply::Status(text) => Some(text.clone()),
            Reply::Bulk(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            Reply::Int(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// Its bytes, where it is a text.
    pub(super) fn bytes(self) -> Option<Vec<u8>> {
        match self {
            Reply::Bulk(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Its parts; none where it has none.
    pub(super) fn parts(self) -> Vec<Reply> {
        match self {
            Reply::Array(parts) => parts,
            _ => Vec::new(),
        }
    }
}

/// Appends a command.
pub(super) fn put<A: AsRef<[u8]>>(args: &[A], into: &mut Vec<u8>) {
    into.extend_from_slice(format!("*{}\r\n", args.len()).as_bytes());
    for arg in args {
        let arg = arg.as_ref();
        into.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        into.extend_from_slice(arg);
        into.extend_from_slice(b"\r\n");
    }
}

/// Reads an answer.
pub(super) fn read(from: &mut impl BufRead) -> io::Result<Reply> {
    read_nested(from, 0)
}

fn read_nested(from: &mut impl BufRead, depth: usize) -> io::Result<Reply> {
    let line = line(from)?;
    let (kind, rest) = line.split_at_checked(1).ok_or_else(|| strange("an empty line"))?;
    let number = || rest.parse::<i64>().map_err(|_| strange("a number that is none"));
    Ok(match kind {
        "+" => Reply::Status(rest.to_owned()),
        "-" => Reply::Error(rest.to_owned()),
        ":" => Reply::Int(number()?),
        "$" => match u64::try_from(number()?) {
            Err(_) => Reply::Nil,
            Ok(length) if length > BULK_BYTES => return Err(strange("a text that is too long")),
            Ok(length) => {
                let mut bytes = Vec::new();
                from.take(length + 2).read_to_end(&mut bytes)?;
                if bytes.len() as u64 != length + 2 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                bytes.truncate(bytes.len() - 2);
                Reply::Bulk(bytes)
            }
        },
        "*" => match usize::try_from(number()?) {
            Err(_) => Reply::Nil,
            Ok(parts) if parts > PARTS || depth > 4 => {
                return Err(strange("an answer of too many parts"));
            }
            Ok(parts) => {
                let parts = (0..parts).map(|_| read_nested(from, depth + 1));
                Reply::Array(parts.collect::<io::Result<_>>()?)
            }
        },
        _ => return Err(strange("no answer of Redis")),
    })
}

fn line(from: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    from.take(64 << 10).read_until(b'\n', &mut line)?;
    if line.pop() != Some(b'\n') || line.pop() != Some(b'\r') {
        return Err(match line.is_empty() {
            true => io::ErrorKind::UnexpectedEof.into(),
            false => strange("a line without an end"),
        });
    }
    Ok(String::from_utf8_lossy(&line).into_owned())
}

fn strange(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the server sent {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_every_kind_are_read_and_others_are_refused() {
        let bytes = b"*5\r\n+OK\r\n-ERR no\r\n:-7\r\n$3\r\na\r\n\r\n$-1\r\n";
        let parts = vec![
            Reply::Status("OK".to_owned()),
            Reply::Error("ERR no".to_owned()),
            Reply::Int(-7),
            Reply::Bulk(b"a\r\n".to_vec()),
            Reply::Nil,
        ];
        assert_eq!(read(&mut &bytes[..]).unwrap(), Reply::Array(parts));
        for bytes in [&b""[..], b"$5\r\nab\r\n", b"HTTP/1.1 400\r\n", b":x\r\n", b"*99999999\r\n"] {
            assert!(read(&mut &bytes[..]).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn commands_say_how_long_their_words_are() {
        let mut bytes = Vec::new();
        put(&["SET", "k", "ä"], &mut bytes);
        assert_eq!(bytes, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\nä\r\n".as_bytes());
    }
}
