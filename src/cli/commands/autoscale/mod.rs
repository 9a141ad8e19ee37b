//! `seismic autoscale`: how many workers a job has and should have.

mod decide;
mod history;
mod run;
mod show;
mod simulate;

pub use self::show::worker_elsewhere;
use crate::cli::exit::Outcome;

/// Options of `seismic autoscale`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: AutoscaleAction,
}

#[derive(clap::Subcommand)]
enum AutoscaleAction {
    /// Follow the decisions about a job of a server, and have those carried out that the server does
    /// not carry out by itself
    Run(run::Args),
    /// Have a server decide about a job now, and begin the change that follows
    Once(decide::Args),
    /// Show the workers and slots that a job of a server has and should have
    Status(show::Args),
    /// Show the samples of a job of a server, and what was decided from each
    History(history::Args),
    /// Show why the last decision about a job of a server fell as it did, with its samples
    Explain(show::Args),
    /// Run a year of load through the decisions of [elastic]: worker hours, late rows, changes
    Simulate(simulate::Args),
}

/// Runs the subcommand.
pub fn run(args: Args) -> anyhow::Result<Outcome> {
    match args.what {
        AutoscaleAction::Run(args) => run::run(&args)?,
        AutoscaleAction::Once(args) => decide::once(&args)?,
        AutoscaleAction::Status(args) => show::status(&args)?,
        AutoscaleAction::History(args) => history::run(&args)?,
        AutoscaleAction::Explain(args) => show::explain(&args)?,
        AutoscaleAction::Simulate(args) => return simulate::run(args),
    }
    Ok(Outcome::Fine)
}
