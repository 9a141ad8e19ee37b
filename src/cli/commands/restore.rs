//! `seismic restore`: copies a backup to where a job is to run, and never over anything.

use std::path::PathBuf;

use crate::backup;
use crate::cli::exit::Outcome;
use crate::cli::stdio::print;
use crate::cli::target::Target;

/// Options of `seismic restore`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: Target,
    /// Folder of the backup
    #[arg(value_name = "DIR")]
    backup: PathBuf,
    /// Where a CSV folder of the backup goes, in the order in which they were backed up; repeatable
    #[arg(long, value_name = "DIR")]
    csv: Vec<PathBuf>,
}

/// Restores the backup.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let location = args.target.location()?;
    let manifest = backup::restore(&args.backup, &location, &args.csv)?;
    print(format!(
        "restored group {} from {}; seismic run --group {} continues\n",
        manifest.group,
        args.backup.display(),
        manifest.group
    ))?;
    Ok(Outcome::Fine)
}
