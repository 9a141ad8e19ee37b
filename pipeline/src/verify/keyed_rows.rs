//! Rows of keyed outputs, compared as a set by their identities, or, for a kind that reads its
//! partitions in step, as the sequences in which its tasks wrote them.
//!
//! They are interleaved with rows of other tasks in no defined order, so each carries its identity:
//! input, partition, offset, index, and number among the rows of that record. Rows of messages
//! beyond the positions of the view are newer and are skipped. Rows of messages before the replay
//! cannot be recomputed, but they can be counted.

use std::collections::{BTreeMap, HashMap};

use seismic_queue::{JobStore, KeyedBlock, KeyedCut, Partition, View};

use super::difference_reporter::DifferenceReporter;
use super::keyed_sequences::KeyedSequences;
use super::report::{DifferenceKind, Proved, Report};
use super::row_sequence::digest;
use super::topic_reader::TopicReader;
use crate::Result;
use crate::engine::operator::{OperatorKind, RowIdentity};

/// What the folds of all partitions give.
#[derive(Default)]
pub(super) struct KeyedRows {
    /// Place of the output and identity; where the row goes, and a digest of it.
    expected: BTreeMap<(usize, RowIdentity), (Partition, u64)>,
    /// Rows that each partition wrote before its fold began; `None` where no one knows.
    before: HashMap<Partition, Option<Vec<KeyedCut>>>,
    /// Of a kind whose rows stand as its tasks read them, instead of the expected set.
    sequences: Option<KeyedSequences>,
}

impl KeyedRows {
    /// Of a job of that kind; nothing is expected yet.
    pub fn new(store: &dyn JobStore, kind: &dyn OperatorKind, view: &View) -> Result<Self> {
        let is_in_order = kind.alignment().is_some();
        let sequences = is_in_order.then(|| first_kept(store, kind, view)).transpose()?;
        Ok(KeyedRows { sequences, ..KeyedRows::default() })
    }

    /// Takes what a fold gives.
    pub fn expect(
        &mut self,
        kind: &dyn OperatorKind,
        block: &KeyedBlock,
        reporter: &mut DifferenceReporter<'_>,
    ) {
        for (_, stored) in block.rows.messages() {
            kind.each_row(block.output, stored, &mut |value| {
                self.expect_row(kind, (block.output, block.partition), value, reporter);
            });
        }
    }

    fn expect_row(
        &mut self,
        kind: &dyn OperatorKind,
        (output, partition): (usize, Partition),
        value: &[u8],
        reporter: &mut DifferenceReporter<'_>,
    ) {
        let Some(identity) = kind.identity(output, value) else {
            let key = format!("a row of output {output}");
            return reporter.keyed(
                DifferenceKind::RowUnexpected,
                key,
                Some("a row without identity"),
            );
        };
        if let Some(sequences) = &mut self.sequences {
            return sequences.expect((output, partition), identity, digest(value));
        }
        if self.expected.insert((output, identity), (partition, digest(value))).is_some() {
            let words = Some("the log gives two rows of that identity");
            reporter.keyed(DifferenceKind::RowDoubled, identity.to_string(), words);
        }
    }

    /// What a partition wrote before its fold began.
    pub fn set_before(&mut self, partition: Partition, rows: Option<Vec<KeyedCut>>) {
        self.before.insert(partition, rows);
    }

    /// Compares the keyed outputs of all partitions.
    pub fn compare(
        mut self,
        store: &dyn JobStore,
        kind: &dyn OperatorKind,
        view: &View,
        report: &mut Report,
    ) -> Result<()> {
        if let Some(sequences) = self.sequences {
            return compare_in_order(sequences, store, kind, view, report);
        }
        let mut passed: HashMap<(Partition, usize, Partition), u64> = HashMap::new();
        for (place, output) in view.job.outputs.iter().enumerate() {
            for (partition, of_it) in (0..).map(Partition).zip(&view.keyed[place]) {
                let at = format!("{}/{partition}", output.topic);
                let mut reader = TopicReader::open(store, &output.topic, partition, of_it.span)?;
                let mut take = |value: &[u8]| {
                    let Some(identity) = kind.identity(place, value) else {
                        let key = format!("a row of {at}");
                        let mut reporter = DifferenceReporter::new(partition, report);
                        let words = Some("a row without identity");
                        return reporter.keyed(DifferenceKind::RowUnexpected, key, words);
                    };
                    let expected = self.expected.remove(&(place, identity));
                    let age = age(view, &report.partitions, &identity);
                    let (kind, words) = match (expected, age) {
                        (Some((to, row)), _) if to == partition && row == digest(value) => {
                            return count(report, &identity, place);
                        }
                        (Some(_), _) => (DifferenceKind::RowDiffers, "another row"),
                        (None, Age::Newer) => return,
                        (None, Age::Older) => {
                            let at = (identity.partition, place, partition);
                            *passed.entry(at).or_default() += 1;
                            return;
                        }
                        (None, Age::Proved) => {
                            (DifferenceKind::RowUnexpected, "a row that is duplicated or wrong")
                        }
                    };
                    let key = format!("{identity} in {at}");
                    DifferenceReporter::new(partition, report).keyed(kind, key, Some(words));
                };
                while reader.read(|_, stored| kind.each_row(place, stored, &mut take))? {}
            }
        }
        self.report_missing(view, report);
        self.count_before(view, &passed, report);
        Ok(())
    }

    fn report_missing(&self, view: &View, report: &mut Report) {
        for ((place, identity), (partition, _)) in &self.expected {
            // Retention may have deleted the oldest rows.
            if !is_cut(view, *place) {
                let topic = &view.job.outputs[*place].topic;
                let key = format!("{identity} in {topic}/{partition}");
                let mut reporter = DifferenceReporter::new(identity.partition, report);
                reporter.keyed(DifferenceKind::RowMissing, key, None);
            }
        }
    }

    /// What lies before folds that began late is as many rows as the notes say.
    fn count_before(
        &self,
        view: &View,
        passed: &HashMap<(Partition, usize, Partition), u64>,
        report: &mut Report,
    ) {
        for (partition, before) in &self.before {
            for KeyedCut { output, partition: to, rows } in before.iter().flatten() {
                if is_cut(view, *output) {
                    continue;
                }
                let found = passed.get(&(*partition, *output, *to)).copied().unwrap_or(0);
                if found != *rows {
                    let topic = &view.job.outputs[*output].topic;
                    let what = format!("rows of {topic}/{to} before the range that was proved");
                    let mut reporter = DifferenceReporter::new(*partition, report);
                    reporter.count(&what, rows.to_string(), found.to_string());
                }
            }
        }
    }
}

/// Compares rows of one task that stand in order, sequence by sequence.
fn compare_in_order(
    mut sequences: KeyedSequences,
    store: &dyn JobStore,
    kind: &dyn OperatorKind,
    view: &View,
    report: &mut Report,
) -> Result<()> {
    each_row(store, kind, view, |(place, partition), at, value| {
        let Some(identity) = kind.identity(place, value) else {
            let key = format!("a row of {at}");
            let mut reporter = DifferenceReporter::new(partition, report);
            let words = Some("a row without identity");
            return reporter.keyed(DifferenceKind::RowUnexpected, key, words);
        };
        if let Age::Proved = age(view, &report.partitions, &identity) {
            count(report, &identity, place);
            sequences.find((place, partition), identity, digest(value));
        }
    })?;
    for differing in sequences.differing() {
        let (place, to) = differing.to;
        let at = format!("{}/{to}", view.job.outputs[place].topic);
        DifferenceReporter::new(differing.of, report).rows(at, differing.expected, differing.found);
    }
    Ok(())
}

/// The first row of each task in those partitions of keyed outputs whose oldest rows retention has
/// deleted.
fn first_kept(
    store: &dyn JobStore,
    kind: &dyn OperatorKind,
    view: &View,
) -> Result<KeyedSequences> {
    let mut sequences = KeyedSequences::default();
    if (0..view.job.outputs.len()).all(|place| !is_cut(view, place)) {
        return Ok(sequences);
    }
    each_row(store, kind, view, |(place, partition), _, value| {
        let span = view.keyed[place][partition.0 as usize].span;
        if let Some(identity) = kind.identity(place, value).filter(|_| span.first.0 > 0) {
            sequences.is_kept((place, partition), identity);
        }
    })?;
    for (place, partitions) in view.keyed.iter().enumerate() {
        let cut = (0..).map(Partition).zip(partitions).filter(|(_, it)| it.span.first.0 > 0);
        cut.for_each(|(partition, _)| sequences.is_cut((place, partition)));
    }
    Ok(sequences)
}

/// Calls `take` with each row of the keyed outputs: where it is, as numbers and as text.
fn each_row(
    store: &dyn JobStore,
    kind: &dyn OperatorKind,
    view: &View,
    mut take: impl FnMut((usize, Partition), &str, &[u8]),
) -> Result<()> {
    for (place, output) in view.job.outputs.iter().enumerate() {
        for (partition, of_it) in (0..).map(Partition).zip(&view.keyed[place]) {
            let at = format!("{}/{partition}", output.topic);
            let mut reader = TopicReader::open(store, &output.topic, partition, of_it.span)?;
            let mut of_it = |value: &[u8]| take((place, partition), &at, value);
            while reader.read(|_, stored| kind.each_row(place, stored, &mut of_it))? {}
        }
    }
    Ok(())
}

fn is_cut(view: &View, place: usize) -> bool {
    view.keyed[place].iter().any(|it| it.span.first.0 > 0)
}

/// One more row that is on both sides.
fn count(report: &mut Report, identity: &RowIdentity, place: usize) {
    let mut proved = report.partitions.iter_mut();
    if let Some(proved) = proved.find(|it| it.partition == identity.partition) {
        proved.rows[place] += 1;
    }
}

/// When the message of a row was applied.
enum Age {
    /// Before the fold of its partition began.
    Older,
    /// The fold gives it.
    Proved,
    /// After the view, so nothing is said of it.
    Newer,
}

fn age(view: &View, proved: &[Proved], identity: &RowIdentity) -> Age {
    let Some(proved) = proved.iter().find(|it| it.partition == identity.partition) else {
        // Of a partition without progress it may be newer; nothing makes one of a partition that
        // there is not.
        let is_there = identity.partition.0 < view.job.partitions();
        return if is_there { Age::Newer } else { Age::Proved };
    };
    match proved.range(identity.input) {
        Some((_, to)) if identity.offset >= to => Age::Newer,
        Some((from, _)) if identity.offset < from && !proved.is_complete() => Age::Older,
        // Also of an input that the job does not have.
        _ => Age::Proved,
    }
}
