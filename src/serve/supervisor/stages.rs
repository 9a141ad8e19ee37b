//! Which version a job is: where versions are approved, the newest approved one, from its next start
//! on. No process of another one is started.

use anyhow::Context as _;

use super::Supervisor;
use crate::error::Usage;
use crate::serve::served_job::ServedJob;
use crate::serve::state::stages::{Decision, Stage};
use crate::serve::state::versions::VersionHead;
use crate::serve::worker::order::Description;
use crate::serve::workers;
use crate::time::now_ms;

impl Supervisor {
    /// How far a version of a job has come.
    #[must_use]
    pub fn stage_of(&self, job: &str, version: &VersionHead) -> Stage {
        let is_it = |job: &&ServedJob| job.stored.version == version.number;
        let runs = self.job(job).filter(is_it).is_some_and(|job| {
            let processes = self.processes_of(job.name());
            !workers::standing(&processes).state.is_at_rest()
        });
        Stage::of(&version.marks, runs)
    }

    /// The version that a job is to be at its next start, with what it says; `None`: it is that
    /// already, or runs, or every version may be started.
    ///
    /// # Errors
    /// [`Usage`] when none is approved.
    pub fn approved_to_take(&self, name: &str) -> anyhow::Result<Option<(u64, Description)>> {
        if !self.settings.needs_approval || self.has_workers(name) {
            return Ok(None);
        }
        let job = self.job(name).context("there is no such job")?;
        let Some(number) = self.state.newest_approved(name)? else {
            return Err(Usage(not_approved(name, self.state.newest_version(name)?)).into());
        };
        if number == job.stored.version {
            return Ok(None);
        }
        let version = self.state.version(name, number)?;
        let version = version.with_context(|| format!("version {number} of job {name} is gone"))?;
        let rerun = job.stored.description.rerun;
        let mut description = Description { rerun, ..version.description };
        self.find_resources(&mut description);
        Ok(Some((number, description)))
    }

    /// Has a job that does not run be the version with which it is to be started.
    ///
    /// # Errors
    /// [`Usage`] when none is approved, or it cannot be started beside the other jobs.
    pub fn take_approved(&mut self, name: &str) -> anyhow::Result<()> {
        let Some((number, description)) = self.approved_to_take(name)? else { return Ok(()) };
        let (spec, service) = description.resolve()?;
        if let Some(rival) = self.rival_of(name, &spec, &service, description.rerun) {
            return Err(rival.into());
        }
        if let Some(circle) = self.circle_of(name, &spec) {
            return Err(circle.into());
        }
        let job = self.jobs.get_mut(name).context("there is no such job")?;
        let before = job.stored.clone();
        (job.stored.description, job.stored.version) = (description, number);
        if let Err(error) = self.state.save(&job.stored, false) {
            job.stored = before;
            return Err(error);
        }
        (job.spec, job.service) = (Some(spec), service);
        job.take_in_policy();
        self.fit_workers(name, now_ms())?;
        self.refresh(name)
    }

    /// Whether a process of this entry may be started.
    ///
    /// # Errors
    /// Why not, and what to do.
    pub(super) fn check_approved(&self, entry: &str) -> Result<(), String> {
        if !self.settings.needs_approval {
            return Ok(());
        }
        let name = entry.split('/').next().unwrap_or_default();
        let version = self.job(name).map_or(0, |job| job.stored.version);
        let head = self.state.version_head(name, version);
        let head = head.map_err(|error| format!("its versions cannot be read: {error:#}"))?;
        let decision = head.and_then(|head| head.marks.decided).map(|it| it.what);
        match decision {
            Some(Decision::Approved) => Ok(()),
            _ => Err(not_approved(name, version)),
        }
    }

    /// Stores that the version was started, once its first process is there. That it is not stored
    /// is no reason to end it.
    pub(super) fn mark_started(&mut self, entry: &str) {
        let Some(version) = self.job(entry).map(|job| job.stored.version) else { return };
        if version == 0 {
            return;
        }
        if let Err(error) = self.state.mark_started(entry, version, now_ms()) {
            tracing::warn!(
                "job {entry}: when version {version} was started is not stored: {error:#}"
            );
        }
    }
}

fn not_approved(job: &str, version: u64) -> String {
    format!(
        "version {version} of job {job} is not approved, and this server starts no other: somebody else \
         than its author approves it with `seismic job approve {job} {version} --comment WHY`"
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::serve::life::Input;
    use crate::serve::life::state::State;
    use crate::serve::settings::ServeSettings;
    use crate::serve::state::stages::Decided;
    use crate::serve::state::versions::Authorship;
    use crate::serve::worker::order::Begin;

    fn server(folder: &Path, needs_approval: bool) -> Supervisor {
        let state = folder.join("serve.db");
        let settings = ServeSettings { state, needs_approval, ..ServeSettings::default() };
        Supervisor::open(settings.into()).unwrap()
    }

    fn submit(server: &mut Supervisor, description: &str) -> u64 {
        // A worker that says nothing.
        let text = format!(
            "name = 'coast'\nengine = '/bin/true'\ndescription = '{description}'\n[restart]\nretry = false\n"
        );
        let description = Description { text, ..Description::default() };
        let by = Authorship { is_proved: true, ..Authorship::of("anna") };
        server.submit(description, None, Begin::default(), &by).unwrap().version
    }

    fn decide(server: &mut Supervisor, number: u64, what: Decision) {
        let (by, comment) = ("bert".to_owned(), "read it".to_owned());
        let decided = Decided { what, by, at_ms: 1, comment };
        server.state_mut().decide("coast", number, &decided).unwrap();
    }

    #[test]
    fn a_job_is_started_with_the_newest_version_that_is_approved() {
        let folder = tempfile::tempdir().unwrap();
        let mut server = server(folder.path(), true);
        assert_eq!(submit(&mut server, "one"), 1);
        let refused = server.take_approved("coast").unwrap_err().to_string();
        assert!(refused.contains("version 1 of job coast is not approved"), "{refused}");
        decide(&mut server, 1, Decision::Approved);
        server.take_approved("coast").unwrap();
        assert_eq!(submit(&mut server, "two"), 2);
        assert_eq!(server.job("coast").unwrap().stored.version, 1, "it waits");
        decide(&mut server, 2, Decision::Approved);
        assert_eq!(submit(&mut server, "three"), 3);
        server.take_approved("coast").unwrap();
        let is = |server: &Supervisor| {
            let job = server.job("coast").unwrap();
            (job.stored.version, job.service.description.clone())
        };
        assert_eq!(is(&server), (2, "two".to_owned()));
        // What is taken back is started no more; the one before is.
        decide(&mut server, 2, Decision::Rejected);
        server.take_approved("coast").unwrap();
        assert_eq!(is(&server), (1, "one".to_owned()));
        server.ask("coast", Input::Start).unwrap();
        assert_eq!(server.job("coast").unwrap().life.standing().state, State::Starting);
        let head = server.state().version_head("coast", 1).unwrap().unwrap();
        assert!(head.marks.started_ms.is_some());
        assert_eq!(server.stage_of("coast", &head), Stage::Running);
        assert!(server.approved_to_take("coast").unwrap().is_none(), "it runs");
    }

    #[test]
    fn no_process_is_started_of_a_version_that_is_not_approved() {
        let folder = tempfile::tempdir().unwrap();
        let mut before = server(folder.path(), false);
        submit(&mut before, "one");
        drop(before);
        // As a job that an earlier server ran, which asked nobody.
        let mut server = server(folder.path(), true);
        server.apply("coast", Input::Start);
        let standing = server.job("coast").unwrap().life.standing();
        assert_eq!(standing.state, State::Failed);
        assert!(standing.why.contains("is not approved"), "{}", standing.why);
        assert!(standing.why.contains("job approve coast 1"), "{}", standing.why);
    }
}
