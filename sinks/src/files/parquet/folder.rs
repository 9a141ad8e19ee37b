//! The folder of a Parquet sink: its lock, its mark, its spool, its files.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use seismic_proto::Schema;

use super::mark::{self, Mark, Refused};
use super::spool::Spool;
use super::table_file::{FileFormat, PlacedRow};
use crate::files::durable;
use crate::{Error, Result, failpoints, limits};

const MARK: &str = "rows.mark";
const LOCK: &str = "rows.lock";

/// What folders of days begin with.
const DAY: &str = "dt=";

/// A folder that this process alone writes to, until it is dropped.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// The operating system releases the lock with the file, also after `kill -9`.
    _lock: File,
}

impl Folder {
    /// Makes the folder if it is missing and locks it.
    pub(super) fn lock(path: &Path) -> Result<Folder> {
        durable::make(path)?;
        let path = path.canonicalize().map_err(Error::io(path, "opening the folder"))?;
        let lock = durable::lock(&path, LOCK)?;
        Ok(Folder { path, _lock: lock })
    }

    /// The folder, absolute.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn mark_path(&self) -> PathBuf {
        self.path.join(MARK)
    }

    pub(super) fn mark(&self) -> Result<Option<Mark>> {
        read_mark(&self.path)
    }

    /// Replaces the mark in one step.
    pub(super) fn write_mark(&self, mark: &Mark) -> Result<()> {
        let what = ["making the mark", "writing the mark", "replacing the mark"];
        durable::replace(&self.mark_path(), &mark.encode(), what)
    }

    /// Whether no sink has ever written there.
    pub(super) fn is_empty(&self) -> Result<bool> {
        Ok(files(&self.path)?.is_empty() && spools(&self.path)?.is_empty())
    }

    /// The spool of that number, of which so much counts; a new one where nothing does.
    pub(super) fn spool(&self, number: u64, bytes: u64) -> Result<Spool> {
        let at = spool_path(&self.path, number);
        let doing = "opening the spool";
        let opened = OpenOptions::new().write(true).create(bytes == 0).truncate(false).open(&at);
        let file = match opened {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Err(Error::Short { at, have: 0, committed: bytes });
            }
            opened => opened.map_err(Error::io(&at, doing))?,
        };
        let have = file.metadata().map_err(Error::io(&at, doing))?.len();
        if have < bytes {
            return Err(Error::Short { at, have, committed: bytes });
        }
        Spool::of(at, number, file, bytes)
    }

    pub(super) fn remove_spool(&self, number: u64) -> Result<()> {
        let at = spool_path(&self.path, number);
        fs::remove_file(&at).map_err(Error::io(&at, "deleting the spool"))
    }

    /// Removes spools that do not count, and files that were never named.
    pub(super) fn tidy(&self, spool: u64) -> Result<()> {
        for number in spools(&self.path)?.into_iter().filter(|number| *number != spool) {
            self.remove_spool(number)?;
        }
        for day in days(&self.path)? {
            let at = self.path.join(day).join(NEW);
            match fs::remove_file(&at) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => {
                    return Err(Error::io(&at, "deleting the file")(e));
                }
                _ => {}
            }
        }
        durable::sync_folder(&self.path)
    }

    /// Writes a file of these rows of a day, and names it once it is whole and on the disk.
    pub(super) fn write_file(
        &self,
        day: &str,
        number: u64,
        format: &FileFormat,
        schema: &Schema,
        rows: &[PlacedRow],
    ) -> Result<()> {
        let folder = self.path.join(format!("{DAY}{day}"));
        durable::make(&folder)?;
        let (new, at) = (folder.join(NEW), folder.join(file_name(number)));
        let file = File::create(&new).map_err(Error::io(&new, "making the file"))?;
        let written = format.write(schema, rows, file);
        let file = written.map_err(|error| match io_error(error) {
            Ok(error) => Error::io(&new, "writing rows")(error),
            Err(what) => Error::Config { at: new.clone(), what },
        })?;
        durable::sync(&file, &new)?;
        failpoints::pass(failpoints::PARQUET_BEFORE_NAME)?;
        fs::rename(&new, &at).map_err(Error::io(&at, "naming the file"))?;
        durable::sync_folder(&folder)
    }
}

/// A file that is not whole yet; no reader takes it for one.
const NEW: &str = ".rows.new";

/// What the system said, where it was the system.
fn io_error(error: parquet::errors::ParquetError) -> std::result::Result<io::Error, String> {
    match error {
        parquet::errors::ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(error) => Ok(*error),
            Err(other) => Err(other.to_string()),
        },
        other => Err(other.to_string()),
    }
}

fn file_name(number: u64) -> String {
    format!("rows-{number:06}.parquet")
}

fn spool_path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("rows-{number:06}.spool"))
}

/// The mark of a folder; `None` when there is none. Needs no lock: it is replaced in one step.
pub(super) fn read_mark(folder: &Path) -> Result<Option<Mark>> {
    let at = folder.join(MARK);
    let file = match File::open(&at) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(Error::io(&at, "opening the mark"))?,
    };
    let mut bytes = Vec::new();
    let read = file.take(limits::COMMIT_FILE_BYTES).read_to_end(&mut bytes);
    read.map_err(Error::io(&at, "reading the mark"))?;
    match Mark::decode(&bytes) {
        Ok(mark) => Ok(Some(mark)),
        Err(Refused::Damaged(what)) => Err(Error::CommitFileDamaged { at, what }),
        Err(Refused::Newer(found)) => {
            Err(Error::CommitFileNewer { at, found, known: mark::VERSION })
        }
    }
}

/// The spool of a folder of which so much counts, to be read.
pub(super) fn open_spool(folder: &Path, number: u64) -> Result<(PathBuf, Option<File>)> {
    let at = spool_path(folder, number);
    match File::open(&at) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok((at, None)),
        opened => {
            let file = opened.map_err(Error::io(&at, "reading the spool"))?;
            Ok((at, Some(file)))
        }
    }
}

/// Numbers and paths of the files of a folder, in order.
pub(super) fn files(folder: &Path) -> Result<Vec<(u64, PathBuf)>> {
    let mut files = Vec::new();
    for day in days(folder)? {
        let day = folder.join(day);
        for name in names(&day)? {
            let number = name.strip_prefix("rows-").and_then(|it| it.strip_suffix(".parquet"));
            if let Some(number) = number.and_then(|it| it.parse().ok()) {
                files.push((number, day.join(name)));
            }
        }
    }
    files.sort();
    Ok(files)
}

fn days(folder: &Path) -> Result<Vec<String>> {
    Ok(names(folder)?.into_iter().filter(|name| name.starts_with(DAY)).collect())
}

fn spools(folder: &Path) -> Result<Vec<u64>> {
    let number = |name: &String| name.strip_prefix("rows-")?.strip_suffix(".spool")?.parse().ok();
    Ok(names(folder)?.iter().filter_map(number).collect())
}

fn names(folder: &Path) -> Result<Vec<String>> {
    let doing = "listing the folder";
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::io(folder, doing))? {
        let name = entry.map_err(Error::io(folder, doing))?.file_name();
        names.extend(name.to_str().map(str::to_owned));
    }
    Ok(names)
}

/// Name of the sink of a folder: its path as it is from everywhere, once there is such a folder.
pub(super) fn name(folder: &Path) -> String {
    let path = folder.canonicalize();
    format!("parquet:{}", path.as_deref().unwrap_or(folder).display())
}
