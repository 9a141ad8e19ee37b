//! What came of a trial: rows, dead letters and counts.

use std::collections::BTreeMap;
use std::time::Duration;

use seismic_pipeline::{DEAD, ROLLUP};
use seismic_proto::{Message as _, SeismicAggRecord, SeismicDeadLetter};
use seismic_queue::{Message, Queue, SpanReader};

use crate::job::JobSpec;
use crate::job::repartition::StoredFirstStep;

/// Reason of a record that came too late.
const LATE: &str = "late";

/// How long a log in memory is waited for: it is there.
const WAIT: Duration = Duration::from_secs(5);

/// What the job wrote, in orders that do not depend on which partition was faster.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Rows of the result topic, by start of the window, sensor and pane.
    pub rows: Vec<SeismicAggRecord>,
    /// Rows of each roll-up, in the same order, by topic.
    pub rollups: BTreeMap<String, Vec<SeismicAggRecord>>,
    /// Dead letters, by partition and place in the input.
    pub dead_letters: Vec<SeismicDeadLetter>,
    /// How many records ended where.
    pub counts: Counts,
}

/// Where every record ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Records read.
    pub read: u64,
    /// Those of them that a window counts.
    pub counted: u64,
    /// Those that came too late for their window.
    pub late: u64,
    /// Those that were rejected.
    pub rejected: u64,
    /// Rows.
    pub rows: u64,
    /// Dead letters by reason, `late` among them.
    pub dead_letters: BTreeMap<String, u64>,
}

impl Outcome {
    /// What the job left in its store.
    ///
    /// # Errors
    /// When that cannot be read.
    pub fn read(spec: &JobSpec) -> anyhow::Result<Outcome> {
        let location = spec.location();
        let store = location.open_store()?;
        let view = store.view()?;
        let topics = store.topics();
        let mut outcome =
            Outcome { rows: rows_of(topics, view.job.main_topic())?, ..Outcome::default() };
        for topic in view.job.topics_of(ROLLUP) {
            outcome.rollups.insert(topic.clone(), rows_of(topics, topic)?);
        }
        if let Some(topic) = view.job.topic_of(DEAD) {
            outcome.add_dead(topics, topic)?;
        }
        if let Some(first) = StoredFirstStep::of(&location, &view)?
            && let Some(topic) = first.view.job.topic_of(DEAD)
        {
            outcome.add_dead(first.store.topics(), topic)?;
        }
        outcome
            .dead_letters
            .sort_by_key(|letter| (letter.input_partition, letter.input_offset, letter.index));
        outcome.count();
        Ok(outcome)
    }

    fn add_dead(&mut self, topics: &dyn Queue, topic: &str) -> anyhow::Result<()> {
        each(topics, topic, |message| {
            self.dead_letters.push(SeismicDeadLetter::decode(message.value)?);
            Ok(())
        })
    }

    fn count(&mut self) {
        let mut counts = Counts { rows: self.rows.len() as u64, ..Counts::default() };
        for letter in &self.dead_letters {
            *counts.dead_letters.entry(letter.reason.clone()).or_default() += 1;
        }
        counts.counted = self.rows.iter().map(|row| row.record_count.unsigned_abs()).sum();
        counts.late = counts.dead_letters.get(LATE).copied().unwrap_or_default();
        let dead = self.dead_letters.len() as u64;
        counts.rejected = dead - counts.late;
        counts.read = counts.counted + dead;
        self.counts = counts;
    }
}

fn rows_of(topics: &dyn Queue, topic: &str) -> anyhow::Result<Vec<SeismicAggRecord>> {
    let mut rows = Vec::new();
    each(topics, topic, |message| {
        rows.push(SeismicAggRecord::decode(message.value)?);
        Ok(())
    })?;
    rows.sort_by(|a, b| order(a).cmp(&order(b)));
    Ok(rows)
}

/// By time first, as a person reads them.
fn order(row: &SeismicAggRecord) -> (i64, &str, i32, i32, i32) {
    let SeismicAggRecord { window_start_ts, clock_era, pane, input_partition, .. } = *row;
    (window_start_ts, &row.sensor_id, clock_era, pane, input_partition)
}

/// Every message of a topic, partition by partition.
///
/// # Errors
/// When it cannot be read.
pub(super) fn each(
    topics: &dyn Queue,
    name: &str,
    mut found: impl FnMut(Message<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let topic = topics.topic(name)?;
    let spans = topics.spans(&topic)?;
    for (partition, span) in topic.all().zip(spans) {
        let mut reader = SpanReader::new(topics, &topic, partition, span)?;
        while !reader.is_at_end() {
            reader.read(WAIT, &mut found)?;
        }
    }
    Ok(())
}
