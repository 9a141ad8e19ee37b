//! `seismic autoscale simulate`: a year of load, and what scaling makes of it.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use seismic_elastic::Settings;
use seismic_elastic::simulate::{Plant, QUIET_SHARE, both_policies, compare};
use serde_json::json;

use crate::cli::exit::Outcome;
use crate::cli::stdio::{print, print_line};
use crate::cli::target::JobFileArg;
use crate::job::describe::Resolved;
use crate::job::options::JobOptions;

/// Options of `seismic autoscale simulate`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    file: JobFileArg,
    /// Records per second that one slot can do
    #[arg(long, value_name = "N", default_value_t = 4_200_000, value_parser = clap::value_parser!(u32).range(1..))]
    slot_capacity: u32,
    /// Records per second while all is quiet [default: 8 % of what the most slots can do]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    base: Option<u32>,
    /// Partitions of the input
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=4_096))]
    partitions: u32,
    /// Seconds of a change in which nothing is read
    #[arg(long, value_name = "S", default_value_t = 3, value_parser = clap::value_parser!(u32).range(0..=3_600))]
    pause_s: u32,
    /// Another year
    #[arg(long, value_name = "N", default_value_t = 7)]
    seed: u64,
    /// Draw load and capacity as SVG files in this folder: elastic-year.svg, elastic-m7.svg
    #[arg(long, value_name = "DIR")]
    plot: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Simulates and shows: the settings of the job file, or both policies without one.
pub fn run(args: Args) -> anyhow::Result<Outcome> {
    let plant = Plant {
        slot_capacity: args.slot_capacity.into(),
        partitions: args.partitions,
        pause_s: args.pause_s,
        ..Plant::default()
    };
    let of_file = match &args.file.job {
        Some(_) => {
            let resolved = Resolved::of(JobOptions::default(), args.file.read()?)?;
            let service = &resolved.service;
            let settings = service.elastic.settings(service.max_parallelism);
            Some(settings.map_err(|why| crate::error::Usage(format!("elastic: {why}")))?)
        }
        None => None,
    };
    let most = of_file.as_ref().map_or(24, |settings| settings.limits.parallelism_max);
    let quiet = QUIET_SHARE * f64::from(most) * plant.slot_capacity;
    let base = args.base.map_or(quiet, f64::from);
    let all: Vec<(String, Settings)> = match of_file {
        Some(settings) => vec![("this job".to_owned(), settings)],
        None => both_policies(base),
    };
    let comparison = compare(plant, base, args.seed, &all);
    if let Some(folder) = &args.plot {
        let charts =
            [("elastic-year.svg", comparison.year()), ("elastic-m7.svg", comparison.mainshock())];
        for (name, svg) in charts {
            let path = folder.join(name);
            fs::write(&path, svg)
                .with_context(|| format!("{} cannot be written", path.display()))?;
        }
    }
    match args.json {
        true => print_line(json!({ "base": base, "contenders": comparison.contenders }))?,
        false => print(comparison.table())?,
    }
    Ok(Outcome::Fine)
}
