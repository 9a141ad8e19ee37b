//! Where webhooks of submitted jobs may go. Whoever submits a job has the server send something to an
//! address of theirs: on a server that asks for tokens, not to what only this machine reaches.
//!
//! What a name stands for is looked at when it is connected to, so that no name that changes gets by.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use crate::job::service::Service;
use crate::serve::settings::ServeSettings;

/// Addresses at which clouds tell a machine its secrets, beside link-local ones.
const METADATA: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

/// Hosts that webhooks reach.
#[derive(Clone, Debug, Default)]
pub struct WebhookHosts {
    /// Those of this machine among them; `None`: all of it.
    named: Option<Vec<String>>,
}

/// Why a webhook is not sent.
#[derive(Clone, Copy, Debug)]
pub struct Unreachable;

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "its host is this machine, or reached from it alone, where alarms of submitted jobs are not \
             sent; webhook_hosts of the server's file names hosts to which they are",
        )
    }
}

impl std::error::Error for Unreachable {}

impl WebhookHosts {
    /// Those of a server: where jobs are files on its disk, or whoever is on this machine needs no token,
    /// all of them.
    #[must_use]
    pub fn of(settings: &ServeSettings) -> WebhookHosts {
        let is_free = |http| settings.access.is_free_for_local(http);
        let is_guarded =
            settings.jobs.is_none() && settings.http.as_ref().is_some_and(|http| !is_free(http));
        WebhookHosts { named: is_guarded.then(|| settings.webhook_hosts.clone()) }
    }

    /// Why alarms of such a job would not be sent, as far as its file tells.
    #[must_use]
    pub fn faults(&self, service: &Service) -> Vec<String> {
        let alarms = &service.alarms;
        let all = [("webhook", &alarms.webhook), ("slack", &alarms.slack)];
        let all = all.into_iter().flat_map(|(key, urls)| urls.iter().map(move |url| (key, url)));
        let is_fault = |url: &str| {
            let Ok(uri) = url.parse::<Uri>() else { return false };
            let host = bare(uri.host().unwrap_or_default());
            let is_here = host.eq_ignore_ascii_case("localhost")
                || host.parse().is_ok_and(|address| !is_outside(address));
            is_here && !self.is_named(host)
        };
        all.filter(|(_, url)| is_fault(url))
            .map(|(key, _)| format!("alarms.{key}: {Unreachable}"))
            .collect()
    }

    /// What sends to these hosts, with these settings. Behind a proxy, that one resolves names.
    #[must_use]
    pub fn agent(&self, config: Config) -> ureq::Agent {
        match config.proxy().is_some() || self.named.is_none() {
            true => config.into(),
            false => {
                let connector = ureq::unversioned::transport::DefaultConnector::default();
                ureq::Agent::with_parts(config, connector, self.clone())
            }
        }
    }

    fn is_named(&self, host: &str) -> bool {
        let Some(named) = &self.named else { return true };
        named.iter().any(|it| it.eq_ignore_ascii_case(host))
    }
}

impl Resolver for WebhookHosts {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = DefaultResolver::default().resolve(uri, config, timeout)?;
        if self.is_named(bare(uri.host().unwrap_or_default())) {
            return Ok(found);
        }
        let mut outside = self.empty();
        for at in found.iter().filter(|at| is_outside(at.ip())) {
            outside.push(*at);
        }
        match outside.is_empty() {
            true => Err(ureq::Error::Other(Box::new(Unreachable))),
            false => Ok(outside),
        }
    }
}

/// A host without the brackets of an address.
fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

/// Whether others reach the address, too: it is neither this machine nor one that only its link has, nor
/// that of a cloud's secrets, in whatever form.
fn is_outside(address: IpAddr) -> bool {
    if METADATA.contains(&address) {
        return false;
    }
    match address {
        IpAddr::V4(v4) => {
            let is_this_network = v4.octets().first() == Some(&0);
            !(v4.is_loopback()
                || is_this_network
                || v4.is_link_local()
                || v4.is_multicast()
                || v4.is_broadcast())
        }
        IpAddr::V6(v6) => match embedded(v6) {
            Some(v4) => is_outside(IpAddr::V4(v4)),
            None => {
                !(v6.is_loopback()
                    || v6.is_unspecified()
                    || v6.is_unicast_link_local()
                    || v6.is_multicast())
            }
        },
    }
}

/// The address of version 4 that one of version 6 stands for: mapped, compatible, or behind a gateway
/// (64:ff9b::/96).
fn embedded(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, high, low] = v6.segments();
    let is_empty = [a, b, c, d, e] == [0; 5];
    let is_gateway = [a, b, c, d, e, f] == [0x64, 0xff9b, 0, 0, 0, 0];
    let is_compatible = is_empty && f == 0 && (high != 0 || low > 1);
    (is_gateway || is_compatible || (is_empty && f == 0xffff)).then(|| {
        let ([x, y], [z, w]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(x, y, z, w)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(named: &[&str]) -> WebhookHosts {
        WebhookHosts { named: Some(named.iter().map(|&it| it.to_owned()).collect()) }
    }

    fn service(webhook: &str) -> Service {
        let mut service = Service::default();
        service.alarms.webhook = vec![webhook.to_owned()];
        service
    }

    #[test]
    fn what_only_this_machine_reaches_is_not_outside_in_any_form() {
        for inside in [
            "127.0.0.1",
            "127.8.9.1",
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "224.0.0.1",
            "255.255.255.255",
            "100.100.100.200",
            "::1",
            "::",
            "fe80::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "fd00:ec2::254",
        ] {
            assert!(!is_outside(inside.parse().unwrap()), "{inside}");
        }
        for outside in
            ["1.1.1.1", "10.1.2.3", "192.168.0.9", "2606:4700::1111", "fd12::1", "::ffff:10.1.2.3"]
        {
            assert!(is_outside(outside.parse().unwrap()), "{outside}");
        }
    }

    #[test]
    fn a_job_file_that_names_this_machine_is_refused_unless_the_server_names_it_too() {
        for url in [
            "http://127.0.0.1:9/x",
            "http://localhost/x",
            "https://LOCALHOST:8443",
            "http://[::1]:1/",
            "http://a@169.254.169.254/latest/meta-data",
            "http://0.0.0.0:80/",
        ] {
            assert_eq!(hosts(&[]).faults(&service(url)).len(), 1, "{url}");
            assert!(WebhookHosts::default().faults(&service(url)).is_empty(), "{url}");
        }
        assert!(hosts(&["127.0.0.1"]).faults(&service("http://127.0.0.1:9/x")).is_empty());
        assert_eq!(hosts(&["127.0.0.1"]).faults(&service("http://127.0.0.2:9/x")).len(), 1);
        assert!(hosts(&[]).faults(&service("https://example.org/x")).is_empty());
    }

    #[test]
    fn what_a_name_stands_for_counts_when_it_is_connected_to() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let config = || ureq::Agent::config_builder().proxy(None).build();
        // As names and numbers that a look at the text does not know.
        for host in ["localhost", "2130706433", "127.1", "0x7f.0.0.1"] {
            let url = format!("http://{host}:{port}/");
            let error = hosts(&[]).agent(config()).get(&url).call().unwrap_err();
            assert!(!error.to_string().contains("refused"), "{url}: {error}");
        }
        assert!(listener.accept().is_err(), "nobody came");
        let error = hosts(&[]).agent(config()).get("http://localhost:1/").call().unwrap_err();
        assert!(error.to_string().contains("webhook_hosts"), "{error}");
        let error = hosts(&["localhost"]).agent(config()).get("http://localhost:1/").call();
        assert!(!error.unwrap_err().to_string().contains("webhook_hosts"));
    }
}
