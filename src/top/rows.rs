//! One line of cells for each job, with rates between two samples.

use std::collections::BTreeMap;

use crate::cli::format::count;
use crate::http::model::JobEntry;
use crate::status::numbers::JobNumbers;

/// Heads of the columns.
pub const HEADS: [&str; 10] = [
    "job",
    "state",
    "records/s",
    "records",
    "late+rej.",
    "lag",
    "waited",
    "latency",
    "commit",
    "ckpt",
];

/// Widths of the columns; the first one takes what is left.
pub const WIDTHS: [u16; 10] = [16, 10, 10, 14, 10, 10, 8, 8, 8, 6];

/// The jobs as they were at the last look.
#[derive(Debug, Default)]
pub struct Rows {
    last: BTreeMap<String, JobNumbers>,
}

impl Rows {
    /// The cells of each job, with rates since the last look.
    pub fn cells(&mut self, jobs: &[JobEntry]) -> Vec<[String; 10]> {
        let cells = jobs.iter().map(|job| cells(self.last.get(&job.name), job)).collect();
        self.last = jobs.iter().map(|job| (job.name.clone(), job.numbers.clone())).collect();
        cells
    }
}

fn cells(last: Option<&JobNumbers>, job: &JobEntry) -> [String; 10] {
    let now = &job.numbers;
    let seconds =
        |ms: Option<i64>| ms.map_or("-".to_owned(), |ms| format!("{:.1} s", ms as f64 / 1e3));
    let passed = last.map_or(0.0, |last| (now.at_ms - last.at_ms) as f64 / 1e3);
    let rate = last.filter(|_| passed > 0.0).map_or("-".to_owned(), |last| {
        count((now.records_read.saturating_sub(last.records_read) as f64 / passed).round() as u64)
    });
    let commits = now.commit_times.count();
    let commit = match commits {
        0 => "-".to_owned(),
        _ => format!("{:.1} ms", now.commit_times.sum_s * 1e3 / commits as f64),
    };
    [
        job.name.clone(),
        job.state.clone(),
        rate,
        count(now.counts.read),
        count(now.counts.late + now.counts.rejected),
        count(now.lag),
        seconds(now.wait_ms),
        seconds(now.event_latency_ms),
        commit,
        format!("{} s", now.checkpoint_age_ms / 1_000),
    ]
}

/// A table for people and pipes.
#[must_use]
pub fn text(cells: &[[String; 10]]) -> String {
    let line = |cells: [&str; 10]| {
        let mut line = String::new();
        for (number, (cell, width)) in cells.iter().zip(WIDTHS).enumerate() {
            let width = usize::from(width);
            line += &match number {
                0 | 1 => format!("{cell:<width$} "),
                _ => format!("{cell:>width$} "),
            };
        }
        line.trim_end().to_owned() + "\n"
    };
    let rows = cells.iter().map(|row| line(row.each_ref().map(String::as_str)));
    line(HEADS) + &rows.collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_between_two_looks() {
        let job = |at_ms, records_read| JobEntry {
            name: "coast".into(),
            state: "running".into(),
            numbers: JobNumbers { at_ms, records_read, ..JobNumbers::default() },
            ..JobEntry::default()
        };
        let mut rows = Rows::default();
        assert_eq!(rows.cells(&[job(1_000, 500)])[0][2], "-");
        let cells = rows.cells(&[job(3_000, 4_500)]);
        assert_eq!(cells[0][2], "2,000");
        let text = text(&cells);
        assert!(text.starts_with("job ") && text.lines().nth(1).unwrap().starts_with("coast"));
    }
}
