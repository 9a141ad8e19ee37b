//! Where the rows of a table are.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use seismic_derived::{Column, TableRow, TextFormat, limits};

/// A place with rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableSource {
    /// A file.
    File {
        /// Its path.
        path: PathBuf,
        /// Its form.
        format: TextFormat,
    },
}

impl TableSource {
    /// That of a job file: `file:PATH`, with the form if the name of the file does not say it.
    ///
    /// # Errors
    /// What to write instead.
    pub fn new(text: &str, format: Option<TextFormat>) -> Result<TableSource, String> {
        let Some(path) = text.strip_prefix("file:").filter(|path| !path.is_empty()) else {
            return Err(format!("{text:?} is no source of a table: write file:PATH"));
        };
        let format = format.or_else(|| TextFormat::of_name(path)).ok_or_else(|| {
            format!(
                "the name of {path} does not say what is in it: add format = \"csv\" or format = \"json\""
            )
        })?;
        Ok(TableSource::File { path: PathBuf::from(path), format })
    }

    /// Reads all rows.
    ///
    /// # Errors
    /// What happened there, as text for people.
    pub fn read(&self, columns: &[Column]) -> Result<Vec<TableRow>, String> {
        let TableSource::File { path, format } = self;
        format.rows(&text_of(path)?, columns)
    }
}

/// The content of a file of a sensible size.
fn text_of(path: &Path) -> Result<Vec<u8>, String> {
    let unreadable = |error: std::io::Error| format!("it cannot be read: {error}");
    let most = limits::DIMENSION_FILE_BYTES;
    let (mut bytes, file) = (Vec::new(), File::open(path).map_err(unreadable)?);
    file.take(most as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    match bytes.len() > most {
        true => Err(format!("it is longer than {} MiB", most >> 20)),
        false => Ok(bytes),
    }
}

impl fmt::Display for TableSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TableSource::File { path, .. } = self;
        write!(f, "file:{}", path.display())
    }
}
