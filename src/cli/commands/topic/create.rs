//! `seismic topic create`: makes a topic.

use seismic_queue::Policy;
use serde_json::json;

use crate::cli::exit::Outcome;
use crate::cli::stdio::print_line;
use crate::cli::target::Target;
use crate::job::time_span::TimeSpan;

/// Options of `seismic topic create`.
#[derive(clap::Args)]
pub struct Args {
    /// Name: letters, digits, '.', '_' and '-'
    topic: String,
    #[command(flatten)]
    target: Target,
    /// Partitions; they cannot change
    #[arg(long, value_name = "N", default_value_t = 4)]
    partitions: u32,
    /// Delete messages appended longer ago than this [default: keep them]
    #[arg(long, value_name = "DURATION")]
    max_age: Option<TimeSpan>,
    /// Delete the oldest messages until a partition holds at most this many bytes [default: keep
    /// them]
    #[arg(long, value_name = "BYTES")]
    max_bytes: Option<u64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let queue = args.target.location()?.open_queue()?;
    let was_there = queue.topic(&args.topic).is_ok();
    let topic = queue.create(&args.topic, args.partitions)?;
    let max_age_ms = args.max_age.map(|age| u64::try_from(age.ms()).unwrap_or_default());
    let policy = Policy { max_age_ms, max_bytes: args.max_bytes };
    if policy != Policy::default() {
        queue.set_policy(&topic, policy)?;
    }
    if args.json {
        let all =
            json!({ "topic": topic.name, "partitions": topic.partitions, "made": !was_there });
        print_line(all)?;
        return Ok(Outcome::Fine);
    }
    let (name, partitions, at) = (&topic.name, topic.partitions, queue.name());
    print_line(match was_there {
        true => format!("topic {name} is there already, with {partitions} partitions, in {at}"),
        false => format!("made topic {name} with {partitions} partitions in {at}"),
    })?;
    Ok(Outcome::Fine)
}
