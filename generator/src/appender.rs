//! A thread of its own that appends loads to the queue, so that making records and waiting for
//! the disk overlap. At most [`limits::LOADS_WAITING`] loads wait for it: a slow queue slows the
//! maker down.

use std::panic::resume_unwind;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::thread;

use seismic_queue::{Producer, patiently};

use crate::lanes::{Lanes, Load};
use crate::{Result, limits};

/// The maker's side.
pub(crate) struct Appender<'a> {
    loads: SyncSender<Load>,
    done: Receiver<Load>,
    progress: &'a mut dyn FnMut(u64),
    tally: Tally,
}

/// What was appended, durably.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) records: u64,
    /// Messages that the queue had already.
    pub(crate) recognised: u64,
}

/// Runs `make`, which sends loads, and returns when all of them are durable. `progress` is told
/// the number of durable records. Errors that pass are waited out, unless `stop` is set.
///
/// # Errors
/// The first error of an append that does not pass, or passed too late.
pub(crate) fn appending(
    producer: Box<dyn Producer>,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(u64),
    make: impl FnOnce(&mut Appender<'_>) -> Result<()>,
) -> Result<Tally> {
    thread::scope(|scope| {
        let (loads, waiting) = mpsc::sync_channel(limits::LOADS_WAITING);
        let (finished, done) = mpsc::channel();
        let thread = scope.spawn(move || append_all(producer, &waiting, &finished, stop));
        let mut appender = Appender { loads, done, progress, tally: Tally::default() };
        let made = make(&mut appender);
        let Appender { loads, done, progress, mut tally } = appender;
        drop(loads);
        let appended = thread.join().unwrap_or_else(|panic| resume_unwind(panic));
        done.try_iter().for_each(|load| tally.add(&load));
        progress(tally.records);
        appended.and(made).map(|()| tally)
    })
}

impl Tally {
    fn add(&mut self, load: &Load) {
        self.records += load.records;
        self.recognised += load.recognised;
    }
}

impl Appender<'_> {
    /// Hands over what is in the lanes, waiting while the queue is behind. `false` when the
    /// appending has failed: then stop making.
    #[must_use]
    pub(crate) fn send(&mut self, lanes: &mut Lanes) -> bool {
        self.report(lanes);
        lanes.is_empty() || self.loads.send(lanes.take()).is_ok()
    }

    /// Tells the progress and takes memory back.
    fn report(&mut self, lanes: &mut Lanes) {
        while let Ok(load) = self.done.try_recv() {
            self.tally.add(&load);
            (self.progress)(self.tally.records);
            lanes.give_back(load);
        }
    }
}

fn append_all(
    mut producer: Box<dyn Producer>,
    loads: &Receiver<Load>,
    finished: &Sender<Load>,
    stop: &AtomicBool,
) -> Result<()> {
    for mut load in loads {
        load.recognised = append(&mut *producer, &load, stop)?;
        // The maker may be gone already; its tally reads what is left in the channel.
        let _ = finished.send(load);
    }
    Ok(())
}

/// Messages of the load that the queue had already.
fn append(producer: &mut dyn Producer, load: &Load, stop: &AtomicBool) -> Result<u64> {
    let appends = load.appends();
    Ok(patiently(stop, || producer.append(&appends))?.recognised)
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

    /// Sends loads of one record until it may not or has sent a hundred.
    fn send_some(producer: Flaky, stop: bool) -> Result<Tally> {
        let stop = AtomicBool::new(stop);
        appending(Box::new(producer), &stop, &mut |_| {}, |appender| {
            let mut lanes = Lanes::new(1, 1);
            for _ in 0..100 {
                lanes.add_message(Partition(0), b"k", b"v", 1);
                if !appender.send(&mut lanes) {
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
    fn a_stopped_run_does_not_wait_for_a_busy_queue() {
        assert!(send_some(Flaky { busy: u32::MAX, broken: false }, true).is_err());
    }
}
