//! Slots of a job in one process: its worker has others while it works.

use super::scaler::is_shared;
use crate::serve::supervisor::Supervisor;

impl Supervisor {
    /// Has the one worker of a job have the slots that are wanted, while it works; `false` where
    /// workers share the job, or this one is of an older version: then another one takes its place.
    pub(super) fn has_set_slots(&self, name: &str) -> bool {
        let Some(job) = self.job(name) else { return false };
        let is_alone = job.spec.as_ref().is_some_and(|spec| !is_shared(spec));
        let Some(slots) = self.wanted_slots(name, 1).filter(|_| is_alone) else { return false };
        job.link.as_ref().is_some_and(|link| link.set_slots(slots))
    }
}
