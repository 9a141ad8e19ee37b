//! Names of our CSV files: `windows-NUMBER-HOUR.csv`, for example
//! `windows-000001-2026-11-21T09Z.csv`.
//!
//! The number increases by one from 1 and alone defines the order; the hour is UTC, for people.
//! Names never contain anything from a sensor.

#![deny(clippy::arithmetic_side_effects, clippy::indexing_slicing)] // It parses foreign bytes.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Name of a file that we begin or have begun.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct FileName {
    number: u64,
    hour: String,
}

impl FileName {
    pub(crate) fn new(number: u64, begun: Timestamp) -> Self {
        FileName { number, hour: hour(begun) }
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn is_of_hour(&self, now: Timestamp) -> bool {
        self.hour == hour(now)
    }
}

fn hour(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%HZ").to_string()
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "windows-{:06}-{}.csv", self.number, self.hour)
    }
}

impl FromStr for FileName {
    type Err = &'static str;

    /// Takes only what [`FileName::new`] could have made, so that no other file is taken for ours.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (number, hour) =
                text.strip_prefix("windows-")?.strip_suffix(".csv")?.split_once('-')?;
            let shape = hour.bytes().map(|b| if b.is_ascii_digit() { b'0' } else { b });
            let fits = shape.eq(*b"0000-00-00T00Z");
            Some(FileName { number: number.parse().ok()?, hour: fits.then(|| hour.to_owned())? })
        };
        // Written again it must be the same: `+1` and `01` are numbers, but not ours.
        parse()
            .filter(|name| name.number > 0 && name.to_string() == text)
            .ok_or("the name of its file is not one of ours")
    }
}

impl TryFrom<String> for FileName {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<FileName> for String {
    fn from(name: FileName) -> String {
        name.to_string()
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_shows_number_and_utc_hour() {
        let begun: Timestamp = "2026-11-21T09:59:59Z".parse().unwrap();
        let name = FileName::new(7, begun);
        assert_eq!(name.to_string(), "windows-000007-2026-11-21T09Z.csv");
        assert!(name.is_of_hour("2026-11-21T09:00:00Z".parse().unwrap()));
        assert!(!name.is_of_hour("2026-11-21T10:00:00Z".parse().unwrap()));
        assert!(!name.is_of_hour("2026-11-22T09:00:00Z".parse().unwrap()));
    }

    #[test]
    fn names_of_other_files_are_not_taken_for_ours() {
        for text in [
            "",
            "report.csv",
            "windows.csv",
            "windows-1-2026-11-21T09Z.csv",
            "windows-+00001-2026-11-21T09Z.csv",
            "windows-000000-2026-11-21T09Z.csv",
            "windows-000001-2026-11-21T09Z.csv.bak",
            "windows-000001-2026-11-21.csv",
            "windows-000001-/../../x-11-2Z.csv",
            "../windows-000001-2026-11-21T09Z.csv",
        ] {
            assert!(text.parse::<FileName>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn names_read_back_as_written(number in 1u64.., second in 0i64..200_000_000_000) {
            let name = FileName::new(number, Timestamp::from_second(second).unwrap());
            prop_assert_eq!(name.to_string().parse::<FileName>().unwrap(), name);
        }

        #[test]
        fn any_text_is_read_or_refused(text: String) {
            if let Ok(name) = text.parse::<FileName>() {
                prop_assert_eq!(name.to_string(), text);
            }
        }
    }
}
