//! Opens a sink on a separate thread, so that a stop is noticed whatever the sink waits for: a
//! server that accepts the connection and does not respond, another sink that owns the target, a
//! broker.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use seismic_queue::JobStore;

use crate::{Context, Error, Result, SinkRunner, SinkSpec, limits};

/// As [`SinkRunner::open`], until `stop` is set: then it is left to itself, and gives up what it
/// has opened as soon as it has.
///
/// # Errors
/// As [`SinkRunner::open`]; [`Error::Stopped`] after a stop.
///
/// # Panics
/// With the panic of the sink.
pub fn open_unless_stopped(
    spec: &SinkSpec,
    context: &Context,
    store: &Arc<dyn JobStore>,
    stop: &AtomicBool,
) -> Result<SinkRunner> {
    let (of_thread, context, store) = (spec.clone(), context.clone(), Arc::clone(store));
    let opening = thread::spawn(move || SinkRunner::open(&of_thread, &context, &store));
    while !opening.is_finished() {
        if stop.load(Ordering::Relaxed) {
            return Err(Error::Stopped { sink: spec.shown() });
        }
        thread::park_timeout(limits::STOP_LOOK_EVERY);
    }
    opening.join().unwrap_or_else(|panic| resume_unwind(panic))
}
