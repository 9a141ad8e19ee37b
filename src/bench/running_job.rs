//! A job that runs as a separate process during the bench, with access to its store.

use anyhow::Context as _;
use seismic_queue::{Error, JobStore};

use super::context::{Bench, PATIENCE};
use super::workspace::{Job, TestTopic};
use crate::demo::child::{self, Consumer, Position};

/// A job at work.
pub struct RunningJob {
    pub consumer: Consumer,
    pub store: Box<dyn JobStore>,
}

impl RunningJob {
    /// Starts `job` with further options of `run`, and waits until it has made its store.
    pub fn start(bench: &Bench<'_>, job: &Job, options: &[&str]) -> anyhow::Result<Self> {
        let mut consumer = job.start(options)?;
        let store = job.store()?;
        wait_for_store(bench, &*store, &mut consumer)?;
        Ok(RunningJob { consumer, store })
    }

    /// Waits until everything in the topic is committed.
    pub fn catch_up(&mut self, bench: &Bench<'_>, test: &TestTopic) -> anyhow::Result<()> {
        child::wait_until(PATIENCE, bench.stop, || {
            self.consumer.check()?;
            Ok(Position::of(&*self.store, &*test.queue)?.lag == 0)
        })
        .context("the job does not keep up; try a lower --rate")
    }
}

/// Waits until the job has made its store.
fn wait_for_store(
    bench: &Bench<'_>,
    store: &dyn JobStore,
    consumer: &mut Consumer,
) -> anyhow::Result<()> {
    child::wait_until(PATIENCE, bench.stop, || {
        consumer.check()?;
        match store.view() {
            Ok(_) => Ok(true),
            Err(Error::StoreMissing { .. } | Error::Busy { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    })
}
