//! What to import, and where to.

use std::path::PathBuf;

use super::component::Component;
use crate::options::{Checks, PARTITIONS, TOPIC};
use crate::{InvalidOption, Result, limits};

/// What to import, and where to.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Files of messages, gzip or plain.
    pub files: Vec<PathBuf>,
    /// CSV with `device_id`, `latitude`, `longitude`.
    pub locations: PathBuf,
    /// Which component of the three axes becomes the amplitude.
    pub component: Component,
    /// Where records go; made if it is missing.
    pub topic: String,
    /// Partitions of the topic.
    pub partitions: u32,
}

impl Options {
    /// An import with the default component, topic and partitions.
    #[must_use]
    pub fn new(files: Vec<PathBuf>, locations: PathBuf) -> Self {
        let (component, topic) = (Component::default(), TOPIC.to_owned());
        Options { files, locations, component, topic, partitions: PARTITIONS }
    }

    pub(super) fn check(&self) -> Result<()> {
        let mut checks = Checks::default();
        let limit = limits::IMPORT_FILES;
        match self.files.len() {
            0 => checks.add(InvalidOption::NoFiles),
            given if given > limit => checks.add(InvalidOption::TooManyFiles { given, limit }),
            _ => {}
        }
        checks.topic(&self.topic, self.partitions);
        checks.finish()
    }
}
