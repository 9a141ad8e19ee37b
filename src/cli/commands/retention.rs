//! `seismic retention`: shows or sets how much of a topic is kept, and shows its holds. A new
//! policy is applied at once, and from then on by every running job.

use seismic_queue::{Hold, Policy, Queue, SinkPosition, Topic};

use crate::cli::confirm;
use crate::cli::exit::Outcome;
use crate::cli::format::count;
use crate::cli::found_topic::Where;
use crate::cli::stdio::print_line;
use crate::cli::target::Target;
use crate::job::location::Location;
use crate::job::time_span::TimeSpan;

/// Options of `seismic retention`.
#[derive(clap::Args)]
pub struct Args {
    /// Topic
    topic: String,
    #[command(flatten)]
    target: Target,
    /// Delete messages appended longer ago than this [default: keep them]
    #[arg(long, value_name = "DURATION")]
    max_age: Option<TimeSpan>,
    /// The same as a number of ms.
    #[arg(long, value_name = "MS", hide = true, conflicts_with = "max_age")]
    max_age_ms: Option<u64>,
    /// Delete the oldest messages until a partition holds at most this many bytes; 0 deletes all of
    /// them, and asks first [default: keep them]
    #[arg(long, value_name = "BYTES")]
    max_bytes: Option<u64>,
    /// Once, now, also delete what a job's checkpoints or a sink still need: they will refuse to
    /// continue over the gap
    #[arg(long)]
    past_holds: bool,
    /// Keep everything from now on
    #[arg(long, conflicts_with_all = ["max_age", "max_age_ms", "max_bytes"])]
    keep_all: bool,
    /// Release what this job or sink holds, because it will not come back
    #[arg(long, value_name = "HOLDER")]
    release: Option<String>,
    /// Do not ask for confirmation
    #[arg(long)]
    yes: bool,
    /// Where the topic is
    #[arg(long = "in", value_enum, value_name = "WHERE", default_value = "queue")]
    place_of_topic: Where,
}

impl Args {
    fn policy(&self) -> Policy {
        let span = self.max_age.map(|span| span.duration().as_millis());
        let max_age_ms = span.map(|ms| u64::try_from(ms).unwrap_or(u64::MAX)).or(self.max_age_ms);
        Policy { max_age_ms, max_bytes: self.max_bytes }
    }
}

/// Shows the policy, or sets and applies it.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let location = args.target.location()?;
    match args.place_of_topic {
        Where::Queue => apply(&*location.open_queue_of(&args.topic)?, args, &location),
        Where::Store => {
            let store = location.clone().of_topic(&args.topic).open_store()?;
            apply(store.topics(), args, &location)
        }
    }
}

fn apply(queue: &dyn Queue, args: &Args, location: &Location) -> anyhow::Result<Outcome> {
    let topic = queue.topic(&args.topic)?;
    if let Some(holder) = &args.release {
        queue.hold(&topic, holder, &[])?;
        // With what is kept for a sink beyond its position.
        queue.hold(&topic, &SinkPosition::holder_of_kept(holder), &[])?;
    }
    let asked = args.policy();
    let deletes_all = asked.max_age_ms == Some(0) || asked.max_bytes == Some(0);
    if deletes_all {
        let name = &topic.name;
        let consequence = format!(
            "every message of {name} that no job or sink needs will be deleted, now and from now on"
        );
        confirm::deletion("messages of topic", name, Some(consequence), args.yes)?;
    }
    if asked != Policy::default() || args.keep_all {
        queue.set_policy(&topic, asked)?;
    } else if !args.past_holds {
        return show(queue, &topic, args, location);
    }
    for done in queue.retain(&topic, args.past_holds)? {
        let (name, partition) = (&topic.name, done.partition);
        print_line(format_args!("{name}/{partition}: deleted {} messages", count(done.deleted)))?;
        if let Some(Hold { holder, offset, .. }) = done.held_by {
            print_line(format_args!(
                "  {holder} still needs offset {offset} and everything after it"
            ))?;
        }
    }
    Ok(Outcome::Fine)
}

fn show(
    queue: &dyn Queue,
    topic: &Topic,
    args: &Args,
    location: &Location,
) -> anyhow::Result<Outcome> {
    match (&args.place_of_topic, location.queue.capabilities().retains_by_itself) {
        (Where::Queue, true) => print_line(format_args!(
            "the brokers decide how much of {} is kept; `seismic doctor` shows their settings",
            topic.name
        ))?,
        _ => show_policy(queue, topic)?,
    }
    for (partition, span) in topic.all().zip(queue.spans(topic)?) {
        print_line(format_args!(
            "{}/{partition}: offsets {} to {}",
            topic.name, span.first, span.end
        ))?;
    }
    let holds = queue.holds(topic)?;
    for Hold { holder, partition, offset } in &holds {
        print_line(format_args!("{holder} holds partition {partition} from offset {offset} on"))?;
    }
    Ok(Outcome::Fine)
}

fn show_policy(queue: &dyn Queue, topic: &Topic) -> anyhow::Result<()> {
    let policy = queue.policy(topic)?;
    let age = policy.max_age_ms.map_or("any".to_owned(), |ms| {
        i64::try_from(ms).map_or_else(|_| format!("{ms}ms"), |ms| TimeSpan::from_ms(ms).to_string())
    });
    let limit = |value: Option<u64>, unit: &str| {
        value.map_or("any".to_owned(), |value| format!("{} {unit}", count(value)))
    };
    Ok(print_line(format_args!(
        "{} keeps messages of {} age, and {} a partition",
        topic.name,
        age,
        limit(policy.max_bytes, "bytes")
    ))?)
}
