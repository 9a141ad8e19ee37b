//! Who uses a topic: jobs and sinks that hold it, and jobs whose stores lie beside the queue.

use seismic_queue::{JobStore, Kind, Queue, Result, Topic};
use serde::Serialize;

use crate::job::location::Location;

/// Somebody who uses a topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TopicUser {
    /// A job, by its group, or whoever else holds it.
    pub name: String,
    /// `reads` or `writes`.
    pub does: &'static str,
    /// Who runs it now.
    pub run_by: Option<String>,
}

/// All that can be found.
pub fn of(queue: &dyn Queue, topic: &Topic, location: &Location) -> anyhow::Result<Vec<TopicUser>> {
    let mut users: Vec<TopicUser> = Vec::new();
    let mut holders = Vec::new();
    let beside = location.queue.stores_beside().into_iter();
    // The first step of a job that repartitions is what reads its topic.
    let own = [location.open_store(), location.first_step().open_store()];
    let stores = beside.filter_map(|url| url.open_store().ok()).chain(own.into_iter().flatten());
    for store in stores {
        let Some((user, holder)) = user_of(&*store, topic)? else { continue };
        holders.push(holder);
        if !users.iter().any(|known| known.name == user.name && known.does == user.does) {
            users.push(user);
        }
    }
    for hold in queue.holds(topic)? {
        let is_known =
            holders.contains(&hold.holder) || users.iter().any(|known| known.name == hold.holder);
        if !is_known {
            users.push(TopicUser { name: hold.holder, does: "reads", run_by: None });
        }
    }
    Ok(users)
}

/// The job of a store, if it uses the topic, and what it is called as a holder.
///
/// # Errors
/// When the store does not answer now: nobody knows then whether its job runs.
fn user_of(store: &dyn JobStore, topic: &Topic) -> Result<Option<(TopicUser, String)>> {
    let view = match store.view() {
        Ok(view) => view,
        Err(error) if error.kind() == Kind::Retry => return Err(error),
        // There is no job in it, or none that can be read.
        Err(_) => return Ok(None),
    };
    let reads = view.job.inputs.iter().any(|input| input.name == topic.name);
    let writes = view.job.topics().any(|output| *output == topic.name);
    let does = match (reads, writes) {
        (true, _) => "reads",
        // Where the store is in a cluster, its topics lie beside those of others.
        (false, true) => "writes",
        (false, false) => return Ok(None),
    };
    let run_by = store.leased_by()?;
    let holder = format!("{} ({})", view.job.group, view.id);
    Ok(Some((TopicUser { name: format!("job {}", view.job.group), does, run_by }, holder)))
}

/// In a line each.
impl std::fmt::Display for TopicUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} it", self.name, self.does)?;
        match &self.run_by {
            Some(by) => write!(f, ", and is run by {by}"),
            None => Ok(()),
        }
    }
}
