//! The `seismic` program.

use std::process::ExitCode;

use seismic::cli::exit;
use seismic::{Cli, job, start};

fn main() -> ExitCode {
    start();
    exit::run(|| job::file::parse::<Cli>(std::env::args_os().collect())?.run())
}
