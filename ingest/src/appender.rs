//! Appends to the queue on a separate thread, so that encoding records and waiting for the disk
//! overlap. At most [`limits::REQUESTS_WAITING`] append requests wait: a slow queue slows the
//! producer down.

use std::panic::resume_unwind;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{self, Receiver, Sender, SyncSender, TryRecvError};
use std::thread;
use std::time::Duration;

use seismic_queue::{Block, ImportLog, NoteChange, Partition, Producer, patiently};

use crate::batching::{AppendRequest, Batcher};
use crate::{Result, limits};

/// The side of the thread that makes records.
pub struct Appender<'a> {
    requests: SyncSender<AppendRequest>,
    done: Receiver<AppendRequest>,
    progress: &'a mut dyn FnMut(u64),
    tally: Tally,
    /// Requests that were sent and are not reported done.
    on_the_way: u64,
    /// Whether the thread that appends has ended.
    is_over: bool,
}

/// What was appended, durably.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Records in the messages.
    pub records: u64,
    /// Messages that the queue had already.
    pub recognised: u64,
}

/// Where messages go, and what tells which of them are there already.
pub enum Destination {
    /// Their numbers do.
    Producer(Box<dyn Producer>),
    /// Notes about where they came from do.
    ImportLog(Box<dyn ImportLog>),
}

/// Runs `make`, which sends what it batched, and returns when all of it is durable. `progress`
/// receives the number of durable records. Transient errors are retried until `stop` is set.
///
/// # Errors
/// The first permanent error of an append, or a transient one after `stop`.
pub fn appending(
    producer: Box<dyn Producer>,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(u64),
    make: impl FnOnce(&mut Appender<'_>) -> Result<()>,
) -> Result<Tally> {
    let (tally, made) = appending_to(Destination::Producer(producer), stop, progress, make);
    made.map(|()| tally)
}

/// As [`appending`], and says what is durable also when something failed.
pub fn appending_to(
    destination: Destination,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(u64),
    make: impl FnOnce(&mut Appender<'_>) -> Result<()>,
) -> (Tally, Result<()>) {
    thread::scope(|scope| {
        let (requests, waiting) = mpsc::sync_channel(limits::REQUESTS_WAITING);
        let (finished, done) = mpsc::channel();
        let thread = scope.spawn(move || append_all(destination, &waiting, &finished, stop));
        let mut appender = Appender {
            requests,
            done,
            progress,
            tally: Tally::default(),
            on_the_way: 0,
            is_over: false,
        };
        let made = make(&mut appender);
        let Appender { requests, done, progress, mut tally, .. } = appender;
        drop(requests);
        let appended = thread.join().unwrap_or_else(|panic| resume_unwind(panic));
        done.try_iter().for_each(|request| tally.add(&request));
        progress(tally.records);
        (tally, appended.and(made))
    })
}

/// `count / took`; finite, since JSON has no infinity.
#[must_use]
pub fn per_second(count: u64, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64().max(1e-9)
}

impl Tally {
    fn add(&mut self, request: &AppendRequest) {
        self.records += request.records;
        self.recognised += request.recognised;
    }
}

impl Appender<'_> {
    /// Sends all whole messages, and blocks while the queue is behind. `false` when appending has
    /// failed: then stop making records.
    #[must_use]
    pub fn send(&mut self, batcher: &mut Batcher) -> bool {
        self.is_appending(batcher) && (batcher.is_empty() || self.hand_over(batcher.take_request()))
    }

    /// Reports what is done. `false` when appending has failed.
    #[must_use]
    pub fn is_appending(&mut self, batcher: &mut Batcher) -> bool {
        self.report(batcher);
        !self.is_over
    }

    /// As [`Appender::send`], with notes that change in the same act.
    #[must_use]
    pub fn send_noted(&mut self, batcher: &mut Batcher, changes: Vec<NoteChange>) -> bool {
        if !self.is_appending(batcher) || batcher.is_empty() {
            return !self.is_over;
        }
        let mut request = batcher.take_request();
        request.changes = changes;
        self.hand_over(request)
    }

    /// Waits until everything that was sent is durable. `false` when appending has failed.
    #[must_use]
    pub fn settle(&mut self, batcher: &mut Batcher) -> bool {
        while self.on_the_way > 0 {
            match self.done.recv() {
                Ok(request) => self.take_done(request, batcher),
                Err(_) => return false,
            }
        }
        true
    }

    fn hand_over(&mut self, request: AppendRequest) -> bool {
        self.on_the_way += 1;
        self.requests.send(request).is_ok()
    }

    /// Reports progress and returns memory to the batcher.
    fn report(&mut self, batcher: &mut Batcher) {
        loop {
            match self.done.try_recv() {
                Ok(request) => self.take_done(request, batcher),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => {
                    self.is_over = true;
                    return;
                }
            }
        }
    }

    fn take_done(&mut self, request: AppendRequest, batcher: &mut Batcher) {
        self.on_the_way -= 1;
        self.tally.add(&request);
        (self.progress)(self.tally.records);
        batcher.reuse(request);
    }
}

fn append_all(
    mut destination: Destination,
    requests: &Receiver<AppendRequest>,
    finished: &Sender<AppendRequest>,
    stop: &AtomicBool,
) -> Result<()> {
    for mut request in requests {
        request.recognised = append(&mut destination, &request, stop)?;
        // The receiver may be gone already; the tally reads the rest of the channel.
        let _ = finished.send(request);
    }
    Ok(())
}

/// Messages of the request that the queue had already.
fn append(
    destination: &mut Destination,
    request: &AppendRequest,
    stop: &AtomicBool,
) -> Result<u64> {
    match destination {
        Destination::Producer(producer) => {
            let appends = request.appends();
            Ok(patiently(stop, || producer.append(&appends))?.recognised)
        }
        Destination::ImportLog(log) => {
            let blocks: Vec<(Partition, &Block)> = request.blocks().collect();
            patiently(stop, || log.append(&blocks, &request.changes))?;
            Ok(0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use seismic_queue::{Append, Appended, Error, Partition};

    /// A queue that is busy some times, then takes everything, or fails for good.
    struct Flaky {
        busy: u32,
        broken: bool,
    }

    impl Producer for Flaky {
        fn append(&mut self, appends: &[Append<'_>]) -> seismic_queue::Result<Appended> {
            let at = "flaky".to_owned();
            if self.busy > 0 {
                self.busy -= 1;
                return Err(Error::Busy { at, doing: "appending" });
            }
            if self.broken {
                return Err(Error::Stopped { at });
            }
            let written = appends.iter().map(|append| u64::from(append.block.count())).sum();
            Ok(Appended { written, recognised: 0 })
        }

        fn next_sequence(&mut self, _: Partition) -> seismic_queue::Result<u64> {
            Ok(0)
        }
    }

    /// Sends requests of one record until it may not or has sent a hundred.
    fn send_some(producer: Flaky, stop: bool) -> Result<Tally> {
        let stop = AtomicBool::new(stop);
        appending(Box::new(producer), &stop, &mut |_| {}, |appender| {
            let mut batcher = Batcher::new(1, 1);
            for _ in 0..100 {
                batcher.add_message(Partition(0), b"k", b"v", 1);
                if !appender.send(&mut batcher) {
                    break;
                }
            }
            Ok(())
        })
    }

    #[test]
    fn what_passes_is_waited_out_and_nothing_is_lost() {
        let tally = send_some(Flaky { busy: 3, broken: false }, false).unwrap();
        assert_eq!(tally.records, 100);
    }

    #[test]
    fn what_does_not_pass_ends_the_run() {
        assert!(send_some(Flaky { busy: 0, broken: true }, false).is_err());
    }

    #[test]
    fn whoever_has_nothing_to_send_learns_that_appending_has_failed() {
        let stop = AtomicBool::new(false);
        let broken = Box::new(Flaky { busy: 0, broken: true });
        let mut turns = 0u64;
        let ended = appending(broken, &stop, &mut |_| {}, |appender| {
            let mut batcher = Batcher::new(1, 1);
            batcher.add_message(Partition(0), b"k", b"v", 1);
            assert!(appender.send(&mut batcher));
            while appender.is_appending(&mut batcher) {
                turns += 1;
                thread::yield_now();
            }
            Ok(())
        });
        assert!(ended.is_err(), "after {turns} turns");
    }

    #[test]
    fn a_stopped_run_does_not_wait_for_a_busy_queue() {
        assert!(send_some(Flaky { busy: u32::MAX, broken: false }, true).is_err());
    }
}
