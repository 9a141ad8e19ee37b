//! A change of workers and slots as the server carries it out: begun, stored before each step, and
//! taken one step further each turn.

use std::time::Duration;

use seismic_elastic::{Decision, Limits, Settings, Shape};

use super::change::{Act, Change, Stage, World, save_within_ms};
use super::scaler::Scaler;
use super::{hands, places, seen};
use crate::job::service::elastic::Action;
use crate::serve::supervisor::Supervisor;
use crate::time::now_ms;

impl Supervisor {
    /// Begins a change, and stores that before anything is done for it; why not, if it cannot be.
    pub(super) fn begin(
        &mut self,
        name: &str,
        scaler: &mut Scaler,
        settings: &Settings,
        decision: &Decision,
    ) -> anyhow::Result<Option<String>> {
        if let Some(change) = &scaler.stored.change {
            return Ok(Some(format!("the change to {} is under way", change.to())));
        }
        if let Some(why) = self.lease_refuses(name, scaler) {
            return Ok(Some(why));
        }
        let before = self.running_slots(name, scaler);
        let to = places::possible(decision.to, settings.limits.slots);
        let after = self.fitted(name, &before, to, &settings.limits);
        let to = places::shape_of(&after);
        if after == before {
            return Ok(Some(format!("{to} run already: each worker has a slot at least")));
        }
        let decision = Decision { to, ..decision.clone() };
        let stored = scaler.stored.clone();
        scaler.stored.state.begin(&decision);
        scaler.stored.wanted = Some(before.clone());
        let mut change = Change::new(before, after, decision.savepoint(), decision.at_ms);
        change.why = decision.reason.to_string();
        scaler.stored.change = Some(change);
        if let Err(error) = self.state_mut().save_elastic(name, &scaler.stored) {
            scaler.stored = stored;
            return Err(error.context("a change cannot be stored, and is not begun"));
        }
        scaler.saving = None;
        tracing::info!("job {name}: {} -> {to}: {}", decision.from, decision.reason);
        Ok(None)
    }

    /// Slots of each worker of a shape, as whatever carries it out here can have them.
    fn fitted(&self, name: &str, before: &[u32], to: Shape, limits: &Limits) -> Vec<u32> {
        let action = self.job(name).map(|job| job.service.elastic.action);
        match action {
            Some(Action::Kubernetes) => places::fitted_pods(before, to, limits),
            _ => places::fitted(before, to, limits.slots),
        }
    }

    /// Slots of each worker that is wanted, as it runs, or as it is to where that is not known.
    pub(super) fn running_slots(&self, name: &str, scaler: &Scaler) -> Vec<u32> {
        let of_file = || vec![1; self.wanted_workers_with(name, scaler)];
        let wanted = scaler.stored.wanted.clone().unwrap_or_else(of_file);
        let others = (&scaler.stored.told, &scaler.elsewhere);
        let seen = seen::world(&self.workers_of(name), others, &seen::Input::default()).workers;
        let of = |(place, wanted): (usize, &u32)| {
            seen.get(&place).and_then(|worker| worker.slots).unwrap_or(*wanted)
        };
        (1..).zip(&wanted).map(of).collect()
    }

    /// Takes the next step of the change that is under way: whose worker is to be replaced now.
    pub(super) fn step(
        &mut self,
        name: &str,
        scaler: &mut Scaler,
        settings: &Settings,
    ) -> anyhow::Result<Option<usize>> {
        let Some(mut change) = scaler.stored.change.clone() else { return Ok(None) };
        let (now_ms, refused) = (now_ms(), self.lease_refuses(name, scaler).is_some());
        if let Some(lease) = &mut scaler.lease
            && std::mem::replace(&mut lease.has_interrupted, refused)
            && !refused
        {
            change.taken_over(now_ms);
        }
        if refused {
            return Ok(None);
        }
        let saved = self.savepoint_of(name, scaler, &change);
        let others = (&scaler.stored.told, &scaler.elsewhere);
        let workers = self.workers_of(name);
        let input = scaler.input(&seen::said(&workers, &scaler.elsewhere));
        let world = World { saved, ..seen::world(&workers, others, &input) };
        let within_ms = i64::from(settings.verify_within_s) * 1_000;
        let act = change.step(now_ms, within_ms, &world);
        let before = scaler.stored.clone();
        scaler.stored.wanted = Some(change.wanted().to_vec());
        let (to, mut told, mut replaced) = (change.to(), None, None);
        match act {
            Act::Wait => {
                scaler.stored.change = Some(change);
                return Ok(None);
            }
            Act::Store if change.stage == Stage::GoingBack => {
                told =
                    Some((format!("{to} were not seen in time: back to {}", change.from()), true));
                scaler.stored.change = Some(change);
            }
            Act::Store => scaler.stored.change = Some(change),
            Act::Replace(place) => {
                replaced = Some(place);
                scaler.stored.change = Some(change);
            }
            Act::Done(took_ms) => {
                scaler.stored.state.acted(took_ms.unsigned_abs());
                scaler.stored.counts.done += 1;
                scaler.stored.change = None;
                let text = format!("{to} run and hold all partitions, after {took_ms} ms");
                told = Some((text, false));
                if let Some(spec) = self.job(name).and_then(|job| job.spec.as_ref()) {
                    hands::trim(name, spec.location(), self.savepoint_folder(name));
                }
            }
            Act::Undone(why) | Act::Stuck(why) => {
                scaler.stored.change = None;
                scaler.stored.counts.taken_back += 1;
                told = Some((format!("the change to {to} was taken back: {why}"), true));
            }
        }
        // What is not stored is not done; the next turn tries again.
        if let Err(error) = self.state_mut().save_elastic(name, &scaler.stored) {
            scaler.stored = before;
            return Err(error.context("a step of a change cannot be stored"));
        }
        if let Some((text, is_alert)) = told {
            self.tell_of(name, scaler, text, is_alert.then_some("change_taken_back"));
        }
        Ok(replaced)
    }

    /// What became of the savepoint of a change, which is asked for where nobody has.
    fn savepoint_of(
        &self,
        name: &str,
        scaler: &mut Scaler,
        change: &Change,
    ) -> Option<Result<(), String>> {
        if change.stage != Stage::Saving {
            return None;
        }
        if let Some((of, outcome)) = &scaler.saving
            && *of == change.savepoint
        {
            return outcome.clone();
        }
        let location = self.job(name)?.spec.as_ref()?.location();
        scaler.saving = Some((change.savepoint.clone(), None));
        let (folder, ear) = (self.savepoint_folder(name), &self.scalers().ear);
        let within_ms = save_within_ms(scaler.partitions.unwrap_or_default());
        let savepoint = (change.savepoint.clone(), Duration::from_millis(within_ms.into()));
        hands::save(name, location, savepoint, folder, ear);
        None
    }

    fn savepoint_folder(&self, name: &str) -> std::path::PathBuf {
        let elastic = self.job(name).map(|job| job.service.elastic.clone()).unwrap_or_default();
        self.settings().elastic_folder(name).join(elastic.savepoint_dir)
    }
}
