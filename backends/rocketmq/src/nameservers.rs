//! Where a RocketMQ cluster is: `rocketmq://host:port[,host:port]`, or `rocketmqs://` where every
//! connection is encrypted.

use std::fmt;

use seismic_queue::{Error, Result};

/// Port of a nameserver that is named without one.
const PORT: &str = "9876";

/// The nameservers of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nameservers {
    /// Each `host:port`; at least one.
    pub names: Vec<String>,
    /// Whether they and the brokers are spoken to by TLS.
    pub is_encrypted: bool,
}

impl Nameservers {
    /// One that is spoken to openly.
    #[must_use]
    pub fn one(name: &str) -> Nameservers {
        Nameservers { names: vec![name.to_owned()], is_encrypted: false }
    }

    /// Reads a URL.
    ///
    /// # Errors
    /// [`Error::Url`].
    pub fn parse(text: &str) -> Result<Nameservers> {
        let (scheme, rest) = text.split_once(':').unwrap_or((text, ""));
        let names = rest.strip_prefix("//").and_then(|it| it.split(',').map(name).collect());
        let why = "nameservers are rocketmq://HOST:PORT, several with commas between";
        let names = names.ok_or_else(|| Error::url(text, why))?;
        Ok(Nameservers { names, is_encrypted: scheme == "rocketmqs" })
    }
}

fn name(name: &str) -> Option<String> {
    let (host, port) = name.rsplit_once(':').unwrap_or((name, PORT));
    let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let is_fine = !host.is_empty() && host.chars().all(is_host);
    port.parse::<u16>().ok().filter(|_| is_fine).map(|port| format!("{host}:{port}"))
}

impl fmt::Display for Nameservers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_encrypted { "rocketmqs" } else { "rocketmq" };
        write!(f, "{scheme}://{}", self.names.join(","))
    }
}

#[cfg(test)]
mod tests {
    use seismic_queue::backend::Address as _;

    use super::*;

    #[test]
    fn urls_read_back_as_written() {
        for text in ["rocketmq://a:1,b-2.c:9876", "rocketmqs://a:1"] {
            assert_eq!(Nameservers::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn nameservers_have_a_port_and_are_named_one_by_one() {
        assert_eq!(Nameservers::parse("rocketmq://h").unwrap().to_string(), "rocketmq://h:9876");
        for text in
            ["rocketmq:h", "rocketmq://", "rocketmq://a,,b", "rocketmq://a:x", "rocketmq://a/b"]
        {
            let error = Nameservers::parse(text).unwrap_err().to_string();
            assert!(error.contains("commas"), "{error}");
        }
    }

    #[test]
    fn the_store_is_a_file_that_names_the_first_nameserver() {
        let store = Nameservers::parse("rocketmq://h").unwrap().default_store("seismic");
        assert_eq!(store, "sqlite:output/rocketmq-h-9876.seismic.home.db");
    }
}
