//! Sensors with irregular clocks in the status.

use seismic_pipeline::IrregularClock;
use serde::Serialize;

/// A sensor whose clock was not regular.
#[derive(Clone, Debug, Serialize)]
pub struct ClockStatus {
    /// Its id.
    pub sensor: String,
    /// The partition that knows it.
    pub partition: u32,
    /// How often its clock was set back: the `clock_era` of its rows.
    pub set_back: u32,
    /// Records far ahead of its clock that became dead letters.
    pub refuted: u64,
    /// Records that wait for a confirmation of their time.
    pub held: u64,
}

impl From<IrregularClock> for ClockStatus {
    fn from(clock: IrregularClock) -> Self {
        let IrregularClock { sensor, partition, set_back, refuted, held } = clock;
        ClockStatus { sensor, partition: partition.0, set_back, refuted, held }
    }
}
