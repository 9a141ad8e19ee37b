//! `seismic generate` as a program of its own, for machines that only make load.

use std::process::ExitCode;

use clap::Parser;
use seismic::cli::commands::generate;
use seismic::cli::exit;
use seismic::start;

/// Publish synthetic seismic records, faulty ones included, to a queue.
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
