//! Shared by all kinds of import: lines become messages, and refused ones are counted.

use std::path::Path;

use seismic_queue::ImportLog;

use super::options::Options;
use super::publisher::Publisher;
use super::summary::RecordsSummary;
use crate::files::newest_times::NewestTimes;
use crate::files::parse::item::{Item, ParsedLine};
use crate::files::parse::refusals::shortened;
use crate::{Error, Result};

/// An import while it runs.
pub(super) struct ImportRun<'a> {
    pub(super) publisher: Publisher,
    pub(super) newest: NewestTimes,
    /// Where notes are looked up; `None` where there are none.
    pub(super) notes: Option<&'a mut dyn ImportLog>,
    pub(super) summary: &'a mut RecordsSummary,
    strict: bool,
}

/// What a line gave.
pub(super) struct Given {
    pub(super) messages: u64,
    pub(super) records: u64,
}

impl<'a> ImportRun<'a> {
    /// # Errors
    /// A table of sensors that is wrong.
    pub(super) fn new(
        options: &Options,
        notes: Option<&'a mut dyn ImportLog>,
        summary: &'a mut RecordsSummary,
    ) -> Result<Self> {
        let publisher = Publisher::of(options)?;
        let newest = NewestTimes::default();
        Ok(ImportRun { publisher, newest, notes, summary, strict: options.strict })
    }

    /// Adds what a line says to the messages in progress. `identity` becomes the bytes that tell it
    /// from others; `None` when it was refused.
    ///
    /// # Errors
    /// With `strict` the refusal; and those of the queue.
    pub(super) fn add_line(
        &mut self,
        at: &Path,
        line: ParsedLine,
        identity: &mut Vec<u8>,
    ) -> Result<Option<Given>> {
        let added = line.item.and_then(|item: Item| {
            identity.clear();
            item.identity(identity);
            self.publisher.add(item)
        });
        match added {
            Ok((messages, records)) => {
                self.summary.defaults.add(line.defaulted);
                if let Some((sensor, time_ms)) = self.publisher.last.take() {
                    let notes = self.notes.as_deref_mut();
                    let seen = (sensor.as_str(), time_ms);
                    self.newest.see(notes, seen, at, &mut self.summary.remarks)?;
                }
                Ok(Some(Given { messages, records }))
            }
            Err(refusal) => {
                let what = shortened(refusal.what);
                let refused = Error::Line { at: at.to_owned(), line: line.number, what };
                if self.strict {
                    return Err(refused);
                }
                self.summary.refused.add(&refused, refusal.hint);
                Ok(None)
            }
        }
    }

    /// A file could not be read, or not to its end.
    ///
    /// # Errors
    /// With `strict` the reason; and what is not about a file.
    pub(super) fn fail(&mut self, error: Error) -> Result<()> {
        if self.strict || !error.is_of_file() {
            return Err(error);
        }
        self.summary.unread.add(&error, error.hint());
        Ok(())
    }

    /// Notes what is known at the end of a file.
    pub(super) fn end_file(&mut self, at: &Path, comments: u64, damage: Option<&str>) {
        self.summary.files += 1;
        self.summary.comments += comments;
        if let Some(what) = damage {
            let error = Error::Damaged { at: at.to_owned(), what: what.to_owned() };
            self.summary.unread.add(&error, None);
        }
    }
}
