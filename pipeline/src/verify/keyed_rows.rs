//! Rows of keyed outputs, compared as a set by their identities.
//!
//! They stand among those of other tasks, in an order that nobody promises, so each carries what it
//! was made of: input, partition, offset, index, and number among the rows of that record. Rows of
//! messages beyond the positions of the view are newer, and are passed over. Rows of messages before
//! a fold cannot be made again, but they can be counted.

use std::collections::{BTreeMap, HashMap};

use seismic_queue::{JobStore, KeyedBlock, KeyedCut, Partition, View};

use super::difference_reporter::DifferenceReporter;
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
    /// Rows that each partition wrote before its fold began; `None` where nobody knows.
    before: HashMap<Partition, Option<Vec<KeyedCut>>>,
}

impl KeyedRows {
    /// Takes what a fold gives.
    pub fn expect(
        &mut self,
        kind: &dyn OperatorKind,
        block: &KeyedBlock,
        reporter: &mut DifferenceReporter<'_>,
    ) {
        for (_, value) in block.rows.messages() {
            let Some(identity) = kind.identity(block.output, value) else {
                let key = format!("a row of output {}", block.output);
                reporter.keyed(DifferenceKind::RowUnexpected, key, Some("a row without identity"));
                continue;
            };
            let row = (block.partition, digest(value));
            if self.expected.insert((block.output, identity), row).is_some() {
                let words = Some("the log gives two rows of that identity");
                reporter.keyed(DifferenceKind::RowDoubled, identity.to_string(), words);
            }
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
                            (DifferenceKind::RowUnexpected, "a row that is there twice or wrong")
                        }
                    };
                    let key = format!("{identity} in {at}");
                    DifferenceReporter::new(partition, report).keyed(kind, key, Some(words));
                };
                while reader.read(|_, value| take(value))? {}
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
