//! `seismic import`: publishes recordings of real sensors.

use std::path::PathBuf;

use seismic_generator::import::openeew::{self, Component, Options};

use super::generate::progress_bar;
use crate::exit::Outcome;
use crate::place::Place;
use crate::show::count;
use crate::signal;

/// Options of `seismic import`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    format: Format,
}

#[derive(clap::Subcommand)]
enum Format {
    /// Messages of OpenEEW's low-cost accelerometers, JSON lines, gzipped
    Openeew(OpeneewArgs),
}

#[derive(clap::Args)]
struct OpeneewArgs {
    /// Files to import, merged by arrival time
    #[arg(required = true, value_name = "FILE.jsonl.gz")]
    files: Vec<PathBuf>,
    /// Where the devices are: CSV of device_id,latitude,longitude
    #[arg(long, value_name = "FILE.csv")]
    locations: PathBuf,
    /// vector: length of (x, y, z) less each axis' mean over the device's first message; or one axis
    #[arg(long, value_name = "vector|x|y|z", default_value_t = Component::default())]
    component: Component,
    #[command(flatten)]
    place: Place,
    /// Topic to publish to; made if it is missing
    #[arg(long, value_name = "NAME", default_value = "seismic-data-topic")]
    topic: String,
    /// Partitions of the topic
    #[arg(long, value_name = "N", default_value_t = 4)]
    partitions: u32,
    /// Print the summary as JSON, on stdout
    #[arg(long)]
    json: bool,
}

/// Imports.
pub fn run(args: Args) -> anyhow::Result<Outcome> {
    match args.format {
        Format::Openeew(args) => import_openeew(args),
    }
}

fn import_openeew(args: OpeneewArgs) -> anyhow::Result<Outcome> {
    let stop = signal::stop_flag()?;
    let queue = args.place.open_queue()?;
    let options = Options {
        component: args.component,
        topic: args.topic,
        partitions: args.partitions,
        ..Options::new(args.files, args.locations)
    };
    let bar = progress_bar(None);
    let summary =
        openeew::import(&*queue, &options, &stop, &mut |records| bar.set_position(records));
    bar.finish_and_clear();
    let summary = summary?;
    if args.json {
        println!("{}", serde_json::to_string(&summary)?);
        return Ok(Outcome::Fine);
    }
    println!(
        "imported {} records of {} devices in {} messages to {}, in {:.1} s",
        count(summary.published),
        summary.devices,
        count(summary.messages),
        summary.topic,
        summary.seconds,
    );
    if summary.recognised > 0 {
        let recognised = count(summary.recognised);
        println!("  {recognised} of these messages were there already and were not added again");
    }
    if summary.stopped {
        println!("  stopped before the end; the same command goes on where it stopped");
    }
    Ok(Outcome::Fine)
}
