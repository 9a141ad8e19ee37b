//! `seismic group`: lists groups with what they hold of the queue, deletes finished groups, and
//! puts their offsets back.

mod delete;
mod list;
mod repair;

use crate::cli::exit::Outcome;

/// Options of `seismic group`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: GroupAction,
}

#[derive(clap::Subcommand)]
enum GroupAction {
    /// List what each group holds of every topic, and the stores next to the queue
    List(list::Args),
    /// Delete a group's store with its results, and release what it holds. Results in Kafka stay,
    /// and the group cannot be run again
    Delete(delete::Args),
    /// Put the offsets of a group in Kafka back to its last commit, after a tool has reset them or
    /// the cluster has forgotten them
    Repair(repair::Args),
}

/// Runs the subcommand.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    match &args.what {
        GroupAction::List(args) => list::run(args),
        GroupAction::Delete(args) => delete::run(args),
        GroupAction::Repair(args) => repair::run(args),
    }
}
