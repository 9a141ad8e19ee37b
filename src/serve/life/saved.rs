//! The stored state of a job, from which the next server continues.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::input::Intent;
use super::state::Standing;
use crate::serve::pressure::Level;

/// What is stored of a life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    /// What someone wants.
    pub intent: Intent,
    /// What it does, and why.
    pub standing: Standing,
    /// Automatic starts of the last hour, ms since 1970 UTC.
    pub restarts: VecDeque<i64>,
    /// Automatic starts in a row, none of which ran well.
    pub in_a_row: u32,
    /// Automatic starts so far.
    pub restarts_total: u64,
    /// When it is to be restarted.
    pub restart_at_ms: Option<i64>,
    /// Whether a worker is there, or about to be.
    pub has_worker: bool,
    /// When its worker was started.
    pub started_ms: i64,
    /// When its worker was asked to end.
    pub stop_asked_ms: Option<i64>,
    /// Why its worker was ended although someone wants it to run.
    pub overdue: Option<String>,
    /// Whether a paused job has a worker, which keeps its members.
    #[serde(default)]
    pub pauses_in_place: bool,
    /// How much of it works, and why; it gives the rest to jobs of higher priorities.
    #[serde(default)]
    pub yields: Option<(Level, String)>,
    /// That it is put away: it is not started before it is brought back.
    #[serde(default)]
    pub archived: Option<Archived>,
}

/// Who put a job away, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archived {
    /// When, ms since 1970 UTC.
    pub at_ms: i64,
    /// Who.
    pub by: String,
}
