//! Where a Kafka cluster is, and what else its client is told: `kafka://host:port[,host:port]`, for
//! a store followed by `/GROUP`.

use std::fmt;

use crate::{Error, Result, Topic};

/// A Kafka cluster, or a job's store in it.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    /// `host:port`, with commas between several.
    pub brokers: String,
    /// Whose store it is; `None` for a queue.
    pub group: Option<String>,
    /// Name of this worker's slot in the group; `None`: one is found.
    pub slot: Option<String>,
    /// Further settings of the client, as librdkafka names them.
    pub options: Vec<(String, String)>,
}

impl Address {
    /// Reads what follows `kafka://` in `text`.
    pub(crate) fn parse(text: &str, rest: &str) -> Result<Address> {
        let (brokers, group) = match rest.split_once('/') {
            None | Some((_, "")) => (rest.trim_end_matches('/'), None),
            Some((brokers, group)) => (brokers, Some(group.to_owned())),
        };
        if let Some(group) = &group {
            Topic::check_name(group)?;
        }
        let is_host = |host: &str| !host.is_empty() && !host.contains(char::is_whitespace);
        if !brokers.split(',').all(is_host) {
            return Err(Error::url(text, "after kafka:// come host:port, with commas between"));
        }
        Ok(Address { brokers: brokers.to_owned(), group, slot: None, options: Vec::new() })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kafka://{}", self.brokers)?;
        self.group.iter().try_for_each(|group| write!(f, "/{group}"))
    }
}

/// Options may hold what nobody else should read.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
