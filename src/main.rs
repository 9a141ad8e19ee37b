//! The `seismic` program.

use std::process::ExitCode;

use clap::Parser;
use seismic::{Cli, exit, start};

fn main() -> ExitCode {
    start();
    let cli = Cli::parse();
    exit::run(|| cli.run())
}
