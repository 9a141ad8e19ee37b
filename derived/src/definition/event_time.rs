//! Where the event time of a row is, and how it is written.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A column with the event time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeDefinition {
    /// Its name.
    pub column: String,
    /// How a time is written there.
    pub format: TimeFormat,
}

/// How a time is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum TimeFormat {
    /// As a number since 1970 UTC, of such units.
    Epoch(TimeUnit),
    /// `2020-06-23T15:29:05.123Z`, or with an offset.
    Rfc3339,
    /// By a pattern of conversions such as `%Y-%m-%d %H:%M:%S`.
    Pattern(String),
}

/// The unit of times that are numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeUnit {
    /// Seconds.
    S,
    /// Milliseconds.
    Ms,
    /// Microseconds.
    Us,
    /// Nanoseconds.
    Ns,
}

/// The names of formats that are none of a pattern.
const NAMES: [(&str, TimeFormat); 5] = [
    ("rfc3339", TimeFormat::Rfc3339),
    ("s", TimeFormat::Epoch(TimeUnit::S)),
    ("ms", TimeFormat::Epoch(TimeUnit::Ms)),
    ("us", TimeFormat::Epoch(TimeUnit::Us)),
    ("ns", TimeFormat::Epoch(TimeUnit::Ns)),
];

/// Conversions of a pattern.
const CONVERSIONS: &str = "YmdjHMSfbz%";

/// Longest pattern, bytes.
const PATTERN_BYTES: usize = 100;

impl TimeFormat {
    /// Milliseconds since 1970 UTC.
    pub const MS: TimeFormat = TimeFormat::Epoch(TimeUnit::Ms);
}

impl fmt::Display for TimeFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let TimeFormat::Pattern(pattern) = self {
            return f.write_str(pattern);
        }
        let found = NAMES.iter().find(|(_, format)| format == self);
        f.write_str(found.map_or("", |(name, _)| name))
    }
}

impl FromStr for TimeFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some((_, format)) = NAMES.iter().find(|(name, _)| *name == text) {
            return Ok(format.clone());
        }
        if !text.contains('%') {
            let names = NAMES.map(|(name, _)| name);
            let near = seismic_sql::nearest(text, names);
            let near = near.map_or_else(String::new, |near| format!("; did you mean {near:?}?"));
            return Err(format!(
                "{text:?} is no format of a time: write {}, or a pattern as \"%Y-%m-%d %H:%M:%S\"{near}",
                names.map(|name| format!("{name:?}")).join(", ")
            ));
        }
        check_pattern(text).map_err(|why| format!("{text:?}: {why}"))?;
        Ok(TimeFormat::Pattern(text.to_owned()))
    }
}

/// Whether a time can be read by a pattern.
fn check_pattern(pattern: &str) -> Result<(), String> {
    if pattern.len() > PATTERN_BYTES {
        return Err(format!("it is longer than {PATTERN_BYTES} bytes"));
    }
    let (mut seen, mut letters) = (String::new(), pattern.chars());
    while let Some(letter) = letters.next() {
        if letter != '%' {
            continue;
        }
        let conversion = letters.next().ok_or("it ends in the middle of a conversion")?;
        if !CONVERSIONS.contains(conversion) {
            let all: Vec<_> = CONVERSIONS.chars().map(|it| format!("%{it}")).collect();
            return Err(format!("there is no %{conversion}: write {}", all.join(" ")));
        }
        if conversion != '%' && seen.contains(conversion) {
            return Err(format!("%{conversion} stands there twice"));
        }
        seen.push(conversion);
    }
    let has = |conversion: char| seen.contains(conversion);
    let has_month = has('m') || has('b');
    if !has('Y') || !(has('j') || (has_month && has('d'))) {
        return Err("it has no date: write %Y, and %m or %b with %d, or %j".to_owned());
    }
    if has('j') && (has_month || has('d')) || (has('m') && has('b')) {
        return Err("it has the day or the month in two ways".to_owned());
    }
    for (conversion, before) in [('M', 'H'), ('S', 'M'), ('f', 'S')] {
        if has(conversion) && !has(before) {
            return Err(format!("it has %{conversion} without %{before}"));
        }
    }
    Ok(())
}

impl TryFrom<String> for TimeFormat {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<TimeFormat> for String {
    fn from(format: TimeFormat) -> String {
        format.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_what_its_text_says() {
        for text in ["rfc3339", "s", "ms", "us", "ns", "%Y-%m-%dT%H:%M:%S.%f%z", "%Y,%j %H%%"] {
            assert_eq!(text.parse::<TimeFormat>().unwrap().to_string(), text);
        }
        for (text, why) in [
            ("rfc339", "did you mean \"rfc3339\"?"),
            ("%Y-%m-%q", "there is no %q"),
            ("%Y-%m-%d %", "it ends in the middle"),
            ("%H:%M", "it has no date"),
            ("%Y %j %d", "in two ways"),
            ("%Y-%m-%d %Y", "%Y stands there twice"),
            ("%Y-%j %M", "%M without %H"),
        ] {
            let said = text.parse::<TimeFormat>().unwrap_err();
            assert!(said.contains(why), "{text}: {said}");
        }
    }
}
