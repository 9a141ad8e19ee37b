//! Where a queue or store is: `sqlite:PATH`, `kafka://HOST:PORT`, `rocketmq://HOST:PORT` (with TLS
//! `rocketmqs:`) or `memory:NAME`.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::{fmt, fs};

use crate::{Address, Error, Nameservers, Result};

/// A parsed queue or store URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Url {
    /// One SQLite file.
    Sqlite(PathBuf),
    /// A RocketMQ cluster.
    RocketMq(Nameservers),
    /// A Kafka cluster.
    Kafka(Address),
    /// A store of this process, gone with it; the name tells several apart.
    Memory(String),
}

impl FromStr for Url {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.split_once(':') {
            Some(("sqlite", "")) => Err(Error::url(text, "a path is missing after sqlite:")),
            Some(("sqlite", path)) => Ok(Url::Sqlite(path.into())),
            Some(("kafka", rest)) => match rest.strip_prefix("//") {
                Some(rest) => Address::parse(text, rest).map(Url::Kafka),
                None => Err(Error::url(text, "after kafka: come // and host:port")),
            },
            Some(("memory", name)) => Ok(Url::Memory(name.to_owned())),
            Some(("rocketmq", rest)) => Nameservers::parse(text, rest, false).map(Url::RocketMq),
            Some(("rocketmqs", rest)) => Nameservers::parse(text, rest, true).map(Url::RocketMq),
            _ => Err(Error::url(
                text,
                "known are sqlite:PATH, kafka://HOST:PORT, rocketmq://HOST:PORT and memory:NAME",
            )),
        }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Url::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Url::RocketMq(nameservers) => nameservers.fmt(f),
            Url::Kafka(address) => address.fmt(f),
            Url::Memory(name) => write!(f, "memory:{name}"),
        }
    }
}

impl Url {
    /// Where the default stores of groups are that there are, in order of their names.
    #[must_use]
    pub fn stores_beside(&self) -> Vec<Url> {
        let (before, after) = ("", ".home.db");
        let Url::Sqlite(any) = self.default_store(before) else {
            return Vec::new();
        };
        let name = any.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let stem = name.strip_suffix(after).unwrap_or_default();
        let folder = any.parent().filter(|folder| !folder.as_os_str().is_empty());
        let Ok(entries) = fs::read_dir(folder.unwrap_or(Path::new("."))) else {
            return Vec::new();
        };
        let is_store = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(stem) && name.ends_with(after) && name.len() > stem.len() + after.len()
        };
        let paths = entries.filter_map(|entry| Some(any.with_file_name(entry.ok()?.file_name())));
        let mut stores: Vec<_> = paths.filter(is_store).collect();
        stores.sort();
        stores.into_iter().map(Url::Sqlite).collect()
    }

    /// Where a job's store is when nobody says: next to the queue file or in the Kafka cluster, named
    /// by the group. That of a RocketMQ cluster is in `output/`, named by the first nameserver too.
    #[must_use]
    pub fn default_store(&self, group: &str) -> Url {
        match self {
            Url::Sqlite(path) => {
                let stem = path.file_stem().unwrap_or_default().to_string_lossy();
                Url::Sqlite(path.with_file_name(format!("{stem}.{group}.home.db")))
            }
            Url::RocketMq(nameservers) => {
                let first = nameservers.names.first().map(|name| name.replace(':', "-"));
                let first = first.unwrap_or_default();
                Url::Sqlite(format!("output/rocketmq-{first}.{group}.home.db").into())
            }
            Url::Kafka(address) => {
                Url::Kafka(Address { group: Some(group.to_owned()), ..address.clone() })
            }
            Url::Memory(name) => Url::Memory(format!("{name}.{group}.home")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_read_back_as_written() {
        for text in [
            "sqlite:output/queue.db",
            "memory:",
            "memory:a",
            "kafka://h:9092",
            "kafka://a:1,b:2",
            "kafka://a:1/group",
            "rocketmq://a:1,b-2.c:9876",
            "rocketmqs://a:1",
        ] {
            assert_eq!(text.parse::<Url>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_unknown_scheme_says_what_is_known() {
        let error = "file:x".parse::<Url>().unwrap_err().to_string();
        assert!(error.contains("file:x") && error.contains("sqlite:PATH"), "{error}");
    }

    #[test]
    fn brokers_and_groups_that_cannot_be_are_refused() {
        for text in ["kafka:h:9092", "kafka://", "kafka://a,,b", "kafka://a b", "kafka://a/b/c"] {
            assert!(text.parse::<Url>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_store_of_a_cluster_is_in_the_cluster() {
        let store = "kafka://h:9092".parse::<Url>().unwrap().default_store("seismic");
        assert_eq!(store.to_string(), "kafka://h:9092/seismic");
    }

    #[test]
    fn stores_of_other_queues_are_not_beside_this_one() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["q.a.home.db", "q.b.home.db", "qq.c.home.db", "q.db", "q.a.home.db.lock"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let stores = Url::Sqlite(folder.path().join("q.db")).stores_beside();
        let expected = ["q.a.home.db", "q.b.home.db"].map(|name| folder.path().join(name));
        assert_eq!(stores, expected.map(Url::Sqlite));
    }

    #[test]
    fn the_store_lies_next_to_the_queue_file_and_names_the_group() {
        let store = "sqlite:output/queue.db".parse::<Url>().unwrap().default_store("seismic");
        assert_eq!(store.to_string(), "sqlite:output/queue.seismic.home.db");
    }

    #[test]
    fn nameservers_have_a_port_and_are_named_one_by_one() {
        assert_eq!("rocketmq://h".parse::<Url>().unwrap().to_string(), "rocketmq://h:9876");
        for text in
            ["rocketmq:h", "rocketmq://", "rocketmq://a,,b", "rocketmq://a:x", "rocketmq://a/b"]
        {
            let error = text.parse::<Url>().unwrap_err().to_string();
            assert!(error.contains("commas"), "{error}");
        }
        let store = "rocketmq://h".parse::<Url>().unwrap().default_store("seismic");
        assert_eq!(store.to_string(), "sqlite:output/rocketmq-h-9876.seismic.home.db");
    }
}
