//! RocketMQ as a queue, on a real Java broker. Tests share one where they only add topics of their
//! own. Where Java or Maven is missing they are skipped, loudly; in CI that is a failure.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

use std::time::Duration;

/// Whatever takes longer does not come at all: a test that fails so says what it waited for.
const PATIENCE: Duration = Duration::from_secs(120);

mod conformance;
mod faults;
mod fresh;
mod interop;
#[path = "../../../../tests/faults/trial/line.rs"]
mod line;
