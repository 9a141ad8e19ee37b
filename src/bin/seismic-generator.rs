//! `seismic generate` as a program of its own, for machines that only make load.

use std::process::ExitCode;

use clap::Parser;
use seismic::cli::commands::generate;
use seismic::cli::exit;
use seismic::start;

/// Publishes synthetic seismic records, with faults on purpose, to a queue.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(flatten)]
    generate: generate::Args,
}

fn main() -> ExitCode {
    start();
    exit::run(|| generate::run(Cli::parse().generate))
}
