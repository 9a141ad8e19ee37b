//! What to import, and the target.

use std::path::PathBuf;

use super::component::Component;
use crate::options::{Checks, PARTITIONS, TOPIC};
use crate::{InvalidOption, Result};

/// What to import, and where to.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Files of messages, gzip or plain.
    pub files: Vec<PathBuf>,
    /// CSV with `device_id`, `latitude`, `longitude`.
    pub locations: Option<PathBuf>,
    /// Table of sensors that is applied to records.
    pub sensors: Option<PathBuf>,
    /// Which component of the three axes becomes the amplitude.
    pub component: Component,
    /// Where records go; made if it is missing.
    pub topic: String,
    /// Partitions of the topic.
    pub partitions: u32,
    /// Whether to import also what may be in already, where that cannot be told.
    pub again: bool,
}

impl Options {
    /// An import with the default component, topic and partitions.
    #[must_use]
    pub fn new(files: Vec<PathBuf>, locations: PathBuf) -> Self {
        Options {
            files,
            locations: Some(locations),
            sensors: None,
            component: Component::default(),
            topic: TOPIC.to_owned(),
            partitions: PARTITIONS,
            again: false,
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        let mut checks = Checks::default();
        if self.files.is_empty() {
            checks.add(InvalidOption::NoFiles);
        }
        if self.locations.is_none() && self.sensors.is_none() {
            let what = "neither locations of devices nor a table of sensors is given".to_owned();
            checks.add(InvalidOption::Reading(what));
        }
        checks.topic(&self.topic, self.partitions);
        checks.finish()
    }
}
