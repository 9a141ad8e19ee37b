//! The log of an operator: a bounded number of lines of a bounded length, which change nothing.

use crate::definition::row_operator::LOG;
use crate::limits;

/// What may yet be logged in a partition.
#[derive(Debug)]
pub struct LogBook {
    left: usize,
}

impl LogBook {
    /// With room for so many lines.
    pub fn new() -> Self {
        LogBook { left: limits::OPERATOR_LOG_LINES }
    }

    /// Logs nothing.
    pub fn silent() -> Self {
        LogBook { left: 0 }
    }

    /// Whether another line would be logged.
    pub fn is_open(&self) -> bool {
        self.left > 0
    }

    /// Logs lines, the last of which says that no further one is.
    pub fn write(&mut self, lines: &mut Vec<String>) {
        for line in lines.drain(..) {
            if self.left == 0 {
                continue;
            }
            self.left -= 1;
            tracing::info!(target: LOG, "{line}");
            if self.left == 0 {
                let most = limits::OPERATOR_LOG_LINES;
                tracing::info!(target: LOG, "{most} lines were logged; no more are");
            }
        }
    }
}
