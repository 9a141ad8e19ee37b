//! `seismic topic list`: the topics of a queue, or of a job's store.

use seismic_queue::Queue;
use serde_json::json;

use crate::cli::exit::Outcome;
use crate::cli::format::count;
use crate::cli::found_topic::Where;
use crate::cli::stdio::print_line;
use crate::cli::target::Target;

/// Options of `seismic topic list`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: Target,
    /// Whose topics
    #[arg(long = "in", value_enum, value_name = "WHERE", default_value = "queue")]
    place_of_topics: Where,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let location = args.target.location()?;
    match args.place_of_topics {
        Where::Queue => list(&*location.open_existing_queue()?, args)?,
        Where::Store => list(location.open_store()?.topics(), args)?,
    }
    Ok(Outcome::Fine)
}

fn list(queue: &dyn Queue, args: &Args) -> anyhow::Result<()> {
    let mut all = Vec::new();
    for topic in queue.topics()? {
        let spans = queue.spans(&topic)?;
        let messages: u64 = spans.iter().map(|it| it.end.0.saturating_sub(it.first.0)).sum();
        all.push((topic, messages));
    }
    if args.json {
        let one = |(topic, messages): &(seismic_queue::Topic, u64)| json!({ "topic": topic.name, "partitions": topic.partitions, "messages": messages });
        return Ok(print_line(json!(all.iter().map(one).collect::<Vec<_>>()))?);
    }
    print_line("topic                            partitions       messages")?;
    for (topic, messages) in &all {
        print_line(format_args!(
            "{:<32} {:>10} {:>14}",
            topic.name,
            topic.partitions,
            count(*messages)
        ))?;
    }
    Ok(())
}
