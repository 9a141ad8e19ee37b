//! How much of a job works.

use crate::serve::life::Intent;
use crate::serve::pressure::Level;
use crate::serve::served_job::ServedJob;

/// How much of a job works: as much as of that worker that yields most. One that no one wants to
/// run says nothing.
#[must_use]
pub fn level(workers: &[&ServedJob]) -> Level {
    let wanted = workers.iter().filter(|it| it.life.saved().intent == Intent::Run);
    wanted.map(|it| it.life.level()).max().unwrap_or_default()
}
