//! `seismic status`: the progress of a job, its counts, and its holds and lags.

pub mod top;

use crate::cli::exit::Outcome;
use crate::cli::stdio::{print, print_line};
use crate::cli::target::Target;
use crate::status::{self, json, text};

/// Options of `seismic status`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: Target,
    /// Also show the health of each sensor: rate, gaps, repeats, and how wrong its clock is
    #[arg(long)]
    sensors: bool,
    /// With --sensors: how many of the newest messages of each partition to examine
    #[arg(long, value_name = "N", default_value_t = 10_000, requires = "sensors")]
    last: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Shows the status.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let status = status::read(&args.target.location()?, args.sensors.then_some(args.last))?;
    match args.json {
        true => print_line(json::json(&status)?)?,
        false => print(text::text(&status))?,
    }
    Ok(Outcome::Fine)
}
