//! Tags of a job: keys with one value each, for searching jobs.

use std::collections::BTreeMap;

/// Tags of one job: more are a table of their own.
const TAGS: usize = 10;

/// Characters of a key, as management platforms of streams allow them.
const KEY_CHARS: usize = 36;

/// Characters of a value.
const VALUE_CHARS: usize = 43;

/// Keys and values.
pub type Tags = BTreeMap<String, String>;

/// Everything that is wrong with these tags, each with its key.
#[must_use]
pub fn faults(tags: &Tags) -> Vec<String> {
    let mut faults = Vec::new();
    if tags.len() > TAGS {
        faults.push(format!("{} tags are more than {TAGS}", tags.len()));
    }
    for (key, value) in tags {
        let of_key = wrong(key, KEY_CHARS, false).map(|why| format!("key {key:?}: {why}"));
        let of_value =
            wrong(value, VALUE_CHARS, true).map(|why| format!("{key} = {value:?}: {why}"));
        faults.extend(of_key.into_iter().chain(of_value));
    }
    faults
}

fn wrong(text: &str, most: usize, may_have_dots: bool) -> Option<String> {
    let chars = text.chars().count();
    if chars == 0 || chars > most {
        return Some(format!("{chars} characters are not between 1 and {most}"));
    }
    if text.trim() != text {
        return Some("it begins or ends with a space".to_owned());
    }
    let is_fine = |letter: char| {
        letter.is_alphanumeric() || matches!(letter, '-' | '_') || (may_have_dots && letter == '.')
    };
    let strange = text.chars().find(|letter| !is_fine(*letter))?;
    let dot = if may_have_dots { ", '.'" } else { "" };
    Some(format!("{strange:?} is none of letters, digits, '-', '_'{dot}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tag_is_judged_by_itself() {
        let tags = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        assert!(faults(&tags(&[("site", "Küste"), ("version", "1.2-rc_3")])).is_empty());
        let wrong = tags(&[("a.b", "x"), ("c", " x"), ("d", ""), ("e", &"x".repeat(44))]);
        let faults = faults(&wrong);
        for words in ["key \"a.b\": '.'", "c = \" x\": it begins", "d = \"\": 0", "44 characters"] {
            assert!(faults.iter().any(|fault| fault.contains(words)), "{words}: {faults:?}");
        }
        assert_eq!(faults.len(), 4);
    }

    #[test]
    fn ten_tags_are_enough() {
        let many: Tags = (0..11).map(|n| (format!("k{n}"), "v".to_owned())).collect();
        assert_eq!(faults(&many), ["11 tags are more than 10"]);
    }
}
