//! What the server does for workers elsewhere, once a turn.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::plan::{Goal, Means, Told, Work};
use super::{Ran, ask, command, kubernetes};
use crate::http::model::Worker;
use crate::job::service::Elastic;
use crate::job::service::elastic::Action;
use crate::serve::life::Intent;
use crate::serve::life::state::State;
use crate::serve::served_job::ServedJob;
use crate::serve::supervisor::Supervisor;
use crate::serve::worker::order::Begin;
use crate::serve::workers;
use crate::serve::workers::elastic::change::Stage;
use crate::serve::workers::elastic::hands::{self, Heard};
use crate::serve::workers::elastic::places::shape_of;
use crate::serve::workers::elastic::scaler::{Scaler, is_shared};
use crate::status::numbers::JobNumbers;
use crate::time::now_ms;

/// How often workers are asked what they do: as often as local ones.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// Pause after work that has failed; it doubles with each further failure ...
const PAUSE: Duration = Duration::from_secs(5);

/// ... up to this.
const PAUSE_MOST: Duration = Duration::from_secs(60);

/// Name of the alert about work that has failed.
const ALERT: &str = "not_acted";

impl Supervisor {
    /// Takes in what has been done and said elsewhere, and begins the next piece of work.
    pub(in crate::serve::workers::elastic) fn tend_elsewhere(
        &mut self,
        name: &str,
        scaler: &mut Scaler,
    ) -> anyhow::Result<()> {
        let Some(job) = self.job(name) else { return Ok(()) };
        let Some(spec) = &job.spec else { return Ok(()) };
        let elastic = job.service.elastic.clone();
        if !elastic.action.is_elsewhere() || !is_shared(spec) {
            return self.leave_elsewhere(name, scaler);
        }
        let group = spec.group.clone();
        let (slots, has_begun) = (slots_wanted(job, scaler), has_begun(job));
        if let Some((work, ran)) = scaler.elsewhere.take_done() {
            self.take_in_work(name, scaler, (&work, ran), (&elastic, &slots))?;
        }
        let may_begin = !scaler.stored.told.workers.is_empty() || has_begun || slots.is_empty();
        // Where the job is to end here, so are the workers that this server has started.
        let is_ours = slots.is_empty() || self.lease_refuses(name, scaler).is_none();
        let is_wanted = may_begin && is_ours && scaler.elsewhere.may_act();
        if is_wanted && let Some(work) = next(name, scaler, &elastic, &slots) {
            scaler.elsewhere.doing = Some(work.clone());
            self.begin_work(name, &elastic, work, &slots);
        }
        self.ask_elsewhere(name, scaler, &elastic, group);
        Ok(())
    }

    /// Nobody looks after them any more, which an operator is told.
    fn leave_elsewhere(&mut self, name: &str, scaler: &mut Scaler) -> anyhow::Result<()> {
        if scaler.stored.told == Told::default() {
            return Ok(());
        }
        let told = std::mem::take(&mut scaler.stored.told);
        let saved = self.state_mut().save_elastic(name, &scaler.stored);
        if let Some(text) = told.left() {
            self.tell_of(name, scaler, text, Some("left_elsewhere"));
        }
        scaler.elsewhere = super::Elsewhere::default();
        saved
    }

    /// What came of a piece of work.
    fn take_in_work(
        &mut self,
        name: &str,
        scaler: &mut Scaler,
        (work, ran): (&Work, Ran),
        (elastic, slots): (&Elastic, &[u32]),
    ) -> anyhow::Result<()> {
        let line = ran.line();
        let is_done = ran.failure.is_none();
        scaler.stored.counts.failures += u64::from(!is_done);
        let nodes = &elastic.elsewhere.nodes;
        scaler.elsewhere.last = Some(ran);
        if is_done || Told::may_forget(work, nodes) {
            let (replaced, silent) = Default::default();
            let goal = Goal { job: name, slots, replaced: &replaced, silent: &silent };
            scaler.stored.told.did(work, &goal, &means_of(elastic));
            // The next server finds those that are there.
            self.state_mut()
                .save_elastic(name, &scaler.stored)
                .context("a worker elsewhere cannot be stored")?;
        }
        scaler.elsewhere.failed = match is_done {
            true => None,
            false => Some((Instant::now(), scaler.elsewhere.failed.map_or(1, |(_, n)| n + 1))),
        };
        let places: BTreeSet<usize> = scaler.stored.told.workers.keys().copied().collect();
        scaler.elsewhere.retain(&places);
        if let Some(place) = work.place() {
            // Now it has all of its time.
            scaler.elsewhere.silent_since.remove(&place.place);
        }
        self.tell_of(name, scaler, line, (!is_done).then_some(ALERT));
        Ok(())
    }

    fn begin_work(&self, name: &str, elastic: &Elastic, work: Work, slots: &[u32]) {
        let settings = elastic.elsewhere.clone();
        let within = Duration::from_secs(settings.command_within_s.into());
        let (to, job) = (shape_of(slots), name.to_owned());
        tracing::info!("job {name}: scaling: {work}");
        let none = Ran::not_begun(&work);
        let of_none = Heard::Acted(work.clone(), none);
        let act = move || {
            let what = work.to_string();
            let ran = match &work {
                Work::Scale(replicas) => kubernetes::run(what, &settings, *replicas, within),
                Work::Start(it) | Work::Stop(it) | Work::Replace(it) => {
                    let words = command::words(&settings, &job, (&work, it), to);
                    command::run(what, &words, within)
                }
            };
            Heard::Acted(work, ran)
        };
        hands::ask(name, "scale", &self.scalers().ear, act, of_none);
    }

    /// Asks all that are told of, if it is time.
    fn ask_elsewhere(&self, name: &str, scaler: &mut Scaler, elastic: &Elastic, group: String) {
        let told = &scaler.stored.told.workers;
        let it = &mut scaler.elsewhere;
        if told.is_empty() || it.is_asking || it.asked.is_some_and(|at| at.elapsed() < ASK_EVERY) {
            return;
        }
        let (settings, action) = (elastic.elsewhere.clone(), elastic.action);
        let url = |(place, worker): (&usize, &super::plan::ToldWorker)| {
            (*place, settings.url_of(action, *place, &worker.name, &worker.node))
        };
        let targets: Vec<(usize, String)> = told.iter().map(url).collect();
        (it.asked, it.is_asking) = (Some(Instant::now()), true);
        let ask = move || Heard::Answers(ask::ask_all(&settings, &group, targets, now_ms));
        hands::ask(name, "ask", &self.scalers().ear, ask, Heard::Answers(Vec::new()));
    }

    /// What all processes of a job have counted, wherever they are, and when the newest local one said
    /// so; `None`: no one has.
    #[must_use]
    pub fn numbers_of(&self, name: &str) -> Option<(i64, JobNumbers)> {
        let (at_ms, mut sum) = workers::numbers(&self.processes_of(name))?;
        let Some(scaler) = self.scalers().jobs.get(name) else { return Some((at_ms, sum)) };
        let own_ms = sum.at_ms;
        for (_, report, _) in scaler.elsewhere.answering() {
            sum.add(&report.numbers);
        }
        // What those have to read that do not answer is not known.
        if scaler.elsewhere.answering().count() < scaler.stored.told.workers.len() {
            sum.wait_ms = None;
        }
        // Rates are measured by the time of local workers.
        sum.at_ms = own_ms;
        Some((at_ms, sum))
    }

    /// What processes have counted that are gone.
    #[must_use]
    pub fn past_of(&self, name: &str) -> Option<JobNumbers> {
        let past = workers::past(&self.processes_of(name));
        let of_others = self.scalers().jobs.get(name).and_then(|it| it.elsewhere.past().cloned());
        match (past, of_others) {
            (Some(mut past), Some(others)) => {
                past.add(&others);
                Some(past)
            }
            (past, others) => past.or(others),
        }
    }

    /// The workers of a job that are elsewhere, as they are shown.
    pub(in crate::serve) fn elsewhere_of(&self, name: &str) -> Vec<Worker> {
        let Some(scaler) = self.scalers().jobs.get(name) else { return Vec::new() };
        let of = |(place, told): (&usize, &super::plan::ToldWorker)| {
            let named = Worker {
                name: format!("{name}/{place}"),
                job: name.to_owned(),
                host: if told.node.is_empty() { told.name.clone() } else { told.node.clone() },
                slots: told.slots.into(),
                ..Worker::default()
            };
            match scaler.elsewhere.report(*place) {
                Some((_, worker)) => Worker {
                    name: named.name,
                    job: named.job,
                    host: named.host,
                    is_alive: true,
                    ..worker.clone()
                },
                None => named,
            }
        };
        scaler.stored.told.workers.iter().map(of).collect()
    }
}

/// Slots of each worker that is to be there now; none where the job is not to run.
fn slots_wanted(job: &ServedJob, scaler: &Scaler) -> Vec<u32> {
    let runs = job.life.saved().intent == Intent::Run
        && job.life.standing().state != State::Finished
        && job.life.saved().archived.is_none();
    match &scaler.stored.wanted {
        Some(slots) if runs => slots.clone(),
        _ => Vec::new(),
    }
}

/// Whether the job is where it was to begin: then others may take a part of it.
fn has_begun(job: &ServedJob) -> bool {
    let works = matches!(job.life.standing().state, State::Running | State::Degraded);
    works && job.stored.begin == Begin::default()
}

fn means_of(elastic: &Elastic) -> Means<'_> {
    match elastic.action {
        Action::Kubernetes => Means::Pods(&elastic.elsewhere.statefulset),
        _ => Means::Command(&elastic.elsewhere.nodes),
    }
}

fn next(name: &str, scaler: &Scaler, elastic: &Elastic, slots: &[u32]) -> Option<Work> {
    let change = scaler.stored.change.as_ref();
    let replaced = change.filter(|it| it.stage != Stage::Saving).map(|it| it.replaced.clone());
    // While a change is under way, it says what is done about them.
    let within = Duration::from_secs(elastic.verify_within_s.into());
    let silent = match change {
        Some(_) => BTreeSet::new(),
        None => scaler.elsewhere.silent_for(within),
    };
    let replaced = replaced.unwrap_or_default();
    let goal = Goal { job: name, slots, replaced: &replaced, silent: &silent };
    scaler.stored.told.next(&goal, &means_of(elastic))
}

impl super::Elsewhere {
    /// The work that was done, with what came of it.
    fn take_done(&mut self) -> Option<(Work, Ran)> {
        let ran = self.heard.take()?;
        Some((self.doing.take()?, ran))
    }

    /// Whether nothing is being done, and none has failed just now.
    fn may_act(&self) -> bool {
        let pause = |times: u32| PAUSE.saturating_mul(1 << (times - 1).min(8)).min(PAUSE_MOST);
        let waits = self.failed.is_some_and(|(at, times)| at.elapsed() < pause(times));
        self.doing.is_none() && !waits
    }

    /// Those that have not answered for so long.
    fn silent_for(&self, within: Duration) -> BTreeSet<usize> {
        let all = self.silent_since.iter().filter(|(_, since)| since.elapsed() >= within);
        all.map(|(place, _)| *place).collect()
    }
}
