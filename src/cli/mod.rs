//! The command line: one command a file, and what all of them share.

pub mod commands;
pub mod exit;
pub(crate) mod format;
pub(crate) mod json;
pub(crate) mod remedy;
pub(crate) mod signal;
pub(crate) mod stdio;
pub(crate) mod target;
pub(crate) mod time;

use std::io::IsTerminal;

use clap::{Parser, Subcommand};

use self::exit::Outcome;

/// Seismic sensor ingestion you can trust.
///
/// Records go from sensors through a durable queue into one-second windows per sensor: each
/// counted once, none lost, and `seismic verify` proves it.
#[derive(Parser)]
#[command(version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// A live network, a consumer that is killed half-way, and the proof that nothing was lost.
    Demo(crate::demo::Args),
    /// Publish synthetic records, with faults on purpose.
    Generate(commands::generate::Args),
    /// Publish recordings of real sensors.
    Import(commands::import::Args),
    /// Play a topic into another one, at its original pace or another.
    Replay(commands::replay::Args),
    /// Turn records into windows, exactly once, and show them.
    Run(Box<commands::run::Args>),
    /// Show the rows of a job from a process of its own: one sink for any number of workers.
    Sink(commands::sink::Args),
    /// Prove that every result is there, once, and right.
    Verify(commands::verify::Args),
    /// Print the messages of a topic.
    Read(commands::read::Args),
    /// Show how far a job is and what it has counted.
    Status(commands::status::Args),
    /// Look for what is wrong with queue, store, sinks and clock, and say what to do about it.
    Doctor(commands::doctor::Args),
    /// Measure what this machine and queue do, each figure beside what one core can do at most.
    Bench(crate::bench::Args),
    /// Look at the checkpoints of a job, and name them so that they are kept.
    Checkpoint(commands::checkpoint::Args),
    /// Show who needs what of the queue, and let go of a group that is over.
    Group(commands::group::Args),
    /// Say how much of a topic is kept.
    Retention(commands::retention::Args),
}

impl Cli {
    /// Does what the command line says.
    ///
    /// # Errors
    /// Whatever the command says; [`exit::code`] turns it into words and an exit code.
    pub fn run(self) -> anyhow::Result<Outcome> {
        match self.command {
            Command::Demo(args) => crate::demo::run(&args),
            Command::Generate(args) => commands::generate::run(args),
            Command::Import(args) => commands::import::run(args),
            Command::Replay(args) => commands::replay::run(args),
            Command::Run(args) => commands::run::run(*args),
            Command::Sink(args) => commands::sink::run(&args),
            Command::Verify(args) => commands::verify::run(&args),
            Command::Read(args) => commands::read::run(&args),
            Command::Status(args) => commands::status::run(&args),
            Command::Doctor(args) => commands::doctor::run(args),
            Command::Bench(args) => crate::bench::run(&args),
            Command::Checkpoint(args) => commands::checkpoint::run(&args),
            Command::Group(args) => commands::group::run(&args),
            Command::Retention(args) => commands::retention::run(&args),
        }
    }
}

/// What every program of ours does first: logs to stderr (`RUST_LOG` chooses what; warnings by
/// default), and, in test builds, failpoints from the environment.
pub fn start() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        // A log line that cannot be written must not end the job: stderr may be a full disk.
        .log_internal_errors(false)
        .with_target(false)
        .init();
    #[cfg(feature = "failpoints")]
    std::mem::forget(fail::FailScenario::setup());
}
