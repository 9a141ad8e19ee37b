//! The process of a job's sinks, where a job has one: beside its workers, begun after them, and ended
//! last.
//!
//! It has a life, a folder and restarts of its own, as a further worker has, and its place is 0. It
//! reads what is committed, so it waits until the workers have begun where their start says: a rewind
//! takes rows back that no sink may be reading. What it does follows from the workers at each tick.

use super::level::level;
use crate::serve::life::Input;
use crate::serve::life::state::{Standing, State};
use crate::serve::life::{Intent, Life};
use crate::serve::pressure::Level;
use crate::serve::served_job::{SINKS, ServedJob};
use crate::serve::state::jobs::StoredJob;
use crate::serve::supervisor::Supervisor;
use crate::serve::worker::order::Begin;
use crate::time::now_ms;

/// What is to be done about the process now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// It has a process, or waits for its restart, and that is right.
    Leave,
    /// It is to begin.
    Start,
    /// It is to write what is committed, as far as a stop has time for it, and end.
    Stop,
    /// The bounded work of the job is done: it is to write all that is committed, and end.
    Finish,
    /// The job has no such process any more.
    Forget,
}

/// What is to be done about the sinks of these workers.
fn step(workers: &[&ServedJob], sinks: &ServedJob, is_wanted: bool) -> Step {
    let Some(job) = workers.first() else { return Step::Forget };
    let (saved, state) = (sinks.life.saved(), sinks.life.standing().state);
    let runs = saved.has_worker || saved.restart_at_ms.is_some();
    let all = |of: State| workers.iter().all(|it| it.life.standing().state == of);
    let is_over = workers.iter().all(|it| it.life.standing().state.is_at_rest());
    let works = |it: &&ServedJob| {
        matches!(it.life.standing().state, State::Running | State::Degraded | State::Paused)
    };
    let work = workers.iter().any(works);
    let begins = job.stored.begin != Begin::default();
    // Bounded work may be done before they have begun.
    let has_work = work || all(State::Finished) && saved.started_ms < job.life.saved().started_ms;
    // The workers before had the sinks of before: these end when the new ones are there.
    let is_other = work && differ(sinks, job);
    match runs {
        true if is_wanted && all(State::Finished) => Step::Finish,
        true if !is_wanted || is_over || begins || is_other => match saved.intent {
            Intent::Stop => Step::Leave,
            _ => Step::Stop,
        },
        true => Step::Leave,
        false if !is_wanted => Step::Forget,
        false if has_work && !begins && (state != State::Failed || sinks.is_awaited) => Step::Start,
        false => Step::Leave,
    }
}

/// Whether a process of these sinks would do something else than one of the job as it is now.
fn differ(sinks: &ServedJob, job: &ServedJob) -> bool {
    sinks.spec != job.spec || sinks.service.engine != job.service.engine
}

/// How far sinks are to yield, if that is not as it is: they write nothing while their job yields as
/// far as that.
fn yields_of(workers: &[&ServedJob], sinks: &ServedJob) -> Option<Input> {
    let of_job = match level(workers) {
        Level::Held => Level::Held,
        _ => Level::Full,
    };
    let why = workers.iter().find_map(|it| it.life.saved().yields.clone());
    let why = why.map_or_else(|| "its job has returned".to_owned(), |(_, why)| why);
    (sinks.life.level() != of_job).then_some(Input::Yield(of_job, why))
}

/// What the job does, of which the workers do `base`.
#[must_use]
pub fn with_sinks(base: Standing, sinks: &ServedJob) -> Standing {
    let of_them = sinks.life.standing();
    let Standing { state, since_ms, why, last_error } = of_them.clone();
    let last_error = last_error.or_else(|| base.last_error.clone());
    match base.state {
        State::Created | State::Failed => base,
        _ if base.state.is_at_rest() && sinks.life.saved().has_worker => {
            let why = "its sinks write what is committed".to_owned();
            let since_ms = since_ms.max(base.since_ms);
            Standing { state: State::Draining, since_ms, why, last_error }
        }
        State::Stopped | State::Finished if state == State::Failed => {
            let why = format!("its sinks have failed: {why}");
            Standing { state, since_ms: since_ms.max(base.since_ms), why, last_error }
        }
        State::Running if matches!(state, State::Restarting | State::Failed | State::Degraded) => {
            let why = format!("the process of its sinks is {state}: {why}");
            let since_ms = since_ms.max(base.since_ms);
            Standing { state: State::Degraded, since_ms, why, last_error }
        }
        _ => base,
    }
}

/// Name of the process among all that a server has.
fn entry_of(job: &str) -> String {
    format!("{job}/{SINKS}")
}

impl Supervisor {
    /// The process of a job's sinks.
    #[must_use]
    pub fn sinks_of(&self, name: &str) -> Option<&ServedJob> {
        self.job(&entry_of(name))
    }

    /// All processes of a job: its workers, of which the first is the job itself, and that of its
    /// sinks.
    #[must_use]
    pub fn processes_of(&self, name: &str) -> Vec<&ServedJob> {
        self.workers_of(name).into_iter().chain(self.sinks_of(name)).collect()
    }

    /// Whether a process waits for another one of its job: sinks for workers that have not begun
    /// where they are to; these for sinks that may read what a rewind takes back, and workers that are
    /// to have the sinks themselves for those that have them now.
    pub(crate) fn waits_for_others(&self, name: &str) -> bool {
        let Some(it) = self.job(name) else { return false };
        let Some(job) = self.job(it.job_name()) else { return false };
        let begins = job.stored.begin != Begin::default();
        if it.place() == 0 {
            return begins;
        }
        let are_apart = job.spec.as_ref().is_none_or(|spec| job.service.has_sink_process(spec));
        let is_in_the_way =
            |sinks: &ServedJob| sinks.link.is_some() || self.folder_of(sinks.name()).is_locked();
        (begins && it.place() == 1 || !are_apart)
            && self.sinks_of(job.name()).is_some_and(is_in_the_way)
    }

    /// Has the process of each job's sinks do what its workers and its description ask for.
    pub(crate) fn tend_sinks(&mut self) {
        let jobs = self.jobs().filter(|job| job.spec.is_some());
        let names: Vec<String> = jobs.map(|job| job.name().to_owned()).collect();
        for name in names {
            if let Err(error) = self.tend_sinks_of(&name) {
                tracing::error!("job {name}: the process of its sinks: {error:#}");
            }
        }
    }

    fn tend_sinks_of(&mut self, name: &str) -> anyhow::Result<()> {
        let Some(job) = self.job(name) else { return Ok(()) };
        let spec = job.spec.as_ref();
        let is_wanted = spec.is_some_and(|spec| job.service.has_sink_process(spec));
        let entry = entry_of(name);
        if self.sinks_of(name).is_none() {
            return if is_wanted { self.make_sinks(name) } else { Ok(()) };
        }
        self.take_in_description(name)?;
        let Some(sinks) = self.sinks_of(name) else { return Ok(()) };
        let workers = self.workers_of(name);
        let (step, link) = (step(&workers, sinks, is_wanted), sinks.link.as_ref());
        let yields = yields_of(&workers, sinks);
        match step {
            Step::Leave => {}
            Step::Start => {
                self.set_awaited(&entry, false);
                self.try_apply(&entry, Input::Start)?;
            }
            Step::Stop => self.try_apply(&entry, Input::Stop)?,
            // It is told so until it says that it does.
            Step::Finish => {
                let runs =
                    |(_, it): &(i64, crate::serve::worker::report::Report)| it.state == "running";
                if let Some(link) = link.filter(|_| sinks.report.as_ref().is_some_and(runs)) {
                    link.finish();
                }
            }
            Step::Forget => self.forget_entry(&entry)?,
        }
        if let Some(input) = yields {
            self.try_apply(&entry, input)?;
        }
        Ok(())
    }

    fn make_sinks(&mut self, name: &str) -> anyhow::Result<()> {
        let Some(job) = self.job(name) else { return Ok(()) };
        let now_ms = now_ms();
        let (spec, service) = (job.spec.clone(), job.service.clone());
        let life = Life::new(service.restart.clone(), false, now_ms);
        let stored = StoredJob {
            name: entry_of(name),
            description: job.stored.description.clone(),
            source: job.stored.source.clone(),
            begin: Begin::default(),
            life: life.saved().clone(),
            created_ms: now_ms,
            version: 0,
        };
        self.state_mut().save(&stored, true)?;
        let mut it = ServedJob { spec, service, ..ServedJob::new(stored, life) };
        it.take_in_policy();
        self.put_entry(it);
        Ok(())
    }

    /// Gives the process the job's description, unless one runs that does something else: what it
    /// does is known by it.
    fn take_in_description(&mut self, name: &str) -> anyhow::Result<()> {
        let (Some(job), Some(sinks)) = (self.job(name), self.sinks_of(name)) else { return Ok(()) };
        let runs = sinks.life.saved().has_worker;
        if sinks.stored.description == job.stored.description || runs && differ(sinks, job) {
            return Ok(());
        }
        let (description, source) = (job.stored.description.clone(), job.stored.source.clone());
        let (spec, service) = (job.spec.clone(), job.service.clone());
        let Some(mut it) = self.take_entry(&entry_of(name)) else { return Ok(()) };
        (it.stored.description, it.stored.source) = (description, source);
        (it.spec, it.service) = (spec, service);
        it.take_in_policy();
        let saved = self.state_mut().save(&it.stored, false);
        self.put_entry(it);
        saved
    }

    /// Has the sinks end whose workers have ended, while the server does.
    pub(crate) fn end_sinks(&mut self) {
        let is_to_end = |it: &&ServedJob| {
            let saved = it.life.saved();
            it.place() == 0
                && saved.has_worker
                && saved.stop_asked_ms.is_none()
                && self.workers_of(it.job_name()).iter().all(|worker| worker.link.is_none())
        };
        let all: Vec<String> =
            self.entries().filter(is_to_end).map(|it| it.name().to_owned()).collect();
        for entry in all {
            self.apply(&entry, Input::ServerEnds);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::service::RestartPolicy;
    use crate::serve::life::Doing;
    use crate::serve::life::ending::Ending;
    use crate::serve::worker::order::Description;

    fn process(name: &str, inputs: &[Input]) -> ServedJob {
        let mut life = Life::new(RestartPolicy::default(), true, 0);
        for input in inputs {
            life.step(1, input.clone());
        }
        let stored = StoredJob {
            name: name.to_owned(),
            description: Description::default(),
            source: None,
            begin: Begin::default(),
            life: life.saved().clone(),
            created_ms: 0,
            version: 0,
        };
        ServedJob::new(stored, life)
    }

    const RUNS: [Input; 2] = [Input::Start, Input::Reported(Doing::Running)];

    fn after(more: &[Input]) -> Vec<Input> {
        [&RUNS[..], more].concat()
    }

    fn died() -> Input {
        Input::Ended(Ending::Killed { signal: 9 })
    }

    fn ended(code: i32) -> Input {
        Input::Ended(Ending::Exited { code, words: None })
    }

    #[test]
    fn they_begin_after_the_workers_and_end_after_the_last_of_them() {
        let sinks = process("coast/sinks", &[]);
        let running = process("coast/sinks", &RUNS);
        let of = |worker: &ServedJob, sinks: &ServedJob| step(&[worker], sinks, true);
        assert_eq!(of(&process("coast", &[]), &sinks), Step::Leave);
        assert_eq!(of(&process("coast", &RUNS[..1]), &sinks), Step::Leave);
        let worker = process("coast", &RUNS);
        assert_eq!(of(&worker, &sinks), Step::Start);
        assert_eq!(of(&worker, &running), Step::Leave);
        // One that dies takes them with it no more than they take it.
        let restarting = process("coast", &after(&[died()]));
        assert_eq!(of(&restarting, &running), Step::Leave);
        // Until the last worker is gone there are rows to come.
        let stopping = process("coast", &after(&[Input::Stop]));
        assert_eq!(of(&stopping, &running), Step::Leave);
        let stopped = process("coast", &after(&[Input::Stop, ended(0)]));
        assert_eq!(step(&[&stopped, &stopping], &running, true), Step::Leave);
        assert_eq!(step(&[&stopped, &stopped], &running, true), Step::Stop);
        let asked = process("coast/sinks", &after(&[Input::Stop]));
        assert_eq!(of(&stopped, &asked), Step::Leave);
        assert_eq!(of(&process("coast", &after(&[ended(4)])), &running), Step::Stop);
        // Bounded work is shown to its end, also where it was done before they began.
        let finished = process("coast", &after(&[ended(0)]));
        assert_eq!(of(&finished, &running), Step::Finish);
        assert_eq!(of(&finished, &sinks), Step::Start);
        assert_eq!(of(&finished, &process("coast/sinks", &after(&[ended(0)]))), Step::Leave);
    }

    #[test]
    fn a_rewind_waits_for_them_and_other_sinks_are_another_process() {
        let running = process("coast/sinks", &RUNS);
        let mut worker = process("coast", &RUNS);
        worker.stored.begin.from_checkpoint = Some("before".to_owned());
        assert_eq!(step(&[&worker], &running, true), Step::Stop);
        assert_eq!(step(&[&worker], &process("coast/sinks", &[]), true), Step::Leave);
        worker.stored.begin = Begin::default();
        worker.spec = Some(crate::job::JobSpec::default());
        assert_eq!(step(&[&worker], &running, true), Step::Stop);
        // What still writes the last commits of before has the sinks of before.
        let mut stopping = process("coast", &after(&[Input::Stop]));
        stopping.spec = worker.spec.clone();
        assert_eq!(step(&[&stopping], &running, true), Step::Leave);
        // A job whose file names none any more.
        assert_eq!(step(&[&process("coast", &RUNS)], &running, false), Step::Stop);
        assert_eq!(step(&[&worker], &process("coast/sinks", &[]), false), Step::Forget);
    }

    #[test]
    fn what_no_retry_mends_waits_for_a_person() {
        let worker = process("coast", &RUNS);
        let mut failed = process("coast/sinks", &after(&[ended(2)]));
        assert_eq!(failed.life.standing().state, State::Failed);
        assert_eq!(step(&[&worker], &failed, true), Step::Leave);
        failed.is_awaited = true;
        assert_eq!(step(&[&worker], &failed, true), Step::Start);
    }

    #[test]
    fn the_job_is_degraded_while_they_are_missing_and_drains_until_they_are_done() {
        let of = |worker: &[Input], sinks: &[Input]| {
            let worker = process("coast", worker);
            with_sinks(worker.life.standing().clone(), &process("coast/sinks", sinks))
        };
        assert_eq!(of(&RUNS, &RUNS).state, State::Running);
        // They begin a moment later: that is no trouble.
        assert_eq!(of(&RUNS, &RUNS[..1]).state, State::Running);
        let degraded = of(&RUNS, &after(&[died()]));
        assert_eq!(degraded.state, State::Degraded);
        assert!(degraded.why.starts_with("the process of its sinks is restarting: "));
        assert!(degraded.last_error.unwrap().contains("signal 9"));
        let stopped = after(&[Input::Stop, ended(0)]);
        assert_eq!(of(&stopped, &RUNS).state, State::Draining);
        assert_eq!(of(&stopped, &stopped).state, State::Stopped);
        let failed = of(&stopped, &after(&[Input::Stop, ended(1)]));
        assert_eq!(failed.state, State::Failed);
        assert!(failed.why.starts_with("its sinks have failed: "), "{}", failed.why);
    }
}
