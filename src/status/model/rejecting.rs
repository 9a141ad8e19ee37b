//! Heavy losses of a job, in the status.

use seismic_pipeline::Notice;
use serde::Serialize;

use crate::remedy::notice_with_remedy;

/// A reason for which much is lost.
#[derive(Clone, Debug, Serialize)]
pub struct RejectingStatus {
    /// Which; `None` for what is no loss.
    pub reason: Option<&'static str>,
    /// The sensor that loses most; `None` when it is the job as a whole.
    pub sensor: Option<String>,
    /// Records lost, of that sensor or of the job ...
    pub rejected: u64,
    /// ... of that many, among the newest ones.
    pub records: u64,
    /// In words, with an example and what to do about it.
    pub words: String,
}

impl RejectingStatus {
    /// What is lost for one reason.
    pub fn of(notice: &Notice) -> Self {
        let words = notice_with_remedy(notice);
        let Notice::Rejected(lost) = notice else {
            return RejectingStatus { reason: None, sensor: None, rejected: 0, records: 0, words };
        };
        let (sensor, rejected, records) = match lost.sensors.first() {
            Some(most) => (Some(most.sensor.clone()), most.rejected, most.records),
            None => (None, lost.rejected, lost.read),
        };
        RejectingStatus { reason: Some(lost.reason.name()), sensor, rejected, records, words }
    }
}
