//! `seismic demo`: a live network, a consumer that is killed half-way, and the proof that nothing
//! was lost.

use std::path::PathBuf;

use crate::cli::exit::Outcome;
use crate::cli::signal;
use crate::demo::network::{self, Network};
use crate::demo::{DemoFiles, quake};

/// Options of `seismic demo`.
#[derive(clap::Args)]
pub struct Args {
    /// Replay a real earthquake instead: M7.4 Oaxaca, 2020, as three OpenEEW stations recorded it
    #[arg(long, conflicts_with_all = ["seconds", "sensors", "sample_rate_hz"])]
    quake: bool,
    /// With --quake: factor on the original pace
    #[arg(long, value_name = "X", default_value_t = 8.0, requires = "quake")]
    speed: f64,
    /// How long the network publishes, seconds
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(2..=600))]
    seconds: u32,
    /// Virtual sensors
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    sensors: u32,
    /// Samples per second of each sensor
    #[arg(long, value_name = "HZ", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    sample_rate_hz: u32,
    /// Folder for the files of the demo
    #[arg(long, value_name = "DIR", default_value = "output")]
    output: PathBuf,
}

/// Runs the demo.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let stop = signal::stop_flag()?;
    let files = DemoFiles::below(&args.output);
    let &Args { seconds, sensors, sample_rate_hz, .. } = args;
    let is_fine = match args.quake {
        true => quake::run(args.speed, &files, &stop)?,
        false => network::run(Network { seconds, sensors, sample_rate_hz }, &files, &stop)?,
    };
    Ok(if is_fine { Outcome::Fine } else { Outcome::Differs })
}
