//! Recognises files that are not text by their first bytes.

/// What a file is that begins with these bytes, where it is known and no text of lines.
pub(crate) fn of(head: &[u8]) -> Option<&'static str> {
    let begins = |with: &[u8]| head.starts_with(with);
    let zeros = |from: usize| head.iter().skip(from).step_by(2).take(8).all(|&byte| byte == 0);
    if begins(b"\xff\xfe\0\0") || begins(b"\0\0\xfe\xff") {
        return Some("it is UTF-32; save it as UTF-8");
    }
    if begins(b"\xff\xfe") || begins(b"\xfe\xff") {
        return Some("it is UTF-16; save it as UTF-8");
    }
    if head.len() >= 16 && head[0] | head[1] != 0 && (zeros(0) != zeros(1)) {
        return Some("it is UTF-16; save it as UTF-8");
    }
    for (magic, name) in [
        (&b"PK\x03\x04"[..], "it is a zip archive; unpack it"),
        (b"PK\x05\x06", "it is an empty zip archive"),
        (b"\xfd7zXZ\0", "it is packed by xz; unpack it (xz -d)"),
        (b"BZh", "it is packed by bzip2; unpack it (bzip2 -d)"),
        (b"\x28\xb5\x2f\xfd", "it is packed by zstd; unpack it (zstd -d)"),
        (b"7z\xbc\xaf\x27\x1c", "it is a 7z archive; unpack it"),
        (b"PAR1", "it is Parquet; convert it to CSV"),
        (b"SQLite format 3\0", "it is an SQLite database; export it as CSV"),
        (b"\x89HDF", "it is HDF5; convert it to CSV"),
        (b"%PDF", "it is a PDF document"),
    ] {
        if begins(magic) {
            return Some(name);
        }
    }
    if is_miniseed(head) {
        return Some("it is miniSEED, which is not read; convert it to CSV");
    }
    if head.get(257..262) == Some(b"ustar") {
        return Some("it is a tar archive; unpack it");
    }
    let lines_end_with_cr = head.contains(&b'\r') && !head.contains(&b'\n');
    let is_one_line =
        head.iter().filter(|&&byte| byte == b'\r').count() == 1 && head.last() == Some(&b'\r');
    if lines_end_with_cr && !is_one_line {
        return Some("its lines end with CR only; convert its line ends to LF");
    }
    None
}

/// A fixed section of data header: six digits, a quality, a blank (SEED 2.4); or `MS` and its
/// version (FDSN miniSEED 3).
fn is_miniseed(head: &[u8]) -> bool {
    let two = head.len() >= 48
        && head[..6].iter().all(|byte| byte.is_ascii_digit() || *byte == b' ')
        && matches!(head[6], b'D' | b'R' | b'Q' | b'M' | b'V')
        && matches!(head[7], b' ' | 0);
    two || head.starts_with(b"MS\x03")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_no_lines_of_text_are_named() {
        let utf16: Vec<u8> = "sensor_id,x\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let seed = [b"000001D AB", &[0x41; 40][..]].concat();
        for (head, says) in [
            (&[b"\xff\xfe", utf16.as_slice()].concat()[..], "UTF-16"),
            (&utf16, "UTF-16"),
            (b"\xff\xfe\0\0s\0\0\0", "UTF-32"),
            (b"sensor_id,x\rA,1\rB,2", "CR only"),
            (b"PK\x03\x04rest", "zip"),
            (b"\xfd7zXZ\0\0", "xz"),
            (&seed, "miniSEED"),
            (b"MS\x03", "miniSEED"),
        ] {
            assert!(of(head).is_some_and(|what| what.contains(says)), "{head:?} is {says}");
        }
        for text in ["", "a", "a,b\r\nc,d", "a\rb\n", "{\"a\":1}", "\u{feff}a,b\n", "a\r"] {
            assert_eq!(of(text.as_bytes()), None, "{text:?}");
        }
    }
}
