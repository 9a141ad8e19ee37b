//! Assignment and revocation of partitions: loading them, comparing them with the log, rebuilding
//! engines after a commit of unknown outcome, and the progress of other workers.

use std::time::Duration;

use seismic_queue::{Fingerprint, Offset, Partition, Recovered, patiently};

use super::slot_context::SlotContext;
use super::{OthersSeen, Slot};
use crate::engine::kind_note;
use crate::runner::partition_task::PartitionTask;
use crate::runner::replay::input_logs::InputLogs;
use crate::runner::settings::Finish;
use crate::runner::slot::shared_job::SharedJob;
use crate::{Error, Loss, Result, limits};

/// Pause before engines are made once more because a commit failed while they were made.
const REMAKE_PAUSE: Duration = Duration::from_millis(100);

impl Slot<'_> {
    /// Loads the partitions, makes their engines, and starts the source where they stand.
    pub(super) fn assigned(&mut self, partitions: &[Partition]) -> Result<()> {
        self.commit_all()?;
        let loaded = self.commit_channel.load(self.source.fencing_token(), partitions.to_vec())?;
        let mut delivered = self.compare_delivered(&loaded)?.into_iter();
        for recovered in &loaded {
            let partition = recovered.partition;
            for reason in &recovered.passed_over {
                tracing::warn!(partition = partition.0, "an older checkpoint is used: {reason}");
            }
            let mut part = match (&recovered.progress, self.job.settings.from) {
                (Some(progress), Some(_)) if !self.job.metrics.has_started() => {
                    return Err(Error::AlreadyStarted { partition, next: progress.next });
                }
                (Some(progress), _) => {
                    let further = progress.further.iter().map(|next| next.0).sum::<u64>();
                    let position = Offset(progress.next.0 + further);
                    self.job.metrics.resumed(partition, position, &progress.note);
                    self.resumed(recovered)?
                }
                (None, _) => {
                    let at = (self.job.begin_at)(partition)?;
                    let of = (self.job.inputs, partition, &*at);
                    PartitionTask::begin(self.job.kind, of, self.job.settings)
                }
            };
            for (input, last) in delivered.next().into_iter().flatten().enumerate() {
                if let Some(last) = last {
                    part.set_delivered(input, last);
                }
            }
            self.parts.insert(partition, part);
        }
        self.compare_with_log(partitions)?;
        // A start or an accepted loss is committed before anything is read.
        self.commit_all()?;
        self.read_on(partitions)?;
        if let Some(place) = &mut self.place {
            place.look_again();
        }
        Ok(())
    }

    /// Starts the sources of these partitions where their tasks stand.
    pub(super) fn read_on(&mut self, partitions: &[Partition]) -> Result<()> {
        let position = |p: &Partition| Some((*p, self.parts.get(p)?.operator.next(0)));
        // Without engines when that commit has heard that they are lost again.
        let at: Vec<_> = partitions.iter().filter_map(position).collect();
        self.source.start(&at)?;
        for input in 1..self.job.inputs.len() {
            let parts = self.parts.values();
            let at: Vec<_> = parts.map(|it| (it.partition, it.operator.next(input))).collect();
            self.source.start_further(input, &at, partitions, self.job.open)?;
        }
        self.forget_holds(partitions)?;
        if self.is_paused {
            self.source.pause(partitions)?;
        }
        self.ends_checked = None;
        Ok(())
    }

    /// A partition that continues from its progress in the store.
    fn resumed(&self, recovered: &Recovered) -> Result<PartitionTask> {
        let SlotContext { kind, inputs, queue, settings, stop, .. } = self.job;
        if inputs.len() == 1 {
            return PartitionTask::resume(kind, recovered, inputs, settings);
        }
        let began = self.job.clock.now();
        let logs = InputLogs::new(queue, inputs, recovered.partition, stop);
        let mut part = PartitionTask::resume_several(kind, recovered, (inputs, logs), settings)?;
        part.add_work(self.job.clock.now().saturating_sub(began));
        self.job.metrics.replayed(part.replayed);
        Ok(part)
    }

    /// Whether each log still has, as the last message before a stored position, the one that was
    /// read there; what was read last of each input, for each partition. Compared before anything
    /// is done again, which would be with another log.
    fn compare_delivered(&self, loaded: &[Recovered]) -> Result<Vec<Vec<Option<Fingerprint>>>> {
        let SlotContext { kind, inputs, queue, stop, .. } = self.job;
        let of = |it: &Recovered| {
            let partition = it.partition;
            let Some(progress) = &it.progress else { return Ok(vec![None; inputs.len()]) };
            let delivered = kind_note::delivered_of(kind, &progress.note, inputs.len());
            delivered.map_err(|source| Error::Note { partition, source })
        };
        let delivered = loaded.iter().map(of).collect::<Result<Vec<_>>>()?;
        for (input, topic) in inputs.iter().enumerate() {
            let last = |(it, delivered): (&Recovered, &Vec<Option<Fingerprint>>)| {
                let next = it.progress.as_ref()?.nexts().nth(input)?;
                Some((it.partition, next, delivered[input]?))
            };
            let asked: Vec<_> = loaded.iter().zip(&delivered).filter_map(last).collect();
            let at: Vec<_> = asked.iter().map(|(it, _, last)| (*it, last.offset)).collect();
            let found = patiently(stop, || Fingerprint::find_each(queue, topic, &at))?;
            let mut unprovable = Vec::new();
            for ((partition, next, delivered), found) in asked.into_iter().zip(found) {
                match found {
                    Some(found) if found != delivered => {
                        let topic = topic.name.clone();
                        return Err(Error::LogDiffers { topic, partition, next, delivered, found });
                    }
                    Some(_) => {}
                    None => unprovable.push(partition.to_string()),
                }
            }
            if !unprovable.is_empty() {
                tracing::warn!(
                    "the last messages that were read of {} are gone (partitions {}), so it \
                     cannot be proved that this is the log that was read",
                    topic.name,
                    unprovable.join(", ")
                );
            }
        }
        Ok(delivered)
    }

    /// Whether the log has what the engines need next. What it has lost before it was read, and
    /// only that, can be accepted: then the state is whole, and there is just nothing to add to it.
    fn compare_with_log(&mut self, partitions: &[Partition]) -> Result<()> {
        let inputs = self.job.inputs;
        (0..inputs.len()).try_for_each(|input| self.compare_input(input, partitions))
    }

    fn compare_input(&mut self, input: usize, partitions: &[Partition]) -> Result<()> {
        let (settings, topic) = (self.job.settings, &self.job.inputs[input]);
        let spans = || (self.job.spans)(topic);
        let (ends, spans) = match input {
            0 => (self.ends(partitions)?, spans()?),
            // Their sources are opened where the tasks stand, after this.
            _ => {
                let spans = spans()?;
                (partitions.iter().map(|it| spans[it.0 as usize].end).collect(), spans)
            }
        };
        let mut lost = Vec::new();
        for (&partition, end) in partitions.iter().zip(ends) {
            let part = self.parts.get_mut(&partition).expect("it was just loaded");
            if end < part.committed(input) {
                return Err(Error::LogShort { partition, next: part.committed(input), end });
            }
            if settings.finish != Finish::Never {
                // Workers that share a job end where it ended when they began, or they would wait
                // for each other without end.
                let place = partition.0 as usize;
                let shared = self.job.shared.map(|shared| shared.targets[input][place]);
                part.targets.push(shared.unwrap_or(end));
            }
            let (from, first) = (part.operator.next(input), spans[partition.0 as usize].first);
            if first <= from {
                continue;
            }
            let loss = Loss { partition, from, to: first };
            if part.is_replaying() {
                let next = part.committed(input);
                let (topic, checkpoint) = (topic.name.clone(), from);
                return Err(Error::ReplayLost { topic, partition, checkpoint, next, first });
            }
            if settings.accept_loss {
                tracing::warn!("the loss of {loss} is accepted");
                part.accept_loss(input, first);
            } else {
                lost.push(loss);
            }
        }
        if lost.is_empty() {
            return Ok(());
        }
        Err(Error::Lost { topic: topic.name.clone(), lost })
    }

    /// Where the logs of partitions of the first input end, however long it takes to hear it.
    fn ends(&mut self, partitions: &[Partition]) -> Result<Vec<Offset>> {
        let source = &mut self.source;
        let ask = || source.ends(0, partitions).into_iter().collect();
        Ok(patiently(self.job.stop, ask)?)
    }

    /// Other workers may have these partitions by now. A commit under way is either refused or was
    /// made before they took over; they know its outcome.
    pub(super) fn lost(&mut self, partitions: &[Partition]) -> Result<()> {
        tracing::warn!("partitions were revoked because this worker missed its heartbeat");
        self.job.metrics.thrown_away();
        self.parts.retain(|partition, _| !partitions.contains(partition));
        self.held.retain(|(_, partition)| !partitions.contains(partition));
        self.source.stop_further(partitions)?;
        while self.commit_channel.is_busy() {
            if let Some(committed) = self.commit_channel.poll_outcome(limits::OUTCOME_WAIT)? {
                self.settle(committed)?;
            }
        }
        // Rows of partitions that are lost stand among those of the others.
        match self.reading_order.waiting_bytes() {
            0 => Ok(()),
            _ => self.rebuild(),
        }
    }

    /// Throws the engines away and makes them again from what the store knows. Commits that are
    /// made meanwhile may fail in the same way; then this is done again, here and not deeper.
    pub(super) fn rebuild(&mut self) -> Result<()> {
        let partitions: Vec<_> = self.parts.keys().copied().collect();
        let targets: Vec<_> = self.parts.values().map(|part| part.targets.clone()).collect();
        self.discard();
        if std::mem::replace(&mut self.is_rebuilding, true) {
            return Ok(());
        }
        let made = self.remake(&partitions);
        self.is_rebuilding = false;
        made?;
        for (partition, target) in partitions.iter().zip(targets) {
            // Gone again when they were lost meanwhile.
            if let Some(part) = self.parts.get_mut(partition) {
                part.targets = target;
            }
        }
        Ok(())
    }

    fn discard(&mut self) {
        self.rebuilt += 1;
        self.job.metrics.rebuilt();
        self.job.metrics.thrown_away();
        self.parts.clear();
        self.reading_order.clear();
        self.waiting_since = None;
    }

    /// Makes the engines of these partitions, until no commit fails meanwhile, or they are lost or
    /// the job is to stop: then others, or the next start, know the outcome.
    fn remake(&mut self, partitions: &[Partition]) -> Result<()> {
        loop {
            if self.source.is_lost() {
                return Ok(());
            }
            let rebuilt = self.rebuilt;
            self.job.metrics.set_started();
            self.assigned(partitions)?;
            if self.rebuilt == rebuilt || self.is_stopped() {
                return Ok(());
            }
            self.job.clock.sleep(REMAKE_PAUSE);
        }
    }

    /// Whether every partition is committed up to where it ended when this worker began, also those
    /// that other workers have, or no one until the group notices that one is gone.
    pub(super) fn are_others_done(&mut self, shared: &SharedJob<'_>) -> Result<bool> {
        let now = self.job.clock.now();
        if let Some(last) = &self.others
            && now.saturating_sub(last.at) < limits::OTHERS_ASKED_EVERY
        {
            return Ok(last.are_done);
        }
        let mut positions = (shared.positions)()?;
        let partitions = shared.targets[0].len();
        for part in self.parts.values() {
            for input in 0..part.inputs() {
                let place = input * partitions + part.partition.0 as usize;
                positions[place] = Some(part.operator.next(input));
            }
        }
        let are_done = shared.targets.iter().flatten().zip(positions).all(|(target, position)| {
            // A partition that holds nothing may belong to no one yet.
            position.unwrap_or_default() >= *target
        });
        self.others = Some(OthersSeen { at: self.job.clock.now(), are_done });
        Ok(are_done)
    }
}
