//! How the owner of a sink's thread tells it that it is time to end, or to write nothing for a
//! while.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use seismic_queue::Span;

/// Whether sinks write nothing for a while, shared by all sinks of a job. They keep their
/// positions, and rows wait in the store. An order to end has precedence: what is committed is
/// written then.
#[derive(Clone, Debug, Default)]
pub struct SinkHold(Arc<AtomicBool>);

impl SinkHold {
    /// Has them write nothing, or write again.
    pub fn set(&self, is_held: bool) {
        self.0.store(is_held, Ordering::Relaxed);
    }

    /// Whether they are to write nothing.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Shared between a sink's thread and the one that ends it. Later orders replace earlier ones.
#[derive(Debug, Default)]
pub struct SinkStop {
    hold: SinkHold,
    order: Mutex<Order>,
    changed: Condvar,
}

/// What was ordered last.
#[derive(Clone, Debug, Default)]
pub(crate) enum Order {
    /// Continue.
    #[default]
    Run,
    /// End now.
    Stop,
    /// End once everything before these ends is shown.
    After(Vec<Span>),
}

impl SinkStop {
    /// Nothing ordered yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Nothing ordered yet; it writes nothing while this is set.
    #[must_use]
    pub fn held_by(hold: SinkHold) -> Self {
        SinkStop { hold, ..Self::default() }
    }

    /// End at once, after a last sync. Interrupts waiting for a failure to pass.
    pub fn stop(&self) {
        self.set(Order::Stop);
    }

    /// End once every row before these ends (one for each partition, in order) is written and
    /// synced. Only [`SinkStop::stop`] ends it sooner.
    pub fn after(&self, ends: Vec<Span>) {
        self.set(Order::After(ends));
    }

    pub(crate) fn order(&self) -> Order {
        self.lock().clone()
    }

    /// Whether it is to write nothing for a while.
    pub(crate) fn is_held(&self) -> bool {
        self.hold.is_set()
    }

    /// Waits, but not longer than until a stop is ordered.
    pub(crate) fn pause(&self, time: Duration) {
        let running = |order: &mut Order| !matches!(order, Order::Stop);
        let waited = self.changed.wait_timeout_while(self.lock(), time, running);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    fn set(&self, order: Order) {
        *self.lock() = order;
        self.changed.notify_all();
    }

    /// An order is set in one step, so one that a panicking thread left behind is still whole.
    fn lock(&self) -> MutexGuard<'_, Order> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
