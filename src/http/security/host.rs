//! Checks that the name in a request's `Host` is allowed.

use std::net::IpAddr;

/// Whether `host`, with or without a port, is an address, `localhost`, or one of `names`.
pub fn is_own_name(host: &str, names: &[String]) -> bool {
    let Some(name) = name_of(host) else { return false };
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    address.parse::<IpAddr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
        || names.iter().any(|own| own.eq_ignore_ascii_case(name))
}

/// The name before the port.
fn name_of(host: &str) -> Option<&str> {
    if let Some(end) = host.find(']') {
        // An IPv6 address in brackets.
        let (name, port) = host.split_at(end + 1);
        return is_port(port).then_some(name);
    }
    match host.find(':') {
        Some(colon) => is_port(&host[colon..]).then_some(&host[..colon]),
        None => Some(host),
    }
}

fn is_port(text: &str) -> bool {
    text.is_empty() || text.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_localhost_and_given_names_are_ours() {
        let names = ["seismic.example".to_owned()];
        for host in ["127.0.0.1", "127.0.0.1:9100", "[::1]:9100", "LOCALHOST:1", "10.1.2.3:80"] {
            assert!(is_own_name(host, &names), "{host}");
        }
        assert!(is_own_name("Seismic.Example:9100", &names));
        for host in ["", "evil.example", "localhost.evil.example", "127.0.0.1:x", "[::1", "::1"] {
            assert!(!is_own_name(host, &names), "{host}");
        }
    }
}
