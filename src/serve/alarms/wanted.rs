//! Topics that the alarms of one job need to follow.

use seismic_derived::Definition;

use crate::job::location::Location;
use crate::job::service::RowAlarm;

/// What is followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Where the job is.
    pub location: Location,
    /// Topic of its rows.
    pub result_topic: String,
    /// The statement that makes its rows; `None`: they are rows of windows.
    pub statement: Option<Definition>,
    /// Alarms on rows.
    pub rows: Vec<RowAlarm>,
    /// Sensors of which rows are expected.
    pub sensors: Vec<String>,
    /// Whether clocks are looked at.
    pub clocks: bool,
}

impl Wanted {
    /// Whether there is anything to follow.
    #[must_use]
    pub fn is_anything(&self) -> bool {
        !self.rows.is_empty() || !self.sensors.is_empty() || self.clocks
    }
}
