//! Connections of the Redis sink that are encrypted.

use std::rc::Rc;

use seismic_brokers::Redis as Server;
use seismic_queue::Kind;
use seismic_sinks::conformance::{ROWS, assert_whole, spans_of};
use seismic_sinks::{Context, Result, SinkSpec};

use super::place::{LISTS, RedisPlace};
use crate::patiently::write_patiently;

fn recover(spec: &str) -> Result<()> {
    let spec: SinkSpec = spec.parse().unwrap();
    let mut sink = seismic_sinks::open(&spec, &Context::new("home", "results"))?;
    sink.recover(&spans_of(ROWS)).map(drop)
}

#[test]
fn tls_believes_its_authority_alone() {
    let Some((server, address, certificates)) = Server::with_tls() else { return };
    let file = |name: &str| certificates.join(name).display().to_string();
    let place = RedisPlace::new(&Rc::new(server), LISTS);
    let at = |address: &str, authority: &str| {
        format!("{},ssl_ca={}", place.spec_at(address), file(authority))
    };
    recover(&at(&address, "ca.pem")).unwrap();
    // Another name of the same machine, which the certificate does not have.
    let of_other_host = address.replace("127.0.0.1", "localhost");
    for (spec, why) in [
        (at(&address, "stranger.pem"), "certificate"),
        (at(&of_other_host, "ca.pem"), "certificate"),
        (at(&address, "none.pem"), "none.pem"),
    ] {
        let error = recover(&spec).unwrap_err();
        assert!(error.to_string().contains(why), "{spec}: {error}");
        assert_eq!(error.kind(), Kind::Config, "{spec}: {error}");
    }
    // Without an authority nothing is believed, and nothing is sent encrypted.
    assert!(recover(&place.spec_at(&address).to_string()).is_err());
    let encrypted = RedisPlace {
        options: format!("{LISTS},ssl_ca={}", file("ca.pem")),
        server: Rc::clone(&place.server),
        database: place.database,
    };
    let mut sink = encrypted.sink_at(&address);
    write_patiently(&mut sink);
    assert_whole(&place);
}
