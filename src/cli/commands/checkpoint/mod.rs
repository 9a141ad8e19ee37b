//! `seismic checkpoint`: lists, inspects, names and deletes checkpoints of a job.

mod list;
mod save;
mod show;

use crate::cli::exit::Outcome;
use crate::cli::stdio::print_line;
use crate::cli::target::Target;

/// Options of `seismic checkpoint`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: CheckpointAction,
}

#[derive(clap::Subcommand)]
enum CheckpointAction {
    /// List the checkpoints of every partition, oldest first
    List(list::Args),
    /// Show one checkpoint in every partition: what it contains, whether it is intact, and whether
    /// a job can start from it
    Show(show::Args),
    /// Name a checkpoint, so that it is kept (a savepoint); a running job takes a new one
    Save(save::Args),
    /// Delete a name, and its checkpoints unless something else keeps them
    Delete(DeleteArgs),
}

#[derive(clap::Args)]
struct DeleteArgs {
    /// The name
    name: String,
    #[command(flatten)]
    target: Target,
}

/// Runs the subcommand.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    match &args.what {
        CheckpointAction::List(args) => list::run(args),
        CheckpointAction::Show(args) => show::run(args),
        CheckpointAction::Save(args) => save::run(args),
        CheckpointAction::Delete(args) => delete(args),
    }
}

fn delete(args: &DeleteArgs) -> anyhow::Result<Outcome> {
    args.target.location()?.open_store()?.delete_checkpoint_name(&args.name)?;
    print_line(format_args!("deleted {}", args.name))?;
    Ok(Outcome::Fine)
}
