//! Certificates for servers and clients, made for one test.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};

/// PEM files in a folder: `ca.pem`; `server.pem` and `server.key` of 127.0.0.1 and `client.pem` and
/// `client.key`, both signed by it; `expired.pem` and `expired.key`, those of a server in 2020;
/// `stranger.pem`, an authority that signed nothing.
#[derive(Debug)]
pub struct Certificates {
    folder: PathBuf,
}

impl Certificates {
    /// Makes them.
    ///
    /// # Panics
    /// When the folder is there already.
    pub fn make(folder: &Path) -> Certificates {
        fs::create_dir(folder).expect("a folder for certificates can be made");
        let certificates = Certificates { folder: folder.to_owned() };
        let (ca, text) = authority("tests");
        certificates.write("ca.pem", &text);
        certificates.write("stranger.pem", &authority("a stranger").1);
        for name in ["server", "client", "expired"] {
            let key = KeyPair::generate().expect("ring makes keys");
            let mut params = of(name, &["127.0.0.1"]);
            params.is_ca = IsCa::ExplicitNoCa;
            if name == "expired" {
                (params.not_before, params.not_after) =
                    (date_time_ymd(2020, 1, 1), date_time_ymd(2020, 12, 31));
            }
            let signed = params.signed_by(&key, &ca).expect("the parameters are fine");
            certificates.write(&format!("{name}.pem"), &signed.pem());
            certificates.write(&format!("{name}.key"), &key.serialize_pem());
        }
        certificates
    }

    /// Flags of a JVM that speaks nothing but TLS, and only with those whom the authority signed.
    pub(crate) fn java_flags(&self) -> Vec<String> {
        let path = |name: &str| self.folder.join(name).display().to_string();
        let settings = [
            ("enable", "true".to_owned()),
            ("test.mode.enable", "false".to_owned()),
            ("server.mode", "enforcing".to_owned()),
            ("server.certPath", path("server.pem")),
            ("server.keyPath", path("server.key")),
            ("server.authClient", "true".to_owned()),
            ("server.need.client.auth", "require".to_owned()),
            ("server.trustCertPath", path("ca.pem")),
            ("client.authServer", "true".to_owned()),
            ("client.trustCertPath", path("ca.pem")),
            ("client.certPath", path("client.pem")),
            ("client.keyPath", path("client.key")),
        ];
        settings.iter().map(|(name, value)| format!("-Dtls.{name}={value}")).collect()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.join(name), text).expect("the folder is ours");
    }
}

fn of(name: &str, hosts: &[&str]) -> CertificateParams {
    let hosts: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
    let mut params = CertificateParams::new(hosts).expect("the names are fine");
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// One who signs certificates, and his own.
fn authority(name: &str) -> (Issuer<'static, KeyPair>, String) {
    let key = KeyPair::generate().expect("ring makes keys");
    let mut params = of(name, &[]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let own = params.self_signed(&key).expect("the parameters are fine");
    (Issuer::new(params, key), own.pem())
}
