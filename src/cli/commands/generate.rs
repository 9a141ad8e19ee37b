//! `seismic generate`: publishes synthetic records, faulty ones included.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use seismic_generator::{Options, Summary};
use seismic_queue::patiently;

use crate::cli::exit::Outcome;
use crate::cli::format::count;
use crate::cli::signal;
use crate::cli::stdio::{print, print_line};
use crate::cli::target::{InputTopic, Target};
use crate::time;

/// Options of `seismic generate` and `seismic-generator`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    topic: InputTopic,
    /// Records to publish, including anomalies [default: 3000]
    #[arg(long, value_name = "N", conflicts_with = "forever")]
    records: Option<u64>,
    /// Virtual sensors, S001, S002, …, which send in turn
    #[arg(long, value_name = "N", default_value_t = 10)]
    sensors: u32,
    /// Partitions of the topic, if it is created
    #[arg(long, value_name = "N", default_value_t = 4)]
    partitions: u32,
    /// Records per second in real time; 0: as fast as possible
    #[arg(long, value_name = "N", default_value_t = 0.0)]
    rate: f64,
    /// Samples per second of each sensor; ignored with --rate
    #[arg(long, value_name = "HZ", default_value_t = 25.0)]
    sample_rate_hz: f64,
    /// Event time of the first sample, RFC 3339 [default: so that the run ends now, but after the
    /// newest valid event of the topic]
    #[arg(long, value_name = "TIME", value_parser = time::parse_ms, allow_hyphen_values = true)]
    start: Option<i64>,
    /// Percentage of anomalies
    #[arg(long, value_name = "N", default_value_t = 5.0)]
    anomaly_percent: f64,
    /// Seed; the same seed and start give the same bytes [default: random, and printed]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Records per message
    #[arg(long, value_name = "N", default_value_t = 1)]
    pack: u32,
    /// Publish in real time until stopped
    #[arg(long)]
    forever: bool,
    /// Print the summary as JSON, on stdout
    #[arg(long)]
    json: bool,
}

/// Publishes.
pub fn run(args: Args) -> anyhow::Result<Outcome> {
    let stop = signal::stop_flag()?;
    let location = args.target.location()?;
    let queue = patiently(&stop, || location.open_queue())?;
    let options = Options {
        records: args.records,
        sensors: args.sensors,
        partitions: args.partitions,
        topic: args.topic.name(),
        rate: args.rate,
        sample_rate_hz: args.sample_rate_hz,
        start_ms: args.start,
        anomaly_percent: args.anomaly_percent,
        seed: args.seed,
        pack: args.pack,
        forever: args.forever,
    };
    let bar = progress_bar((!options.forever).then(|| options.total()), "records");
    let summary = seismic_generator::generate(&*queue, &options, &stop, &mut |published| {
        bar.set_position(published);
    });
    bar.finish_and_clear();
    let summary = summary?;
    if args.json {
        print_line(serde_json::to_string(&summary)?)?;
    } else {
        print(in_words(&summary))?;
    }
    Ok(Outcome::Fine)
}

/// A bar on stderr, when that is a terminal, that counts `what`.
pub(super) fn progress_bar(total: Option<u64>, what: &str) -> ProgressBar {
    let target = if std::io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let template = match total {
        Some(_) => "{bar:40} {human_pos} of {human_len} {msg} ({per_sec}, {eta} left)",
        None => "{spinner} {human_pos} {msg} ({per_sec})",
    };
    let style = ProgressStyle::with_template(template).expect("the template is well formed");
    ProgressBar::with_draw_target(total, target).with_style(style).with_message(what.to_owned())
}

fn in_words(summary: &Summary) -> String {
    let mut text = format!(
        "published {} records to {} in {:.1} s ({} records/s)\n",
        count(summary.published),
        summary.topic,
        summary.seconds,
        count(summary.records_per_second as u64),
    );
    if summary.recognised > 0 {
        text += &format!(
            "  {} messages were there already and were not added again\n",
            count(summary.recognised)
        );
    }
    for (kind, records) in summary.by_kind.iter() {
        text += &format!("  {:<24} {}\n", kind.name(), count(records));
    }
    text += &format!("seed {}, start {}\n", summary.seed, time::show_ms(summary.start_ms));
    text
}
