//! Messages of a job for the person who started it.

use std::fmt::Display;

/// Receives what a person wants to read, as that the job waits for its topic.
pub(super) type Notify = Box<dyn Fn(&dyn Display) + Send>;
