//! Log lines about a running job: assigned and revoked partitions, overdue checkpoints, and a
//! summary once a minute. State changes are logged where they happen.
//!
//! Observations and times are inputs, log lines are outputs; it knows no clock.

use tracing::Level;

use crate::http::model::JobEntry;
use crate::logs::SERVICE;
use crate::status::numbers::JobNumbers;

/// How often the log says how it goes.
const HEARTBEAT_MS: i64 = 60_000;

/// A checkpoint that is older than this is in trouble: it is taken every few seconds.
const OLD_CHECKPOINT_MS: i64 = 300_000;

/// A line with how bad it is.
type Said = (Level, String);

/// What was seen last.
#[derive(Debug, Default)]
pub struct Journal {
    partitions: Vec<u32>,
    is_checkpoint_old: bool,
    /// At the last heartbeat.
    beat: Option<JobNumbers>,
}

impl Journal {
    /// Logs what is worth a line of what the job does now.
    pub fn tell(&mut self, job: &JobEntry) {
        for (level, text) in self.see(job) {
            match level {
                // What is wrong is said whether somebody asked for a log or not.
                Level::WARN => tracing::warn!("{text}"),
                _ => tracing::info!(target: SERVICE, "{text}"),
            }
        }
    }

    /// Takes in what the job does now; what to log.
    fn see(&mut self, job: &JobEntry) -> Vec<Said> {
        let mut said = Vec::new();
        let name = &job.name;
        let held = job.numbers.partitions.iter().filter(|it| it.is_held);
        let held: Vec<u32> = held.map(|it| it.partition).collect();
        if held != self.partitions {
            let came = held.iter().filter(|it| !self.partitions.contains(it));
            let went = self.partitions.iter().filter(|it| !held.contains(it));
            let (came, went) = (in_words(came), in_words(went));
            said.push((
                Level::INFO,
                format!(
                    "job {name} has {} partitions here (assigned: {came}; given up: {went})",
                    held.len()
                ),
            ));
            self.partitions = held;
        }
        said.extend(self.checkpoints(job));
        said.extend(self.heartbeat(job));
        said
    }

    fn checkpoints(&mut self, job: &JobEntry) -> Option<Said> {
        let (name, age_ms) = (&job.name, job.numbers.checkpoint_age_ms);
        let is_old = age_ms > OLD_CHECKPOINT_MS;
        if is_old == std::mem::replace(&mut self.is_checkpoint_old, is_old) {
            return None;
        }
        Some(match is_old {
            true => (
                Level::WARN,
                format!(
                    "the newest checkpoint of job {name} is {} s old: a restart would replay all \
                     since then; `seismic doctor` examines the store",
                    age_ms / 1_000
                ),
            ),
            false => (Level::INFO, format!("job {name} takes checkpoints again")),
        })
    }

    fn heartbeat(&mut self, job: &JobEntry) -> Option<Said> {
        let now = &job.numbers;
        let Some(last) = &self.beat else {
            self.beat = Some(now.clone());
            return None;
        };
        let ms = now.at_ms - last.at_ms;
        if ms < HEARTBEAT_MS {
            return None;
        }
        let said =
            (Level::INFO, format!("job {} is {}: {}", job.name, job.state, rates(last, now)));
        self.beat = Some(now.clone());
        Some(said)
    }
}

/// How it goes: rates between two moments, and how far behind it is.
#[must_use]
pub fn rates(last: &JobNumbers, now: &JobNumbers) -> String {
    let seconds = (now.at_ms - last.at_ms).max(1) as f64 / 1e3;
    let per_s = |of: fn(&JobNumbers) -> u64| of(now).saturating_sub(of(last)) as f64 / seconds;
    let commits = now.commit_times.count().saturating_sub(last.commit_times.count());
    let commit_s = now.commit_times.sum_s - last.commit_times.sum_s;
    let shown =
        |ms: Option<i64>| ms.map_or("unknown".to_owned(), |ms| format!("{:.1} s", ms as f64 / 1e3));
    let mut text = format!(
        "{:.0} records/s, {:.1} rows/s, {:.1} dead letters/s, lag {} messages, waited {}, event \
         latency {}, {:.1} commits/s",
        per_s(|of| of.records_read),
        per_s(|of| of.rows),
        per_s(|of| of.dead_letters),
        now.lag,
        shown(now.wait_ms),
        shown(now.event_latency_ms),
        commits as f64 / seconds,
    );
    if commits > 0 {
        text += &format!(" of {:.1} ms", commit_s * 1e3 / commits as f64);
    }
    text + &format!(
        ", checkpoint {} s old, {} MiB",
        now.checkpoint_age_ms / 1_000,
        now.memory_bytes >> 20
    )
}

fn in_words<'a>(partitions: impl Iterator<Item = &'a u32>) -> String {
    let all: Vec<String> = partitions.map(u32::to_string).collect();
    if all.is_empty() { "none".to_owned() } else { all.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::numbers::PartitionNumbers;

    fn job(state: &str, at_ms: i64, held: &[u32]) -> JobEntry {
        let partition =
            |it: &u32| PartitionNumbers { partition: *it, is_held: true, ..Default::default() };
        let numbers = JobNumbers {
            at_ms,
            records_read: at_ms as u64,
            wait_ms: Some(0),
            partitions: held.iter().map(partition).collect(),
            ..JobNumbers::default()
        };
        JobEntry {
            name: "coast".into(),
            state: state.into(),
            why: "so it is".into(),
            numbers,
            ..JobEntry::default()
        }
    }

    fn texts(said: Vec<Said>) -> Vec<String> {
        said.into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn partitions_that_come_and_go_are_said_once() {
        let mut journal = Journal::default();
        let first = texts(journal.see(&job("running", 0, &[0, 1])));
        assert!(first[0].contains("assigned: 0, 1; given up: none"), "{first:?}");
        assert!(journal.see(&job("running", 1_000, &[0, 1])).is_empty());
        let moved = texts(journal.see(&job("running", 2_000, &[1, 2])));
        assert!(moved[0].contains("assigned: 2; given up: 0"), "{moved:?}");
    }

    #[test]
    fn an_old_checkpoint_is_said_and_its_end_too() {
        let mut journal = Journal::default();
        let mut at = job("running", 0, &[]);
        journal.see(&at);
        at.numbers.checkpoint_age_ms = 301_000;
        assert_eq!(journal.see(&at)[0].0, Level::WARN);
        assert!(journal.see(&at).is_empty());
        at.numbers.checkpoint_age_ms = 0;
        assert_eq!(texts(journal.see(&at)), ["job coast takes checkpoints again"]);
    }

    #[test]
    fn once_a_minute_it_says_how_it_goes() {
        let mut journal = Journal::default();
        let beats = (0..=180).filter_map(|second| {
            let said = journal.see(&job("running", second * 1_000, &[]));
            texts(said).into_iter().find(|text| text.contains("records/s"))
        });
        let beats: Vec<String> = beats.collect();
        assert_eq!(beats.len(), 3);
        assert!(beats[0].contains("1000 records/s") && beats[0].contains("lag 0 messages"));
    }
}
