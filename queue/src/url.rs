//! Where a queue or home is: `sqlite:PATH` or `memory:NAME`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::{Error, Result};

/// A parsed queue or home URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Url {
    /// One SQLite file.
    Sqlite(PathBuf),
    /// A store of this process, gone with it; the name tells several apart.
    Memory(String),
}

impl FromStr for Url {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.split_once(':') {
            Some(("sqlite", "")) => Err(Error::url(text, "a path is missing after sqlite:")),
            Some(("sqlite", path)) => Ok(Url::Sqlite(path.into())),
            Some(("memory", name)) => Ok(Url::Memory(name.to_owned())),
            _ => Err(Error::url(text, "known are sqlite:PATH and memory:NAME")),
        }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Url::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Url::Memory(name) => write!(f, "memory:{name}"),
        }
    }
}

impl Url {
    /// Where a job's home is when nobody says: next to the queue file, named by the group.
    #[must_use]
    pub fn default_home(&self, group: &str) -> Url {
        match self {
            Url::Sqlite(path) => {
                let stem = path.file_stem().unwrap_or_default().to_string_lossy();
                Url::Sqlite(path.with_file_name(format!("{stem}.{group}.home.db")))
            }
            Url::Memory(name) => Url::Memory(format!("{name}.{group}.home")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_read_back_as_written() {
        for text in ["sqlite:output/queue.db", "memory:", "memory:a"] {
            assert_eq!(text.parse::<Url>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_unknown_scheme_says_what_is_known() {
        let error = "file:x".parse::<Url>().unwrap_err().to_string();
        assert!(error.contains("file:x") && error.contains("sqlite:PATH"), "{error}");
    }

    #[test]
    fn the_home_lies_next_to_the_queue_file_and_names_the_group() {
        let home = "sqlite:output/queue.db".parse::<Url>().unwrap().default_home("seismic");
        assert_eq!(home.to_string(), "sqlite:output/queue.seismic.home.db");
    }
}
