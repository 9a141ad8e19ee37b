//! The display name of a job, and the ASCII name that is derived from it.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

/// Characters of a name: what fits into a line of a list.
const CHARS: usize = 64;

/// Bytes of a name: with a hyphen and [`HEX_DIGITS`] they are 64, which every broker takes.
const BYTES: usize = 57;

/// Digits of the name's hash in its slug: two of a thousand names meet once in 30 such servers.
const HEX_DIGITS: usize = 6;

/// Name of a job: letters of any script, digits, `-` and `_`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobName(String);

impl JobName {
    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// An ASCII name: letters and digits of the name in lower case, the rest as `-`, and
    /// hexadecimal digits of its hash, which tell names apart that are written alike in ASCII.
    #[must_use]
    pub fn slug(&self) -> String {
        let mut slug = String::new();
        for letter in self.0.chars() {
            match letter {
                'a'..='z' | 'A'..='Z' | '0'..='9' | '_' => slug.push(letter.to_ascii_lowercase()),
                _ if slug.ends_with('-') || slug.is_empty() => {}
                _ => slug.push('-'),
            }
        }
        let slug = match slug.trim_end_matches('-') {
            "" => "job",
            slug => slug,
        };
        let hash = Sha256::digest(self.0.as_bytes());
        let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{slug}-{}", &hex[..HEX_DIGITS])
    }
}

impl fmt::Display for JobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for JobName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (chars, bytes) = (text.chars().count(), text.len());
        if text.is_empty() || chars > CHARS {
            return Err(format!("{chars} characters are not between 1 and {CHARS}"));
        }
        if bytes > BYTES {
            return Err(format!("{bytes} bytes in UTF-8 are more than {BYTES}"));
        }
        let is_strange = |letter: &char| !letter.is_alphanumeric() && !matches!(letter, '-' | '_');
        match text.chars().find(is_strange) {
            Some(letter) => {
                Err(format!("{letter:?} is no letter and no digit, nor is it '-' or '_'"))
            }
            None => Ok(JobName(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use seismic_queue::Topic;

    use super::*;

    fn slug(text: &str) -> String {
        text.parse::<JobName>().unwrap().slug()
    }

    #[test]
    fn a_slug_is_ascii_and_tells_names_apart_that_look_alike() {
        assert!(slug("Shake-Map_1").starts_with("shake-map_1-"), "{}", slug("Shake-Map_1"));
        assert!(slug("Küste").starts_with("k-ste-"), "{}", slug("Küste"));
        assert!(slug("地震").starts_with("job-"), "{}", slug("地震"));
        assert_ne!(slug("Coast"), slug("coast"));
        assert_eq!(slug("coast"), slug("coast"));
    }

    #[test]
    fn a_name_of_other_characters_or_of_another_length_is_refused() {
        for name in ["", "a b", "a.b", "a/b", "a\n", "{{x}}", "e\u{301}"] {
            assert!(name.parse::<JobName>().is_err(), "{name:?}");
        }
        assert!("x".repeat(57).parse::<JobName>().is_ok());
        assert!("x".repeat(58).parse::<JobName>().unwrap_err().contains("58 bytes"));
        assert!("x".repeat(65).parse::<JobName>().unwrap_err().contains("65 characters"));
        assert!("地".repeat(19).parse::<JobName>().is_ok());
        assert!("地".repeat(20).parse::<JobName>().is_err());
    }

    proptest! {
        #[test]
        fn every_slug_names_a_topic(name in "[\\p{L}0-9_-]{1,64}") {
            if let Ok(name) = name.parse::<JobName>() {
                let slug = name.slug();
                prop_assert!(Topic::check_name(&format!("{slug}-dead")).is_ok(), "{slug}");
                prop_assert!(slug.len() <= 64 && slug.is_ascii(), "{slug}");
            }
        }
    }
}
