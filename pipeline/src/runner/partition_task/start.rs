//! How a task starts: at the beginning of the job, or from the state in the store.

use seismic_queue::{Offset, Partition, PartitionCommit, Recovered, Topic};

use super::PartitionTask;
use super::idle_watch::IdleWatch;
use super::snapshotter::Snapshotter;
use crate::Result;
use crate::engine::journal::Entry;
use crate::engine::operator::{Operator, OperatorKind};
use crate::runner::replay::input_logs::InputLogs;
use crate::runner::replay::{Replay, replay_several};
use crate::runner::settings::Settings;

impl PartitionTask {
    /// A partition that was never committed; it begins at these offsets of the inputs and says so
    /// in the journal.
    pub fn begin(
        kind: &dyn OperatorKind,
        (inputs, partition, at): (&[Topic], Partition, &[Offset]),
        settings: &Settings,
    ) -> Self {
        let operator = kind.start(inputs, partition, at);
        let mut part = PartitionTask::with((kind, operator), None, settings);
        part.add_to_journal(&Entry::Start {
            kind: kind.name().to_owned(),
            semantics: kind.semantics(),
            from: settings.from.unwrap_or_default().to_string(),
            further: at[1..].to_vec(),
        });
        part
    }

    /// A partition that continues from its progress in the store.
    pub fn resume(
        kind: &dyn OperatorKind,
        recovered: &Recovered,
        inputs: &[Topic],
        settings: &Settings,
    ) -> Result<Self> {
        let (operator, replay) = Replay::prepare(recovered, inputs, kind)?;
        let mut part = PartitionTask::with((kind, operator), Some(replay), settings);
        part.go_on_from(recovered);
        part.reported_keys = None;
        part.caught_up(part.operator.position())?;
        Ok(part)
    }

    /// As [`PartitionTask::resume`] with several inputs: what is to be replayed is read here, in
    /// the order of the journal, before anything new is.
    pub fn resume_several(
        kind: &dyn OperatorKind,
        recovered: &Recovered,
        (inputs, logs): (&[Topic], InputLogs<'_>),
        settings: &Settings,
    ) -> Result<Self> {
        let (operator, replayed) = replay_several(recovered, (inputs, logs), kind)?;
        let mut part = PartitionTask::with((kind, operator), None, settings);
        part.go_on_from(recovered);
        part.replayed = replayed;
        Ok(part)
    }

    fn go_on_from(&mut self, recovered: &Recovered) {
        if let Some(progress) = &recovered.progress {
            self.number = progress.number;
            self.handed.clear();
            self.handed.push(progress.next);
            self.handed.extend(&progress.further);
        }
        self.next_sequence = recovered.next_sequence;
        self.snapshots = std::mem::take(&mut self.snapshots).resume(recovered);
    }

    fn with(
        (kind, operator): (&dyn OperatorKind, Box<dyn Operator>),
        replay: Option<Replay>,
        settings: &Settings,
    ) -> Self {
        let (partition, inputs) = (operator.partition(), operator.inputs());
        let handed = (0..inputs).map(|input| operator.next(input)).collect();
        PartitionTask {
            partition,
            operator,
            kind: kind.name(),
            replay,
            replayed: 0,
            targets: Vec::new(),
            idle: (0..inputs).map(|_| IdleWatch::new(settings.idle_timeout)).collect(),
            idle_timeout: settings.idle_timeout,
            journal: Vec::new(),
            next_sequence: 0,
            run: None,
            number: 0,
            handed,
            snapshots: Snapshotter::new(settings),
            is_alarm_raised: false,
            reported_keys: Some(0),
            delivered: if inputs > 1 { vec![None; inputs] } else { Vec::new() },
            spare: PartitionCommit::new(partition),
            left: None,
        }
    }
}
