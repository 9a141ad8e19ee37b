//! How a command ends: a message on stderr and an exit code.

use std::panic::{UnwindSafe, catch_unwind};
use std::process::ExitCode;

use seismic_queue::Kind;

use crate::cli::stdio::tell;
use crate::error::{Panicked, kind};
use crate::remedy::with_remedy;

pub use crate::error::Usage;

/// How a command that did its work ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Code 0.
    Fine,
    /// Verify found a difference, or the doctor a problem: code 3.
    Differs,
}

/// Does a command's work to its exit code. A panic, which is a fault of ours, is code 1 as any
/// other failure: a supervisor starts the program again, and what was committed is there.
#[must_use]
pub fn run(work: impl FnOnce() -> anyhow::Result<Outcome> + UnwindSafe) -> ExitCode {
    code(catch_unwind(work).unwrap_or_else(|_| Err(Panicked.into())))
}

/// The exit code of a command, after its error, if any, was printed: 0 fine, 1 failed, 2 wrong
/// usage, 3 verify found a difference or the doctor a problem, 4 fenced by another owner.
#[must_use]
pub fn code(outcome: anyhow::Result<Outcome>) -> ExitCode {
    let error = match outcome {
        Ok(Outcome::Fine) => return ExitCode::SUCCESS,
        Ok(Outcome::Differs) => return ExitCode::from(3),
        Err(error) => error,
    };
    if is_closed_pipe(&error) {
        // Whoever read our output has seen enough.
        return ExitCode::SUCCESS;
    }
    tell(format_args!("error: {}", with_remedy(error.as_ref())));
    for cause in error.chain().skip(1) {
        tell(format_args!("  because: {}", with_remedy(cause)));
    }
    ExitCode::from(of_error(&error))
}

fn of_error(error: &anyhow::Error) -> u8 {
    match kind(error) {
        Some(Kind::Config) => 2,
        Some(Kind::Fenced) => 4,
        _ => 1,
    }
}

/// The number of [`code`], and nothing is printed.
#[must_use]
pub fn number(outcome: &anyhow::Result<Outcome>) -> u8 {
    match outcome {
        Ok(Outcome::Fine) => 0,
        Ok(Outcome::Differs) => 3,
        Err(error) if is_closed_pipe(error) => 0,
        Err(error) => of_error(error),
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<std::io::Error>();
        io.is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
            || matches!(
                cause.downcast_ref::<seismic_sinks::Error>(),
                Some(seismic_sinks::Error::Closed { .. })
            )
    })
}
