//! `seismic topic`: makes, lists, describes and deletes topics of a queue, and appends to them.

mod append;
mod create;
mod delete;
mod describe;
mod list;
mod users;

use crate::cli::exit::Outcome;

/// Options of `seismic topic`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: TopicAction,
}

#[derive(clap::Subcommand)]
enum TopicAction {
    /// Make a topic; one that is there with as many partitions is fine
    Create(create::Args),
    /// Append lines to a topic, each as one message
    Append(append::Args),
    /// List the topics of a queue, or of a job's store
    List(list::Args),
    /// Show partitions, messages, retention and users of a topic
    Describe(describe::Args),
    /// Delete a topic with all of its messages; asks first, and names the jobs that use it
    Delete(delete::Args),
}

/// Runs the subcommand.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    match &args.what {
        TopicAction::Create(args) => create::run(args),
        TopicAction::Append(args) => append::run(args),
        TopicAction::List(args) => list::run(args),
        TopicAction::Describe(args) => describe::run(args),
        TopicAction::Delete(args) => delete::run(args),
    }
}
