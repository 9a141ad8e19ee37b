//! Why a snapshot of an operator cannot be used.

use seismic_proto::DecodeError;

use crate::engine::windows::rules::stored::RulesError;

/// Why a snapshot cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Not a snapshot.
    #[error("it is not a snapshot")]
    Bytes(#[from] DecodeError),
    /// Its rules cannot be used.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// It contradicts itself.
    #[error("it is damaged: {0}")]
    Damaged(String),
}
