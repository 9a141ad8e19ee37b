//! `seismic topic delete`: deletes a topic, after whoever uses it was named.

use seismic_queue::{Queue, Topic};
use serde_json::json;

use super::users::{self, TopicUser};
use crate::cli::confirm;
use crate::cli::exit::{Outcome, Usage};
use crate::cli::stdio::{print_line, tell};
use crate::cli::target::Target;
use crate::job::location::Location;

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
    let users = users_at_rest(&*queue, &topic, &location)?;
    let named: Vec<String> = users.iter().map(ToString::to_string).collect();
    let messages: u64 =
        queue.spans(&topic)?.iter().map(|span| span.end.0.saturating_sub(span.first.0)).sum();
    let used = match named.is_empty() {
        true => "no job that is known here uses it".to_owned(),
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
    // A person takes a while to type a name, and a job may begin meanwhile.
    let now = users_at_rest(&*queue, &topic, &location)?;
    if let Some(new) = now.iter().find(|user| !users.contains(user)) {
        let why = format!("{new} since a moment ago: nothing was deleted; ask again");
        return Err(Usage(format!("topic {name}: {why}")).into());
    }
    queue.delete(&topic)?;
    match args.json {
        true => print_line(json!({ "topic": name, "messages": messages, "users": users }))?,
        false => print_line(format_args!("deleted topic {name} with {messages} messages"))?,
    }
    Ok(Outcome::Fine)
}

/// Who uses the topic.
///
/// # Errors
/// When somebody is at it now.
fn users_at_rest(
    queue: &dyn Queue,
    topic: &Topic,
    location: &Location,
) -> anyhow::Result<Vec<TopicUser>> {
    let users = users::of(queue, topic, location)?;
    match users.iter().find(|user| user.run_by.is_some()) {
        Some(first) => {
            Err(Usage(format!("topic {} is in use: {first}; stop it first", topic.name)).into())
        }
        None => Ok(users),
    }
}
