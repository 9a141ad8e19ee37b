//! The URL of a SQLite file: `sqlite:PATH`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::{SqliteQueue, SqliteStore, copy};
use seismic_queue::backend::{Address, Backend, Capabilities};
use seismic_queue::{Error, JobStore, Queue, Result};

/// Its place in a list of backends.
pub static BACKEND: Backend = Backend {
    schemes: &["sqlite"],
    form: "sqlite:PATH",
    parse: |text| Ok(Arc::new(SqliteFile::parse(text)?)),
};

/// The file of a queue or of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqliteFile(PathBuf);

impl SqliteFile {
    fn parse(text: &str) -> Result<Self> {
        match text.split_once(':') {
            Some((_, path)) if !path.is_empty() => Ok(SqliteFile(path.into())),
            _ => Err(Error::url(text, "a path is missing after sqlite:")),
        }
    }
}

impl Address for SqliteFile {
    fn open(&self) -> Result<Box<dyn Queue>> {
        Ok(Box::new(SqliteQueue::open(&self.0)?))
    }

    fn open_store(&self) -> Result<Box<dyn JobStore>> {
        Ok(Box::new(SqliteStore::open(&self.0)?))
    }

    fn delete_store(&self) -> Result<()> {
        SqliteStore::delete(&self.0)
    }

    fn default_store(&self, group: &str) -> String {
        let stem = self.0.file_stem().unwrap_or_default().to_string_lossy();
        let file = self.0.with_file_name(format!("{stem}.{group}.home.db"));
        SqliteFile(file).to_string()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { is_shared: true, ..Capabilities::default() }
    }

    fn file(&self) -> Option<&Path> {
        Some(&self.0)
    }

    fn copy_file(&self, to: &Path) -> Result<()> {
        copy::copy(&self.0, to)
    }

    fn at_file(&self, file: &Path) -> Option<Arc<dyn Address>> {
        Some(Arc::new(SqliteFile(file.to_owned())))
    }
}

impl fmt::Display for SqliteFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sqlite:{}", self.0.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_reads_back_as_written_and_needs_a_path() {
        let file = SqliteFile::parse("sqlite:output/queue.db").unwrap();
        assert_eq!(file.to_string(), "sqlite:output/queue.db");
        assert!(SqliteFile::parse("sqlite:").is_err());
    }

    #[test]
    fn the_store_lies_next_to_the_queue_file_and_names_the_group() {
        let file = SqliteFile::parse("sqlite:output/queue.db").unwrap();
        assert_eq!(file.default_store("seismic"), "sqlite:output/queue.seismic.home.db");
    }
}
