//! What came of a trial of a statement.

use std::collections::BTreeMap;

use seismic_derived::{Counts, StatementKind};
use seismic_pipeline::DEAD;
use seismic_proto::{Message as _, SeismicDeadLetter};
use serde_json::Value;

use crate::dimension::note::TableNote;
use crate::job::JobSpec;
use crate::trial::outcome::each;

/// What came of it.
#[derive(Debug, Default)]
pub struct StatementOutcome {
    /// Rows of the output, in the order of the input.
    pub rows: Vec<Value>,
    /// Dead letters, in the order of the input.
    pub dead_letters: Vec<SeismicDeadLetter>,
    /// How many records ended where.
    pub counts: StatementCounts,
    /// The tables that it looked things up in.
    pub tables: Vec<TableNote>,
}

/// Where every record ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct StatementCounts {
    /// Records read.
    pub read: u64,
    /// Those of them that gave rows.
    pub gave: u64,
    /// Those for which the statement gave none.
    pub filtered: u64,
    /// Rows.
    pub rows: u64,
    /// Dead letters by reason.
    pub dead_letters: BTreeMap<String, u64>,
}

impl StatementOutcome {
    /// What the job left in its store.
    ///
    /// # Errors
    /// When that cannot be read.
    pub(super) fn read(spec: &JobSpec) -> anyhow::Result<StatementOutcome> {
        let store = spec.location().open_store()?;
        let (view, topics) = (store.view()?, store.topics());
        let mut outcome = StatementOutcome::default();
        each(topics, view.job.main_topic(), |message| {
            outcome.rows.push(serde_json::from_slice(message.value)?);
            Ok(())
        })?;
        if let Some(topic) = view.job.topic_of(DEAD) {
            each(topics, topic, |message| {
                outcome.dead_letters.push(SeismicDeadLetter::decode(message.value)?);
                Ok(())
            })?;
        }
        let mut counts = Counts::default();
        for progress in view.partitions.iter().filter_map(|part| part.progress.as_ref()) {
            counts.add(&StatementKind::stored(&progress.note)?.state.counts);
        }
        let Counts { read, gave, filtered, rows, dead, .. } = counts;
        let dead_letters =
            dead.into_iter().map(|(reason, count)| (reason.name().to_owned(), count)).collect();
        outcome.counts = StatementCounts { read, gave, filtered, rows, dead_letters };
        for table in &spec.tables {
            outcome.tables.extend(TableNote::stored(&*store, &table.table)?);
        }
        Ok(outcome)
    }
}
