//! A log file that is rotated when it is large or from another day; old files are deleted.
//!
//! The current file keeps its name; rotated files have the time appended
//! (`job.log.20260101T000000Z`). There are at most `FILES` of these: a log must not fill a disk.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::cli::stdio::tell;

/// Replaced files that are kept at most, whatever their age.
const FILES: usize = 100;

const DAY_MS: i64 = 86_400_000;

/// The file, open for appending.
#[derive(Debug)]
pub struct RollingFile {
    path: PathBuf,
    most_bytes: u64,
    days: u32,
    file: File,
    bytes: u64,
    day: i64,
    /// The file cannot be replaced, which was said.
    is_stuck: bool,
}

impl RollingFile {
    /// Appends to the file at `path`.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path, most_bytes: u64, days: u32, now_ms: i64) -> io::Result<RollingFile> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let metadata = file.metadata()?;
        let modified = metadata.modified().ok().and_then(|at| Timestamp::try_from(at).ok());
        let day = match metadata.len() {
            0 => now_ms.div_euclid(DAY_MS),
            _ => modified.map_or(now_ms, Timestamp::as_millisecond).div_euclid(DAY_MS),
        };
        let bytes = metadata.len();
        Ok(RollingFile {
            path: path.to_owned(),
            most_bytes,
            days,
            file,
            bytes,
            day,
            is_stuck: false,
        })
    }

    /// Writes a line, into a new file if that is due.
    ///
    /// # Errors
    /// Those of the disk. The line may be lost; the next one is retried.
    pub fn write(&mut self, line: &str, now_ms: i64) -> io::Result<()> {
        let is_due = self.bytes + line.len() as u64 > self.most_bytes
            || now_ms.div_euclid(DAY_MS) != self.day;
        if is_due && self.bytes > 0 {
            // One that cannot be replaced is written on: too long a log says more than none.
            let replaced = self.replace(now_ms);
            if let Err(error) = &replaced
                && !self.is_stuck
            {
                let path = self.path.display();
                tell(format_args!("the log file {path} cannot be replaced, and grows: {error}"));
            }
            self.is_stuck = replaced.is_err();
        }
        self.file.write_all(line.as_bytes())?;
        self.bytes += line.len() as u64;
        Ok(())
    }

    fn replace(&mut self, now_ms: i64) -> io::Result<()> {
        let stamp = stamp(now_ms);
        let mut name = self.replaced(&stamp);
        // Several of one second.
        for number in 1.. {
            if !name.exists() {
                break;
            }
            name = self.replaced(&format!("{stamp}-{number}"));
        }
        match fs::rename(&self.path, name) {
            // Someone has moved or deleted it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            renamed => renamed?,
        }
        self.file = OpenOptions::new().create(true).append(true).open(&self.path)?;
        (self.bytes, self.day) = (0, now_ms.div_euclid(DAY_MS));
        self.delete_old(now_ms)
    }

    fn replaced(&self, stamp: &str) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{stamp}"));
        name.into()
    }

    fn delete_old(&self, now_ms: i64) -> io::Result<()> {
        let folder = self.path.parent().filter(|it| !it.as_os_str().is_empty());
        let prefix = format!("{}.", self.path.file_name().unwrap_or_default().to_string_lossy());
        let mut replaced = Vec::new();
        for entry in fs::read_dir(folder.unwrap_or(Path::new(".")))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            // Names of ours only: the stamp begins with a year and ends with a zone.
            let stamp = name.strip_prefix(&prefix).unwrap_or_default();
            if stamp.len() >= 16 && stamp.as_bytes()[8] == b'T' && stamp.as_bytes()[15] == b'Z' {
                replaced.push((stamp.to_owned(), entry.path()));
            }
        }
        replaced.sort();
        let oldest = stamp(now_ms - i64::from(self.days) * DAY_MS);
        let beyond = replaced.len().saturating_sub(FILES);
        for (number, (stamp, path)) in replaced.iter().enumerate() {
            if number < beyond || *stamp < oldest {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

/// The time as names of files have it: they are in order when their names are.
fn stamp(ms: i64) -> String {
    let time = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH);
    time.strftime("%Y%m%dT%H%M%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_767_225_600_000;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap().map(|it| it.unwrap().file_name());
        let mut names: Vec<_> = entries.map(|it| it.to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_large_file_and_one_of_another_day_is_replaced_and_old_ones_go() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("job.log");
        fs::write(folder.path().join("job.log.bak"), "mine").unwrap();
        let mut file = RollingFile::open(&path, 10, 2, NOW_MS).unwrap();
        file.write("12345678\n", NOW_MS).unwrap();
        file.write("second\n", NOW_MS).unwrap();
        let stamped = ["job.log", "job.log.20260101T000000Z", "job.log.bak"];
        assert_eq!(names(folder.path()), stamped);
        assert_eq!(fs::read_to_string(&path).unwrap(), "second\n");
        // The next day, although it is small.
        file.write("a\n", NOW_MS + DAY_MS).unwrap();
        assert_eq!(names(folder.path()).len(), 4);
        // Three days later those of the first day are gone, and what is not ours is there.
        file.write("b\n", NOW_MS + 3 * DAY_MS).unwrap();
        let kept =
            ["job.log", "job.log.20260102T000000Z", "job.log.20260104T000000Z", "job.log.bak"];
        assert_eq!(names(folder.path()), kept);
    }

    #[test]
    fn what_cannot_be_replaced_is_written_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("job.log");
        let mut file = RollingFile::open(&path, 10, 2, NOW_MS).unwrap();
        file.write("12345678\n", NOW_MS).unwrap();
        // Nothing can be renamed to a folder that is not there.
        file.path = folder.path().join("gone").join("job.log");
        file.write("second\n", NOW_MS).unwrap();
        assert!(file.is_stuck);
        assert_eq!(fs::read_to_string(&path).unwrap(), "12345678\nsecond\n");
        file.path.clone_from(&path);
        file.write("third\n", NOW_MS).unwrap();
        assert!(!file.is_stuck);
        assert_eq!(fs::read_to_string(&path).unwrap(), "third\n");
    }

    #[test]
    fn it_goes_on_where_the_last_process_ended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("job.log");
        let now_ms = crate::time::now_ms();
        RollingFile::open(&path, 100, 2, now_ms).unwrap().write("one\n", now_ms).unwrap();
        RollingFile::open(&path, 100, 2, now_ms).unwrap().write("two\n", now_ms).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\n");
    }
}
