//! Splits rows of comma-separated values, as RFC 4180 has them: fields may be quoted, quotes in
//! them are doubled, and a quoted field may continue on the next line.
//!
//! Strict: a misplaced quote is an error at once, and not a field that swallows the lines after it.

/// One row, given line by line. Reused after [`CsvRow::clear`].
pub(crate) struct CsvRow {
    bytes: Vec<u8>,
    /// Where each field ends in `bytes`.
    ends: Vec<usize>,
    state: State,
    /// Fields that a row may have.
    fields_max: usize,
    /// Bytes that a row may have.
    bytes_max: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before a field's first byte.
    Start,
    /// In a field without quotes.
    Plain,
    /// In a quoted field.
    Quoted,
    /// After a quote in a quoted field: its end, or the first of two.
    Quote,
}

impl CsvRow {
    pub(crate) fn new(fields_max: usize, bytes_max: usize) -> Self {
        let (bytes, ends) = (Vec::new(), Vec::new());
        CsvRow { bytes, ends, state: State::Start, fields_max, bytes_max }
    }

    /// Empties the row and keeps its memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.state = State::Start;
    }

    /// Adds a line with its end. `true` when the row is complete; otherwise it continues on
    /// the next line.
    ///
    /// # Errors
    /// What is wrong; the row must be cleared then.
    pub(crate) fn push(&mut self, line: &[u8]) -> Result<bool, String> {
        if self.bytes.len() + line.len() > self.bytes_max {
            let limit = self.bytes_max;
            return Err(format!("the row has more than {limit} bytes; is a quote not closed?"));
        }
        for (i, &byte) in line.iter().enumerate() {
            match (self.state, byte) {
                (State::Quoted, b'"') => self.state = State::Quote,
                (State::Quoted, _) => self.bytes.push(byte),
                (_, b'\n') => break,
                (_, b'\r') if line.get(i + 1) == Some(&b'\n') => break,
                (_, b',') => {
                    self.end_field()?;
                    self.state = State::Start;
                }
                (State::Start, b'"') => self.state = State::Quoted,
                (State::Plain, b'"') => {
                    return Err("a quote is inside a field that does not begin with one".into());
                }
                (State::Start | State::Plain, _) => {
                    self.bytes.push(byte);
                    self.state = State::Plain;
                }
                (State::Quote, b'"') => {
                    self.bytes.push(byte);
                    self.state = State::Quoted;
                }
                (State::Quote, _) => {
                    return Err("after a closing quote there is neither a comma nor the end".into());
                }
            }
        }
        if self.state == State::Quoted {
            return Ok(false);
        }
        self.end_field()?;
        Ok(true)
    }

    fn end_field(&mut self) -> Result<(), String> {
        if self.ends.len() == self.fields_max {
            return Err(format!("it has more than {} fields", self.fields_max));
        }
        self.ends.push(self.bytes.len());
        Ok(())
    }

    /// Number of fields.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The fields in order, unquoted.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &[u8]> {
        let mut from = 0;
        self.ends.iter().map(move |&end| {
            let field = &self.bytes[from..end];
            from = end;
            field
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The fields of a row given line by line, whether it is whole, and what of the text is left.
    fn split(text: &str) -> Result<(Vec<String>, bool), String> {
        let mut row = CsvRow::new(20, 1_000);
        let mut whole = false;
        for line in text.split_inclusive('\n') {
            assert!(!whole, "a line is left");
            whole = row.push(line.as_bytes())?;
        }
        let text = |field: &[u8]| String::from_utf8(field.to_vec()).unwrap();
        Ok((row.fields().map(text).collect(), whole))
    }

    #[test]
    fn rows_are_split_as_the_standard_says() {
        for (text, fields) in [
            ("aaa,b b,ccc\r\n", vec!["aaa", "b b", "ccc"]),
            ("\"aaa\",\"b\r\nbb\",ccc\n", vec!["aaa", "b\r\nbb", "ccc"]),
            ("\"aaa\",\"b\"\"bb\",", vec!["aaa", "b\"bb", ""]),
            ("\"\",,\"\"\"\"", vec!["", "", "\""]),
            ("a\rb\n", vec!["a\rb"]),
        ] {
            assert_eq!(split(text).unwrap(), (fields.iter().map(|&f| f.into()).collect(), true));
        }
    }

    #[test]
    fn a_quote_where_none_may_be_is_an_error_at_once() {
        for text in ["a\"b,c\n", "\"a\"b,c\n", "\"a\" ,c\n", &",".repeat(20)] {
            assert!(split(text).is_err(), "{text:?}");
        }
        assert!(!split("a,\"b\nc,d\n").unwrap().1, "a quote is open");
        assert!(split(&format!("\"{}", "x\n".repeat(600))).is_err(), "it is too long");
    }

    proptest! {
        #[test]
        fn quoted_fields_come_back(fields in prop::collection::vec("[a\"\r\n, é]{0,6}", 1..6)) {
            let quoted = |field: &String| format!("\"{}\"", field.replace('"', "\"\""));
            let text = fields.iter().map(quoted).collect::<Vec<_>>().join(",") + "\r\n";
            prop_assert_eq!(split(&text).unwrap(), (fields, true));
        }

        #[test]
        fn hostile_lines_never_panic(lines: Vec<Vec<u8>>) {
            let mut row = CsvRow::new(3, 100);
            for line in lines {
                if row.push(&line) != Ok(false) {
                    prop_assert!(row.len() <= 3 && row.fields().count() == row.len());
                    row.clear();
                }
            }
        }
    }
}
