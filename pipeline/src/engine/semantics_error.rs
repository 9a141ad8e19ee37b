//! Why the stored semantics of a job cannot be used.

use std::error::Error;

/// Why the semantics in a note, a journal entry or a snapshot cannot be used. The words are those
/// of the kind that wrote them.
#[derive(Debug, thiserror::Error)]
pub enum SemanticsError {
    /// Another version of the kind wrote them, and its results are different ones.
    #[error(transparent)]
    OtherVersion(Box<dyn Error + Send + Sync>),
    /// Missing, or out of range.
    #[error(transparent)]
    Damaged(Box<dyn Error + Send + Sync>),
}
