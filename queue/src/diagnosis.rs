//! Findings about a queue or store before a job relies on it, each with its remedy.

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Fine,
    /// Works, but promises less or may end: someone should decide it.
    Warning,
    /// Does not work, or loses what was acknowledged.
    Problem,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// What was found.
    pub what: String,
    /// What to do about it; empty where there is nothing to do.
    pub remedy: String,
}

impl Finding {
    /// As it should be.
    #[must_use]
    pub fn fine(what: impl Into<String>) -> Self {
        Finding { level: Level::Fine, what: what.into(), remedy: String::new() }
    }

    /// Something that someone should decide.
    #[must_use]
    pub fn warning(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Finding { level: Level::Warning, what: what.into(), remedy: remedy.into() }
    }

    /// Something that does not work, or loses what was acknowledged.
    #[must_use]
    pub fn problem(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Finding { level: Level::Problem, what: what.into(), remedy: remedy.into() }
    }

    /// A number of a server's settings, which should be at least so much.
    #[must_use]
    pub fn at_least(of: &str, key: &str, found: Option<&str>, least: u64, why: &str) -> Self {
        let found = found.unwrap_or("not set");
        let what = format!("{of}: {key} is {found}");
        match found.parse::<i64>() {
            // -1 is without limit.
            Ok(number) if number < 0 || number as u64 >= least => Finding::fine(what),
            _ => Finding::warning(what, format!("set it to {least} or more: {why}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_below_what_is_needed_or_unknown_is_a_warning() {
        for (found, level) in [
            (Some("31"), Level::Warning),
            (Some("32"), Level::Fine),
            (Some("-1"), Level::Fine),
            (Some("many"), Level::Warning),
            (None, Level::Warning),
        ] {
            assert_eq!(Finding::at_least("b", "k", found, 32, "why").level, level, "{found:?}");
        }
    }
}
