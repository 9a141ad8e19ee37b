//! Connections inside TLS, against a server of this process.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::thread::{self, JoinHandle};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use seismic_brokers::Certificates;

use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

/// A server of one connection, which answers each byte with the one behind it, until zero.
fn server(folder: &Path) -> (u16, JoinHandle<io::Result<()>>) {
    let chain = CertificateDer::pem_file_iter(folder.join("server.pem")).unwrap();
    let chain = chain.collect::<Result<Vec<_>, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serve = move || {
        let (socket, _) = listener.accept()?;
        let session = ServerConnection::new(Arc::new(config)).unwrap();
        let mut stream = StreamOwned::new(session, socket);
        let mut bytes = vec![0; 1 << 20];
        loop {
            let length = stream.read(&mut bytes)?;
            if length == 0 || bytes[..length].contains(&0) {
                return Ok(());
            }
            bytes[..length].iter_mut().for_each(|byte| *byte += 1);
            stream.write_all(&bytes[..length])?;
        }
    };
    (port, thread::spawn(serve))
}

fn security(folder: &Path, ca: &str) -> Security {
    let ca = folder.join(ca).display().to_string();
    Security::of(|key| match key {
        "security.protocol" => Some("SSL"),
        "ssl.ca.location" => Some(&ca),
        _ => None,
    })
    .unwrap()
}

fn open(security: &Security, host: &str, port: u16) -> Result<Opened, OpenError> {
    security.open((host, port), PATIENCE, "me")
}

fn certificates() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let of = folder.path().join("tls");
    Certificates::make(&of);
    (folder, of)
}

#[test]
fn what_is_sent_comes_back_whole_over_a_socket_that_does_not_wait() {
    let (_kept, folder) = certificates();
    let (port, served) = server(&folder);
    let mut stream = open(&security(&folder, "ca.pem"), "127.0.0.1", port).unwrap().stream;
    let (sent, mut taken, mut came) = (vec![7; 3 << 20], 0, Vec::new());
    let mut room = vec![0; 1 << 16];
    let is_later = |error: &io::Error| error.kind() == io::ErrorKind::WouldBlock;
    while came.len() < sent.len() {
        match stream.write(&sent[taken..]) {
            Ok(more) => taken += more,
            Err(error) => assert!(is_later(&error), "{error}"),
        }
        match stream.read(&mut room) {
            Ok(more) => came.extend_from_slice(&room[..more]),
            Err(error) => assert!(is_later(&error), "{error}"),
        }
    }
    assert!(came.iter().all(|byte| *byte == 8));
    while stream.is_holding() {
        let _ = stream.flush();
    }
    drop(stream);
    let _ = served.join().unwrap();
}

#[test]
fn an_authority_that_is_not_ours_and_a_name_that_is_another_one_are_not_trusted() {
    let (_kept, folder) = certificates();
    for (ca, host, words) in
        [("stranger.pem", "127.0.0.1", "UnknownIssuer"), ("ca.pem", "localhost", "localhost")]
    {
        let (port, served) = server(&folder);
        match open(&security(&folder, ca), host, port) {
            Err(OpenError::Untrusted(why)) => assert!(why.contains(words), "{why}"),
            other => panic!("{:?}", other.err()),
        }
        let _ = served.join().unwrap();
    }
}

#[test]
fn a_server_that_speaks_no_tls_is_noticed() {
    let (_kept, folder) = certificates();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let _ = socket.read(&mut [0; 16]);
        let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\n");
    });
    let error = open(&security(&folder, "ca.pem"), "127.0.0.1", port).err();
    assert!(matches!(error, Some(OpenError::NoTls)), "{error:?}");
    served.join().unwrap();
}

#[test]
fn what_is_not_honoured_here_exactly_is_left_to_librdkafka() {
    let (_kept, folder) = certificates();
    let ca = folder.join("ca.pem").display().to_string();
    let key = folder.join("encrypted.key");
    std::fs::write(
        &key,
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
    )
    .unwrap();
    let key = key.display().to_string();
    let folder = folder.display().to_string();
    let ssl = [("security.protocol", "ssl"), ("ssl.ca.location", ca.as_str())];
    let client = [("ssl.certificate.location", ca.as_str()), ("ssl.key.location", key.as_str())];
    let login = [("security.protocol", "sasl_ssl"), ("ssl.ca.location", ca.as_str())];
    for (settings, reason) in [
        (vec![("security.protocol", "kerberos")], "security.protocol"),
        (vec![ssl[0], ("ssl.ca.location", folder.as_str())], "ssl.ca.location"),
        (vec![ssl[0], ssl[1], client[0]], "ssl.key.location"),
        (vec![ssl[0], ssl[1], client[0], client[1]], "ssl.key.location"),
        (vec![login[0], login[1]], "sasl.mechanisms"),
        (vec![login[0], login[1], ("sasl.mechanisms", "GSSAPI")], "sasl.mechanisms"),
    ] {
        let find = |key: &str| settings.iter().find(|(its, _)| *its == key).map(|(_, it)| *it);
        let error = Security::of(find).map(|_| ()).unwrap_err();
        assert!(error.starts_with(reason), "{settings:?}: {error}");
    }
}
