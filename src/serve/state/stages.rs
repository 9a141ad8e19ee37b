//! What becomes of a version after it was made: it is tested, approved or rejected by somebody
//! else, started, and withdrawn. Of each, the newest is kept here; the audit log has all.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What became of a version.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Marks {
    /// The newest test that it passed.
    pub tested: Option<Tested>,
    /// The newest decision about it.
    pub decided: Option<Decided>,
    /// When it was started first, ms since 1970 UTC.
    pub started_ms: Option<i64>,
}

/// A test that a version passed, as whoever ran it tells. Field names are those of the API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tested {
    /// Who ran it.
    pub by: String,
    /// When that was told, ms since 1970 UTC.
    pub at_ms: i64,
    /// What it read, in a line.
    pub input: String,
    /// SHA-256 of its rows as `seismic test --write-rows` writes them as JSON lines: whoever repeats
    /// the test sees whether it was so.
    pub result: String,
    /// Whether the rows were compared with expected ones.
    pub is_compared: bool,
    /// Records that it read ...
    pub read: u64,
    /// ... of which so many were late ...
    pub late: u64,
    /// ... and so many rejected.
    pub rejected: u64,
    /// Rows that it wrote.
    pub rows: u64,
}

/// What is decided about a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It may be started.
    Approved,
    /// It may not, also when it was approved before.
    Rejected,
    /// Its author wants it no more.
    Withdrawn,
}

/// All of them, with their names.
const DECISIONS: [(Decision, &str); 3] = [
    (Decision::Approved, "approved"),
    (Decision::Rejected, "rejected"),
    (Decision::Withdrawn, "withdrawn"),
];

impl Decision {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        DECISIONS.iter().find(|(it, _)| *it == self).map_or("", |(_, name)| name)
    }
}

impl FromStr for Decision {
    type Err = String;

    fn from_str(text: &str) -> Result<Decision, String> {
        let found = DECISIONS.iter().find(|(_, name)| *name == text);
        found.map(|(it, _)| *it).ok_or_else(|| format!("{text:?} is no decision"))
    }
}

/// A decision, and who made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// What.
    pub what: Decision,
    /// Who.
    pub by: String,
    /// When, ms since 1970 UTC.
    pub at_ms: i64,
    /// Why.
    pub comment: String,
}

/// How far a version has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It was submitted.
    Draft,
    /// It has passed a test.
    Tested,
    /// It may be started.
    Approved,
    /// It may not be started.
    Rejected,
    /// Its author has taken it back.
    Withdrawn,
    /// The job is this version, and runs.
    Running,
    /// It has run.
    Offline,
}

/// All of them, with their names.
pub const STAGES: [(Stage, &str); 7] = [
    (Stage::Draft, "draft"),
    (Stage::Tested, "tested"),
    (Stage::Approved, "approved"),
    (Stage::Rejected, "rejected"),
    (Stage::Withdrawn, "withdrawn"),
    (Stage::Running, "running"),
    (Stage::Offline, "offline"),
];

impl Stage {
    /// That of a version, which runs or does not.
    #[must_use]
    pub fn of(marks: &Marks, runs: bool) -> Stage {
        match (runs, marks.decided.as_ref().map(|it| it.what)) {
            (true, _) => Stage::Running,
            (false, Some(Decision::Rejected)) => Stage::Rejected,
            (false, Some(Decision::Withdrawn)) => Stage::Withdrawn,
            _ if marks.started_ms.is_some() => Stage::Offline,
            (false, Some(Decision::Approved)) => Stage::Approved,
            (false, None) if marks.tested.is_some() => Stage::Tested,
            (false, None) => Stage::Draft,
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = STAGES.iter().find(|(it, _)| it == self);
        f.write_str(found.map_or("", |(_, name)| name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(what: Decision, by: &str, at_ms: i64) -> Decided {
        Decided { what, by: by.to_owned(), at_ms, comment: "read it".to_owned() }
    }

    #[test]
    fn a_version_goes_from_draft_to_offline_and_what_may_not_run_is_neither() {
        let mut marks = Marks::default();
        assert_eq!(Stage::of(&marks, false), Stage::Draft);
        marks.tested = Some(Tested::default());
        assert_eq!(Stage::of(&marks, false), Stage::Tested);
        marks.decided = Some(decided(Decision::Approved, "bert", 5));
        assert_eq!(Stage::of(&marks, false), Stage::Approved);
        marks.started_ms = Some(7);
        assert_eq!(Stage::of(&marks, true), Stage::Running);
        assert_eq!(Stage::of(&marks, false), Stage::Offline);
        marks.decided = Some(decided(Decision::Rejected, "bert", 9));
        assert_eq!(Stage::of(&marks, false), Stage::Rejected);
        for (stage, name) in STAGES {
            assert_eq!(stage.to_string(), name);
        }
    }
}
