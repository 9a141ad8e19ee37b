//! What is known of the scaling of each job: what is stored of it, and what is measured.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

use seismic_elastic::{Collector, Decision, Limits, Settings, State};
use serde::{Deserialize, Serialize};

use super::change::Change;
use super::elsewhere::{Elsewhere, Told};
use super::entry::Entry;
use super::files::Files;
use super::hands::Heard;
use super::lease::Lease;
use super::others::Others;
use super::places;
use super::seen::{Input, Meter, Said};
use crate::job::JobSpec;
use crate::job::service::elastic::Action;
use crate::job::service::{Elastic, Service};

/// How long an alert is shown after it was raised, ms.
const ALERT_STANDS_MS: i64 = 600_000;

/// What is stored of the scaling of a job.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Stored {
    /// The memory of decisions.
    pub state: State,
    /// Slots of each worker that is wanted, where this server carries decisions out.
    pub wanted: Option<Vec<u32>>,
    /// The change that is under way.
    pub change: Option<Change>,
    /// Workers that were started elsewhere.
    pub told: Told,
    /// What has been decided and done so far.
    pub counts: Counts,
    /// Id of this server among those that scale the job, through its deaths; empty until it asks for that.
    pub server: String,
}

/// Counts since the job is scaled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Decisions for no change.
    pub unchanged: u64,
    /// Changes that were begun ...
    pub begun: u64,
    /// ... and decided only.
    pub not_begun: u64,
    /// Changes that were proved ...
    pub done: u64,
    /// ... and taken back.
    pub taken_back: u64,
    /// Work elsewhere that has failed.
    pub failures: u64,
}

/// The scaling of one job.
#[derive(Default)]
pub struct Scaler {
    /// What is stored.
    pub stored: Stored,
    /// Makes samples.
    pub collector: Collector,
    /// Counters of the sample before.
    pub meter: Meter,
    /// When a sample was taken last.
    pub sampled: Option<Instant>,
    /// Partitions of the input, as they were known last.
    pub partitions: Option<u32>,
    /// When they were asked for.
    pub asked: Option<Instant>,
    /// What workers of others hold of them.
    pub others: Others,
    /// The savepoint that is being taken, and what became of it.
    pub saving: Option<(String, Option<Result<(), String>>)>,
    /// The newest decision.
    pub last: Option<Taken>,
    /// Alerts that stand: text, and when each was raised last.
    pub alerts: BTreeMap<String, (String, i64)>,
    /// The open files; `None` where they cannot be opened, which was said.
    pub files: Option<Files>,
    /// Whether they could not be written, which was said.
    pub files_fail: bool,
    /// Workers elsewhere.
    pub elsewhere: Elsewhere,
    /// The lease of a job that runs here and that several workers can share.
    pub lease: Option<Lease>,
}

/// A decision as it was taken.
#[derive(Clone, Debug)]
pub struct Taken {
    /// The decision.
    pub decision: Decision,
    /// What is shown of it.
    pub entry: Entry,
    /// Why it was not carried out, if it was a change and was not.
    pub rest: Option<String>,
}

/// Those of all jobs, and what is heard of brokers.
pub struct Scalers {
    /// By the name of the job.
    pub jobs: BTreeMap<String, Scaler>,
    /// Where it is said what was heard.
    pub ear: Sender<(String, Heard)>,
    heard: Receiver<(String, Heard)>,
}

impl Default for Scalers {
    fn default() -> Self {
        let (ear, heard) = channel();
        Scalers { jobs: BTreeMap::new(), ear, heard }
    }
}

impl Scalers {
    /// Slots of each worker of a job that is wanted; `None` where its file says it.
    #[must_use]
    pub fn wanted(&self, job: &str) -> Option<&[u32]> {
        self.jobs.get(job)?.stored.wanted.as_deref()
    }

    /// Takes in what was heard meanwhile.
    pub fn hear(&mut self) {
        while let Ok((job, heard)) = self.heard.try_recv() {
            let Some(scaler) = self.jobs.get_mut(&job) else { continue };
            match heard {
                // Where nobody answers now, it has as many as it had.
                Heard::Partitions(found) => scaler.partitions = found.or(scaler.partitions),
                Heard::Others(asked, held) => scaler.others.heard(asked, held),
                Heard::Lease(answered) => {
                    if let Some(lease) = &mut scaler.lease {
                        lease.heard(answered);
                    }
                }
                Heard::Acted(work, ran) => scaler.elsewhere.has_done(&work, ran),
                Heard::Answers(answers) => scaler.elsewhere.has_heard(answers),
                Heard::Saved(name, outcome) => {
                    if let Some((of, result)) = &mut scaler.saving
                        && *of == name
                    {
                        *result = Some(outcome);
                    }
                }
            }
        }
    }
}

impl Scaler {
    /// One that continues from what an earlier server stored.
    #[must_use]
    pub fn restore(mut stored: Stored, now_ms: i64) -> Scaler {
        if let Some(change) = &mut stored.change {
            change.taken_over(now_ms);
        }
        Scaler { stored, ..Scaler::default() }
    }

    /// The files in this folder, opened where they are not yet.
    pub fn files(&mut self, folder: &Path, elastic: &Elastic, now_ms: i64) -> Option<&mut Files> {
        if self.files.as_ref().is_none_or(|files| !files.are_in(folder, elastic)) {
            match Files::open(folder, elastic, now_ms) {
                Ok(files) => self.files = Some(files),
                Err(error) => {
                    self.files = None;
                    self.told_of_files(Err(error), folder);
                }
            }
        }
        self.files.as_mut()
    }

    /// Says once that the files cannot be written.
    pub fn told_of_files(&mut self, outcome: std::io::Result<()>, folder: &Path) {
        match outcome {
            Ok(()) => self.files_fail = false,
            Err(error) if !std::mem::replace(&mut self.files_fail, true) => {
                let folder = folder.display();
                tracing::error!("files of scaling cannot be written in {folder}: {error}");
            }
            Err(_) => {}
        }
    }

    /// What is known of the input, for workers that have said this.
    #[must_use]
    pub fn input(&self, said: &[Said<'_>]) -> Input {
        let held_by_others = self.others.held(said, Instant::now());
        Input { partitions: self.partitions, held_by_others }
    }

    /// An operator should know this.
    pub fn alert(&mut self, name: &str, text: String, now_ms: i64) {
        self.alerts.insert(name.to_owned(), (text, now_ms));
    }

    /// Alerts that stand now, by their names.
    #[must_use]
    pub fn standing_alerts(&self, now_ms: i64) -> BTreeMap<String, String> {
        let stands = |at_ms: i64| (now_ms - at_ms).abs() < ALERT_STANDS_MS;
        let standing = self.alerts.iter().filter(|(_, (_, at_ms))| stands(*at_ms));
        standing.map(|(name, (text, _))| (name.clone(), text.clone())).collect()
    }
}

/// Whether several workers can share the job.
#[must_use]
pub fn is_shared(spec: &JobSpec) -> bool {
    spec.location().store_url().with_slot("1").is_some()
}

/// Why a job has one worker, whatever is wanted; `None`: several can share it.
#[must_use]
pub fn one_process(spec: &JobSpec) -> Option<String> {
    (!is_shared(spec)).then(|| {
        let store = spec.location().store_url();
        format!("the job's store is {store}, so it runs in one process: workers stay 1")
    })
}

/// Why the slots of a job cannot change while it works; `None`: they can.
#[must_use]
pub fn keeps_its_slots(spec: &JobSpec) -> Option<String> {
    let why = one_process(spec).filter(|_| spec.is_bounded())?;
    Some(format!("{why}, and as it ends on its own, its slots are those of its start"))
}

/// Why this server does not carry out what is decided about a job; `None`: it does.
#[must_use]
pub fn why_not(spec: &JobSpec, service: &Service) -> Option<String> {
    if let Some(why) = keeps_its_slots(spec) {
        return Some(why);
    }
    match service.elastic.action {
        Action::None => Some("[elastic] action is \"none\"".to_owned()),
        Action::Observe => Some("[elastic] action is \"observe\"".to_owned()),
        Action::Local | Action::Command | Action::Kubernetes => None,
    }
}

/// The settings of decisions about a job as it runs here: a worker has no more slots than it may have
/// cores, and a job whose workers cannot share it has one.
///
/// # Errors
/// What of `[elastic]` contradicts itself.
pub fn settings_of(spec: &JobSpec, service: &Service) -> Result<Settings, String> {
    let mut settings = service.elastic.settings(service.max_parallelism)?;
    let limits = &mut settings.limits;
    if let Some(cpus) = service.resources.cpus() {
        limits.slots = limits.slots.min((cpus.ceil() as u32).max(1));
    }
    if !is_shared(spec) {
        let cores = service.resources.cpus().map(|cpus| (cpus.ceil() as u32).max(1));
        let slots = cores.map_or(limits.parallelism_max, |cores| cores.min(limits.parallelism_max));
        *limits = Limits { workers_min: 1, workers_max: 1, slots, parallelism_min: 1, ..*limits };
    }
    Ok(settings)
}

/// What a job begins with that was never scaled here.
#[must_use]
pub fn start_of(spec: &JobSpec, service: &Service) -> Option<Vec<u32>> {
    let settings = settings_of(spec, service).ok()?;
    let slots = places::at_start(service.workers, spec.slots, &settings.limits);
    Some(match service.elastic.action {
        Action::Kubernetes => places::of_pods(&slots, settings.limits.slots),
        _ => slots,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_in_one_process_changes_its_slots_unless_it_ends_on_its_own() {
        let spec = JobSpec::default();
        assert!(one_process(&spec).unwrap().ends_with("runs in one process: workers stay 1"));
        assert_eq!(keeps_its_slots(&spec), None);
        let bounded = JobSpec { drain: true, ..spec };
        assert!(keeps_its_slots(&bounded).unwrap().contains("as it ends on its own"));
    }
}
