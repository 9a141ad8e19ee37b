//! `seismic group`: lists groups with what they hold of the queue, and deletes finished groups.

mod delete;
mod list;

use crate::cli::exit::Outcome;

/// Options of `seismic group`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// List what each group holds of every topic, and the stores next to the queue
    List(list::Args),
    /// Delete a group's store with its results, and release what it holds. Results in Kafka stay,
    /// and the group cannot be run again
    Delete(delete::Args),
}

/// Runs the subcommand.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    match &args.what {
        What::List(args) => list::run(args),
        What::Delete(args) => delete::run(args),
    }
}
