//! Imports of standard input and pipes: records are published at once, and a stop publishes what
//! was read. Such an input cannot be recognised, so importing it again adds it again.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use seismic_queue::{Queue, Topic};

use super::import_run::ImportRun;
use super::live_input::LiveInput;
use super::options::Options;
use crate::appender::{Appender, Tally, appending};
use crate::files::lines::Lines;
use crate::files::parse::item::Next;
use crate::files::parse::reader::{ItemReader, is_stdin, line_limit};
use crate::{Result, limits, producer_name};

/// Imports one live input until its end or a stop.
///
/// # Errors
/// With `strict` the first refused line, an input that cannot be read, and errors of the queue.
pub(super) fn import_input(
    (queue, topic): (&dyn Queue, &Topic),
    input: &Path,
    options: &Options,
    run: &mut ImportRun<'_>,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(u64),
) -> Result<Tally> {
    let producer = queue.producer(topic, &producer_name::unique("records"))?;
    let name = if is_stdin(input) { Path::new("standard input") } else { input };
    let ends = Arc::default();
    let input = LiveInput::open(input, &ends);
    let lines = Lines::from_reader(name, input, line_limit(options.format));
    let mut reader = ItemReader::new(options.format, &options.read, lines);
    appending(producer, stop, progress, |appender| {
        let published = publish(&mut reader, name, run, appender, (stop, &ends));
        run.publisher.batcher.close_packs(i64::MAX);
        let _ = appender.send(&mut run.publisher.batcher);
        published
    })
}

fn publish(
    reader: &mut ItemReader,
    at: &Path,
    run: &mut ImportRun<'_>,
    appender: &mut Appender<'_>,
    (stop, ends): (&AtomicBool, &AtomicBool),
) -> Result<()> {
    let mut identity = Vec::new();
    let mut flush = Flush::default();
    let mut stopped_since: Option<Instant> = None;
    loop {
        if stopped_since.is_none() && stop.load(Ordering::Relaxed) {
            run.summary.stopped = true;
            ends.store(true, Ordering::Relaxed);
            stopped_since = Some(Instant::now());
        }
        // What was read before the stop is still taken.
        let is_time_up = stopped_since.is_some_and(|since| since.elapsed() > limits::LIVE_REST);
        let is_over = match reader.next()? {
            Next::Line(line) => {
                run.add_line(at, line, &mut identity)?;
                false
            }
            Next::Pending => stopped_since.is_some(),
            Next::End => {
                run.end_file(at, reader.comments(), reader.lines().damage());
                return Ok(());
            }
        };
        let batcher = &mut run.publisher.batcher;
        if batcher.is_full() || flush.is_due() {
            batcher.close_packs(i64::MAX);
            if !appender.send(batcher) {
                return Ok(());
            }
        }
        if is_over || is_time_up {
            say_rest(reader, at, run);
            return Ok(());
        }
    }
}

/// Says what was read and not imported.
fn say_rest(reader: &ItemReader, at: &Path, run: &mut ImportRun<'_>) {
    let begun = reader.lines().begun();
    if begun > 0 {
        run.summary.remarks.add(format!(
            "{}: {begun} bytes of a line that had begun were read and are not imported",
            at.display()
        ));
    }
}

/// When what is in progress is published.
pub(super) struct Flush {
    last: Instant,
    every: Duration,
}

impl Default for Flush {
    fn default() -> Self {
        Flush { last: Instant::now(), every: limits::LIVE_FLUSH }
    }
}

impl Flush {
    /// Whether it is time, and then counts from now.
    pub(super) fn is_due(&mut self) -> bool {
        self.is_due_at(Instant::now())
    }

    fn is_due_at(&mut self, now: Instant) -> bool {
        let is_due = now.saturating_duration_since(self.last) >= self.every;
        if is_due {
            self.last = now;
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flush_is_due_once_in_each_interval_and_counts_from_when_it_was() {
        let mut flush = Flush::default();
        let (began, ms) = (flush.last, Duration::from_millis(1));
        assert!(!flush.is_due_at(began));
        assert!(!flush.is_due_at(began + limits::LIVE_FLUSH - ms));
        // A wait ended late: the next interval begins now.
        let late = began + limits::LIVE_FLUSH + 7 * ms;
        assert!(flush.is_due_at(late));
        assert!(!flush.is_due_at(late));
        assert!(!flush.is_due_at(late + limits::LIVE_FLUSH - ms));
        assert!(flush.is_due_at(late + limits::LIVE_FLUSH));
    }

    #[test]
    fn a_line_waits_no_longer_for_its_flush_than_is_promised() {
        // A line comes just after a flush. Nothing more comes, so time is looked at when a wait
        // ends, and the first look behind the interval flushes.
        let mut flush = Flush::default();
        let came = flush.last;
        let mut looks = (1..).map(|wait| wait * limits::LIVE_WAIT);
        let waited = looks.find(|&waited| flush.is_due_at(came + waited)).unwrap();
        assert!(waited <= limits::LIVE_FLUSH + limits::LIVE_WAIT);
        assert!(waited < limits::LIVE_PUBLISHED);
        // And a stop waits for one such wait, and for the rest of what was read.
        assert!(2 * (limits::LIVE_REST + limits::LIVE_WAIT) < limits::LIVE_STOPPED);
    }
}
