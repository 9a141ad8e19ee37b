//! Options of sinks: definitions, value types, and suggestions for misspelt names.

use std::time::Duration;

/// One option of a sink.
#[derive(Clone, Copy, Debug)]
pub struct SinkOption {
    /// What stands before the `=`.
    pub name: &'static str,
    /// What its values look like, and their range.
    pub kind: OptionKind,
    /// Its value when none is given, as it would be written.
    pub default: &'static str,
    /// What it does, in one line.
    pub doc: &'static str,
}

/// What the values of an option look like. Ranges include both ends.
#[derive(Clone, Copy, Debug)]
pub enum OptionKind {
    /// A whole number.
    Count {
        /// Least.
        min: u64,
        /// Greatest.
        max: u64,
    },
    /// A length in bytes: a whole number, or one with `KiB`, `MiB` or `GiB`.
    Bytes {
        /// Least.
        min: u64,
        /// Greatest.
        max: u64,
    },
    /// A time: a whole number of ms, or one with `ms`, `s`, `m`, `h` or `d`.
    Duration {
        /// Least, ms.
        min_ms: u64,
        /// Greatest, ms.
        max_ms: u64,
    },
    /// One of these words. Its value is the word's place among them.
    Word(&'static [&'static str]),
    /// Text of this form, which the sink checks. Its value is 0.
    Text(&'static str),
}

/// How long rows are kept that a sink has written already.
const HOLD_BEHIND: OptionKind = OptionKind::Duration { min_ms: 0, max_ms: 604_800_000 };

/// Options that every sink takes.
pub const COMMON: &[SinkOption] = &[
    SinkOption {
        name: "batch_rows",
        kind: OptionKind::Count { min: 1, max: 1_000_000 },
        default: "1000000",
        doc: "rows written at once at most, and rows after which a flush does not wait any longer",
    },
    SinkOption {
        name: "flush_ms",
        kind: OptionKind::Duration { min_ms: 1, max_ms: 3_600_000 },
        default: "250",
        doc: "longest time from writing a row until it is durable",
    },
    SinkOption {
        name: "where",
        kind: OptionKind::Text("COLUMN = VALUE and …"),
        default: "",
        doc: "the rows that it is given: one comparison (= != < <= > >=, is null, is not null) or several; \
              empty: all",
    },
    SinkOption {
        name: "source",
        kind: OptionKind::Text("rows | rollup:SPAN | topic:NAME"),
        default: "rows",
        doc: "which rows: those of the result topic, of the roll-up with spans of that length, or of one of \
              these topics by its name",
    },
    hold_behind("0"),
];

/// Rows that the topic keeps though they are written, by default those of this time.
pub(crate) const fn hold_behind(default: &'static str) -> SinkOption {
    SinkOption {
        name: "hold_behind",
        kind: HOLD_BEHIND,
        default,
        doc: "how long the topic keeps rows that are written, should its server lose what it wrote last; 0: \
              not at all",
    }
}

/// Of sinks on servers: rows of one batch.
pub(crate) const BATCH_ROWS: SinkOption = SinkOption {
    name: "batch_rows",
    kind: OptionKind::Count { min: 0, max: 1_000_000 },
    default: "1000",
    doc: "rows after which a batch does not wait any longer; 0: no such limit",
};

/// Of sinks on servers: the time that rows wait for others.
pub(crate) const FLUSH_MS: SinkOption = SinkOption {
    name: "flush_ms",
    kind: OptionKind::Duration { min_ms: 0, max_ms: 3_600_000 },
    default: "200",
    doc: "longest time from writing a row until it is durable; 0: no such limit",
};

/// Of sinks that need not stop at a row which their target does not take.
pub(crate) const fn on_data_error(doc: &'static str) -> SinkOption {
    let kind = OptionKind::Word(&["stop", "dead-letter"]);
    SinkOption { name: "on_data_error", kind, default: "stop", doc }
}

/// Parts of names of keys in connection strings of ODBC whose values are secret.
pub(crate) const SECRETS_OF_ODBC: [&str; 6] =
    ["pwd", "password", "passwd", "passphrase", "secret", "token"];

/// Of sinks that log in.
pub(crate) const fn password_file(doc: &'static str) -> SinkOption {
    SinkOption { name: "password_file", kind: OptionKind::Text("FILE"), default: "", doc }
}

impl SinkOption {
    /// Reads a value of the option, in its smallest unit (1, bytes, ms).
    ///
    /// # Errors
    /// What a value must look like.
    pub fn parse(&self, text: &str) -> Result<u64, String> {
        let (value, min, max, like) = match self.kind {
            OptionKind::Count { min, max } => (text.parse().ok(), min, max, "a whole number"),
            OptionKind::Bytes { min, max } => {
                let units = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
                let like = "a number of bytes, as 65536 or 64KiB, 64MiB, 1GiB,";
                (with_unit(text, &units), min, max, like)
            }
            OptionKind::Duration { min_ms, max_ms } => {
                let units =
                    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
                let like = "a time, as 250, 250ms or 2s (a number alone is ms),";
                (with_unit(text, &units), min_ms, max_ms, like)
            }
            OptionKind::Word(words) => {
                let place = words.iter().position(|word| *word == text);
                return place.map(|place| place as u64).ok_or_else(|| {
                    format!("{} is {text:?}; it must be one of {}", self.name, words.join(", "))
                });
            }
            OptionKind::Text(_) => return Ok(0),
        };
        let unit = match self.kind {
            OptionKind::Count { .. } | OptionKind::Word(_) | OptionKind::Text(_) => "",
            OptionKind::Bytes { .. } => " bytes",
            OptionKind::Duration { .. } => " ms",
        };
        value.filter(|value| (min..=max).contains(value)).ok_or_else(|| {
            format!("{} is {text:?}; it must be {like} from {min} to {max}{unit}", self.name)
        })
    }
}

/// A whole number, with one of the units after it or alone.
fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "" => 1,
        _ => units.iter().find(|(name, _)| *name == unit)?.1,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// A time from its value in ms.
pub(crate) fn milliseconds(value: u64) -> Duration {
    Duration::from_millis(value)
}

/// The name among `known` that is most like `text`, if one is alike at all.
pub fn nearest<'a>(text: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let alike = known.map(|name| (distance(text, name), name));
    let (steps, name) = alike.min_by_key(|(steps, _)| *steps)?;
    (steps <= 1 + name.len() / 3).then_some(name)
}

/// Letters to insert, remove or replace to make one text the other (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_lengths_are_written_with_or_without_a_unit() {
        let flush = &COMMON[1];
        for (text, ms) in [("250", 250), ("250ms", 250), ("2s", 2_000), ("1m", 60_000)] {
            assert_eq!(flush.parse(text), Ok(ms));
        }
        let kind = OptionKind::Bytes { min: 1, max: 1 << 30 };
        let bytes = SinkOption { name: "file_bytes", kind, default: "1", doc: "" };
        for (text, value) in [("65536", 65_536), ("64KiB", 65_536), ("1GiB", 1 << 30)] {
            assert_eq!(bytes.parse(text), Ok(value));
        }
    }

    #[test]
    fn what_is_no_value_is_told_what_a_value_looks_like() {
        for text in ["", "0", "-1", "1.5", "2 s", "1w", "2d", "99999999999999999999", "ms"] {
            let error = COMMON[1].parse(text).unwrap_err();
            assert!(error.contains("flush_ms") && error.contains("250ms"), "{error}");
            assert!(error.contains("from 1 to 3600000 ms"), "{error}");
        }
    }

    #[test]
    fn a_word_is_one_of_those_listed() {
        let kind = OptionKind::Word(&["ms", "iso"]);
        let time = SinkOption { name: "time", kind, default: "ms", doc: "" };
        assert_eq!((time.parse("ms"), time.parse("iso")), (Ok(0), Ok(1)));
        let error = time.parse("ISO").unwrap_err();
        assert!(error.contains("one of ms, iso"), "{error}");
    }

    #[test]
    fn every_default_is_a_value() {
        for option in COMMON {
            assert!(option.parse(option.default).is_ok(), "{}", option.name);
        }
    }

    #[test]
    fn a_slip_of_the_pen_is_recognised_and_another_word_is_not() {
        let known = || COMMON.iter().map(|option| option.name);
        assert_eq!(nearest("batchrows", known()), Some("batch_rows"));
        assert_eq!(nearest("flush_sm", known()), Some("flush_ms"));
        assert_eq!(nearest("password", known()), None);
    }
}
