//! Backends as data: which ones exist, their URLs, and their capabilities.
//!
//! The other files are shared by all backends.
//!
//! This crate names no backend but the one in memory. A program builds a [`Registry`] with one line
//! for each backend that it has, and gets from it a [`Url`]: an address that its backend has parsed
//! and that opens queues and stores.

pub mod append_dedup;
pub mod assigned_source;
pub mod byte_reader;
pub mod checkpoint_retention;
pub mod commit_order;
pub mod decompress;
pub mod disk;
pub mod file_lock;
pub mod polling_reader;
pub mod reach;
pub mod retry;
mod url;
pub mod validate;

use std::any::Any;
use std::fmt::{Debug, Display};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub use url::Url;

use crate::{Error, JobStore, Queue, Result};

/// A backend: its place in the list of them.
#[derive(Debug)]
pub struct Backend {
    /// Schemes of its URLs, as `kafka`.
    pub schemes: &'static [&'static str],
    /// What its URLs look like, as `kafka://HOST:PORT`.
    pub form: &'static str,
    /// Reads a whole URL that has one of its schemes.
    pub parse: fn(text: &str) -> Result<Arc<dyn Address>>,
}

/// All backends of a program.
#[derive(Clone, Copy, Debug)]
pub struct Registry(pub &'static [&'static Backend]);

impl Registry {
    /// Reads the URL of a queue or of a store.
    ///
    /// # Errors
    /// [`Error::Url`] for a scheme that no backend has, and whatever the backend says.
    pub fn parse(self, text: &str) -> Result<Url> {
        let scheme = text.split_once(':').map(|(scheme, _)| scheme);
        let has = |backend: &&&Backend| scheme.is_some_and(|it| backend.schemes.contains(&it));
        let Some(backend) = self.0.iter().find(has) else {
            return Err(Error::url(text, format!("known are {}", self.forms())));
        };
        Ok(Url::new(self, (backend.parse)(text)?))
    }

    /// As [`Registry::parse`], but a URL that cannot be read is refused only when it is opened: for
    /// one that no one gave.
    #[must_use]
    pub fn parse_unchecked(self, text: &str) -> Url {
        self.parse(text).unwrap_or_else(|_| Url::unusable(self, text))
    }

    fn forms(self) -> String {
        let forms: Vec<_> = self.0.iter().map(|backend| backend.form).collect();
        match forms.split_last() {
            Some((last, [])) => (*last).to_owned(),
            Some((last, others)) => format!("{} and {last}", others.join(", ")),
            None => "none in this build".to_owned(),
        }
    }
}

/// Where a queue or a store is, as its backend has parsed it. Displays as its URL, without secrets.
pub trait Address: Any + Display + Send + Sync {
    /// Opens the queue there, creating an embedded one that does not exist yet.
    ///
    /// # Errors
    /// Whatever the backend says of a place that cannot be reached, or that is corrupt, foreign or
    /// newer than this program.
    fn open(&self) -> Result<Box<dyn Queue>>;

    /// Opens the store there, for reading; [`JobStore::acquire`] takes it for a job.
    ///
    /// # Errors
    /// As [`Address::open`].
    fn open_store(&self) -> Result<Box<dyn JobStore>>;

    /// Deletes the store there, when no one owns it. What it holds in a queue stays held. A store
    /// in a cluster ends with its group, and its results stay.
    ///
    /// # Errors
    /// [`Error::Owned`], [`Error::StoreMissing`]; and as [`Address::open_store`].
    fn delete_store(&self) -> Result<()>;

    /// The URL of the store of a job of that group, whose input is here, when no one names one.
    fn default_store(&self, group: &str) -> String;

    /// What the backend can do.
    fn capabilities(&self) -> Capabilities;

    /// Whether someone takes connections there, as far as that is seen within `wait`. Files always
    /// do.
    fn is_reachable(&self, _wait: Duration) -> bool {
        true
    }

    /// The file that it is, for an embedded backend.
    fn file(&self) -> Option<&Path> {
        None
    }

    /// Copies an embedded queue or store into a new file, as one moment left it, while others write
    /// on.
    ///
    /// # Errors
    /// [`Error::NoCopy`] for what is no file; when there is nothing, or the copy cannot be written.
    fn copy_file(&self, _to: &Path) -> Result<()> {
        Err(Error::NoCopy { at: self.to_string() })
    }

    /// The same place in another file, for an embedded backend.
    fn at_file(&self, _file: &Path) -> Option<Arc<dyn Address>> {
        None
    }

    /// The same place with further settings of its client; `None` where the client has none.
    fn with_settings(&self, _settings: &[(String, String)]) -> Option<Arc<dyn Address>> {
        None
    }

    /// The store there as a worker sees it whose slots have that name; `None` where slots have
    /// none.
    fn with_slot(&self, _slot: &str) -> Option<Arc<dyn Address>> {
        None
    }
}

/// What a backend can do, as far as callers must know before they open anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Other processes can open the same queue.
    pub is_shared: bool,
    /// Stores lie in the topics of a cluster: to delete one ends its group and leaves its results.
    pub has_stores_in_cluster: bool,
    /// Its servers decide how much of a topic they keep, whoever needs it.
    pub retains_by_itself: bool,
}
