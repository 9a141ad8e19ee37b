//! `seismic retention`: how much of a topic is kept. What is set here is applied at once, and
//! from then on by every running job.

use seismic_queue::{Policy, Queue};

use super::read::Where;
use crate::exit::Outcome;
use crate::place::Place;
use crate::show::count;

/// Options of `seismic retention`.
#[derive(clap::Args)]
pub struct Args {
    /// Topic
    topic: String,
    #[command(flatten)]
    place: Place,
    /// Let go of messages appended longer ago than this, ms [default: keep them]
    #[arg(long, value_name = "MS")]
    max_age_ms: Option<u64>,
    /// Let go of the oldest messages until a partition holds at most this many bytes
    /// [default: keep them]
    #[arg(long, value_name = "BYTES")]
    max_bytes: Option<u64>,
    /// Also let go of what a job's checkpoints or a sink still need, once, now: they will refuse
    /// to go on over the gap
    #[arg(long)]
    past_holds: bool,
    /// Where the topic is
    #[arg(long = "in", value_enum, value_name = "WHERE", default_value = "queue")]
    place_of_topic: Where,
}

/// Sets and applies the policy.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    match args.place_of_topic {
        Where::Queue => apply(&*args.place.open_queue()?, args),
        Where::Home => apply(args.place.open_home()?.topics(), args),
    }
}

fn apply(queue: &dyn Queue, args: &Args) -> anyhow::Result<Outcome> {
    let topic = queue.topic(&args.topic)?;
    let policy = Policy { max_age_ms: args.max_age_ms, max_bytes: args.max_bytes };
    queue.set_policy(&topic, policy)?;
    for done in queue.retain(&topic, args.past_holds)? {
        println!("{}/{}: let go of {} messages", topic.name, done.partition, count(done.deleted));
        if let Some(hold) = done.held_by {
            println!("  {} still needs offset {} and what follows", hold.holder, hold.offset);
        }
    }
    Ok(Outcome::Fine)
}
