//! Elastic scaling: what is decided from which samples.

mod decisions;
mod failures_of_others;
mod lines;
mod properties;
mod scene;
mod simulation;
