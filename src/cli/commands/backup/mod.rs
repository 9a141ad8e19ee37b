//! `seismic backup`: copies an embedded job into a folder while it runs.

pub mod restore;

use std::path::PathBuf;

use serde_json::json;

use crate::backup;
use crate::cli::exit::Outcome;
use crate::cli::format::count;
use crate::cli::stdio::{print, print_line};
use crate::cli::target::Target;

/// Options of `seismic backup`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: Target,
    /// Folder for the backup; a new one, or an empty one
    #[arg(value_name = "DIR")]
    backup: PathBuf,
    /// Also back up the folder of this CSV sink; repeatable
    #[arg(long, value_name = "DIR")]
    csv: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Makes the backup.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let manifest = backup::make(&args.target.location()?, &args.csv, &args.backup)?;
    let bytes = manifest.files.iter().map(|file| file.bytes).sum::<u64>();
    if args.json {
        print_line(json!({
            "backup": args.backup.display().to_string(),
            "files": manifest.files.len(),
            "bytes": bytes,
            "positions": manifest.positions,
        }))?;
    } else {
        print(format!(
            "backed up group {} to {}: {} files, {} bytes\n",
            manifest.group,
            args.backup.display(),
            manifest.files.len(),
            count(bytes)
        ))?;
        if manifest.queue_file.is_none() {
            print(format!("the queue {} is not in it: it is a cluster\n", manifest.queue))?;
        }
    }
    Ok(Outcome::Fine)
}
