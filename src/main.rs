//! The `seismic` program.

use std::process::ExitCode;

use clap::Parser as _;
use seismic::cli::exit;
use seismic::{Cli, start};

fn main() -> ExitCode {
    start();
    exit::run(|| Cli::parse().run())
}
