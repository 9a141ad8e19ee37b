//! How long is waited for a server.

use std::time::Duration;

use crate::limits;

/// The client waits as long as it is told, and the kernel of a frozen server keeps a connection open
/// forever.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Until it takes a connection and has said that we may come in.
    pub(super) connect: Duration,
    /// Until it is asked whether it still answers.
    pub(super) silent: Duration,
    /// Until a statement has ended, whatever it answers.
    pub(super) statement: Duration,
}

/// What sinks have.
pub(super) const PATIENCE: Patience = Patience {
    connect: limits::CONNECT_PATIENCE,
    silent: limits::SILENT_PATIENCE,
    statement: limits::STATEMENT_PATIENCE,
};

/// What those have who only look.
pub(super) const PATIENCE_TO_LOOK: Patience =
    Patience { connect: limits::LOOK_PATIENCE, silent: limits::LOOK_PATIENCE, ..PATIENCE };
