//! The report of a trial, as JSON.

use seismic_ingest::files::records::{RecordsSummary, Refusals};
use seismic_proto::{SeismicAggRecord, SeismicDeadLetter};
use serde::Serialize;

use super::comparison::Comparison;
use super::disturbance::Disturbed;
use super::outcome::{Counts, Outcome};
use crate::cli::json::{self, Content, Value};

/// All that is told.
pub struct Report {
    /// What came of it.
    pub outcome: Outcome,
    /// What is to be said of files of records.
    pub summary: RecordsSummary,
    /// What was done to messages.
    pub disturbed: Disturbed,
    /// What differs from expected rows.
    pub comparison: Option<Comparison>,
}

/// The same for programs.
#[derive(Serialize)]
pub struct JsonReport<'a> {
    rows: Vec<json::Row>,
    rollups: Vec<JsonRollup>,
    dead_letters: Vec<JsonLetter>,
    counts: &'a Counts,
    input: JsonInput<'a>,
    disturbed: Disturbed,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<&'a Comparison>,
}

#[derive(Serialize)]
struct JsonRollup {
    topic: String,
    rows: Vec<json::Row>,
}

/// A dead letter with what it holds, where that is a record.
#[derive(Serialize)]
struct JsonLetter {
    #[serde(flatten)]
    letter: json::DeadLetter,
    record: Option<Value>,
}

#[derive(Serialize)]
struct JsonInput<'a> {
    records: u64,
    refused: &'a Refusals,
    unread: &'a Refusals,
}

impl Report {
    /// Whether rows are not as expected.
    #[must_use]
    pub fn differs(&self) -> bool {
        self.comparison.as_ref().is_some_and(|found| !found.is_equal())
    }

    /// The report with so many rows and dead letters of each topic; counts are always those of all.
    #[must_use]
    pub fn json(&self, most: usize) -> JsonReport<'_> {
        let rows = |rows: &[SeismicAggRecord]| {
            rows.iter().take(most).cloned().map(json::Row).collect::<Vec<_>>()
        };
        let Outcome { rows: main, rollups, dead_letters, counts } = &self.outcome;
        let rollup = |(topic, of_it): (&String, &Vec<SeismicAggRecord>)| JsonRollup {
            topic: topic.clone(),
            rows: rows(of_it),
        };
        let letter = |letter: &SeismicDeadLetter| JsonLetter {
            letter: letter.clone().into(),
            record: record_of(letter),
        };
        let RecordsSummary { published, refused, unread, .. } = &self.summary;
        JsonReport {
            rows: rows(main),
            rollups: rollups.iter().map(rollup).collect(),
            dead_letters: dead_letters.iter().take(most).map(letter).collect(),
            counts,
            input: JsonInput { records: *published, refused, unread },
            disturbed: self.disturbed,
            expected: self.comparison.as_ref(),
        }
    }
}

/// The record that a dead letter holds.
#[must_use]
pub fn record_of(letter: &SeismicDeadLetter) -> Option<Value> {
    // What is longer than a dead letter holds is cut.
    let is_whole = letter.original_len == letter.bytes.len() as i64;
    Value::parse(&letter.bytes, Content::Records).filter(|_| is_whole)
}
