//! What to replay, and how.

use std::time::Duration;

use crate::options::Checks;
use crate::{Error, Result, limits};

/// What to replay, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// The topic that is played.
    pub from: String,
    /// Where its messages go; made with as many partitions if it is missing.
    pub topic: String,
    /// How many times the original pace; 0: as fast as possible.
    pub speed: f64,
    /// Pauses of the original that are longer are cut to this.
    pub max_gap: Option<Duration>,
    /// Whether event times and arrivals are moved so that the replay happens now.
    pub shift_time: bool,
}

impl Options {
    pub(super) fn check(&self) -> Result<()> {
        let mut checks = Checks::default();
        checks.topic_name(&self.from);
        checks.topic_name(&self.topic);
        if self.speed != 0.0 {
            checks.range("speed", self.speed, &limits::SPEED);
        }
        checks.finish()?;
        if self.from == self.topic {
            return Err(Error::SameTopic { topic: self.topic.clone() });
        }
        Ok(())
    }
}
