//! The files that scaling writes, as the operating guide has them: a history of metrics, and logs of
//! collection, of the schedule and of alerts. Each is replaced when it is large or of another day, and
//! old ones are deleted.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use seismic_elastic::{Decision, Sample, lines};

use super::entry::line_of;
use crate::job::service::Elastic;
use crate::logs::rolling_file::RollingFile;

/// Bytes of a file before it is replaced: a day of samples every 5 s is 1.5 MB.
const FILE_BYTES: u64 = 4 << 20;

/// Days for which replaced files are kept.
const DAYS: u32 = 30;

/// The file with the history.
const HISTORY: &str = "history_metrics.log";

/// The open files of one job.
pub struct Files {
    folders: (PathBuf, PathBuf),
    history: RollingFile,
    collected: RollingFile,
    schedule: RollingFile,
    alerts: RollingFile,
}

impl Files {
    /// Opens those in the folder of a job.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn open(folder: &Path, elastic: &Elastic, now_ms: i64) -> io::Result<Files> {
        let folders = folders(folder, elastic);
        let (metrics, logs) = &folders;
        let open = |folder: &Path, name: &str| {
            fs::create_dir_all(folder)?;
            RollingFile::open(&folder.join(name), FILE_BYTES, DAYS, now_ms)
        };
        Ok(Files {
            history: open(metrics, HISTORY)?,
            collected: open(logs, "collect_metrics.log")?,
            schedule: open(logs, "elastic_schedule.log")?,
            alerts: open(logs, "alert.log")?,
            folders,
        })
    }

    /// Whether they are where they are to be now.
    #[must_use]
    pub fn are_in(&self, folder: &Path, elastic: &Elastic) -> bool {
        self.folders == folders(folder, elastic)
    }

    /// Writes a sample, if one was taken, and what was decided. `rest`: why a change was not begun.
    ///
    /// # Errors
    /// Those of the disk; what could be written is.
    pub fn write(
        &mut self,
        sample: Option<&Sample>,
        decision: &Decision,
        rest: Option<&str>,
    ) -> io::Result<()> {
        let at_ms = decision.at_ms;
        let (of_history, collected) = match sample {
            Some(sample) => {
                let collected = format!("[{}] {}", lines::time(at_ms), lines::collected(sample));
                let missing = match sample.missing {
                    0 => String::new(),
                    missing => format!(" | missing={missing}"),
                };
                (put(&mut self.history, &lines::history(sample), at_ms), collected + &missing)
            }
            None => (Ok(()), format!("[{}] no sample could be taken", lines::time(at_ms))),
        };
        let of_logs = put(&mut self.collected, &collected, at_ms);
        let of_schedule = put(&mut self.schedule, &line_of(decision, rest), at_ms);
        let of_alerts = decision
            .alerts
            .iter()
            .try_for_each(|alert| put(&mut self.alerts, &lines::alerted(at_ms, alert), at_ms));
        of_history.and(of_logs).and(of_schedule).and(of_alerts)
    }

    /// Writes what became of a change, and whether an operator should know it.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn tell(&mut self, what: &str, is_alert: bool, now_ms: i64) -> io::Result<()> {
        let line = format!("[{}] {what}", lines::time(now_ms));
        if is_alert {
            put(&mut self.alerts, &line, now_ms)?;
        }
        put(&mut self.schedule, &line, now_ms)
    }
}

/// Forgets the history of a job.
///
/// # Errors
/// Those of the disk.
pub fn reset(folder: &Path, elastic: &Elastic) -> io::Result<()> {
    let (metrics, _) = folders(folder, elastic);
    let entries = match fs::read_dir(metrics) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(HISTORY) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Those of metrics and of logs.
fn folders(folder: &Path, elastic: &Elastic) -> (PathBuf, PathBuf) {
    (folder.join(&elastic.metrics_dir), folder.join(&elastic.log_dir))
}

fn put(file: &mut RollingFile, line: &str, now_ms: i64) -> io::Result<()> {
    file.write(&format!("{line}\n"), now_ms)
}

#[cfg(test)]
mod tests {
    use seismic_elastic::{Activity, Settings, State, WorkerLoad, decide};

    use super::*;

    #[test]
    fn lines_are_those_of_the_guide_and_the_history_can_be_reset() {
        let folder = tempfile::tempdir().unwrap();
        let elastic = Elastic::default();
        let at_ms = 1_764_458_303_000;
        let load = WorkerLoad { worker: 0, slots: 2, throughput: 10.0, cpu: 0.0065, busy: 0.1 };
        let sample = Sample {
            at_ms,
            workers: vec![load],
            missing: 2,
            activity: Activity::Reading,
            partitions: 4,
            records: 15,
            lag: 0.0,
            latency_ms: None,
        };
        let decision = decide(&mut State::default(), &Settings::default(), at_ms, Some(&sample));
        let mut files = Files::open(folder.path(), &elastic, at_ms).unwrap();
        files.write(Some(&sample), &decision, None).unwrap();
        files.write(None, &decision, None).unwrap();
        files.tell("change undone", true, at_ms).unwrap();
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(read("metrics/history_metrics.log"), "1764458303,throughput:10,cpu:0.0065\n");
        assert_eq!(
            read("log/collect_metrics.log"),
            "[2025-11-29 23:18:23] throughput=10/s | cpu=0.0065 | tm=1 | records=15 | missing=2\n\
             [2025-11-29 23:18:23] no sample could be taken\n"
        );
        let schedule = read("log/elastic_schedule.log");
        assert!(schedule.contains("[2025-11-29 23:18:23] parallelism=3, workers=3"), "{schedule}");
        assert_eq!(read("log/alert.log"), "[2025-11-29 23:18:23] change undone\n");
        assert!(files.are_in(folder.path(), &elastic));
        reset(folder.path(), &elastic).unwrap();
        assert!(!folder.path().join("metrics/history_metrics.log").exists());
        reset(&folder.path().join("nobody"), &elastic).unwrap();
    }
}
