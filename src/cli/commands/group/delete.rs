//! `seismic group delete`: releases the holds of a group and deletes its store, and nothing else.
//!
//! A store in Kafka shares its topics with other groups: the group is recorded as finished, and the
//! checkpoint topic is trimmed without it. Its results stay.

use seismic_queue::{Error, Queue, Url};

use crate::cli::confirm;
use crate::cli::exit::{Outcome, Usage};
use crate::cli::stdio::print_line;
use crate::cli::target::Target;
use crate::job::location::Location;

/// Options of `seismic group delete`.
#[derive(clap::Args)]
pub struct Args {
    /// The group
    name: String,
    #[command(flatten)]
    target: Target,
    /// Do not ask for confirmation
    #[arg(long)]
    yes: bool,
}

/// The store of the group, if it is there, and who it is to the queue.
struct DeletedGroup {
    url: Url,
    holder: Option<String>,
}

pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    // The name is the group; `--group` is only what every command takes.
    let location = Location { group: args.name.clone(), ..args.target.location()? };
    if location.store_url().capabilities().has_stores_in_cluster {
        return end(args, &location);
    }
    // Of a job that repartitions its input: with its first step, which nothing else can use.
    let first_step = location.first_step();
    let first = look(&first_step)?;
    let doomed = look(&location)?;
    let queue = location.open_queue()?;
    let mut holds = holds_of(&*queue, &location, &doomed)?;
    holds.extend(holds_of(&*queue, &first_step, &first)?);
    if doomed.holder.is_none() && first.holder.is_none() && holds.is_empty() {
        let (name, at) = (&location.group, doomed.url);
        return Err(Usage(format!("there is no group {name}: no store at {at}, no holds")).into());
    }
    let stores = [&doomed, &first].into_iter().filter(|it| it.holder.is_some());
    let urls: Vec<_> = stores.map(|it| it.url.to_string()).collect();
    let gone = (!urls.is_empty())
        .then(|| format!("{} and all results in it will be gone for good", urls.join(" with ")));
    confirm::deletion("group", &args.name, gone, args.yes)?;
    // The holds first: what is killed here leaves a store, and can be done again.
    for (topic, holder) in &holds {
        queue.hold(&queue.topic(topic)?, holder, &[])?;
        print_line(format_args!("{topic} is no longer held for {holder}"))?;
    }
    for (location, doomed) in [(&location, &doomed), (&first_step, &first)] {
        if doomed.holder.is_some() {
            location.delete_store()?;
            print_line(format_args!("deleted {}", doomed.url))?;
        }
    }
    Ok(Outcome::Fine)
}

/// Ends a group in Kafka.
fn end(args: &Args, location: &Location) -> anyhow::Result<Outcome> {
    let (name, at) = (&location.group, location.store_url());
    let consequence = format!("group {name} can never be run again; its results stay");
    confirm::deletion("group", name, Some(consequence), args.yes)?;
    match location.delete_store() {
        Err(Error::StoreMissing { .. }) => {
            Err(Usage(format!("there is no group {name} at {at}")).into())
        }
        ended => {
            ended?;
            end_first_step(location)?;
            print_line(format_args!("group {name} is deleted; nothing is kept for it"))?;
            Ok(Outcome::Fine)
        }
    }
}

/// Ends the first step of a job that repartitions its input, and empties what no one reads any
/// more. What is killed before leaves a group that nothing runs.
fn end_first_step(location: &Location) -> anyhow::Result<()> {
    let first_step = location.first_step();
    let store = first_step.open_store()?;
    let view = match store.view() {
        Err(Error::StoreMissing { .. }) => return Ok(()),
        view => view?,
    };
    let topics = store.topics();
    let internal = topics.topic(view.job.main_topic())?;
    let ends = topics.spans(&internal)?.into_iter().map(|span| span.end);
    first_step.delete_store()?;
    topics.trim(&internal, &internal.all().zip(ends).collect::<Vec<_>>())?;
    print_line(format_args!("group {} is deleted; nothing is kept for it", first_step.group))?;
    Ok(())
}

/// Refuses a store that is another group's, or in use.
fn look(location: &Location) -> anyhow::Result<DeletedGroup> {
    let (url, store) = (location.store_url(), location.open_store()?);
    let view = match store.view() {
        Err(Error::StoreMissing { .. }) => return Ok(DeletedGroup { url, holder: None }),
        view => view?,
    };
    if view.job.group != location.group {
        let (asked, stored) = (&location.group, view.job.group);
        return Err(Usage(format!("{url} is the store of group {stored}, not of {asked}")).into());
    }
    if let Some(by) = store.leased_by()? {
        return Err(Error::Owned { at: url.to_string(), by }.into());
    }
    let holder = Some(format!("{} ({})", view.job.group, view.id));
    Ok(DeletedGroup { url, holder })
}

/// What the store holds; without one, what stores of that group hold that are nowhere to be seen.
fn holds_of(
    queue: &dyn Queue,
    location: &Location,
    doomed: &DeletedGroup,
) -> anyhow::Result<Vec<(String, String)>> {
    let beside = location.queue.stores_beside();
    let alive = beside.iter().filter_map(|url| url.open_store().ok()?.view().ok());
    let alive: Vec<_> = alive.map(|view| format!("{} ({})", view.job.group, view.id)).collect();
    let of_group = format!("{} (", location.group);
    let is_meant = |holder: &String| match &doomed.holder {
        Some(own) => own == holder,
        None => holder.starts_with(&of_group) && !alive.contains(holder),
    };
    let mut holds = Vec::new();
    for topic in queue.topics()? {
        for hold in queue.holds(&topic)? {
            let one = (topic.name.clone(), hold.holder);
            if is_meant(&one.1) && !holds.contains(&one) {
                holds.push(one);
            }
        }
    }
    Ok(holds)
}
