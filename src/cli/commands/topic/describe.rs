//! `seismic topic describe`: what a topic holds, how long, and for whom.

use seismic_queue::{AppendTimes, Queue};
use serde_json::json;

use super::users::{self, TopicUser};
use crate::cli::exit::Outcome;
use crate::cli::format::count;
use crate::cli::found_topic::Where;
use crate::cli::stdio::print_line;
use crate::cli::target::Target;
use crate::job::location::Location;
use crate::time::show_span;

/// Options of `seismic topic describe`.
#[derive(clap::Args)]
pub struct Args {
    /// Topic
    topic: String,
    #[command(flatten)]
    target: Target,
    /// Where the topic is
    #[arg(long = "in", value_enum, value_name = "WHERE", default_value = "queue")]
    place_of_topic: Where,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let location = args.target.location()?;
    match args.place_of_topic {
        Where::Queue => describe(&*location.open_queue_of(&args.topic)?, args, &location)?,
        Where::Store => {
            let store = location.clone().of_topic(&args.topic).open_store()?;
            describe(store.topics(), args, &location)?;
        }
    }
    Ok(Outcome::Fine)
}

fn describe(queue: &dyn Queue, args: &Args, location: &Location) -> anyhow::Result<()> {
    let topic = queue.topic(&args.topic)?;
    let spans = queue.spans(&topic)?;
    let policy = queue.policy(&topic)?;
    let times = match queue.append_times(&topic)? {
        AppendTimes::Producers => "producers",
        _ => "queue",
    };
    let users = users::of(queue, &topic, location)?;
    if args.json {
        let partition = |(number, span): (usize, &seismic_queue::Span)| json!({ "partition": number, "first": span.first.0, "end": span.end.0 });
        return Ok(print_line(json!({
            "topic": topic.name,
            "id": topic.id,
            "partitions": spans.iter().enumerate().map(partition).collect::<Vec<_>>(),
            "max_age_ms": policy.max_age_ms,
            "max_bytes": policy.max_bytes,
            "append_times_of": times,
            "users": users,
        }))?);
    }
    let kept = match (policy.max_age_ms, policy.max_bytes) {
        (None, None) => "everything".to_owned(),
        (age, bytes) => {
            let age = age.map(|ms| show_span(i64::try_from(ms).unwrap_or(i64::MAX)));
            let bytes = bytes.map(|bytes| format!("{} bytes a partition", count(bytes)));
            age.into_iter().chain(bytes).collect::<Vec<_>>().join(", ")
        }
    };
    print_line(format_args!("topic {} in {}", topic.name, queue.name()))?;
    print_line(format_args!("kept: {kept}; append times are those of the {times}"))?;
    print_line("partition          first            end       messages")?;
    for (number, span) in spans.iter().enumerate() {
        let messages = span.end.0.saturating_sub(span.first.0);
        print_line(format_args!(
            "{number:>9} {:>14} {:>14} {:>14}",
            span.first.0,
            span.end.0,
            count(messages)
        ))?;
    }
    tell(&users)
}

fn tell(users: &[TopicUser]) -> anyhow::Result<()> {
    if users.is_empty() {
        return Ok(print_line("no job that is known here uses it")?);
    }
    users.iter().try_for_each(|user| Ok(print_line(user)?))
}
