//! Whether brokers with access control grant the rights that a job needs. Each right is tested with
//! a request that has no effect if it is granted: a send to a queue that no topic has, a query with
//! a filter that matches nothing, a pull whose result is ignored. Brokers check permissions before
//! they look at the request.

use std::time::Duration;

use crate::client::{Client, Pull, TOOLS_GROUP};
use crate::error::{Error, Result};
use crate::topic_route::Route;
use seismic_queue::{Access, Finding, Level, Need};

/// What there is to say of each right that is needed. Where no one is refused anything, that is
/// all.
pub(crate) fn examine(client: &mut Client, needs: &[Need]) -> Result<Vec<Finding>> {
    let mut denied = Vec::new();
    for need in needs {
        let missing = match client.route(&need.topic)? {
            Some(route) => try_in(client, &route, need)?,
            None => try_to_make(client, need)?,
        };
        denied.extend(missing);
    }
    if denied.is_empty() && !needs.is_empty() {
        denied.push(Finding::fine("no broker refuses what is needed"));
    }
    // Several may need the same topic to be made.
    denied.dedup();
    Ok(denied)
}

/// Tries what is needed on every broker that has the topic.
fn try_in(client: &mut Client, route: &Route, need: &Need) -> Result<Option<Finding>> {
    for (broker, at) in &route.masters {
        let Some(place) = route.queues.iter().find(|place| place.broker == *broker) else {
            continue;
        };
        let (tried, right, what) = match &need.access {
            Access::Append => (client.try_send(at, &need.topic), "PUB", "append to"),
            Access::Read(group) => {
                let group = group.as_deref().unwrap_or(TOOLS_GROUP);
                let (topic, queue) = (&*need.topic, place.queue);
                let pull = Pull { topic, group, queue, offset: 0, suspend: Duration::ZERO };
                (client.try_pull(at, pull), "SUB", "read")
            }
        };
        if is_denied(tried)? {
            let Need { topic, who, .. } = need;
            let remedy = match &need.access {
                Access::Read(group) => {
                    let group = group.as_deref().unwrap_or(TOOLS_GROUP);
                    format!("give {right} on the topic {topic} and on the group {group}: {who}")
                }
                Access::Append => format!("give {right} on the topic {topic}: {who}"),
            };
            let found = format!("{broker} does not let us {what} {topic}{}", in_name(need));
            return Ok(Some(finding(need.level, found, remedy)));
        }
    }
    Ok(None)
}

fn try_to_make(client: &mut Client, need: &Need) -> Result<Option<Finding>> {
    for (broker, at) in client.cluster()?.masters {
        let tried = client.try_create(&at, &need.topic);
        if is_denied(tried)? {
            let topic = &need.topic;
            let found =
                format!("{broker} does not let us create the topic {topic}, which is missing");
            let remedy = format!(
                "make it (mqadmin updateTopic), or let this account: admin: true in plain_acl.yml, \
                 Create on Topic:{topic} where authorizationEnabled is set"
            );
            return Ok(Some(finding(need.level, found, remedy)));
        }
    }
    Ok(None)
}

/// In whose name something is read.
fn in_name(need: &Need) -> String {
    match &need.access {
        Access::Read(group) => {
            format!(" as the group {}", group.as_deref().unwrap_or(TOOLS_GROUP))
        }
        Access::Append => String::new(),
    }
}

fn finding(level: Level, what: String, remedy: String) -> Finding {
    Finding { level, what, remedy }
}

/// Whether it was refused because of who we are. That it was refused for another reason is what a
/// try is made for.
fn is_denied(tried: Result<()>) -> Result<bool> {
    match tried {
        Err(error @ Error::Refused { .. }) => Ok(error.is_denied()),
        Err(error) => Err(error),
        Ok(()) => Ok(false),
    }
}
