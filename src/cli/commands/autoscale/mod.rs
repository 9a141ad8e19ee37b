//! `seismic autoscale`: how many workers a job should have.

mod simulate;

use crate::cli::exit::Outcome;

/// Options of `seismic autoscale`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: AutoscaleAction,
}

#[derive(clap::Subcommand)]
enum AutoscaleAction {
    /// Run a year of load through the decisions of [elastic]: worker hours, late rows, changes
    Simulate(simulate::Args),
}

/// Runs the subcommand.
pub fn run(args: Args) -> anyhow::Result<Outcome> {
    match args.what {
        AutoscaleAction::Simulate(args) => simulate::run(args),
    }
}
