//! Where a Kafka cluster is, and the settings of its client: `kafka://host:port[,host:port]`, for
//! a store followed by `/GROUP`.

use std::fmt;

use seismic_queue::{Error, Result, Topic};

/// A Kafka cluster, or a job's store in it.
#[derive(Clone, PartialEq, Eq)]
pub struct ClusterAddress {
    /// `host:port`, with commas between several.
    pub brokers: String,
    /// Whose store it is; `None` for a queue.
    pub group: Option<String>,
    /// Name of this worker's slot in the group; `None`: one is found.
    pub slot: Option<String>,
    /// Further settings of the client, as librdkafka names them.
    pub options: Vec<(String, String)>,
}

impl ClusterAddress {
    /// Reads a URL.
    ///
    /// # Errors
    /// [`Error::Url`], and [`Error::Name`] for a group that cannot be.
    pub fn parse(text: &str) -> Result<Self> {
        let Some(rest) = text.strip_prefix("kafka://") else {
            return Err(Error::url(text, "after kafka: come // and host:port"));
        };
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
        Ok(ClusterAddress { brokers: brokers.to_owned(), group, slot: None, options: Vec::new() })
    }
}

/// Where a broker listens that is given without a port.
pub(crate) const PORT: &str = ":9092";

/// A given address as `host:port`.
pub(crate) fn with_port(broker: &str) -> String {
    let broker = broker.trim();
    let broker = broker.rsplit("://").next().unwrap_or(broker);
    // An IPv6 address in brackets has colons of its own.
    let has_port = broker.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    if has_port && !broker.ends_with(']') { broker.to_owned() } else { format!("{broker}{PORT}") }
}

impl fmt::Display for ClusterAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kafka://{}", self.brokers)?;
        self.group.iter().try_for_each(|group| write!(f, "/{group}"))
    }
}

/// Options may hold what no one else should read.
impl fmt::Debug for ClusterAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use seismic_queue::backend::Address as _;

    use super::*;

    #[test]
    fn urls_read_back_as_written() {
        for text in ["kafka://h:9092", "kafka://a:1,b:2", "kafka://a:1/group"] {
            assert_eq!(ClusterAddress::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_broker_without_a_port_is_at_kafkas() {
        for (given, at) in
            [("h", "h:9092"), (" h:1", "h:1"), ("[::1]", "[::1]:9092"), ("[::1]:2", "[::1]:2")]
        {
            assert_eq!(with_port(given), at);
        }
    }

    #[test]
    fn brokers_and_groups_that_cannot_be_are_refused() {
        for text in ["kafka:h:9092", "kafka://", "kafka://a,,b", "kafka://a b", "kafka://a/b/c"] {
            assert!(ClusterAddress::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_store_of_a_cluster_is_in_the_cluster() {
        let cluster = ClusterAddress::parse("kafka://h:9092").unwrap();
        assert_eq!(cluster.default_store("seismic"), "kafka://h:9092/seismic");
    }

    #[test]
    fn settings_may_be_secret_and_do_not_show() {
        let cluster = ClusterAddress::parse("kafka://h:9092").unwrap();
        let set = cluster.with_settings(&[("k".to_owned(), "hidden".to_owned())]).unwrap();
        assert_eq!(set.to_string(), "kafka://h:9092");
    }
}
