//! The summary of a run.

use std::time::Duration;

use seismic_ingest::appender::per_second;
use serde::Serialize;

use crate::plan::Plan;
use crate::record_kind::Counts;

/// What a run did. Serialises to the object that `--json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Records that are durable in the topic, anomalies included; those of an earlier attempt too.
    pub published: u64,
    /// The same by kind, zeros too.
    pub by_kind: Counts,
    /// How long it took.
    pub seconds: f64,
    /// `published / seconds`.
    pub records_per_second: f64,
    /// Messages that were in the topic already, from an earlier attempt at the same run.
    pub recognised: u64,
    /// What everything random was drawn from.
    pub seed: u64,
    /// Event time of the first sample, ms since 1970 UTC.
    pub start_ms: i64,
    /// Where the records went.
    pub topic: String,
}

impl Summary {
    pub(crate) fn new(
        plan: &Plan,
        topic: &str,
        by_kind: Counts,
        recognised: u64,
        took: Duration,
    ) -> Self {
        let published = by_kind.total();
        Summary {
            published,
            by_kind,
            seconds: took.as_secs_f64(),
            records_per_second: per_second(published, took),
            recognised,
            seed: plan.seed,
            start_ms: plan.start_ms,
            topic: topic.to_owned(),
        }
    }
}
