//! Several workers of one job: each has its own life and restarts; together they are the job.

pub mod elastic;
mod level;
mod sinks;

pub use self::level::level;
use self::sinks::with_sinks;
use super::life::Input;
use super::life::state::{Standing, State};
use super::life::{Intent, Life};
use super::served_job::ServedJob;
use super::state::jobs::StoredJob;
use super::supervisor::Supervisor;
use super::worker::order::Begin;
use crate::status::numbers::JobNumbers;
use crate::time::now_ms;

/// What all processes of a job do, in one state; the first of them is the job itself.
#[must_use]
pub fn standing(processes: &[&ServedJob]) -> Standing {
    let (sinks, workers) = split(processes);
    let of_workers = standing_of_workers(&workers);
    match sinks.first() {
        Some(sinks) => with_sinks(of_workers, sinks),
        None => of_workers,
    }
}

/// The process of the sinks, if there is one, and the workers.
fn split<'a>(processes: &[&'a ServedJob]) -> (Vec<&'a ServedJob>, Vec<&'a ServedJob>) {
    processes.iter().copied().partition(|it| it.place() == 0)
}

fn standing_of_workers(workers: &[&ServedJob]) -> Standing {
    let all: Vec<&Standing> = workers.iter().map(|worker| worker.life.standing()).collect();
    let of = |state| all.iter().position(|it| it.state == state);
    let Some(&first) = all.first() else { return unknown() };
    if all.iter().all(|it| it.state == first.state) {
        return first.clone();
    }
    let works = |it: &&&Standing| matches!(it.state, State::Running | State::Degraded);
    // What someone asked for is not a trouble of a worker that has not done it yet. One that has
    // failed is wanted no less, and one that is done lacks nothing.
    let is_wanted = |it: &ServedJob| it.life.saved().intent == Intent::Run;
    let rests = |it: &ServedJob| it.life.standing().state.is_at_rest();
    let wants_it = workers.iter().any(|it| is_wanted(it))
        && workers.iter().all(|it| is_wanted(it) || rests(it));
    let lacking = all.iter().position(|it| !matches!(it.state, State::Running | State::Finished));
    if let (true, true, Some(place)) = (all.iter().any(|it| works(&it)), wants_it, lacking) {
        let (other, n) = (all[place], all.len());
        let why = format!("worker {} of {n} is {}: {}", place + 1, other.state, other.why);
        let since_ms = all.iter().map(|it| it.since_ms).max().unwrap_or(other.since_ms);
        let last_error = other.last_error.clone().or_else(|| first.last_error.clone());
        return Standing { state: State::Degraded, since_ms, why, last_error };
    }
    let order = [
        State::Draining,
        State::Starting,
        State::Restarting,
        State::Running,
        State::Degraded,
        State::Paused,
        State::Failed,
        State::Stopped,
        State::Finished,
    ];
    let found = order.into_iter().find_map(of).map_or(first, |place| all[place]);
    found.clone()
}

fn unknown() -> Standing {
    let why = "it is not known".to_owned();
    Standing { state: State::Created, since_ms: 0, why, last_error: None }
}

/// What all processes have counted, and when the newest of them said so; `None`: no one has.
#[must_use]
pub fn numbers(processes: &[&ServedJob]) -> Option<(i64, JobNumbers)> {
    let (sinks, workers) = split(processes);
    let of_sinks = sinks.first().and_then(|sinks| sinks.report.as_ref());
    let of_workers = numbers_of_workers(&workers);
    match (of_workers, of_sinks) {
        (Some((at_ms, sum)), Some((_, report))) => {
            let mut all = sum.clone();
            all.add(&report.numbers);
            // Rates are of the workers, and so is the time that they are measured by.
            all.at_ms = sum.at_ms;
            Some((at_ms, all))
        }
        (of_workers, _) => of_workers,
    }
}

fn numbers_of_workers(workers: &[&ServedJob]) -> Option<(i64, JobNumbers)> {
    let mut reports = workers.iter().filter_map(|worker| worker.report.as_ref());
    let (mut at_ms, first) = reports.next().map(|(at_ms, it)| (*at_ms, it.numbers.clone()))?;
    let mut sum = first;
    for (other_ms, report) in reports {
        at_ms = at_ms.max(*other_ms);
        sum.add(&report.numbers);
    }
    if workers.iter().any(|worker| worker.report.is_none()) {
        // What the missing one has to read is not known.
        sum.wait_ms = None;
    }
    Some((at_ms, sum))
}

/// What processes have counted that are gone.
#[must_use]
pub fn past(processes: &[&ServedJob]) -> Option<JobNumbers> {
    let mut all = processes.iter().filter_map(|worker| worker.past.as_ref());
    let mut sum = all.next()?.clone();
    all.for_each(|other| sum.add(other));
    Some(sum)
}

impl Supervisor {
    /// All workers of a job, the first of which is the job itself.
    #[must_use]
    pub fn workers_of(&self, name: &str) -> Vec<&ServedJob> {
        let is_worker = |it: &&ServedJob| it.job_name() == name && it.place() > 0;
        let mut all: Vec<_> = self.entries().filter(is_worker).collect();
        all.sort_by_key(|it| it.place());
        all
    }

    /// Names of the further workers of a job.
    pub(super) fn further_of(&self, name: &str) -> Vec<String> {
        let further = self.workers_of(name).into_iter().filter(|it| it.place() > 1);
        further.map(|it| it.name().to_owned()).collect()
    }

    /// Makes the further workers of a job that its description asks for, as they are to be now.
    pub(super) fn fit_workers(&mut self, name: &str, now_ms: i64) -> anyhow::Result<()> {
        self.take_in_scaling(name)?;
        let workers = self.wanted_workers(name);
        let Some(job) = self.job(name) else { return Ok(()) };
        let (spec, service) = (job.spec.clone(), job.service.clone());
        let is_bounded = spec.as_ref().is_some_and(|spec| spec.is_bounded());
        let (description, source) = (job.stored.description.clone(), job.stored.source.clone());
        for place in 2..=workers {
            let entry = format!("{name}/{place}");
            let known = self.take_entry(&entry);
            let is_new = known.is_none();
            let mut it = known.unwrap_or_else(|| {
                let life = Life::new(service.restart.clone(), is_bounded, now_ms);
                let stored = StoredJob {
                    name: entry.clone(),
                    description: description.clone(),
                    source: source.clone(),
                    begin: Begin::default(),
                    life: life.saved().clone(),
                    created_ms: now_ms,
                    version: 0,
                };
                ServedJob::new(stored, life)
            });
            it.life.set_policy(service.restart.clone(), is_bounded);
            (it.stored.description, it.stored.source) = (description.clone(), source.clone());
            (it.spec, it.service) = (spec.clone(), service.clone());
            let saved = self.state_mut().save(&it.stored, is_new);
            self.put_entry(it);
            saved?;
        }
        Ok(())
    }

    /// Jobs with fewer workers than they are to have, as an earlier server left them that could not
    /// store all.
    fn lacking_workers(&self) -> Vec<String> {
        let lacks = |job: &&ServedJob| {
            let workers = self.wanted_workers(job.name());
            let mut further = (2..=workers).map(|place| format!("{}/{place}", job.name()));
            further.any(|entry| self.job(&entry).is_none())
        };
        self.jobs().filter(lacks).map(|job| job.name().to_owned()).collect()
    }

    /// What a further worker has counted that is forgotten is counted by the first one from now on.
    fn keep_counts_of(&mut self, entry: &str) {
        let Some(it) = self.job(entry) else { return };
        let (job, past) = (it.job_name().to_owned(), it.past.clone());
        if let (Some(past), Some(mut first)) = (past, self.take_entry(&job)) {
            first.past.get_or_insert_default().add(&past);
            self.put_entry(first);
        }
    }

    /// Makes further workers that are missing, starts them once the job has begun, and forgets those
    /// that it has no more.
    pub(in crate::serve) fn tend_workers(&mut self) {
        for name in self.lacking_workers() {
            if let Err(error) = self.fit_workers(&name, now_ms()) {
                tracing::error!("job {name}: its further workers cannot be stored: {error:#}");
            }
        }
        let mut starts = Vec::new();
        let mut ends = Vec::new();
        for it in self.entries().filter(|it| it.place() > 1) {
            let job = self.job(it.job_name());
            let workers = self.wanted_workers(it.job_name());
            let rests = matches!(it.life.standing().state, State::Created | State::Stopped);
            if it.place() > workers {
                let saved = it.life.saved();
                let is_asked = saved.has_worker && saved.intent == Intent::Stop;
                if !is_asked {
                    ends.push((it.name().to_owned(), saved.has_worker));
                }
            } else if let Some(job) = job
                && (rests || it.is_awaited)
                && job.life.saved().intent == Intent::Run
                && job.stored.begin == Begin::default()
                && job.life.standing().state == State::Running
            {
                starts.push(it.name().to_owned());
            }
        }
        for name in starts {
            self.set_awaited(&name, false);
            self.apply(&name, Input::Start);
        }
        for (name, has_worker) in ends {
            match has_worker {
                true => self.apply(&name, Input::Stop),
                false => {
                    self.keep_counts_of(&name);
                    if let Err(error) = self.forget_entry(&name) {
                        tracing::error!("job {name}: {error:#}");
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::service::RestartPolicy;
    use crate::serve::life::Doing;
    use crate::serve::life::ending::Ending;
    use crate::serve::pressure::Level;
    use crate::serve::pressure::WantedJob;
    use crate::serve::settings::ServeSettings;
    use crate::serve::worker::order::Description;

    fn worker(place: usize, inputs: &[Input]) -> ServedJob {
        let mut life = Life::new(RestartPolicy::default(), false, 0);
        for input in inputs {
            life.step(1, input.clone());
        }
        let stored = StoredJob {
            name: if place == 1 { "coast".to_owned() } else { format!("coast/{place}") },
            description: Description::default(),
            source: None,
            begin: Begin::default(),
            life: life.saved().clone(),
            created_ms: 0,
            version: 0,
        };
        ServedJob::new(stored, life)
    }

    fn server(folder: &std::path::Path, site: &str) -> Supervisor {
        let variables = [("site".to_owned(), site.to_owned())].into();
        let state = folder.join("serve.db");
        let settings = ServeSettings { state, variables, ..ServeSettings::default() };
        Supervisor::open(settings.into()).unwrap()
    }

    #[test]
    fn a_failed_worker_is_started_once_the_job_has_begun_at_its_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        let mut server = server(folder.path(), "north");
        let runs = [Input::Start, Input::Reported(Doing::Running)];
        let failed = [&runs[..], &[Input::Ended(Ending::Exited { code: 4, words: None })]].concat();
        for (place, inputs) in [(1, &[][..]), (2, &failed)] {
            let mut it = worker(place, inputs);
            it.service.workers = 2;
            // A worker that says nothing.
            it.service.engine = Some("/bin/true".into());
            if place == 1 {
                it.stored.begin.from_checkpoint = Some("before".to_owned());
            }
            server.state_mut().save(&it.stored, true).unwrap();
            server.put_entry(it);
        }
        let state = |server: &Supervisor| server.job("coast/2").unwrap().life.standing().state;
        server.ask("coast", Input::Start).unwrap();
        server.apply("coast", Input::Reported(Doing::Running));
        server.tend_workers();
        assert_eq!(state(&server), State::Failed);
        let mut first = server.take_entry("coast").unwrap();
        first.stored.begin = Begin::default();
        server.put_entry(first);
        server.tend_workers();
        assert_eq!(state(&server), State::Starting);
        assert!(!server.job("coast/2").unwrap().is_awaited);
    }

    #[cfg(feature = "kafka")]
    #[test]
    fn missing_workers_are_made_and_another_file_of_the_server_is_another_description() {
        let folder = tempfile::tempdir().unwrap();
        let text = "name = 'coast'\nqueue = 'kafka://h:9092'\nworkers = 3\n".to_owned();
        let description = Description { text, ..Description::default() };
        let mut first = server(folder.path(), "north");
        let by = crate::serve::state::versions::Authorship::of("test");
        first.submit(description.clone(), None, Begin::default(), &by).unwrap();
        assert!(first.is_in(first.job("coast").unwrap(), &description));
        first.forget_entry("coast/2").unwrap();
        drop(first);
        let mut next = server(folder.path(), "south");
        assert_eq!(next.workers_of("coast").len(), 2);
        next.tend_workers();
        let places: Vec<_> = next.workers_of("coast").iter().map(|it| it.place()).collect();
        assert_eq!(places, [1, 2, 3]);
        assert!(!next.is_in(next.job("coast").unwrap(), &description));
    }

    #[test]
    fn a_job_yields_as_long_as_one_of_its_workers_does() {
        let runs = [Input::Start, Input::Reported(Doing::Running)];
        let yields = |level| Input::Yield(level, "cores are short".to_owned());
        let first = worker(1, &runs);
        let second = worker(2, &[&runs[..], &[yields(Level::Paused)]].concat());
        assert_eq!(level(&[&first]), Level::Full);
        assert_eq!(level(&[&first, &second]), Level::Paused);
        // Also when the first one has failed for good.
        let busy = Input::Ended(Ending::Exited { code: 4, words: None });
        let failed = worker(1, &[&runs[..], &[yields(Level::Slowed), busy]].concat());
        assert_eq!(failed.life.standing().state, State::Failed);
        assert_eq!(level(&[&failed, &second]), Level::Paused);
        assert!(WantedJob::of(&[&failed, &second]).unwrap().works);
        // One that waits for its restart is wanted, and does not work.
        let died = worker(1, &[&runs[..], &[Input::Ended(Ending::Vanished)]].concat());
        let seen = WantedJob::of(&[&died]).unwrap();
        assert!(!seen.works && seen.level == Level::Full);
        assert!(WantedJob::of(&[&failed]).is_none());
    }

    #[test]
    fn a_job_is_degraded_while_one_of_its_workers_is_missing() {
        let runs = [Input::Start, Input::Reported(Doing::Running)];
        let died = [&runs[..], &[Input::Ended(Ending::Killed { signal: 9 })]].concat();
        let (first, second) = (worker(1, &runs), worker(2, &runs));
        assert_eq!(standing(&[&first, &second]).state, State::Running);
        let dead = worker(2, &died);
        let whole = standing(&[&first, &dead]);
        assert_eq!(whole.state, State::Degraded);
        assert!(whole.why.starts_with("worker 2 of 2 is restarting: "), "{}", whole.why);
        assert!(whole.last_error.is_some());
        // Whichever of them it is, also when its failure is for good.
        let busy = Ending::Exited { code: 4, words: None };
        let failed = worker(1, &[&runs[..], &[Input::Ended(busy)]].concat());
        assert_eq!(failed.life.standing().state, State::Failed);
        let whole = standing(&[&failed, &second]);
        assert_eq!(whole.state, State::Degraded);
        assert!(whole.why.starts_with("worker 1 of 2 is failed: "), "{}", whole.why);
        assert!(whole.last_error.is_some());
        // What someone stopped is not in trouble.
        let stopping = worker(1, &[&runs[..], &[Input::Stop]].concat());
        assert_eq!(standing(&[&stopping, &second]).state, State::Draining);
        assert_eq!((dead.job_name(), dead.place()), ("coast", 2));
    }
}
