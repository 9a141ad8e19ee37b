//! Starts slots as they are wanted.
#![allow(clippy::disallowed_methods, reason = "shell: it waits for what is wanted")]

use std::sync::Arc;
use std::thread;

use super::{Place, SlotPool};
use crate::limits;
use crate::runner::parallelism::Parallelism;

/// Starts slots as they are wanted, until all have ended. Those that are not wanted end themselves.
pub(crate) fn keep(pool: &Arc<SlotPool>, parallelism: &Parallelism, mut start: impl FnMut(Place)) {
    parallelism.is_kept_here();
    loop {
        if let Some(wanted) = parallelism.wanted() {
            pool.resize(wanted).into_iter().for_each(&mut start);
        }
        let running = pool.running();
        parallelism.runs(running);
        if running == 0 {
            return;
        }
        thread::park_timeout(limits::SLOTS_LOOKED_AT_EVERY);
    }
}
