//! `seismic run` as a child process, for `demo` and `bench`, and its progress.

use std::ffi::OsStr;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};
use seismic_queue::{Error, JobStore, Queue};

use crate::job::kinds;

/// How long a consumer may take to stop: on a broker it may have to wait for what became of its
/// last commit.
const STOP_PATIENCE: Duration = Duration::from_secs(60);

/// A running consumer; killed when it is dropped.
pub struct Consumer(Child);

impl Consumer {
    /// Starts `seismic run --quiet` of this very program with further options.
    pub fn start<I: IntoIterator<Item: AsRef<OsStr>>>(options: I) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("finding this program")?;
        let child = Command::new(program)
            .args(["run", "--quiet"])
            .args(options)
            .stdin(Stdio::null())
            .spawn()
            .context("starting the consumer")?;
        Ok(Consumer(child))
    }

    /// Its process.
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.0)
    }

    /// An error when it has ended on its own.
    pub fn check(&mut self) -> anyhow::Result<()> {
        match self.0.try_wait()? {
            Some(status) => bail!("the consumer has ended: {status}"),
            None => Ok(()),
        }
    }

    /// `kill -9`: no chance to finish anything.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }

    /// After it has ended on its own: an error unless it ended well.
    pub fn end(&mut self) -> anyhow::Result<()> {
        let status = self.0.wait()?;
        if !status.success() {
            bail!("the consumer ended with {status}");
        }
        Ok(())
    }

    /// SIGTERM; it must end well and in time.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        kill_process(self.pid(), Signal::TERM).context("stopping the consumer")?;
        let deadline = Instant::now() + STOP_PATIENCE;
        while Instant::now() < deadline {
            if self.0.try_wait()?.is_some() {
                return self.end();
            }
            thread::sleep(Duration::from_millis(5));
        }
        bail!("the consumer did not stop within {} s", STOP_PATIENCE.as_secs())
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        // It may have ended already; there is no one left to tell.
        let _ = self.kill();
    }
}

/// How far a consumer has come, all partitions together.
pub struct Position {
    /// Messages committed.
    pub messages: u64,
    /// Messages not committed yet.
    pub lag: u64,
    /// Windows open.
    pub open_windows: u64,
}

impl Position {
    /// Reads it from the store; zero when there is none yet.
    pub fn of(store: &dyn JobStore, queue: &dyn Queue) -> anyhow::Result<Self> {
        let mut position = Position { messages: 0, lag: u64::MAX, open_windows: 0 };
        let view = match store.view() {
            Ok(view) => view,
            Err(Error::StoreMissing { .. } | Error::Busy { .. }) => return Ok(position),
            Err(error) => return Err(error.into()),
        };
        let kind = kinds::of(&view)?;
        for progress in view.partitions.iter().filter_map(|part| part.progress.as_ref()) {
            let further = progress.further.iter().map(|offset| offset.0);
            position.messages += progress.next.0 + further.sum::<u64>();
            position.open_windows += kind.note_status(&progress.note)?.open_windows;
        }
        let mut end = 0;
        for input in &view.job.inputs {
            end +=
                queue.spans(&queue.topic(&input.name)?)?.iter().map(|span| span.end.0).sum::<u64>();
        }
        position.lag = end - position.messages;
        Ok(position)
    }
}

/// Asks every few milliseconds until it is so.
///
/// # Errors
/// When it is not so in time, or a stop was asked for, or the question fails.
pub fn wait_until(
    patience: Duration,
    stop: &AtomicBool,
    mut is_so: impl FnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let deadline = Instant::now() + patience;
    while !is_so()? {
        if stop.load(Ordering::Relaxed) {
            bail!("stopped");
        }
        if Instant::now() > deadline {
            bail!("not within {} s", patience.as_secs());
        }
        thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}
