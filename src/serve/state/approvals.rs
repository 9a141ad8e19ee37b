//! Who may decide what about a version, and what was decided: stored, and listed for all jobs.

use rusqlite::{OptionalExtension as _, Row, params};

use super::StateFile;
use super::stages::{Decided, Decision, Tested};
use super::versions::{HEAD, VersionHead};

/// Why `who` cannot decide that about a version; whoever is said to be proved to be asked knows a
/// token. `takes_untested`: they say that they approve it without a test.
///
/// # Errors
/// Why not, and what to do.
pub fn check(
    job: &str,
    version: &VersionHead,
    what: Decision,
    who: &str,
    takes_untested: bool,
) -> Result<(), String> {
    let VersionHead { number, by, marks, .. } = version;
    let author = &by.author;
    let before = marks.decided.as_ref();
    if let Some(before) = before.filter(|before| before.what == what) {
        return Err(format!(
            "version {number} of job {job} is {} already, by {}",
            what.name(),
            before.by
        ));
    }
    match what {
        Decision::Rejected => Ok(()),
        Decision::Withdrawn if author == who => Ok(()),
        Decision::Withdrawn => Err(format!(
            "version {number} of job {job} is {author}'s, who alone can withdraw it; whoever approves \
             versions can reject it, also after it was approved"
        )),
        Decision::Approved if !by.is_proved => Err(format!(
            "nobody has proved who submitted version {number} of job {job}: submit it again with a \
             token, which makes another version"
        )),
        Decision::Approved if author == who => Err(format!(
            "{who} has submitted version {number} of job {job}: somebody else must approve it"
        )),
        Decision::Approved if before.is_some_and(|it| it.what == Decision::Withdrawn) => {
            Err(format!(
                "{author} has withdrawn version {number} of job {job}: submit it again, which makes \
                 another version"
            ))
        }
        Decision::Approved if marks.tested.is_none() && !takes_untested => Err(format!(
            "version {number} of job {job} has passed no test: run `seismic test --job FILE --input \
             PACK --server URL`, or approve it with --untested"
        )),
        Decision::Approved => Ok(()),
    }
}

/// A version of a job, among those of all jobs.
#[derive(Clone, Debug, PartialEq)]
pub struct VersionOf {
    /// The job.
    pub job: String,
    /// The version.
    pub head: VersionHead,
}

/// Those that wait for a decision: newer than the newest one that was approved.
const PENDING: &str = "decision IS NULL AND number > (SELECT coalesce(max(number), 0) FROM versions it \
                       WHERE it.job = versions.job AND it.decision = 'approved') \
                       ORDER BY at_ms DESC, job, number DESC";

/// Those about which was decided, the newest decision first.
const DONE: &str = "decision IS NOT NULL ORDER BY decided_ms DESC, job, number DESC";

impl StateFile {
    /// What is known of one version of a job.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn version_head(&self, job: &str, number: u64) -> anyhow::Result<Option<VersionHead>> {
        let select = format!("SELECT {HEAD} FROM versions WHERE job = ?1 AND number = ?2");
        Ok(self.db.query_row(&select, params![job, number], |row| self.head_of(row)).optional()?)
    }

    /// Number of the newest version of a job that is approved.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn newest_approved(&self, job: &str) -> anyhow::Result<Option<u64>> {
        let select = "SELECT max(number) FROM versions WHERE job = ?1 AND decision = 'approved'";
        Ok(self.db.query_row(select, [job], |row| row.get(0))?)
    }

    /// Stores that a version has passed a test.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn mark_tested(&mut self, job: &str, number: u64, tested: &Tested) -> anyhow::Result<()> {
        let text = serde_json::to_string(tested)?;
        let update = "UPDATE versions SET tested = ?3 WHERE job = ?1 AND number = ?2";
        self.db.execute(update, params![job, number, text])?;
        Ok(())
    }

    /// Stores a decision about a version.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn decide(&mut self, job: &str, number: u64, decided: &Decided) -> anyhow::Result<()> {
        let Decided { what, by, at_ms, comment } = decided;
        self.db.execute(
            "UPDATE versions SET decision = ?3, decided_by = ?4, decided_ms = ?5, decided_why = ?6
             WHERE job = ?1 AND number = ?2",
            params![job, number, what.name(), by, at_ms, comment],
        )?;
        Ok(())
    }

    /// Stores that a version was started, if it is the first time.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn mark_started(&mut self, job: &str, number: u64, at_ms: i64) -> anyhow::Result<()> {
        self.db.execute(
            "UPDATE versions SET started_ms = ?3
             WHERE job = ?1 AND number = ?2 AND started_ms IS NULL",
            params![job, number, at_ms],
        )?;
        Ok(())
    }

    /// Versions of all jobs that are to be shown: those that wait for a decision, the newest first,
    /// or those about which was decided, the newest decision first.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn approvals(
        &self,
        are_done: bool,
        most: u64,
        is_shown: impl Fn(&str) -> bool,
    ) -> anyhow::Result<Vec<VersionOf>> {
        let which = if are_done { DONE } else { PENDING };
        let mut all =
            self.db.prepare(&format!("SELECT {HEAD}, job FROM versions WHERE {which}"))?;
        let one = |row: &Row<'_>| Ok(VersionOf { head: self.head_of(row)?, job: row.get("job")? });
        let mut found = Vec::new();
        for version in all.query_map([], one)? {
            if found.len() as u64 >= most {
                break;
            }
            found.extend(Some(version?).filter(|it| is_shown(&it.job)));
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::super::stages::{Marks, Tested};
    use super::*;
    use crate::serve::state::versions::Authorship;
    use crate::serve::worker::order::Description;

    fn decided(what: Decision, by: &str, at_ms: i64) -> Decided {
        Decided { what, by: by.to_owned(), at_ms, comment: "read it".to_owned() }
    }

    fn version(is_proved: bool, marks: Marks) -> VersionHead {
        let by = Authorship { is_proved, ..Authorship::of("anna") };
        VersionHead {
            number: 3,
            at_ms: 1,
            by,
            hash: String::new(),
            marks,
            resources: Default::default(),
        }
    }

    #[test]
    fn somebody_else_approves_what_was_tested_and_its_author_alone_withdraws() {
        let tested = || Marks { tested: Some(Tested::default()), ..Marks::default() };
        let of = |version: &VersionHead, what, who: &str| check("coast", version, what, who, false);
        let plain = version(true, tested());
        assert_eq!(of(&plain, Decision::Approved, "bert"), Ok(()));
        let refused = |version: &VersionHead, what, who: &str, why: &str| {
            let said = of(version, what, who).unwrap_err();
            assert!(said.contains(why), "{said}");
        };
        refused(&plain, Decision::Approved, "anna", "somebody else must approve it");
        refused(&version(false, tested()), Decision::Approved, "bert", "nobody has proved");
        let untested = version(true, Marks::default());
        refused(&untested, Decision::Approved, "bert", "--untested");
        assert_eq!(check("coast", &untested, Decision::Approved, "bert", true), Ok(()));
        assert_eq!(of(&plain, Decision::Withdrawn, "anna"), Ok(()));
        refused(&plain, Decision::Withdrawn, "bert", "anna's");
        let with = |what| {
            let decided = Some(decided(what, "anna", 5));
            version(true, Marks { decided, ..tested() })
        };
        // Whoever rejected it may have been wrong; its author knows what is withdrawn.
        assert_eq!(of(&with(Decision::Rejected), Decision::Approved, "bert"), Ok(()));
        refused(&with(Decision::Withdrawn), Decision::Approved, "bert", "has withdrawn");
        assert_eq!(of(&with(Decision::Approved), Decision::Rejected, "bert"), Ok(()));
        refused(&with(Decision::Approved), Decision::Approved, "bert", "is approved already");
    }

    #[test]
    fn what_was_decided_and_tested_is_read_back_and_what_waits_is_newer_than_what_is_approved() {
        let folder = tempfile::tempdir().unwrap();
        let mut state = StateFile::open(&folder.path().join("serve.db")).unwrap();
        let by = Authorship { is_proved: true, ..Authorship::of("anna") };
        for (job, text) in [("coast", "a"), ("coast", "b"), ("coast", "c"), ("north", "a")] {
            let described = Description { text: text.to_owned(), ..Description::default() };
            state.add_version(job, &described, &by, 7).unwrap();
        }
        let pending = |state: &StateFile| {
            let all = state.approvals(false, 10, |_| true).unwrap();
            all.into_iter().map(|it| (it.job, it.head.number)).collect::<Vec<_>>()
        };
        let of = |job: &str, number| (job.to_owned(), number);
        let all = [of("coast", 3), of("coast", 2), of("coast", 1), of("north", 1)];
        assert_eq!(pending(&state), all);
        let tested = Tested { by: "anna".to_owned(), rows: 9, ..Tested::default() };
        state.mark_tested("coast", 2, &tested).unwrap();
        let approved = decided(Decision::Approved, "bert", 9);
        state.decide("coast", 2, &approved).unwrap();
        for at_ms in [11, 12] {
            state.mark_started("coast", 2, at_ms).unwrap();
        }
        let seen = state.version_head("coast", 2).unwrap().unwrap().marks;
        let decided = Some(approved);
        assert_eq!(seen, Marks { tested: Some(tested), decided, started_ms: Some(11) });
        assert_eq!(pending(&state), [of("coast", 3), of("north", 1)]);
        let done = state.approvals(true, 10, |job| job == "coast").unwrap();
        assert_eq!(done.iter().map(|it| it.head.number).collect::<Vec<_>>(), [2]);
        assert!(state.approvals(true, 10, |job| job == "north").unwrap().is_empty());
        assert_eq!(state.newest_approved("coast").unwrap(), Some(2));
        assert_eq!(state.newest_approved("north").unwrap(), None);
        // What was withdrawn is submitted again as it is, as another version.
        let described = Description { text: "c".to_owned(), ..Description::default() };
        assert_eq!(state.add_version("coast", &described, &by, 8).unwrap(), (3, false));
        state.decide("coast", 3, &self::decided(Decision::Withdrawn, "anna", 13)).unwrap();
        assert_eq!(state.add_version("coast", &described, &by, 9).unwrap(), (4, true));
        // Whoever is not proved makes none of what a proved one submitted, but the other way.
        assert_eq!(
            state.add_version("coast", &described, &Authorship::of("x"), 9).unwrap(),
            (4, false)
        );
    }
}
