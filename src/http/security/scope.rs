//! The jobs that a token reaches: all of them, or those of a project, by the beginnings of their
//! names.

use std::fmt;
use std::str::FromStr;

/// Patterns of one token: a token for more projects than that is one for all.
const PATTERNS: usize = 20;

/// Characters of a pattern: as long as the name of a job.
const CHARS: usize = 64;

/// Names of jobs and, with `*` at the end, beginnings of names. As text: patterns behind commas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope(Vec<String>);

impl Scope {
    /// Every job.
    #[must_use]
    pub fn all() -> Scope {
        Scope(vec!["*".to_owned()])
    }

    /// No job.
    #[must_use]
    pub fn none() -> Scope {
        Scope(Vec::new())
    }

    /// Whether the job is one of them.
    #[must_use]
    pub fn reaches(&self, job: &str) -> bool {
        self.0.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(beginning) => job.starts_with(beginning),
            None => job == pattern,
        })
    }

    /// Whether every name that begins so is one of them.
    #[must_use]
    pub fn reaches_beginning(&self, beginning: &str) -> bool {
        let covers = |pattern: &String| {
            pattern.strip_suffix('*').is_some_and(|theirs| beginning.starts_with(theirs))
        };
        self.0.iter().any(covers)
    }

    /// Whether every job is one of them.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.0.iter().any(|pattern| pattern == "*")
    }

    /// Its patterns.
    #[must_use]
    pub fn patterns(&self) -> &[String] {
        &self.0
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Scope, String> {
        let mut all = Vec::new();
        for pattern in text.split(',').map(str::trim) {
            let name = pattern.strip_suffix('*').unwrap_or(pattern);
            let is_fine = |it: char| it.is_alphanumeric() || matches!(it, '-' | '_' | '.');
            let count = pattern.chars().count();
            if pattern.is_empty() || count > CHARS || !name.chars().all(is_fine) {
                return Err(format!(
                    "{pattern:?} names no jobs: write a name, or the beginning of names and `*`, as in \
                     `coast-*`, with {CHARS} characters at most"
                ));
            }
            all.push(pattern.to_owned());
        }
        all.sort_unstable();
        all.dedup();
        match all.len() > PATTERNS {
            true => Err(format!("{} patterns are more than {PATTERNS}", all.len())),
            false => Ok(Scope(all)),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_the_beginning_of_names_and_nothing_else() {
        let scope: Scope = "coast-*, trial".parse().unwrap();
        assert_eq!(scope.to_string(), "coast-*,trial");
        for inside in ["coast-", "coast-1", "coast-Küste", "trial"] {
            assert!(scope.reaches(inside), "{inside}");
        }
        for outside in ["coast", "Coast-1", "trial-2", "xcoast-1", "", "*", "coast*"] {
            assert!(!scope.reaches(outside), "{outside}");
        }
        for (beginning, is_theirs) in
            [("coast-", true), ("coast-x:", true), ("coast", false), ("trial", false), ("", false)]
        {
            assert_eq!(scope.reaches_beginning(beginning), is_theirs, "{beginning}");
        }
        assert!(Scope::all().reaches_beginning("") && !Scope::none().reaches_beginning("coast-"));
        assert!(!scope.is_all() && Scope::all().is_all() && Scope::all().reaches("any"));
        assert!(!Scope::none().reaches("any") && !Scope::none().is_all());
    }

    #[test]
    fn what_names_no_jobs_is_refused() {
        let many = (0..30).map(|number| format!("job{number}")).collect::<Vec<_>>().join(",");
        for wrong in
            ["", "a b", "*x", "a**", "co*st", "a,,b", "a\nb", "x/y", &"x".repeat(65), &many]
        {
            assert!(wrong.parse::<Scope>().is_err(), "{wrong}");
        }
    }
}
