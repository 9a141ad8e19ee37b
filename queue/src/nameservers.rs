//! Where a RocketMQ cluster is: `rocketmq://host:port[,host:port]`, or `rocketmqs://` where every
//! connection is encrypted.

use std::fmt;

use crate::{Error, Result};

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

    /// Reads what follows the scheme and its colon in `text`.
    pub(crate) fn parse(text: &str, rest: &str, is_encrypted: bool) -> Result<Nameservers> {
        let names = rest.strip_prefix("//").and_then(|it| it.split(',').map(name).collect());
        let why = "nameservers are rocketmq://HOST:PORT, several with commas between";
        let names = names.ok_or_else(|| Error::url(text, why))?;
        Ok(Nameservers { names, is_encrypted })
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
