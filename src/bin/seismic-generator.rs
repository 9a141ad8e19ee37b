//! `seismic generate` as a program of its own, for machines that only make load.

use std::process::ExitCode;

use clap::Parser;
use seismic::commands::generate;
use seismic::{exit, start};

/// Publishes synthetic seismic records, with faults on purpose, to a queue.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(flatten)]
    generate: generate::Args,
}

fn main() -> ExitCode {
    start();
    let args = Cli::parse().generate;
    exit::run(|| generate::run(args))
}
