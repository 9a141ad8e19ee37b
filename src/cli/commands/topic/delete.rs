//! `seismic topic delete`: deletes a topic, after whoever uses it was named.

use serde_json::json;

use super::users;
use crate::cli::confirm;
use crate::cli::exit::{Outcome, Usage};
use crate::cli::stdio::{print_line, tell};
use crate::cli::target::Target;

/// Options of `seismic topic delete`.
#[derive(clap::Args)]
pub struct Args {
    /// Topic
    topic: String,
    #[command(flatten)]
    target: Target,
    /// Do not ask for confirmation
    #[arg(long)]
    yes: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let location = args.target.location()?;
    let queue = location.open_queue_of(&args.topic)?;
    let topic = queue.topic(&args.topic)?;
    let users = users::of(&*queue, &topic, &location)?;
    let running: Vec<_> = users.iter().filter(|user| user.run_by.is_some()).collect();
    if let Some(first) = running.first() {
        return Err(Usage(format!("topic {} is in use: {first}; stop it first", topic.name)).into());
    }
    let named: Vec<String> = users.iter().map(ToString::to_string).collect();
    let messages: u64 =
        queue.spans(&topic)?.iter().map(|span| span.end.0.saturating_sub(span.first.0)).sum();
    let used = match named.is_empty() {
        true => "no job here uses it".to_owned(),
        false => format!("{}, and cannot go on without it", named.join("; ")),
    };
    let name = &topic.name;
    let consequence = format!("{messages} messages of topic {name} will be gone for good; {used}");
    if !users.is_empty() && args.yes {
        tell(&consequence);
    }
    confirm::deletion("topic", name, Some(consequence.clone()), args.yes).map_err(|error| {
        match users.is_empty() {
            true => error,
            false => Usage(format!("{error}; {consequence}")).into(),
        }
    })?;
    queue.delete(&topic)?;
    match args.json {
        true => print_line(json!({ "topic": name, "messages": messages, "users": users }))?,
        false => print_line(format_args!("deleted topic {name} with {messages} messages"))?,
    }
    Ok(Outcome::Fine)
}
