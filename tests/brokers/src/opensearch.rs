//! OpenSearch 2.19, or Elasticsearch 7.17: one node with its HTTP listener, and nothing else.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::class_path;
use crate::java;
use crate::ports;
use crate::proxy::{Protocol, Proxy};
use crate::room::{self, Kind, Room};
use crate::server::{START_PATIENCE, Server};

/// A server to fetch.
struct Product {
    /// Folder of this crate with what is fetched, and with its launcher.
    folder: &'static str,
    /// Class of the launcher.
    launcher: &'static str,
    /// What its settings of the JVM begin with.
    prefix: &'static str,
}

const OPENSEARCH: Product =
    Product { folder: "opensearch", launcher: "OneNode", prefix: "opensearch" };

const ELASTICSEARCH_7: Product =
    Product { folder: "elasticsearch-7", launcher: "OneElasticNode", prefix: "es" };

/// What it says when it takes requests.
const READY: &str = "ready 127.0.0.1";

/// A node. It ends with this value.
#[derive(Debug)]
pub struct OpenSearch {
    /// The process.
    pub node: Server,
    _folder: TempDir,
    /// Held, not read; after the node, which ends before it.
    _room: Room,
}

impl OpenSearch {
    /// A running node; `None` where that is not possible, after saying so.
    #[must_use]
    pub fn start() -> Option<OpenSearch> {
        OpenSearch::of(&OPENSEARCH, "256m")
    }

    /// A running node of Elasticsearch 7.17.
    #[must_use]
    pub fn elasticsearch_7() -> Option<OpenSearch> {
        OpenSearch::of(&ELASTICSEARCH_7, "256m")
    }

    /// One with so much memory, for loads.
    #[must_use]
    pub fn with_heap(heap: &str) -> Option<OpenSearch> {
        OpenSearch::of(&OPENSEARCH, heap)
    }

    fn of(product: &Product, heap: &str) -> Option<OpenSearch> {
        let Product { folder: name, launcher: class, prefix } = product;
        let jars = class_path::of(name)?;
        let launcher = java::jar_of(name, class, &jars, &[]);
        let (room, folder) = (Room::wait_for(1, Kind::OpenSearch), room::folder());
        let port = ports::free(1)[0];
        let home = folder.path().display().to_string();
        let logging = class_path::source(OPENSEARCH.folder).join("log4j2.properties");
        let mut args = java::flags(heap);
        args.extend([
            format!("-Xms{heap}"),
            format!("-Djava.io.tmpdir={home}"),
            format!("-D{prefix}.path.home={home}"),
            format!("-Dlog4j2.configurationFile={}", logging.display()),
            "-Djava.awt.headless=true".to_owned(),
            "-cp".to_owned(),
            format!("{}:{jars}", launcher.display()),
            (*class).to_owned(),
            home,
            format!("http.port={port}"),
        ]);
        let node = Server::new(port, args, folder.path().join("log"), READY);
        let mut server = OpenSearch { node, _folder: folder, _room: room };
        server.restart();
        Some(server)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> String {
        self.node.address()
    }

    /// A wire to it.
    #[must_use]
    pub fn proxy(&self) -> Proxy {
        Proxy::start(ports::free(1)[0], self.node.port(), Protocol::Http)
    }

    /// Status and text of the answer to a request.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn ask(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        ask_http(&self.address(), method, path, body).expect("the server answers")
    }

    /// Starts it, again if it was ended, and waits until it has its indices: it answers before.
    ///
    /// # Panics
    /// When it does not within two minutes.
    pub fn restart(&mut self) {
        self.node.restart();
        let begun = Instant::now();
        let path = "/_cluster/health?wait_for_status=yellow&timeout=5s";
        while !ask_http(&self.address(), "GET", path, "").is_ok_and(|(status, _)| status == 200) {
            assert!(begun.elapsed() < START_PATIENCE, "OpenSearch did not start");
            // A pause between two polls, until the deadline above.
            thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Status and text of the answer of a server at `address` to one request.
///
/// # Errors
/// When there is none.
pub fn ask_http(address: &str, method: &str, path: &str, body: &str) -> io::Result<(u16, String)> {
    let content = if path.contains("_bulk") { "application/x-ndjson" } else { "application/json" };
    let mut stream = TcpStream::connect(address)?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Accept: application/json\r\nContent-Type: {content}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())?;
    let mut from = BufReader::new(stream);
    let (mut line, mut length) = (String::new(), None);
    from.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|word| word.parse().ok());
    let status = status.ok_or(io::ErrorKind::UnexpectedEof)?;
    while !line.trim().is_empty() {
        line.clear();
        from.read_line(&mut line)?;
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok();
        }
    }
    let mut text = String::new();
    match length {
        Some(length) => from.take(length).read_to_string(&mut text)?,
        None => from.read_to_string(&mut text)?,
    };
    Ok((status, text))
}
