//! What was proved of a job with a statement in SQL.

use std::time::Duration;

use seismic_derived::{Counts, State};
use seismic_pipeline::verify::{LostRange, Proved, Report};
use seismic_queue::View;
use serde_json::json;

use super::against_source::ComparedTable;
use crate::cli::format::{count, rate};

/// A proof, for those who read it.
pub(super) struct StatementProved<'a> {
    pub report: &'a Report,
    pub view: &'a View,
    /// Its tables, where they were compared with their sources.
    pub compared: Vec<ComparedTable>,
}

impl StatementProved<'_> {
    /// The counts of all partitions.
    fn counts(&self) -> Counts {
        let mut sum = Counts::default();
        for proved in &self.report.partitions {
            let Ok(stored) = State::decode(&proved.note) else { continue };
            sum.add(&stored.state.counts);
        }
        sum
    }

    /// Whether the statement looks at windows.
    fn is_of_windows(&self) -> bool {
        let notes = self.report.partitions.iter().map(|proved| State::decode(&proved.note));
        notes.flatten().any(|stored| stored.definition.window().is_some())
    }

    /// Rows of the output at that place that were compared.
    fn rows(&self, place: usize) -> u64 {
        let of = |proved: &Proved| proved.rows.get(place).copied().unwrap_or(0);
        self.report.partitions.iter().map(of).sum()
    }

    fn checkpoints(&self) -> u64 {
        self.report.partitions.iter().map(|proved| proved.checkpoints).sum()
    }

    pub(super) fn in_words(&self, time: Duration) -> String {
        let (report, counts) = (self.report, self.counts());
        let mut text = String::new();
        for proved in report.partitions.iter().filter(|proved| !proved.is_complete()) {
            text += &format!(
                "partition {}: only offsets {} to {} could be proved, the {} before them is gone\n",
                proved.partition,
                proved.from,
                proved.to,
                proved.gone()
            );
        }
        for proved in &report.partitions {
            for LostRange { from, to, .. } in &proved.lost {
                text += &format!(
                    "partition {}: offsets {from} to {} were gone before they were read; the loss was \
                     accepted\n",
                    proved.partition,
                    to.0 - 1
                );
            }
        }
        if !report.is_fine() {
            let word = if report.total == 1 { "difference" } else { "differences" };
            text += &format!("{} {word}; the first of each partition:\n", count(report.total));
            for difference in &report.differences {
                text += &format!("  {difference}\n");
            }
            return text;
        }
        let verified = if report.is_complete() { "verified" } else { "verified in part" };
        let waiting = match counts.waiting {
            0 => String::new(),
            waiting if self.is_of_windows() => format!("{} in open windows + ", count(waiting)),
            waiting => format!("{} that wait for others + ", count(waiting)),
        };
        let of_pairs = match counts.dead_pairs {
            0 => String::new(),
            pairs => format!(" ({} more are of pairs)", count(pairs)),
        };
        text += &format!(
            "{verified}: {} records = {} that gave rows + {} that gave none + {waiting}{} dead \
             letters{of_pairs}\n\
             \x20         {} rows of {} and {} dead letters, each present once and bit-identical, also \
             with other cuts\n\
             \x20         {} retained checkpoints are the state at their position\n\
             \x20         {} partitions in {:.1} s ({} records/s)\n",
            count(counts.read),
            count(counts.gave),
            count(counts.filtered),
            count(counts.dead_letters() - counts.dead_pairs),
            count(self.rows(0)),
            self.view.job.main_topic(),
            count(self.rows(1)),
            count(self.checkpoints()),
            report.partitions.len(),
            time.as_secs_f64(),
            rate(counts.read, time),
        );
        text
    }

    pub(super) fn as_json(&self) -> serde_json::Value {
        let (report, counts) = (self.report, self.counts());
        let mut all = json!({
            "verified": report.is_fine(),
            "complete": report.is_complete(),
            "read": counts.read,
            "gave_rows": counts.gave,
            "filtered": counts.filtered,
            "waiting": counts.waiting,
            "rows": self.rows(0),
            "dead_letters": self.rows(1),
            "lost_messages": counts.lost_messages,
            "checkpoints": self.checkpoints(),
            "total_differences": report.total,
            "differences": report.differences.iter().map(ToString::to_string).collect::<Vec<_>>(),
        });
        if !self.compared.is_empty() {
            all["tables"] = self.compared.iter().map(ComparedTable::as_json).collect();
        }
        all
    }
}
