//! HBase 2.6: a master, a region server and the REST gateway in one process.

use tempfile::TempDir;

use crate::class_path;
use crate::java;
use crate::opensearch::ask_http;
use crate::ports;
use crate::proxy::{Protocol, Proxy};
use crate::room::{self, Kind, Room};
use crate::server::Server;

/// Folder of this crate with what is fetched, and with the launcher.
const FOLDER: &str = "hbase";

/// What it says when the gateway takes requests.
const READY: &str = "ready rest=";

/// A server. It ends with this value.
#[derive(Debug)]
pub struct HBase {
    /// The process.
    pub node: Server,
    _folder: TempDir,
    /// Held, not read; after the node, which ends before it.
    _room: Room,
}

impl HBase {
    /// A running server; `None` where that is not possible, after saying so.
    #[must_use]
    pub fn start() -> Option<HBase> {
        HBase::with(&[], "400m")
    }

    /// One with further settings, `name=value`, and so much memory.
    #[must_use]
    pub fn with(settings: &[&str], heap: &str) -> Option<HBase> {
        let jars = class_path::of(FOLDER)?;
        let launcher = java::jar_of(FOLDER, "OneHBase", &jars, &[]);
        let (room, folder) = (Room::wait_for(1, Kind::HBase), room::folder());
        let port = ports::free(1)[0];
        let home = folder.path().display().to_string();
        let logging = class_path::source(FOLDER).join("log4j.properties");
        let mut args = java::flags(heap);
        for package in ["lang", "lang.reflect", "net", "nio", "io", "util"] {
            args.push("--add-opens".to_owned());
            args.push(format!("java.base/java.{package}=ALL-UNNAMED"));
        }
        args.extend([
            "--add-opens".to_owned(),
            "java.base/sun.nio.ch=ALL-UNNAMED".to_owned(),
            "--add-exports".to_owned(),
            "java.base/jdk.internal.misc=ALL-UNNAMED".to_owned(),
            format!("-Djava.io.tmpdir={home}"),
            format!("-Dlog4j.configuration=file:{}", logging.display()),
            "-Djava.net.preferIPv4Stack=true".to_owned(),
            "-Djava.awt.headless=true".to_owned(),
            "-cp".to_owned(),
            format!("{}:{jars}", launcher.display()),
            "OneHBase".to_owned(),
            format!("{home}/data"),
            format!("hbase.rest.port={port}"),
        ]);
        args.extend(settings.iter().map(|setting| (*setting).to_owned()));
        let node = Server::new(port, args, folder.path().join("log"), READY);
        let mut server = HBase { node, _folder: folder, _room: room };
        server.node.restart();
        Some(server)
    }

    /// Where its gateway listens.
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
        ask_http(&self.address(), method, path, body).expect("the gateway answers")
    }
}
