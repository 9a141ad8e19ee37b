//! The `seismic` program.

use std::process::ExitCode;

use seismic::{Cli, exit, job_file, start};

fn main() -> ExitCode {
    start();
    exit::run(|| job_file::parse::<Cli>(std::env::args_os().collect())?.run())
}
