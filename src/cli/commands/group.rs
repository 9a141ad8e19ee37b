//! `seismic group`: who needs what of the queue, and letting go of a group that is over.

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
    /// List who needs what of every topic, and the stores next to the queue
    List(list::Args),
    /// Delete a group's store and let go of what it needs. Its results are gone then; those in Kafka
    /// stay, and the group cannot be run again
    Delete(delete::Args),
}

/// Does what was asked for.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    match &args.what {
        What::List(args) => list::run(args),
        What::Delete(args) => delete::run(args),
    }
}
