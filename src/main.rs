//! The `seismic` program.

use std::process::ExitCode;

use clap::Parser as _;
use seismic::cli::exit;
use seismic::{Cli, start};

fn main() -> ExitCode {
    start();
    exit::run(|| match Cli::try_parse() {
        Ok(cli) => cli.run(),
        // Help and version are on stdout, as whatever else was asked for.
        Err(asked) if !asked.use_stderr() => {
            asked.print()?;
            Ok(exit::Outcome::Fine)
        }
        Err(wrong) => wrong.exit(),
    })
}
