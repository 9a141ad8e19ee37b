//! `seismic top`: jobs in a terminal.

use std::io::IsTerminal as _;

use crate::cli::exit::Outcome;
use crate::cli::stdio::print;
use crate::cli::target::Target;
use crate::serve::client::Credentials;
use crate::top::{Rows, Source, text, watch};

/// Options of `seismic top`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: Target,
    /// Look at the jobs that are served there (`seismic run --http`), instead of at the store of
    /// one
    #[arg(long, value_name = "HOST:PORT")]
    server: Option<String>,
    #[command(flatten)]
    credentials: Credentials,
    /// Print one look and end, as where stdout is no terminal
    #[arg(long)]
    once: bool,
}

/// Shows the jobs.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let source = match &args.server {
        // As other commands take it, also as a URL.
        Some(server) => Source::server(server, &args.credentials)?,
        None => {
            args.credentials.check_unused()?;
            Source::Store(Box::new(args.target.location()?))
        }
    };
    if args.once || !std::io::stdout().is_terminal() {
        print(text(&Rows::default().cells(&source.look()?)))?;
        return Ok(Outcome::Fine);
    }
    // What cannot be looked at now is an error; what fails later is shown.
    source.look()?;
    watch(&source)?;
    Ok(Outcome::Fine)
}
