//! Names of indices made of a time: `seismic-%Y.%m.%d`.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::names::POSITIONS;

/// Longest name of an index, in bytes.
const NAME_BYTES: usize = 255;

/// Names of indices as the option `index` says them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct IndexPattern {
    /// As it was written.
    pub(super) text: String,
    parts: Vec<PatternPart>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum PatternPart {
    Text(String),
    Year,
    Month,
    Day,
    Hour,
}

impl IndexPattern {
    /// Reads a name with `%Y`, `%m`, `%d` and `%H` in it, or with none of them.
    pub(super) fn read(text: &str) -> Result<IndexPattern, String> {
        let refuse = |why: &str| Err(format!("index is {text:?}; {why}"));
        let (mut parts, mut rest) = (Vec::new(), text);
        while !rest.is_empty() {
            let (literal, behind) = rest.split_once('%').unwrap_or((rest, ""));
            if !literal.is_empty() {
                parts.push(PatternPart::Text(literal.to_owned()));
            }
            if literal.len() == rest.len() {
                break;
            }
            parts.push(match behind.chars().next() {
                Some('Y') => PatternPart::Year,
                Some('m') => PatternPart::Month,
                Some('d') => PatternPart::Day,
                Some('H') => PatternPart::Hour,
                _ => return refuse("a time in it is of %Y, %m, %d and %H"),
            });
            rest = &behind[1..];
        }
        let pattern = IndexPattern { text: text.to_owned(), parts };
        let is_name =
            |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
        let literals = pattern.parts.iter().filter_map(|part| match part {
            PatternPart::Text(text) => Some(text.as_str()),
            _ => None,
        });
        let beginning = pattern.beginning();
        if !literals.flat_map(str::chars).all(is_name)
            || text.len() > NAME_BYTES
            || beginning.is_empty()
            || beginning.starts_with(['-', '_', '+', '.'])
        {
            return refuse(
                "a name has small letters, digits, dots, dashes and underscores, and begins with a \
                 letter or digit",
            );
        }
        if text == POSITIONS || pattern.has_time() && POSITIONS.starts_with(beginning) {
            return refuse("the index of positions, seismic_position, has such a name");
        }
        Ok(pattern)
    }

    /// Whether a time is in it.
    pub(super) fn has_time(&self) -> bool {
        self.parts.iter().any(|part| !matches!(part, PatternPart::Text(_)))
    }

    /// What all its names begin with, before the first time.
    pub(super) fn beginning(&self) -> &str {
        match self.parts.first() {
            Some(PatternPart::Text(text)) => text,
            _ => "",
        }
    }

    /// All its names, as paths of the server and templates have them.
    pub(super) fn wildcard(&self) -> String {
        self.with(["*"; 4])
    }

    /// What its template is called.
    pub(super) fn template(&self) -> String {
        self.with(["yyyy", "mm", "dd", "hh"])
    }

    /// The name for a time, in ms since 1970; why there is none otherwise.
    pub(super) fn name(&self, ms: i64) -> Result<String, String> {
        if !self.has_time() {
            return Ok(self.text.clone());
        }
        let time = Timestamp::from_millisecond(ms).map(|time| time.to_zoned(TimeZone::UTC));
        let time = time.ok().filter(|time| time.year() >= 0);
        let time = time.ok_or("its time is beyond what names of indices can have")?;
        let two = |number: i8| format!("{number:02}");
        let year = format!("{:04}", time.year());
        let (month, day, hour) = (two(time.month()), two(time.day()), two(time.hour()));
        Ok(self.with([&year, &month, &day, &hour]))
    }

    fn with(&self, [year, month, day, hour]: [&str; 4]) -> String {
        let word = |part: &'_ PatternPart| match part {
            PatternPart::Text(text) => text.clone(),
            PatternPart::Year => year.to_owned(),
            PatternPart::Month => month.to_owned(),
            PatternPart::Day => day.to_owned(),
            PatternPart::Hour => hour.to_owned(),
        };
        self.parts.iter().map(word).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_named_by_a_time() {
        let pattern = IndexPattern::read("rows-%Y.%m.%d-%H").unwrap();
        assert_eq!(pattern.name(1_769_866_200_000).unwrap(), "rows-2026.01.31-13");
        assert_eq!(pattern.name(-1).unwrap(), "rows-1969.12.31-23");
        assert_eq!(pattern.wildcard(), "rows-*.*.*-*");
        assert_eq!(pattern.template(), "rows-yyyy.mm.dd-hh");
        assert!(pattern.name(i64::MIN).unwrap_err().contains("beyond"));
        let one = IndexPattern::read("rows").unwrap();
        assert_eq!((one.name(i64::MIN).unwrap(), one.has_time()), ("rows".to_owned(), false));
    }

    #[test]
    fn a_name_that_no_index_can_have_is_refused() {
        for (text, why) in [
            ("", "small letters"),
            ("Rows", "small letters"),
            ("%Y-rows", "begins with a letter"),
            ("_rows", "begins with a letter"),
            ("rows-*", "small letters"),
            ("a/b", "small letters"),
            ("rows-%", "%Y, %m"),
            ("rows-%é", "%Y, %m"),
            ("rows-%s", "%Y, %m"),
            ("seismic_position", "positions"),
            ("seismic%Y", "positions"),
        ] {
            let error = IndexPattern::read(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
        assert!(IndexPattern::read(&"a".repeat(256)).is_err());
    }
}
