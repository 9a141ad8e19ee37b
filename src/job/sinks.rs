//! The sinks of this process, each on a thread of its own, and how they end.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use seismic_queue::{JobStore, Span, patiently_by};
use seismic_sinks::{Finish, Relay, Sink, Spec};

use crate::cli::remedy::in_one_line;
use crate::cli::stdio::tell;

/// After a stop, sinks may still write what is committed for this long.
const SINK_PATIENCE: Duration = Duration::from_millis(1_500);

/// Opens a sink that shows the rows of `store`, and lets it recover. What may pass is waited for, as a
/// broker that is busy.
///
/// # Errors
/// What the sink says; after a stop also what might have passed.
pub fn begin<'a>(
    store: &'a dyn JobStore,
    stop: &AtomicBool,
    open: impl Fn() -> seismic_sinks::Result<Box<dyn Sink>>,
) -> seismic_sinks::Result<Relay<'a>> {
    patiently_by(seismic_sinks::Error::kind, stop, || Relay::new(store, open()?))
}

/// Running sinks. Dropping them ends them.
pub struct Sinks<'scope> {
    running: Vec<Running<'scope>>,
}

struct Running<'scope> {
    spec: Spec,
    finish: Arc<Finish>,
    thread: ScopedJoinHandle<'scope, seismic_sinks::Result<()>>,
}

impl<'scope> Sinks<'scope> {
    /// Starts all. One that fails sets `stop`.
    pub fn start<'env>(
        scope: &'scope Scope<'scope, 'env>,
        relays: Vec<(Spec, Relay<'env>)>,
        stop: &'env AtomicBool,
    ) -> Self {
        let start = |(spec, mut relay): (Spec, Relay<'env>)| {
            let finish = Arc::new(Finish::new());
            let order = Arc::clone(&finish);
            let thread = scope.spawn(move || {
                let outcome = catch_unwind(AssertUnwindSafe(|| relay.run(&order)));
                if !matches!(outcome, Ok(Ok(()))) {
                    // Rows go on to the result topic, but a person must see that nobody shows them.
                    stop.store(true, Ordering::Relaxed);
                }
                outcome.unwrap_or_else(|panic| resume_unwind(panic))
            });
            Running { spec, finish, thread }
        };
        Sinks { running: relays.into_iter().map(start).collect() }
    }

    /// Ends each once it has shown what is committed now.
    pub fn after_what_is_committed(&self, store: &dyn JobStore) -> seismic_queue::Result<()> {
        // As committed: a log may go on behind the last row.
        let ends: Vec<Span> =
            store.view()?.partitions.iter().map(|part| part.outputs[0].span).collect();
        self.running.iter().for_each(|sink| sink.finish.after(ends.clone()));
        Ok(())
    }

    /// Ends each after a last sync.
    pub fn stop(&self) {
        self.running.iter().for_each(|sink| sink.finish.stop());
    }

    /// Lets every sink write what is committed: all of it when the run `is_done`, else as much as
    /// a stop has time for.
    pub fn end(self, store: &dyn JobStore, is_done: bool, stop: &AtomicBool) -> anyhow::Result<()> {
        self.after_what_is_committed(store)?;
        self.join(is_done, stop)
    }

    /// Waits until all have ended: as long as that takes when the work `is_done`, with bounded
    /// patience when it is not or `stop` is set.
    pub fn join(mut self, is_done: bool, stop: &AtomicBool) -> anyhow::Result<()> {
        let mut stopping: Option<Instant> = None;
        let mut outcome = Ok(());
        for sink in std::mem::take(&mut self.running) {
            while !sink.thread.is_finished() {
                if !is_done || stop.load(Ordering::Relaxed) {
                    let waited = stopping.get_or_insert_with(Instant::now).elapsed();
                    sink.hurry(waited);
                }
                thread::sleep(Duration::from_millis(5));
            }
            let ended = sink.thread.join().unwrap_or_else(|panic| resume_unwind(panic));
            let ended = ended.with_context(|| format!("sink {} has stopped", sink.spec));
            if let (Err(_), Err(further)) = (&outcome, &ended) {
                tell(format_args!("error: {}", in_one_line(&further)));
            }
            outcome = outcome.and(ended);
        }
        outcome
    }
}

impl Running<'_> {
    /// A stop was asked for `waited` ago and this sink is not done.
    fn hurry(&self, waited: Duration) {
        if waited > SINK_PATIENCE {
            self.finish.stop();
        }
        if waited > 2 * SINK_PATIENCE {
            // It hangs in a call, as on a pipe that nobody reads. Its thread cannot be ended, but
            // everything is committed, and a sink that keeps a position recovers from it.
            tell(format_args!("sink {} does not answer and is left behind", self.spec));
            std::process::exit(0);
        }
    }
}

impl Drop for Sinks<'_> {
    /// Whatever ends the run early must not leave threads that the scope waits for.
    fn drop(&mut self) {
        self.running.iter().for_each(|sink| sink.finish.stop());
    }
}
