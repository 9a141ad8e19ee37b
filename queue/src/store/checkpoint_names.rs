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

    /// Requests that not all partitions have answered.
    fn checkpoint_requests(&self) -> Result<Vec<CheckpointRequest>>;

    /// The same for the job that answers them. Running jobs call this often, so it costs little, also
    /// while something is requested: partitions that have answered may be missing, and then answer
    /// again, which changes nothing.
    ///
    /// # Errors
    /// Those of the store.
    fn requests_to_answer(&self) -> Result<Vec<CheckpointRequest>> {
        self.checkpoint_requests()
    }

    /// Whether a request of that name waits for answers, for whoever asks until none is missing: an answer that is
    /// being committed at this moment may count from the next call on.
    ///
    /// # Errors
    /// Those of the store.
    fn is_requested(&self, name: &str) -> Result<bool> {
        Ok(self.checkpoint_requests()?.iter().any(|request| request.name == name))
    }

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
