//! Targets of log lines besides text on stderr: JSON on stderr, a file, and the newest lines in
//! memory.

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::rolling_file::RollingFile;
use super::settings::{LogFormat, LogOptions};
use super::{Line, SERVICE, tail};
use crate::error::Usage;
use crate::time::now_ms;

/// MiB of a log file, and days that it is kept, where no one says otherwise.
const USUAL: (u64, u32) = (16, 14);

static IS_JSON: AtomicBool = AtomicBool::new(false);
static IS_SERVICE: AtomicBool = AtomicBool::new(false);
static FILE: Mutex<Option<RollingFile>> = Mutex::new(None);

/// Logs from now on as the command line says.
///
/// # Errors
/// [`Usage`] when the file cannot be opened.
pub fn set_up(options: &LogOptions) -> Result<(), Usage> {
    if let Some(path) = &options.log_file {
        let most_bytes = options.log_file_mib.unwrap_or(USUAL.0) << 20;
        let days = options.log_file_days.unwrap_or(USUAL.1);
        let file = RollingFile::open(path, most_bytes, days, now_ms()).map_err(|error| {
            Usage(format!("the log file {} cannot be written: {error}", path.display()))
        })?;
        *FILE.lock().unwrap_or_else(PoisonError::into_inner) = Some(file);
    }
    IS_JSON.store(options.log_format == Some(LogFormat::Json), Ordering::Relaxed);
    IS_SERVICE.fetch_or(options.are_set(), Ordering::Relaxed);
    Ok(())
}

/// Lines about the life of a job are logged as the filter of `RUST_LOG` says.
pub fn follow_filter() {
    IS_SERVICE.store(true, Ordering::Relaxed);
}

/// Whether the text on stderr has lines of this kind: not when they are JSON, and those about the
/// life of a job only when someone asked for a log.
#[must_use]
pub fn is_text(metadata: &Metadata<'_>) -> bool {
    !IS_JSON.load(Ordering::Relaxed) && is_wanted(metadata)
}

fn is_wanted(metadata: &Metadata<'_>) -> bool {
    metadata.target() != SERVICE || IS_SERVICE.load(Ordering::Relaxed)
}

/// The layer beside the text on stderr.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lines;

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let line = Line::of(event);
        if is_wanted(event.metadata()) {
            // Where it cannot be written, the job continues: stderr and file may be on a full disk.
            if IS_JSON.load(Ordering::Relaxed) {
                let _ = io::stderr().lock().write_all(line.json().as_bytes());
            }
            if let Some(file) = &mut *FILE.lock().unwrap_or_else(PoisonError::into_inner) {
                let written = match IS_JSON.load(Ordering::Relaxed) {
                    true => line.json(),
                    false => line.written(),
                };
                let _ = file.write(&written, line.time_ms);
            }
        }
        tail::keep(line);
    }
}
