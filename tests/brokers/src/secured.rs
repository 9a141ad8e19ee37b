//! A Kafka node as operators have them: TLS, logins, rights, and logins that must be renewed.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::ports;

/// Folder with the certificates, in that of the cluster.
pub(crate) const CERTIFICATES: &str = "tls";

/// Who may log in by SCRAM, as Kafka's tool takes it. What each may do a test says.
pub(crate) const USERS: &[&str] = &[
    "SCRAM-SHA-256=[name=alice,password=alice-secret]",
    "SCRAM-SHA-512=[name=alice,password=alice-secret]",
    "SCRAM-SHA-512=[name=mallory,password=mallory-secret]",
];

/// How long a login holds, ms.
const LOGIN_MS: u32 = 5_000;

/// Ports of a secured node, all of loopback. Every login ends after 5 s unless it is renewed.
#[derive(Debug)]
pub struct Doors {
    scram: u16,
    plain: u16,
    certificate: u16,
    expired: u16,
}

impl Doors {
    /// Of that many nodes.
    pub(crate) fn free(nodes: usize) -> Vec<Doors> {
        let ports = ports::free(4 * nodes);
        let of = |ports: &[u16]| Doors {
            scram: ports[0],
            plain: ports[1],
            certificate: ports[2],
            expired: ports[3],
        };
        ports.chunks(4).map(of).collect()
    }

    /// TLS and a login by SCRAM as `alice` (password `alice-secret`) or `mallory`.
    #[must_use]
    pub fn scram(&self) -> String {
        address(self.scram)
    }

    /// No TLS, and a login as `alice` (password `alice-secret`) by PLAIN or SCRAM.
    #[must_use]
    pub fn plain(&self) -> String {
        address(self.plain)
    }

    /// TLS with a certificate of one's own and no login: `User:CN=client`.
    #[must_use]
    pub fn certificate(&self) -> String {
        address(self.certificate)
    }

    /// As [`Doors::scram`], with a certificate that ended in 2020.
    #[must_use]
    pub fn expired(&self) -> String {
        address(self.expired)
    }

    /// The settings of a node, with these doors besides.
    pub(crate) fn opened_in(&self, settings: &str, certificates: &Path) -> String {
        let read = |name: &str| {
            fs::read_to_string(certificates.join(name)).expect("the certificates were made")
        };
        // Kafka takes key and certificates from one file.
        let both = |name: &str| {
            let both = certificates.join(format!("{name}-both.pem"));
            let text = read(&format!("{name}.key")) + &read(&format!("{name}.pem"));
            fs::write(&both, text).expect("the folder is ours");
            both.display().to_string()
        };
        let (key, expired, ca) = (both("server"), both("expired"), certificates.join("ca.pem"));
        let mut listeners = String::new();
        for (name, port) in [
            ("SCRAM", self.scram),
            ("PLAIN", self.plain),
            ("CERTIFICATE", self.certificate),
            ("EXPIRED", self.expired),
        ] {
            write!(listeners, ",{name}://127.0.0.1:{port}").expect("memory takes all");
        }
        let kinds = ",SCRAM:SASL_SSL,PLAIN:SASL_PLAINTEXT,CERTIFICATE:SSL,EXPIRED:SASL_SSL";
        let mut text = String::new();
        for line in settings.lines() {
            let more = match line.split_once('=').map(|(key, _)| key) {
                Some("listeners" | "advertised.listeners") => listeners.as_str(),
                Some("listener.security.protocol.map") => kinds,
                _ => "",
            };
            writeln!(text, "{line}{more}").expect("memory takes all");
        }
        let scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;";
        let plain = "org.apache.kafka.common.security.plain.PlainLoginModule required";
        text + &format!(
            "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
connections.max.reauth.ms={LOGIN_MS}
ssl.keystore.type=PEM
ssl.keystore.location={key}
ssl.truststore.type=PEM
ssl.truststore.location={ca}
listener.name.certificate.ssl.client.auth=required
listener.name.scram.sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512
listener.name.scram.scram-sha-256.sasl.jaas.config={scram}
listener.name.scram.scram-sha-512.sasl.jaas.config={scram}
listener.name.expired.ssl.keystore.type=PEM
listener.name.expired.ssl.keystore.location={expired}
listener.name.expired.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.expired.scram-sha-512.sasl.jaas.config={scram}
listener.name.plain.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256
listener.name.plain.scram-sha-256.sasl.jaas.config={scram}
listener.name.plain.plain.sasl.jaas.config={plain} user_alice=\"alice-secret\";
",
            ca = ca.display(),
        )
    }
}

fn address(port: u16) -> String {
    format!("127.0.0.1:{port}")
}
