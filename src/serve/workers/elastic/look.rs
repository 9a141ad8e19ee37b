//! What the server does for the scaling of its jobs, once a turn: it samples, decides, stores, and takes
//! the next step of a change.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use seismic_elastic::{Activity, Sample, Settings, decide};

use super::entry::Entry;
use super::others::Ours;
use super::scaler::{Scaler, Stored, Taken, is_shared, settings_of, start_of, why_not};
use super::{hands, seen};
use crate::error::Usage;
use crate::job::service::elastic::Action;
use crate::serve::life::state::State;
use crate::serve::life::{Input, Intent};
use crate::serve::limits;
use crate::serve::served_job::ServedJob;
use crate::serve::supervisor::Supervisor;
use crate::serve::worker::order::slots_base;
use crate::serve::workers::level;
use crate::time::now_ms;

impl Supervisor {
    /// How many workers a job is to have on this machine.
    #[must_use]
    pub fn wanted_workers(&self, name: &str) -> usize {
        let of_file = || self.job(name).map_or(0, |job| job.service.workers);
        let wanted = self.scalers().wanted(name).map_or_else(of_file, <[u32]>::len);
        let is_elsewhere = |job: &ServedJob| {
            job.service.elastic.action.is_elsewhere() && job.spec.as_ref().is_some_and(is_shared)
        };
        // The others are told by what carries changes out.
        if self.job(name).is_some_and(is_elsewhere) { wanted.min(1) } else { wanted }
    }

    /// Slots of the worker of a job at that place; `None` where its file says it.
    #[must_use]
    pub fn wanted_slots(&self, name: &str, place: usize) -> Option<usize> {
        let slots = self.scalers().wanted(name)?.get(place.checked_sub(1)?)?;
        Some(*slots as usize)
    }

    /// Begins to scale a job whose file asks for it, before it has its first worker, and ends it where
    /// no file asks for it any more.
    pub(in crate::serve) fn take_in_scaling(&mut self, name: &str) -> anyhow::Result<()> {
        let Some(job) = self.job(name).filter(|job| job.place() == 1) else { return Ok(()) };
        let Some(spec) = &job.spec else { return Ok(()) };
        let action = job.service.elastic.action;
        if action == Action::None {
            if let Some(scaler) = self.scalers_mut().jobs.remove(name) {
                if let Some(left) = scaler.stored.told.left() {
                    tracing::error!("job {name}: scaling: {left}");
                }
                self.state_mut().forget_elastic(name, true)?;
            }
            return Ok(());
        }
        let is_shared = is_shared(spec);
        let start = start_of(spec, &job.service).filter(|_| action.acts() && is_shared);
        let known = self.scalers().jobs.contains_key(name);
        let mut scaler = match self.scalers_mut().jobs.remove(name) {
            Some(scaler) => scaler,
            None => Scaler::restore(self.stored_scaling(name), now_ms()),
        };
        let before = scaler.stored.wanted.clone();
        // The slots of one process are those of the file until the first change.
        let is_of_workers = scaler.stored.wanted.as_ref().is_some_and(|it| it.len() != 1);
        if !is_shared && is_of_workers {
            (scaler.stored.wanted, scaler.stored.change) = (None, None);
        } else if scaler.stored.wanted.is_none() {
            scaler.stored.wanted = start;
        }
        let has_changed = !known || before != scaler.stored.wanted;
        let saved = match has_changed {
            true => self.state_mut().save_elastic(name, &scaler.stored),
            false => Ok(()),
        };
        self.scalers_mut().jobs.insert(name.to_owned(), scaler);
        saved
    }

    /// What an earlier server stored, as far as this version understands it.
    fn stored_scaling(&self, name: &str) -> Stored {
        self.state().elastic(name).map(Option::unwrap_or_default).unwrap_or_else(|error| {
            tracing::error!(
                "job {name}: what is stored of its scaling is not understood: {error:#}"
            );
            Stored::default()
        })
    }

    /// Samples, decides, and takes the next step of each change.
    pub(in crate::serve) fn tend_scaling(&mut self) {
        self.scalers_mut().hear();
        let names: Vec<String> = self.jobs().map(|job| job.name().to_owned()).collect();
        for name in names {
            let done = self.take_in_scaling(&name).and_then(|()| self.tend_scaling_of(&name));
            if let Err(error) = done {
                tracing::error!("job {name}: scaling: {error:#}");
            }
        }
    }

    fn tend_scaling_of(&mut self, name: &str) -> anyhow::Result<()> {
        // It is taken out meanwhile, so that the server can be asked and changed.
        let Some(mut scaler) = self.scalers_mut().jobs.remove(name) else { return Ok(()) };
        let done = self
            .tend_lease(name, &mut scaler)
            .and_then(|()| self.tend_elsewhere(name, &mut scaler))
            .and_then(|()| self.tend_one(name, &mut scaler));
        let is_here = |place: &usize| !scaler.stored.told.workers.contains_key(place);
        let done = done.map(|replaced| replaced.filter(is_here));
        self.scalers_mut().jobs.insert(name.to_owned(), scaler);
        // With what is wanted in its place again.
        let replaced = done?;
        if let Some(place) = replaced
            && !self.has_set_slots(name)
        {
            self.try_apply(&entry_of(name, place), Input::Replace)?;
        }
        Ok(())
    }

    /// Whose worker is to be replaced now.
    fn tend_one(&mut self, name: &str, scaler: &mut Scaler) -> anyhow::Result<Option<usize>> {
        let Some(job) = self.job(name) else { return Ok(None) };
        let Some(spec) = &job.spec else { return Ok(None) };
        let settings = settings_of(spec, &job.service).map_err(Usage)?;
        let (location, topic) = (spec.location(), spec.topic.clone());
        if !self.is_to_be_scaled(name) {
            // What it did before says nothing of what it does next.
            (scaler.collector, scaler.meter) = Default::default();
            scaler.sampled = None;
            return Ok(None);
        }
        let every = match scaler.partitions {
            Some(_) => limits::PARTITIONS_EVERY,
            None => limits::PARTITIONS_AGAIN,
        };
        if scaler.asked.is_none_or(|at| at.elapsed() >= every) {
            scaler.asked = Some(Instant::now());
            hands::ask_partitions(name, location, topic, &self.scalers().ear);
        }
        self.ask_others(name, scaler);
        if self.is_sample_due(name, scaler, &settings) {
            self.sample(name, scaler, &settings)?;
        }
        self.step(name, scaler, &settings)
    }

    /// Asks what workers of others hold, where those of this server do not hold all.
    fn ask_others(&self, name: &str, scaler: &mut Scaler) {
        let shared = self.job(name).and_then(|job| job.spec.as_ref()).filter(|it| is_shared(it));
        let Some(spec) = shared else { return };
        let workers = self.workers_of(name);
        let said = seen::said(&workers, &scaler.elsewhere);
        let alone = seen::Input { partitions: scaler.partitions, ..seen::Input::default() };
        let is_needed = scaler.partitions.is_some() && !seen::are_all_held(&said, &alone);
        if is_needed && scaler.others.is_due(&said, Instant::now()) {
            let base = slots_base(spec.slot.clone(), Some(&self.state().short_id()));
            let elsewhere = scaler.stored.told.workers.values().map(|it| it.name.clone()).collect();
            hands::ask_others(name, spec.location(), Ours { base, elsewhere }, &self.scalers().ear);
        }
    }

    /// Whether the job runs, and as far as it is up to the server, at its full speed.
    pub(super) fn is_to_be_scaled(&self, name: &str) -> bool {
        let workers = self.workers_of(name);
        let is_wanted = |job: &ServedJob| job.life.saved().intent == Intent::Run;
        self.job(name).is_some_and(is_wanted) && !level(&workers).reads_nothing()
    }

    /// The same for whoever asks for something.
    ///
    /// # Errors
    /// [`Usage`] with what it does.
    pub(super) fn check_runs(&self, name: &str) -> Result<(), Usage> {
        if self.is_to_be_scaled(name) {
            return Ok(());
        }
        let state = self.job(name).map_or(State::Created, |job| job.life.standing().state);
        Err(Usage(format!("job {name} is {state}: start or resume it first")))
    }

    fn is_sample_due(&self, name: &str, scaler: &Scaler, settings: &Settings) -> bool {
        let Some(sampled) = scaler.sampled else { return true };
        let interval = Duration::from_secs(settings.interval_s.into());
        let workers = self.workers_of(name);
        let passed = sampled.elapsed();
        let is_late = passed >= interval + limits::SAMPLE_WAITS;
        passed >= interval
            && (is_late || scaler.meter.all_are_new(&seen::said(&workers, &scaler.elsewhere)))
    }

    /// Takes a sample and decides; a change is begun where this server carries changes out.
    pub(super) fn sample(
        &mut self,
        name: &str,
        scaler: &mut Scaler,
        settings: &Settings,
    ) -> anyhow::Result<()> {
        let job = self.job(name).context("the job is gone")?;
        let spec = job.spec.as_ref().context("its file is not understood")?;
        let (elastic, mut rest) = (job.service.elastic.clone(), why_not(spec, &job.service));
        let now_ms = now_ms();
        let sample = self.take_sample(name, scaler, settings, now_ms);
        scaler.sampled = Some(Instant::now());
        let decision = decide(&mut scaler.stored.state, settings, now_ms, sample.as_ref());
        if rest.is_none() && decision.is_change() {
            rest = self.begin(name, scaler, settings, &decision)?;
        }
        let is_begun = decision.is_change() && rest.is_none();
        let counts = &mut scaler.stored.counts;
        match (decision.is_change(), is_begun) {
            (false, _) => counts.unchanged += 1,
            (true, true) => counts.begun += 1,
            (true, false) => counts.not_begun += 1,
        }
        let entry = Entry { is_begun, ..Entry::of(sample.as_ref(), &decision) };
        for alert in &decision.alerts {
            tracing::warn!("job {name}: scaling: {alert}");
            scaler.alert(alert.name(), alert.to_string(), now_ms);
        }
        let stored = &scaler.stored;
        let saved = self.state_mut().add_elastic(name, stored, (entry.at_ms, &entry));
        let folder = self.settings().elastic_folder(name);
        if let Some(files) = scaler.files(&folder, &elastic, now_ms) {
            let written = files.write(sample.as_ref(), &decision, rest.as_deref());
            scaler.told_of_files(written, &folder);
        }
        scaler.last = Some(Taken { decision, entry, rest });
        saved.context("a sample cannot be stored")
    }

    fn take_sample(
        &self,
        name: &str,
        scaler: &mut Scaler,
        settings: &Settings,
        now_ms: i64,
    ) -> Option<Sample> {
        let workers = self.workers_of(name);
        let said = seen::said(&workers, &scaler.elsewhere);
        let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
        let wanted = self.wanted_workers_with(name, scaler);
        let share = cores / wanted.max(1) as f64;
        let cpus = self.job(name).and_then(|job| job.service.resources.cpus());
        let share = cpus.map_or(share, |cpus| share.min(cpus));
        let input = scaler.input(&said);
        let reports = scaler.meter.reports(&said, share, &input);
        let queue = seen::queue_of(&said, scaler.partitions);
        let expected = u32::try_from(wanted).unwrap_or(u32::MAX);
        let mut sample =
            scaler.collector.collect(now_ms, settings.interval_s, expected, &reports, queue)?;
        // A worker that is there and is not to be: it has not gone yet.
        if said.len() > wanted {
            sample.activity = sample.activity.max(Activity::Rebalancing);
        }
        Some(sample)
    }

    pub(super) fn wanted_workers_with(&self, name: &str, scaler: &Scaler) -> usize {
        let of_file = || self.job(name).map_or(1, |job| job.service.workers);
        scaler.stored.wanted.as_ref().map_or_else(of_file, Vec::len)
    }

    /// Says it in the log, and under the name of an alert to whoever should know.
    pub(super) fn tell_of(
        &self,
        name: &str,
        scaler: &mut Scaler,
        text: String,
        alert: Option<&str>,
    ) {
        match alert.is_some() {
            true => tracing::error!("job {name}: scaling: {text}"),
            false => tracing::info!("job {name}: scaling: {text}"),
        }
        let now_ms = now_ms();
        let elastic = self.job(name).map(|job| job.service.elastic.clone()).unwrap_or_default();
        let folder = self.settings().elastic_folder(name);
        if let Some(files) = scaler.files(&folder, &elastic, now_ms) {
            let written = files.tell(&text, alert.is_some(), now_ms);
            scaler.told_of_files(written, &folder);
        }
        if let Some(alert) = alert {
            scaler.alert(alert, text, now_ms);
        }
    }
}

/// Name of a worker among all that a server has.
fn entry_of(name: &str, place: usize) -> String {
    match place {
        1 => name.to_owned(),
        place => format!("{name}/{place}"),
    }
}
