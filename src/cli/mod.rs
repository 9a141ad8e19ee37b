//! The command line: one command a file, and what all of them share.

pub mod commands;
mod confirm;
mod csv_folder;
mod event_range;
pub mod exit;
mod fetched;
pub(crate) mod format;
mod found_topic;
pub(crate) mod json;
pub(crate) mod merged_rows;
pub(crate) mod recordings;
pub(crate) mod signal;
mod sql;
pub(crate) mod stdio;
pub(crate) mod target;

use std::io::IsTerminal;

use clap::{Parser, Subcommand};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt as _;

use self::exit::Outcome;
use crate::logs::{Lines, follow_filter, is_text, levels};

/// Exactly-once ingestion of seismic sensor data.
///
/// Reads sensor records from a durable queue and aggregates them into windows per sensor. Every
/// record is counted exactly once; `seismic verify` recomputes all results and compares them.
#[derive(Parser)]
#[command(version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a live network, kill its consumer half-way, and prove that nothing was lost
    Demo(commands::demo::Args),
    /// Publish synthetic records, faulty ones included
    Generate(commands::generate::Args),
    /// Publish recordings of real sensors
    Import(commands::import::Args),
    /// Replay a topic into another topic, at its original pace or faster
    Replay(commands::replay::Args),
    /// Run a job: aggregate records into windows, exactly once, and write them to sinks
    Run(Box<commands::run::Args>),
    /// Run any number of jobs as processes of their own, and start them again when they fail
    Serve(commands::serve::Args),
    /// Ask for, grant, make, list, rotate and revoke tokens: who may do what on a server
    Token(commands::serve::token::Args),
    /// Keep files on a server for jobs and tests: tables, packs, expected rows
    Resource(commands::serve::resource::Args),
    /// Make, check and show job files
    Job(commands::job::Args),
    /// Begin a function of your own for statements
    Function(commands::job::function::Args),
    /// Try a job with recorded records, in memory: its rows, dead letters and counts
    Test(Box<commands::test::Args>),
    /// Run one sink as a separate process, for any number of workers of a job
    Sink(commands::sink::Args),
    /// Recompute all results from the log and compare them with what the job wrote
    Verify(commands::verify::Args),
    /// Print the messages of a topic
    Read(commands::read::Args),
    /// Ask one SQL question of any topic, and of what a job has written
    Sql(commands::sql::Args),
    /// Show a job's progress, lag and counters
    Status(commands::status::Args),
    /// Watch jobs in a terminal: state, rates, lag and errors, every second
    Top(commands::status::top::Args),
    /// Show, follow and simulate how many workers a job should have
    Autoscale(commands::autoscale::Args),
    /// Check queue, job store, sinks and clock, with a remedy for each problem
    Doctor(commands::doctor::Args),
    /// Back up an embedded job with its queue and CSV folders, while it runs
    Backup(commands::backup::Args),
    /// Restore a backup to where a job is to continue
    Restore(commands::backup::restore::Args),
    /// Measure throughput, latency, recovery time and memory on this machine and queue
    Bench(commands::bench::Args),
    /// List, inspect, name and delete checkpoints (a named checkpoint is a savepoint)
    Checkpoint(commands::checkpoint::Args),
    /// List groups and what they hold; delete finished groups
    Group(commands::group::Args),
    /// Make, list, describe and delete topics
    Topic(commands::topic::Args),
    /// Show or set the retention of a topic
    Retention(commands::retention::Args),
    /// Run one job of a server, which starts this on its own
    #[command(hide = true)]
    Worker(commands::serve::WorkerArgs),
}

impl Cli {
    /// Runs the command.
    ///
    /// # Errors
    /// Whatever the command returns; [`exit::code`] turns it into a message and an exit code.
    pub fn run(self) -> anyhow::Result<Outcome> {
        match self.command {
            Command::Demo(args) => commands::demo::run(&args),
            Command::Generate(args) => commands::generate::run(args),
            Command::Import(args) => commands::import::run(args),
            Command::Replay(args) => commands::replay::run(args),
            Command::Run(args) => commands::run::run(*args),
            Command::Serve(args) => commands::serve::run(args),
            Command::Token(args) => commands::serve::token::run(&args),
            Command::Resource(args) => commands::serve::resource::run(&args),
            Command::Job(args) => commands::job::run(args),
            Command::Function(args) => commands::job::function::run(args),
            Command::Test(args) => commands::test::run(&args),
            Command::Sink(args) => commands::sink::run(&args),
            Command::Verify(args) => commands::verify::run(&args),
            Command::Read(args) => commands::read::run(&args),
            Command::Sql(args) => commands::sql::run(&args),
            Command::Status(args) => commands::status::run(&args),
            Command::Top(args) => commands::status::top::run(&args),
            Command::Autoscale(args) => commands::autoscale::run(args),
            Command::Doctor(args) => commands::doctor::run(args),
            Command::Backup(args) => commands::backup::run(&args),
            Command::Restore(args) => commands::backup::restore::run(&args),
            Command::Bench(args) => commands::bench::run(args),
            Command::Checkpoint(args) => commands::checkpoint::run(&args),
            Command::Group(args) => commands::group::run(&args),
            Command::Topic(args) => commands::topic::run(&args),
            Command::Retention(args) => commands::retention::run(&args),
            Command::Worker(args) => commands::serve::work(&args),
        }
    }
}

/// Sets up logs on stderr (`RUST_LOG` selects them; warnings by default) and, in test builds,
/// failpoints from the environment. Every program of this package calls it first.
pub fn start() {
    let words = std::env::var("RUST_LOG").ok().filter(|words| !words.is_empty());
    let of_environment = words.as_deref().map(levels::filter);
    if let Some(Ok(_)) = of_environment {
        follow_filter();
    }
    let (filter, fault) = match of_environment {
        Some(Ok(filter)) => (filter, None),
        Some(Err(fault)) => (levels::default(), Some(fault)),
        None => (levels::default(), None),
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        // A log line that cannot be written must not end the job: stderr may be a full disk.
        .log_internal_errors(false)
        .with_target(false)
        .with_filter(filter_fn(is_text));
    let (filter, handle) = reload::Layer::new(filter);
    levels::remember(move |filter| handle.reload(filter).map_err(|error| error.to_string()));
    tracing_subscriber::registry().with(filter).with(lines).with(Lines).init();
    if let Some(fault) = fault {
        tracing::warn!("RUST_LOG {fault}");
    }
    if let Err(error) = signal::survive_file_size_limit() {
        tracing::warn!(%error, "a write beyond the limit of file sizes will end the process");
    }
    #[cfg(feature = "failpoints")]
    std::mem::forget(fail::FailScenario::setup());
}
