//! `seismic replay`: replays a topic into another topic, at its original pace or another.

use std::time::Duration;

use seismic_ingest::replay::{self, Options, ReplaySummary};

use super::generate::progress_bar;
use crate::cli::exit::Outcome;
use crate::cli::format::count;
use crate::cli::signal;
use crate::cli::stdio::{print, print_line};
use crate::cli::target::Target;

/// Options of `seismic replay`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: Target,
    /// Topic to replay, up to its current end
    #[arg(long, value_name = "NAME")]
    from_topic: String,
    /// Topic to publish to; created with as many partitions if it is missing
    #[arg(long, value_name = "NAME")]
    topic: String,
    /// Factor on the original pace, which is that of arrival_ms or, where that is unknown, of the
    /// append times; 0: as fast as possible, and a repeated run adds nothing twice
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    speed: f64,
    /// Shorten longer pauses of the original to this many seconds
    #[arg(long, value_name = "SECONDS")]
    max_gap_s: Option<u32>,
    /// Shift event and arrival times to the present; at more than the original pace, so that the
    /// replay ends in the present
    #[arg(long)]
    shift_time: bool,
    /// Print the summary as JSON, on stdout
    #[arg(long)]
    json: bool,
}

/// Replays.
pub fn run(args: Args) -> anyhow::Result<Outcome> {
    let stop = signal::stop_flag()?;
    let queue = args.target.location()?.open_queue()?;
    let options = Options {
        from: args.from_topic,
        topic: args.topic,
        speed: args.speed,
        max_gap: args.max_gap_s.map(|seconds| Duration::from_secs(seconds.into())),
        shift_time: args.shift_time,
    };
    let bar = progress_bar(Some(replay::messages(&*queue, &options.from)?), "messages");
    let summary =
        replay::replay(&*queue, &options, &stop, &mut |messages| bar.set_position(messages));
    bar.finish_and_clear();
    let summary = summary?;
    if args.json {
        print_line(serde_json::to_string(&summary)?)?;
    } else {
        print(in_words(&summary))?;
    }
    Ok(Outcome::Fine)
}

fn in_words(summary: &ReplaySummary) -> String {
    let mut text = format!(
        "replayed {} messages of {} to {} in {:.1} s, at most {:.3} s behind time\n",
        count(summary.messages),
        summary.from_topic,
        summary.topic,
        summary.seconds,
        summary.behind_ms_max as f64 / 1_000.0,
    );
    if summary.recognised > 0 {
        let recognised = count(summary.recognised);
        text += &format!("  {recognised} of them were there already and were not added again\n");
    }
    if summary.shift_ms != 0 {
        let seconds = summary.shift_ms as f64 / 1_000.0;
        text += &format!("  records were shifted by {seconds:.3} s in time\n");
    }
    if summary.stopped {
        text += "  stopped before the end\n";
    }
    text
}
