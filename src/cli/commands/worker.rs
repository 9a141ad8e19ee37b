//! `seismic worker`: the process of one job of a server. Only servers start it.

use std::path::PathBuf;

use crate::cli::exit::Outcome;
use crate::serve::worker;

/// Options of `seismic worker`.
#[derive(clap::Args)]
pub struct Args {
    /// Folder with its order
    folder: PathBuf,
}

/// Does what the order says.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    worker::run::run(&args.folder)
}
