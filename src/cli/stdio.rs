//! Text on stdout and stderr. `println!` panics when the pipe is closed or the disk full; these
//! functions do not.

use std::fmt::Display;
use std::io::{self, Write};

/// What was asked for, on stdout.
///
/// # Errors
/// A closed pipe among others, which [`exit::code`](crate::cli::exit::code) takes as "seen enough".
pub fn print(text: impl Display) -> io::Result<()> {
    let mut out = io::stdout().lock();
    write!(out, "{text}")?;
    out.flush()
}

/// As [`print`], with a line end.
///
/// # Errors
/// As [`print`].
pub fn print_line(text: impl Display) -> io::Result<()> {
    print(format_args!("{text}\n"))
}

/// Text for people, on stderr; if stderr is closed, it is dropped.
pub fn tell(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
