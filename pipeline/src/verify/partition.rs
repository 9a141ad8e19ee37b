//! The proof of one partition.

use seismic_queue::{
    Batch, Job, JobStore, Offset, Partition, PartitionView, Progress, Queue, Span,
};

use super::comparison::Comparison;
use super::comparisons::{Comparisons, MatchedCounts, Topics};
use super::difference_reporter::DifferenceReporter;
use super::idle_closes::IdleCloses;
use super::replay_points::{ReplayPoints, Rescale};
use super::report::{Proved, Report};
use super::rows::RowComparison;
use super::topic_reader::{Next, TopicReader, next_batch};
use crate::engine::journal::{Entry, EntryError};
use crate::engine::operator::Operator;
use crate::engine::windows::counters::Counters;
use crate::engine::windows::engine::Engine;
use crate::engine::windows::note::Note;
use crate::engine::windows::operator::WindowsOperator;
use crate::{DEAD, Error, ROLLUP, Result};

/// The fold of one partition and the two topics it is compared with.
pub(super) struct PartitionProof<'a> {
    queue: &'a dyn Queue,
    store: &'a dyn JobStore,
    job: &'a Job,
    partition: Partition,
    view: &'a PartitionView,
    note: Note,
    until: Offset,
    windows: WindowsOperator,
    began: Option<Offset>,
    /// The entry that says so when the job began with the state of another one.
    fork: Option<Entry>,
    from: Offset,
    /// What the log begins with now.
    first: Offset,
    points: ReplayPoints,
    idle: IdleCloses,
    /// Offsets whose loss was accepted, each from the first one to before the second.
    lost: Vec<(Offset, Offset)>,
    /// Retained snapshots that the fold came by and equalled.
    checkpoints: u64,
    /// Counters of the engine when the fold began.
    before: Counters,
    comparisons: Comparisons,
    topics: Topics,
}

impl<'a> PartitionProof<'a> {
    /// Finds where the fold can begin: at the start of the job, or, where the log's head is gone,
    /// at the oldest checkpoint that the log still reaches; with `after_rescales`, at the oldest
    /// since partitions were added last.
    pub fn new(
        queue: &'a dyn Queue,
        store: &'a dyn JobStore,
        job: &'a Job,
        (partition, view): (Partition, &'a PartitionView),
        progress: &Progress,
        after_rescales: bool,
    ) -> Result<Self> {
        let note =
            Note::decode(&progress.note).map_err(|source| Error::Note { partition, source })?;
        let mut points = ReplayPoints::load(store, partition, view)?;
        let beginning = |(_, entry): &(Offset, &Entry)| {
            matches!(entry, Entry::Start { .. } | Entry::Fork { .. })
        };
        let (began, fork) = match points.entries().find(beginning) {
            Some((at, fork @ Entry::Fork { .. })) => (Some(at), Some(fork.clone())),
            Some((at, _)) => (Some(at), None),
            None => (None, None),
        };
        let first = queue.spans(job.input())?[partition.0 as usize].first;
        let passed = points.last_rescale().filter(|_| after_rescales);
        let engine = match began {
            Some(at) if fork.is_none() && passed.is_none() && points.reach(at, 0) >= first => {
                Engine::new(note.rules.clone(), &job.input().name, partition, at)
            }
            _ => from_checkpoint(store, job, (partition, view), (first, passed), &mut points)?,
        };
        let (from, until) = (engine.position(), progress.next);
        let idle = IdleCloses::of(points.entries(), from);
        let lost = points.entries().filter_map(|(_, entry)| match entry {
            Entry::Gap { from, to, .. } => Some((*from, *to)),
            _ => None,
        });
        let lost = lost.collect();
        let is_complete = began.is_some_and(|began| from <= began);
        Ok(PartitionProof {
            before: engine.counters().clone(),
            comparisons: comparisons(job, view, (!is_complete).then_some(from)),
            topics: topics(store, job, partition, view)?,
            queue,
            store,
            job,
            partition,
            view,
            note,
            until,
            windows: WindowsOperator::new(engine),
            began,
            fork,
            from,
            first,
            points,
            idle,
            lost,
            checkpoints: 0,
        })
    }

    pub fn is_complete(&self) -> bool {
        self.began.is_some_and(|began| self.from <= began)
    }

    pub fn describe(&self) -> String {
        let range = format!("partition {} can be proved from offset {}", self.partition, self.from);
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

    /// Folds up to where partitions were added. Gives the engine, so that its sensors can be
    /// redistributed.
    pub fn fold_to_rescale(
        &mut self,
        report: &mut Report,
        progress: &mut dyn FnMut(u64),
    ) -> Result<&mut Engine> {
        if let Some(rescale) = self.rescale() {
            self.fold_to(
                rescale.at,
                &mut DifferenceReporter::new(self.partition, report),
                progress,
            )?;
            self.windows.engine.pass(rescale.at);
            self.points.pass_rescale();
        }
        Ok(&mut self.windows.engine)
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
    pub fn run(mut self, report: &mut Report, progress: &mut dyn FnMut(u64)) -> Result<()> {
        let mut reporter = DifferenceReporter::new(self.partition, report);
        self.fold_to(self.until, &mut reporter, progress)?;
        self.comparisons.drain(&mut self.topics, &mut reporter)?;
        self.conclude(reporter)
    }

    /// Folds up to a position, and makes the points there.
    fn fold_to(
        &mut self,
        target: Offset,
        reporter: &mut DifferenceReporter<'_>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<()> {
        self.pass_losses(reporter)?;
        if self.windows.engine.position() < target {
            self.read_to(target, reporter, progress)?;
        }
        self.apply_replay_points(target, reporter)?;
        self.comparisons.expect(&mut self.windows.out);
        Ok(())
    }

    fn read_to(
        &mut self,
        target: Offset,
        reporter: &mut DifferenceReporter<'_>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<()> {
        let from = self.windows.engine.position();
        let mut reader = self.queue.reader(self.job.input(), &[(self.partition, from)])?;
        let mut spare = Vec::new();
        while self.windows.engine.position() < target {
            let batch = match next_batch(&mut *reader, &mut spare, &self.job.input().name, target)?
            {
                Next::Batch(batch) => batch,
                Next::End => break,
                Next::Missing => {
                    let (expected, position) =
                        (format!("messages up to {target}"), self.windows.engine.position());
                    reporter.count("input", expected, format!("the log ends at {position}"));
                    break;
                }
            };
            self.fold_batch(&batch, target, reporter)?;
            progress(batch.messages().take_while(|it| it.offset < target).count() as u64);
            spare.push(batch);
            self.comparisons.expect(&mut self.windows.out);
            self.comparisons.feed(&mut self.topics, reporter)?;
        }
        Ok(())
    }

    fn fold_batch(
        &mut self,
        batch: &Batch,
        target: Offset,
        reporter: &mut DifferenceReporter<'_>,
    ) -> Result<()> {
        let until = self.until;
        for message in batch.messages().take_while(|message| message.offset < target) {
            if self.points.is_due(message.offset) {
                self.apply_replay_points(message.offset, reporter)?;
            }
            self.idle.see(message);
            // One in an accepted loss is back when the log was put back to an older state.
            if message.offset >= self.windows.engine.position() {
                self.windows.apply_message(0, message);
            }
        }
        // The message at the committed position, if there is one, judges the last idle close.
        let is_last = target == until;
        if let Some(next) = batch.messages().find(|message| is_last && message.offset == until) {
            self.idle.see(next);
        }
        Ok(())
    }

    /// Goes past losses that were accepted where the fold begins: the log has nothing there.
    fn pass_losses(&mut self, reporter: &mut DifferenceReporter<'_>) -> Result<()> {
        loop {
            let position = self.windows.engine.position();
            if !self.points.is_due(position) {
                return Ok(());
            }
            self.apply_replay_points(position, reporter)?;
        }
    }

    fn apply_replay_points(
        &mut self,
        at: Offset,
        reporter: &mut DifferenceReporter<'_>,
    ) -> Result<()> {
        self.checkpoints += self.points.apply_until(at, self.store, &mut self.windows, reporter)?;
        Ok(())
    }

    /// Compares what is left and the counts.
    fn conclude(self, mut reporter: DifferenceReporter<'_>) -> Result<()> {
        let comparisons = &self.comparisons;
        let (found_records, found_dead_letters) =
            (comparisons.rows.found_records, comparisons.found_dead_letters);
        let is_whole = comparisons.is_whole();
        self.count_before(&mut reporter);
        self.count_rolled(&mut reporter);
        let before = self.before;
        let MatchedCounts { rows, rollups, dead_letters } = self.comparisons.finish(&mut reporter);
        let (folded, noted) = (self.windows.engine.counters(), &self.note.counters);
        if folded != noted {
            reporter.count("committed counters", format!("{folded:?}"), format!("{noted:?}"));
        }
        // Conservation, counted from what is really in the topics, where retention left all of it.
        let found = before.closed + found_records;
        let dead = before.late() + before.rejected() + found_dead_letters;
        if is_whole && found + dead + noted.open != noted.read {
            reporter.count(
                "conservation",
                format!("{} records read", noted.read),
                format!("{found} in windows + {dead} dead letters + {} open", noted.open),
            );
        }
        let (idle_proved, idle_unproved) = self.idle.judge(&mut reporter);
        reporter.report.partitions.push(Proved {
            partition: self.partition,
            from: self.from,
            first: self.first,
            to: self.until,
            began: self.began,
            fork: self.fork,
            rows,
            rollups,
            dead_letters,
            checkpoints: self.checkpoints,
            idle_proved,
            idle_unproved,
            lost: self.lost,
            counters: self.note.counters,
        });
        Ok(())
    }

    /// What lies before a fold that began late cannot be made again, but where nothing was let go
    /// of it can be counted.
    fn count_before(&self, reporter: &mut DifferenceReporter<'_>) {
        if self.is_complete() {
            return;
        }
        let (comparisons, before, from) = (&self.comparisons, &self.before, self.from);
        let mut check = |what: &str, span: Span, noted: u64, found: u64| {
            if span.first == Offset(0) && noted != found {
                reporter.count(
                    &format!("{what} before offset {from}"),
                    noted.to_string(),
                    found.to_string(),
                );
            }
        };
        let none = vec![0; before.rollups.len()];
        // What came before a fork lies in the store of the other job.
        let (theirs, their_letters, their_rollups) = match (&self.fork, self.began) {
            (Some(Entry::Fork { rows, .. }), _) => {
                let rows_of = |place: usize| rows.get(place).copied().unwrap_or(0);
                (rows_of(0), rows_of(1), rows.get(2..).unwrap_or_default())
            }
            (_, Some(_)) => (0, 0, &*none),
            // The journal no longer says how the job began.
            (_, None) => return,
        };
        check(
            "rows",
            self.view.outputs[0].span,
            before.windows.saturating_sub(theirs),
            comparisons.rows.passed(),
        );
        let buried = before.late() + before.rejected();
        let buried = buried.saturating_sub(their_letters);
        check("dead letters", self.view.outputs[1].span, buried, comparisons.passed_dead_letters());
        let noted = before.rollups.iter().zip(their_rollups);
        let noted = noted.map(|(rolled, theirs)| rolled.rows.saturating_sub(*theirs));
        let rollups = self.job.topics_of(ROLLUP).zip(&self.view.outputs[2..]);
        for (((name, output), noted), table) in rollups.zip(noted).zip(&comparisons.rollups) {
            check(&format!("rows of {name}"), output.span, noted, table.passed());
        }
    }

    /// Conservation of each roll-up: every record of a closed window is in a row that was found, or
    /// in a span that is open.
    fn count_rolled(&self, reporter: &mut DifferenceReporter<'_>) {
        let (comparisons, before, noted) = (&self.comparisons, &self.before, &self.note.counters);
        let levels = self.job.topics_of(ROLLUP).zip(&comparisons.rollups);
        for ((name, table), (before, rolled)) in
            levels.zip(before.rollups.iter().zip(&noted.rollups))
        {
            let found = before.closed + table.found_records;
            if table.is_whole() && found + rolled.open != noted.closed {
                reporter.count(
                    &format!("conservation in {name}"),
                    format!("{} records in closed windows", noted.closed),
                    format!("{found} in its rows + {} in open spans", rolled.open),
                );
            }
        }
    }
}

/// The comparisons of a partition, of which the fold begins `before` where it begins late.
fn comparisons(job: &Job, view: &PartitionView, before: Option<Offset>) -> Comparisons {
    let is_cut = |span: Span| span.first > Offset(0);
    let rollups = job.topics_of(ROLLUP).zip(&view.outputs[2..]);
    let rollups = rollups.map(|(name, output)| {
        RowComparison::new(Some(name.clone()), Comparison::new(before, is_cut(output.span)))
    });
    Comparisons::new(
        RowComparison::new(None, Comparison::new(before, is_cut(view.outputs[0].span))),
        rollups.collect(),
        Comparison::new(before, is_cut(view.outputs[1].span)),
    )
}

fn topics(store: &dyn JobStore, job: &Job, at: Partition, view: &PartitionView) -> Result<Topics> {
    let open = |name, span| TopicReader::open(store, name, at, span);
    let rollups = job.topics_of(ROLLUP).zip(&view.outputs[2..]);
    Ok(Topics {
        rows: open(job.main_topic(), view.outputs[0].span)?,
        rollups: rollups.map(|(name, output)| open(name, output.span)).collect::<Result<_>>()?,
        dead_letters: open(job.topic_of(DEAD).unwrap_or_default(), view.outputs[1].span)?,
    })
}

/// The engine of the oldest checkpoint that the log from `first` on reaches, made after the rescale
/// that is to be `passed`.
fn from_checkpoint(
    store: &dyn JobStore,
    job: &Job,
    (partition, view): (Partition, &PartitionView),
    (first, passed): (Offset, Option<Rescale>),
    points: &mut ReplayPoints,
) -> Result<Engine> {
    for info in &view.checkpoints {
        let (position, sequence) = (info.manifest.position, info.manifest.journal_sequence);
        if passed.is_some_and(|rescale| sequence <= rescale.sequence)
            || points.reach(position, sequence) < first
        {
            continue;
        }
        let number = info.manifest.checkpoint;
        let checkpoint = match store.checkpoint(partition, number) {
            Ok(checkpoint) => checkpoint,
            Err(error) => {
                tracing::warn!("{error}; a newer checkpoint is tried");
                continue;
            }
        };
        let engine = Engine::restore(&checkpoint.state, &job.input().name, partition)
            .map_err(|source| Error::Snapshot { partition, number, source })?;
        points.begin_at(position, sequence);
        return Ok(engine);
    }
    Err(Error::NothingToProve { partition, first })
}
