//! `seismic group list`: every hold on the queue with its lag and age, and whether its store
//! exists.

use std::collections::BTreeMap;
use std::time::Duration;

use seismic_queue::{Event, Hold, JobStore, Offset, Queue, Span, Topic, Url};
use serde_json::json;

use crate::cli::exit::Outcome;
use crate::cli::format::count;
use crate::cli::stdio::print_line;
use crate::cli::target::Target;
use crate::job::location::Location;
use crate::job::repartition::is_first_step;
use crate::time::{now_ms, show_span};

/// Options of `seismic group list`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: Target,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What one holder needs of one topic.
struct GroupHold {
    topic: String,
    holder: String,
    /// First offset needed, by partition.
    from: Vec<(u32, u64)>,
    /// Messages from there to the end.
    lag: u64,
    /// Age of the oldest of them, ms.
    age_ms: Option<i64>,
    store: Option<String>,
}

/// A store next to the queue.
struct Beside {
    url: Url,
    /// As it names itself to the queue; `None` when it cannot be opened.
    holder: Option<String>,
    running: Option<String>,
    /// Open, if it holds the internal topic of a job that repartitions its input.
    internal: Option<Box<dyn JobStore>>,
}

pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let location = args.target.location()?;
    let queue = location.open_queue()?;
    let stores = stores(&location);
    let mut all = Vec::new();
    for topic in queue.topics()? {
        all.extend(holds(&*queue, &topic, &stores)?);
    }
    for internal in stores.iter().filter_map(|store| store.internal.as_ref()) {
        let topics = internal.topics();
        let view = internal.view()?;
        all.extend(holds(topics, &topics.topic(view.job.main_topic())?, &stores)?);
    }
    if args.json {
        print_line(as_json(&all, &stores))?;
        return Ok(Outcome::Fine);
    }
    print_line(
        "topic                 needs from        messages  oldest    holder, and where its store is",
    )?;
    for held in &all {
        let from: Vec<_> = held.from.iter().map(|(_, offset)| offset.to_string()).collect();
        print_line(format_args!(
            "{:<21} {:<13} {:>12}  {:<8}  {}: {}",
            held.topic,
            from.join(","),
            count(held.lag),
            held.age_ms.map_or("none".to_owned(), show_span),
            held.holder,
            held.store.as_deref().unwrap_or("no store next to the queue"),
        ))?;
    }
    for store in stores.iter().filter(|store| !all.iter().any(|held| store.is_of(&held.holder))) {
        print_line(format_args!("{} needs nothing from this queue", store.url))?;
    }
    Ok(Outcome::Fine)
}

fn stores(location: &Location) -> Vec<Beside> {
    let open = |url: Url| {
        let store = url.open_store().ok();
        let view = store.as_ref().and_then(|store| store.view().ok());
        let holder = view.as_ref().map(|view| format!("{} ({})", view.job.group, view.id));
        let running = store.as_ref().and_then(|store| store.leased_by().ok().flatten());
        let internal = store.filter(|_| view.is_some_and(|view| is_first_step(&view)));
        Beside { url, holder, running, internal }
    };
    location.queue.stores_beside().into_iter().map(open).collect()
}

impl Beside {
    fn is_of(&self, holder: &str) -> bool {
        self.holder.as_deref() == Some(holder)
    }
}

fn holds(queue: &dyn Queue, topic: &Topic, stores: &[Beside]) -> anyhow::Result<Vec<GroupHold>> {
    let spans = queue.spans(topic)?;
    let mut by_holder: BTreeMap<String, Vec<Hold>> = BTreeMap::new();
    for hold in queue.holds(topic)? {
        by_holder.entry(hold.holder.clone()).or_default().push(hold);
    }
    let mut all = Vec::new();
    for (holder, holds) in by_holder {
        let store =
            stores.iter().find(|store| store.is_of(&holder)).map(|store| match &store.running {
                Some(by) => format!("{}, run by {by}", store.url),
                None => store.url.to_string(),
            });
        let (mut from, mut lag, mut age_ms) = (Vec::new(), 0, None);
        for hold in &holds {
            let span = spans[hold.partition.0 as usize];
            from.push((hold.partition.0, hold.offset.0));
            lag += span.end.0.saturating_sub(hold.offset.0);
            age_ms = age_ms.max(age(queue, topic, hold, span)?);
        }
        let topic = topic.name.clone();
        all.push(GroupHold { topic, holder, from, lag, age_ms, store });
    }
    Ok(all)
}

/// Age of the message at which a hold begins; `None` when it has read everything.
fn age(queue: &dyn Queue, topic: &Topic, hold: &Hold, span: Span) -> anyhow::Result<Option<i64>> {
    let at = hold.offset.max(span.first);
    if at >= span.end {
        return Ok(None);
    }
    let mut reader = queue.reader(topic, &[(hold.partition, Offset(at.0))])?;
    match reader.read(Duration::from_secs(1), &mut Vec::new())? {
        Event::Batch(batch) if !batch.is_empty() => {
            Ok(Some(now_ms().saturating_sub(batch.message(0).append_ms).max(0)))
        }
        _ => Ok(None),
    }
}

fn as_json(all: &[GroupHold], stores: &[Beside]) -> serde_json::Value {
    let holds: Vec<_> = all
        .iter()
        .map(|held| {
            json!({
                "topic": held.topic,
                "holder": held.holder,
                "from": held.from.iter().map(|(_, offset)| *offset).collect::<Vec<_>>(),
                "messages": held.lag,
                "oldest_ms": held.age_ms,
                "home": held.store,
            })
        })
        .collect();
    let stores: Vec<_> = stores
        .iter()
        .map(|store| {
            json!({
                "home": store.url.to_string(),
                "holder": store.holder,
                "running": store.running,
            })
        })
        .collect();
    json!({"holds": holds, "homes": stores})
}
