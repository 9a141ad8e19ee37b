//! Why a snapshot of an operator cannot be used.

use seismic_proto::DecodeError;

use crate::engine::semantics_error::SemanticsError;

/// Why a snapshot cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Not a snapshot.
    #[error("it is not a snapshot")]
    Bytes(#[from] DecodeError),
    /// Its semantics cannot be used.
    #[error(transparent)]
    Semantics(#[from] SemanticsError),
    /// It contradicts itself.
    #[error("it is damaged: {0}")]
    Damaged(String),
}
