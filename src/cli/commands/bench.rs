//! `seismic bench`: measures the performance of this machine and queue.

use std::path::PathBuf;

use seismic_sinks::SinkSpec;

use crate::bench::{self, BenchOptions, BenchPart, Size, render};
use crate::cli::exit::Outcome;
use crate::cli::signal;
use crate::cli::stdio::{print, print_line};
use crate::cli::target::Target;
use crate::sink_value::SinkValue;

/// Options of `seismic bench`.
#[derive(clap::Args)]
pub struct Args {
    /// What to measure [default: all]; the limit is always measured
    #[arg(value_enum, value_name = "PART")]
    parts: Vec<BenchPart>,
    #[command(flatten)]
    target: Target,
    /// Measure less: under a minute instead of about five
    #[arg(long)]
    quick: bool,
    /// Measure next to nothing, for tests of the bench itself
    #[arg(long, hide = true, conflicts_with = "quick")]
    tiny: bool,
    /// Records per second of the steady load of live and recovery [default: 100000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(100..=100_000_000))]
    rate: Option<u32>,
    /// A sink to measure beside its statements alone, at a place that is new, as
    /// postgres://USER@HOST/DATABASE,table=bench,create=true; repeatable
    #[arg(long = "sink", value_name = "SINK", value_parser = SinkValue)]
    sinks: Vec<SinkSpec>,
    /// Only draw how the cost of a record scales, as SVG files in this folder
    #[arg(long, value_name = "DIR", hide = true, conflicts_with = "parts")]
    plot: Option<PathBuf>,
    /// Print JSON
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// Print Markdown
    #[arg(long)]
    markdown: bool,
}

/// Measures and shows.
pub fn run(args: Args) -> anyhow::Result<Outcome> {
    let stop = signal::stop_flag()?;
    let size = match (args.tiny, args.quick) {
        (true, _) => Size::Tiny,
        (_, true) => Size::Quick,
        _ => Size::Full,
    };
    let queue = args.target.location()?.queue;
    let options =
        BenchOptions { queue, size, rate: args.rate, parts: args.parts, sinks: args.sinks };
    if let Some(folder) = &args.plot {
        let plots = bench::draw(&options, folder, &stop)?;
        print_line(format_args!("drew {plots} plots in {}", folder.display()))?;
        return Ok(Outcome::Fine);
    }
    let (report, measured) = bench::measure(&options, &stop)?;
    if args.json {
        // Half a report could be taken for a whole one.
        measured?;
        print_line(render::as_json(&report))?;
        return Ok(Outcome::Fine);
    }
    if !report.tables.is_empty() {
        print(match args.markdown {
            true => render::as_markdown(&report),
            false => render::in_words(&report),
        })?;
    }
    measured.map(|()| Outcome::Fine)
}
