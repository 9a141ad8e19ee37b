//! The proof of one partition: its operator replays the logs and the journal; its rows are compared
//! with the outputs and its state with the retained checkpoints.

use seismic_queue::{KeyedCut, Offset, Partition};

use super::beginning::Beginning;
use super::compared::Compared;
use super::difference_reporter::DifferenceReporter;
use super::keyed_rows::KeyedRows;
use super::output_proof::OutputProof;
use super::proof_of::ProofOf;
use super::replay_points::{Point, ReplayPoint, ReplayPoints, Rescale, compare};
use super::report::{LostRange, Proved, Report};
use crate::engine::journal::{Entry, EntryError};
use crate::engine::kind_note;
use crate::engine::operator::Operator;
use crate::runner::replay::input_logs::InputLogs;
use crate::{Error, Result};

/// What the proofs of all partitions have in common.
pub(super) struct Findings<'r> {
    pub report: &'r mut Report,
    pub keyed: &'r mut KeyedRows,
    /// Told of every batch: the number of messages folded.
    pub progress: &'r mut dyn FnMut(u64),
}

/// The fold of one partition and the outputs that it is compared with.
pub(super) struct PartitionProof<'a> {
    of: ProofOf<'a>,
    partition: Partition,
    /// What the kind noted at the committed position.
    note: Vec<u8>,
    operator: Box<dyn Operator>,
    logs: InputLogs<'a>,
    /// Where it begins in each input, and the committed position.
    from: Vec<Offset>,
    to: Vec<Offset>,
    /// What the log of the first input begins with now.
    first: Offset,
    /// Position at which the job began.
    began: Option<Offset>,
    /// The entry that says so when the job began with the state of another one.
    fork: Option<Entry>,
    points: ReplayPoints,
    /// Offsets whose loss was accepted.
    lost: Vec<LostRange>,
    /// Retained snapshots that the fold came by and equalled.
    checkpoints: u64,
    /// What the operator noted, and had written, when the fold began.
    before: Before,
    compared: Compared,
}

struct Before {
    note: Vec<u8>,
    rows: Vec<u64>,
    keyed: Vec<KeyedCut>,
}

impl<'a> PartitionProof<'a> {
    /// The proof of a partition, from as early on as can be; with `after_rescales`, from where
    /// partitions were added last. `None` when it has not begun.
    pub fn new(
        of: ProofOf<'a>,
        partition: Partition,
        after_rescales: bool,
    ) -> Result<Option<PartitionProof<'a>>> {
        let view = &of.view.partitions[partition.0 as usize];
        let Some(progress) = &view.progress else { return Ok(None) };
        let unusable = |source| Error::Note { partition, source };
        let note = kind_note::note_of(of.kind, &progress.note).map_err(unusable)?;
        let own_kind = of.kind.of_note(&note).map_err(unusable)?;
        let kind = own_kind.as_deref().unwrap_or(of.kind);
        let semantics = kind.differences_of_note(&note).map_err(unusable)?;
        if !semantics.is_empty() {
            return Err(Error::RulesDiffer(semantics));
        }
        let mut points = ReplayPoints::load(of.store, partition, view)?;
        let begun = Beginning::find((of, kind), (partition, view), &mut points, after_rescales)?;
        let Beginning { operator, began, fork, first } = begun;
        let lost = points.entries().filter_map(|(_, entry)| match entry {
            Entry::Gap { input, from, to } => {
                Some(LostRange { input: *input, from: *from, to: *to })
            }
            _ => None,
        });
        let lost = lost.collect();
        let from = positions(&*operator);
        let to = std::iter::once(&progress.next).chain(&progress.further).copied().collect();
        let is_complete = began.is_some_and(|began| operator.position() <= began);
        let (mut before, at) = (Before::of(&*operator), operator.position());
        before.subtract(fork.as_ref());
        let outputs = OutputProof::of_partition(
            (of.store, &of.view.job),
            (partition, view),
            kind.row_reader(),
            (!is_complete).then_some(at),
        )?;
        let single = (from.len() == 1).then(|| from[0]);
        Ok(Some(PartitionProof {
            compared: Compared::new(points.entries(), single, outputs),
            logs: InputLogs::new(of.queue, &of.view.job.inputs, partition, of.stop),
            of,
            partition,
            note,
            operator,
            from,
            to,
            first,
            began,
            fork,
            points,
            lost,
            checkpoints: 0,
            before,
        }))
    }

    pub fn partition(&self) -> Partition {
        self.partition
    }

    pub fn is_complete(&self) -> bool {
        let from = total(&self.from);
        self.began.is_some_and(|began| from <= began)
    }

    pub fn describe(&self) -> String {
        let from = shown(&self.from);
        let range = format!("partition {} can be proved from offset {from}", self.partition);
        match self.began {
            Some(at) => {
                format!("the log begins after the job did: {range} on, and the job began at {at}")
            }
            None if self.first > Offset(0) => {
                format!("the log begins after the job did: {range} on, and so does the journal")
            }
            None => format!(
                "the store has deleted the head of the journal, with checkpoints that it no longer \
                 keeps: {range} on. Even a complete log does not say when windows were closed for \
                 silence"
            ),
        }
    }

    /// Where partitions were added, if the fold comes by that.
    pub fn rescale(&self) -> Option<Rescale> {
        self.points.rescale()
    }

    /// Folds up to where partitions were added. Gives the operator, so that its state can be
    /// redistributed.
    pub fn fold_to_rescale(&mut self, findings: &mut Findings<'_>) -> Result<&mut dyn Operator> {
        if let Some(rescale) = self.rescale() {
            self.fold(findings, &[rescale.at])?;
            self.points.pass_rescale();
        }
        Ok(&mut *self.operator)
    }

    /// That the journal does not say what those of other partitions say.
    pub fn lacks_rescale(&self, rescale: Rescale) -> Error {
        let Rescale { sequence, before, partitions, .. } = rescale;
        let what = format!(
            "other partitions say that there were {before} and then {partitions} of them, and it does not"
        );
        let (partition, source) = (self.partition, EntryError::Damaged(what));
        Error::Entry { partition, sequence, source }
    }

    /// Folds, compares, and adds what it found to the report.
    pub fn run(mut self, findings: &mut Findings<'_>) -> Result<()> {
        let to = self.to.clone();
        self.fold(findings, &to)?;
        if let Some(message) = self.logs.peek(0) {
            // The message at the committed position, if there is one, judges the last idle close.
            self.compared.see_next(message, to[0]);
        }
        let mut reporter = DifferenceReporter::new(self.partition, findings.report);
        self.compared.drain(&mut reporter)?;
        let complete = self.is_complete();
        let keyed = (!complete && self.began.is_some()).then(|| self.before.keyed.clone());
        findings.keyed.set_before(self.partition, keyed);
        self.conclude(reporter)
    }

    /// Folds up to a position, or to where partitions were added before it, and makes the points on
    /// the way.
    fn fold(&mut self, findings: &mut Findings<'_>, to: &[Offset]) -> Result<()> {
        let Findings { report, keyed, progress } = findings;
        let mut reporter = DifferenceReporter::new(self.partition, report);
        let mut is_there = true;
        {
            let kind = self.of.kind;
            let mut watch = self.compared.watch(kind, keyed, &mut reporter, *progress);
            while let Some(point) = self.points.pop(total(to)) {
                if let [to] = *to {
                    let until = (0, point.at.min(to));
                    is_there &= self.logs.apply_until(until, &mut *self.operator, &mut watch)?;
                    self.operator.pass(0, until.1);
                }
                match &point.what {
                    Point::Entry(Entry::Run { input, until }) if *input < self.to.len() => {
                        let until = (*input, *until);
                        is_there &=
                            self.logs.apply_until(until, &mut *self.operator, &mut watch)?;
                        if !is_there {
                            break;
                        }
                    }
                    Point::Entry(entry) => {
                        apply(&mut *self.operator, &point, entry)?;
                        if let Entry::Gap { input, .. } = entry {
                            self.logs.reopen(*input);
                        }
                    }
                    Point::Snapshot(info) => {
                        let equal = compare(info, self.of.store, &*self.operator, watch.reporter)?;
                        self.checkpoints += equal;
                    }
                }
                watch.compare_output(&mut *self.operator);
            }
            if let [to] = *to
                && is_there
            {
                is_there = self.logs.apply_until((0, to), &mut *self.operator, &mut watch)?;
            }
            watch.compare_output(&mut *self.operator);
        }
        let reached = positions(&*self.operator);
        if !is_there || reached != to {
            let expected = format!("messages up to {}", shown(to));
            reporter.count("input", expected, format!("the log ends at {}", shown(&reached)));
        }
        Ok(())
    }

    /// Compares what is left and the counts.
    fn conclude(self, mut reporter: DifferenceReporter<'_>) -> Result<()> {
        let job = &self.of.view.job;
        self.count_before(&mut reporter);
        let found = self.compared.outputs.iter();
        let found: Vec<_> = found.map(|it| (&*job.outputs[it.place].topic, it.records())).collect();
        let kind = self.of.kind;
        let unaccounted = kind
            .row_reader()
            .map(|reader| reader.unaccounted(&self.before.note, &self.note, &found))
            .unwrap_or_default();
        let messages = self.compared.messages;
        let (rows, idle) = self.compared.finish(job.outputs.len(), &mut reporter);
        if let Err((folded, noted)) = self.operator.check_note(&self.note) {
            reporter.count("committed counters", folded, noted);
        }
        for it in unaccounted {
            reporter.count(&it.what, it.expected, it.found);
        }
        let (idle_proved, idle_unproved) = idle.judge(&mut reporter);
        let further = self.from.iter().copied().zip(self.to.iter().copied()).skip(1);
        reporter.report.partitions.push(Proved {
            partition: self.partition,
            from: self.from[0],
            to: self.to[0],
            further: further.collect(),
            first: self.first,
            began: self.began,
            fork: self.fork,
            messages,
            rows,
            checkpoints: self.checkpoints,
            idle_proved,
            idle_unproved,
            lost: self.lost,
            note: self.note,
        });
        Ok(())
    }

    /// What lies before a fold that began late cannot be recreated, but where nothing was deleted
    /// it can be counted.
    fn count_before(&self, reporter: &mut DifferenceReporter<'_>) {
        // Without a beginning the journal no longer says what came from another job.
        if self.is_complete() || self.began.is_none() {
            return;
        }
        let view = &self.of.view.partitions[self.partition.0 as usize];
        for output in &self.compared.outputs {
            let is_kept = view.outputs[output.place].span.first == Offset(0);
            let noted = self.before.rows.get(output.place).copied().unwrap_or(0);
            match output.passed() {
                Some(found) if is_kept && found != noted => {
                    let topic = &self.of.view.job.outputs[output.place].topic;
                    let rows = match (self.of.kind.row_reader(), output.place) {
                        (Some(reader), place) if reader.is_dead_letters(place) => {
                            "dead letters".to_owned()
                        }
                        (_, 0) => "rows".to_owned(),
                        _ => format!("rows of {topic}"),
                    };
                    let what = format!("{rows} before offset {}", shown(&self.from));
                    reporter.count(&what, noted.to_string(), found.to_string());
                }
                _ => {}
            }
        }
    }
}

impl Before {
    fn of(operator: &dyn Operator) -> Self {
        let mut note = Vec::new();
        operator.write_note(&mut note);
        Before { note, rows: operator.rows(), keyed: operator.keyed_rows() }
    }

    /// What came before a fork lies in the store of the other job.
    fn subtract(&mut self, fork: Option<&Entry>) {
        let Some(Entry::Fork { rows, keyed, .. }) = fork else { return };
        for (ours, theirs) in self.rows.iter_mut().zip(rows) {
            *ours = ours.saturating_sub(*theirs);
        }
        for ours in &mut self.keyed {
            let is_same =
                |it: &&KeyedCut| (it.output, it.partition) == (ours.output, ours.partition);
            let theirs = keyed.iter().find(is_same).map_or(0, |theirs| theirs.rows);
            ours.rows = ours.rows.saturating_sub(theirs);
        }
    }
}

fn apply(operator: &mut dyn Operator, point: &ReplayPoint, entry: &Entry) -> Result<()> {
    let (partition, sequence) = (operator.partition(), point.sequence);
    if operator.position() != point.at && operator.inputs() > 1 {
        let what = format!("it is at position {}, not {}", point.at, operator.position());
        let source = EntryError::Damaged(what);
        return Err(Error::Entry { partition, sequence, source });
    }
    operator.apply_entry(entry).map_err(|source| Error::Entry { partition, sequence, source })
}

fn positions(operator: &dyn Operator) -> Vec<Offset> {
    (0..operator.inputs()).map(|input| operator.next(input)).collect()
}

fn total(offsets: &[Offset]) -> Offset {
    Offset(offsets.iter().map(|offset| offset.0).sum())
}

fn shown(offsets: &[Offset]) -> String {
    offsets.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
