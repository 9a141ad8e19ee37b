//! What a store has answered about a lease.

use std::time::Instant;

use seismic_queue::ScalingNote;

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The note was read.
    Note(Option<ScalingNote>),
    /// It was taken, and this note was there.
    Took(Option<ScalingNote>),
    /// It was renewed.
    Renewed,
    /// Somebody else has taken it.
    Fenced,
    /// Nobody knows: why.
    Failed(String),
}

/// What came of a step, and when it was.
#[derive(Clone, Debug)]
pub struct Answered {
    /// Before the store was asked.
    pub began: Instant,
    /// When it had answered.
    pub ended: Instant,
    /// What came of it.
    pub outcome: Outcome,
}
