//! Checkpoint names: requests to a running job, and names of existing checkpoints.

use super::CheckpointRequest;
use crate::Result;

/// The named checkpoints of a store, which are kept until a person deletes the name. Needs no
/// lease.
pub trait CheckpointNames {
    /// Requests a checkpoint of that name from the running job: every partition takes one and
    /// answers in the commit of its manifest. The name is complete when all have answered.
    ///
    /// # Errors
    /// [`Error::Name`](crate::Error::Name), [`Error::NameTaken`](crate::Error::NameTaken),
    /// [`Error::TooManyNames`](crate::Error::TooManyNames).
    fn request_checkpoint(&self, name: &str) -> Result<()>;

    /// Requests that not all partitions have answered. Running jobs call this often, so it costs
    /// little.
    fn checkpoint_requests(&self) -> Result<Vec<CheckpointRequest>>;

    /// Withdraws a request, and returns it with the answers so far; `None` when there is no such
    /// request: it was never made, or is complete.
    fn withdraw_request(&self, name: &str) -> Result<Option<CheckpointRequest>>;

    /// Names the newest checkpoint of every partition, in one act.
    ///
    /// # Errors
    /// As [`CheckpointNames::request_checkpoint`], and
    /// [`Error::NothingToName`](crate::Error::NothingToName).
    fn name_newest_checkpoint(&self, name: &str) -> Result<()>;

    /// Deletes a name, and the checkpoints that nothing else keeps.
    ///
    /// # Errors
    /// [`Error::NameMissing`](crate::Error::NameMissing).
    fn delete_checkpoint_name(&self, name: &str) -> Result<()>;
}
