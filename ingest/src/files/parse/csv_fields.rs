//! Splits a line of comma-separated values, as RFC 4180 has them: fields may be quoted, and quotes
//! in them are doubled. A row never spans lines, so a stray quote invalidates only its line.

/// The fields of one line. Reused.
#[derive(Default)]
pub(crate) struct CsvFields {
    bytes: Vec<u8>,
    /// Where each field ends in `bytes`.
    ends: Vec<usize>,
}

/// Why a line cannot be split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unsplittable {
    /// A quote is not closed.
    Unclosed,
    /// A quote is inside a field that does not begin with one.
    Inside,
    /// There is something between a closing quote and the delimiter.
    Behind,
    /// There are more fields than this.
    TooMany(usize),
}

impl From<Unsplittable> for String {
    fn from(why: Unsplittable) -> String {
        match why {
            Unsplittable::Unclosed => "a quote is not closed on its line".to_owned(),
            Unsplittable::Inside => {
                "a quote is inside a field that does not begin with one".to_owned()
            }
            Unsplittable::Behind => {
                "after a closing quote there is neither a delimiter nor the end".to_owned()
            }
            Unsplittable::TooMany(limit) => format!("it has more than {limit} fields"),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before a field's first byte that is no blank.
    Start,
    /// In a field without quotes.
    Plain,
    /// In a quoted field.
    Quoted,
    /// After a quote in a quoted field: its end, or the first of two.
    Quote,
    /// Blanks behind a quoted field.
    Closed,
}

impl CsvFields {
    /// Splits a line, with or without its end.
    ///
    /// # Errors
    /// Why it cannot be split.
    pub(crate) fn split(
        &mut self,
        line: &[u8],
        delimiter: u8,
        fields_max: usize,
    ) -> Result<(), Unsplittable> {
        self.bytes.clear();
        self.ends.clear();
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let mut state = State::Start;
        for &byte in line {
            state = match (state, byte) {
                (State::Quoted, b'"') => State::Quote,
                (State::Quoted, _) => self.push(byte, State::Quoted),
                (_, _) if byte == delimiter => {
                    self.end_field(fields_max)?;
                    State::Start
                }
                (State::Start, b' ' | b'\t') => State::Start,
                (State::Start, b'"') => State::Quoted,
                (State::Plain, b'"') => return Err(Unsplittable::Inside),
                (State::Start | State::Plain, _) => self.push(byte, State::Plain),
                (State::Quote, b'"') => self.push(byte, State::Quoted),
                (State::Quote | State::Closed, b' ' | b'\t') => State::Closed,
                (State::Quote | State::Closed, _) => return Err(Unsplittable::Behind),
            };
        }
        if state == State::Quoted {
            return Err(Unsplittable::Unclosed);
        }
        self.end_field(fields_max)
    }

    fn push(&mut self, byte: u8, state: State) -> State {
        self.bytes.push(byte);
        state
    }

    fn end_field(&mut self, fields_max: usize) -> Result<(), Unsplittable> {
        if self.ends.len() == fields_max {
            return Err(Unsplittable::TooMany(fields_max));
        }
        self.ends.push(self.bytes.len());
        Ok(())
    }

    /// Number of fields.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The fields in order, unquoted.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
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

    fn split(line: &str, delimiter: u8) -> Result<Vec<String>, Unsplittable> {
        let mut fields = CsvFields::default();
        fields.split(line.as_bytes(), delimiter, 20)?;
        Ok(fields.iter().map(|field| String::from_utf8(field.to_vec()).unwrap()).collect())
    }

    #[test]
    fn lines_are_split_as_the_standard_says() {
        for (line, fields) in [
            ("aaa,b b,ccc\r\n", vec!["aaa", "b b", "ccc"]),
            ("\"aaa\",\"b\"\"bb\",", vec!["aaa", "b\"bb", ""]),
            ("\"\",,\"\"\"\"", vec!["", "", "\""]),
            ("a, \"b,c\" ,d", vec!["a", "b,c", "d"]),
            ("a\rb\n", vec!["a\rb"]),
        ] {
            assert_eq!(split(line, b',').unwrap(), fields);
        }
        assert_eq!(split("a;1,5;b", b';').unwrap(), ["a", "1,5", "b"]);
        assert_eq!(split("a\t\tb", b'\t').unwrap(), ["a", "", "b"]);
    }

    #[test]
    fn a_quote_where_none_may_be_costs_its_line() {
        for (line, why) in [
            ("a\"b,c\n", Unsplittable::Inside),
            ("\"a\"b,c\n", Unsplittable::Behind),
            ("a,\"b\n", Unsplittable::Unclosed),
            (&",".repeat(20), Unsplittable::TooMany(20)),
        ] {
            assert_eq!(split(line, b','), Err(why), "{line:?}");
        }
    }

    proptest! {
        #[test]
        fn quoted_fields_come_back(fields in prop::collection::vec("[a\", é]{0,6}", 1..6)) {
            let quoted = |field: &String| format!("\"{}\"", field.replace('"', "\"\""));
            let line = fields.iter().map(quoted).collect::<Vec<_>>().join(",") + "\r\n";
            prop_assert_eq!(split(&line, b',').unwrap(), fields);
        }

        #[test]
        fn hostile_lines_never_panic(line: Vec<u8>, delimiter: u8) {
            let mut fields = CsvFields::default();
            if fields.split(&line, delimiter, 3).is_ok() {
                prop_assert!(fields.len() <= 3 && fields.iter().count() == fields.len());
            }
        }
    }
}
