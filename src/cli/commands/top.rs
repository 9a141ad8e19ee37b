//! `seismic top`: jobs in a terminal.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use crate::cli::exit::Outcome;
use crate::cli::stdio::print;
use crate::cli::target::Target;
use crate::error::Usage;
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
    /// With --server: file with its token
    #[arg(long, value_name = "FILE", requires = "server")]
    token_file: Option<PathBuf>,
    /// Print one look and end, as where stdout is no terminal
    #[arg(long)]
    once: bool,
}

/// Shows the jobs.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let token = args.token_file.as_ref().map(|file| {
        std::fs::read_to_string(file).map(|text| text.trim().to_owned()).map_err(|error| {
            Usage(format!("the token file {} cannot be read: {error}", file.display()))
        })
    });
    let source = match &args.server {
        // As other commands take it, also as a URL.
        Some(server) => {
            let address = server.strip_prefix("http://").unwrap_or(server).trim_end_matches('/');
            Source::server(address.to_owned(), token.transpose()?)
        }
        None => Source::Store(Box::new(args.target.location()?)),
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
