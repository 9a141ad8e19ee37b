//! Apache Kafka 3.9, or 4.1, in KRaft mode: one node, or three with replication 3 and two in-sync
//! replicas.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::{fs, thread};

use tempfile::TempDir;

use crate::certificates::Certificates;
use crate::class_path;
use crate::java;
use crate::ports;
use crate::proxy::{Protocol, Proxy};
use crate::room::{self, Kind, Room};
use crate::secured::{self, Doors};
use crate::server::Server;

/// Folders of this crate with what is fetched of each version.
const VERSION: &str = "kafka";
const NEWER: &str = "kafka-4";

/// What a node says when it takes requests.
const READY: &str = "Kafka Server started";

/// Where a node keeps its messages, in its folder.
const DATA: &str = "data";

/// A cluster. Dropping it ends all nodes; when a test fails, it shows the end of their logs.
#[derive(Debug)]
pub struct Kafka {
    class_path: String,
    /// Classes as the JVM wants them.
    archive: PathBuf,
    /// In order of their ids, which begin with 1.
    pub nodes: Vec<Server>,
    /// The way to each node of those clients that connect to [`Kafka::wired_address`].
    pub wires: Vec<Proxy>,
    /// Where the nodes of [`Kafka::secured`] listen besides.
    doors: Vec<Doors>,
    folder: TempDir,
    /// Held, not read; after the nodes, which end before it.
    _room: Room,
}

impl Kafka {
    /// A cluster of one node; `None` where that is not possible, after saying so.
    #[must_use]
    pub fn one() -> Option<Kafka> {
        Kafka::start(1, false)
    }

    /// A cluster of one node of Kafka 4.1.
    #[must_use]
    pub fn newer() -> Option<Kafka> {
        Kafka::start_with(NEWER, 1, false, None)
    }

    /// A cluster of three nodes.
    #[must_use]
    pub fn three() -> Option<Kafka> {
        Kafka::start(3, false)
    }

    /// A cluster of one node with the messages, topics and offsets of one that was stopped: an
    /// archive (`.tar.gz`) with its folder `data`. What else is in the archive lies in
    /// [`Kafka::archived`].
    #[must_use]
    pub fn of_archive(archive: &Path) -> Option<Kafka> {
        Kafka::start_with(VERSION, 1, false, Some(archive))
    }

    /// One node with TLS, logins and rights: [`Kafka::doors`]. Who comes in through
    /// [`Kafka::address`] may do everything.
    #[must_use]
    pub fn secured() -> Option<Kafka> {
        Kafka::start(1, true)
    }

    /// Three such nodes.
    #[must_use]
    pub fn secured_three() -> Option<Kafka> {
        Kafka::start(3, true)
    }

    /// Where the first node of [`Kafka::secured`] lets others in.
    ///
    /// # Panics
    /// Of any other cluster.
    #[must_use]
    pub fn doors(&self) -> &Doors {
        self.doors.first().expect("only secured nodes have doors")
    }

    /// Where all nodes let those in who come with TLS and SCRAM, with commas between several.
    #[must_use]
    pub fn scram_address(&self) -> String {
        self.doors.iter().map(Doors::scram).collect::<Vec<_>>().join(",")
    }

    /// The folder with the certificates of [`Kafka::secured`].
    #[must_use]
    pub fn certificates(&self) -> PathBuf {
        self.folder.path().join(secured::CERTIFICATES)
    }

    fn start(count: usize, is_secured: bool) -> Option<Kafka> {
        Kafka::start_with(VERSION, count, is_secured, None)
    }

    fn start_with(
        version: &'static str,
        count: usize,
        is_secured: bool,
        stopped: Option<&Path>,
    ) -> Option<Kafka> {
        let class_path = class_path::of(version)?;
        let archive = archive(version, &class_path);
        let (room, folder) = (Room::wait_for(count, Kind::Kafka), room::folder());
        let ports = ports::free(4 * count);
        let (clients, others) = ports.split_at(count);
        let (controllers, others) = others.split_at(count);
        let (wired, wires) = others.split_at(count);
        let mut kafka = Kafka {
            class_path,
            archive,
            nodes: Vec::new(),
            wires: Vec::new(),
            doors: Vec::new(),
            folder,
            _room: room,
        };
        if is_secured {
            Certificates::make(&kafka.certificates());
            kafka.doors = Doors::free(count);
        }
        for (i, &port) in clients.iter().enumerate() {
            let folder = kafka.folder.path().join(format!("node-{}", i + 1));
            fs::create_dir(&folder).expect("a folder for a node can be made");
            let wire = (wired[i], wires[i]);
            let mut text = properties_of(i + 1, port, wire, controllers, &folder);
            if let Some(doors) = kafka.doors.get(i) {
                text = doors.opened_in(&text, &kafka.certificates());
            }
            let properties = folder.join("server.properties");
            if let Some(stopped) = stopped {
                unpack(stopped, &folder);
                // However long ago that was.
                text += "offsets.retention.minutes=2147483647\n";
            }
            fs::write(&properties, text).expect("the settings can be written");
            if stopped.is_none() {
                let users = if is_secured { secured::USERS } else { &[] };
                let node = (version, i + 1);
                format(node, users, &properties, &folder.join(DATA), &kafka.class_path);
            }
            kafka.nodes.push(node(port, &properties, &kafka.class_path, &kafka.archive));
            kafka.wires.push(Proxy::start(wires[i], wired[i], Protocol::Kafka));
        }
        kafka.nodes.iter_mut().for_each(Server::launch);
        kafka.nodes.iter_mut().for_each(Server::wait);
        Some(kafka)
    }

    /// What clients connect to: `host:port`, with commas between several.
    #[must_use]
    pub fn address(&self) -> String {
        self.nodes.iter().map(Server::address).collect::<Vec<_>>().join(",")
    }

    /// A port that nobody has, for [`Kafka::restart_elsewhere`].
    #[must_use]
    pub fn free_port(&self) -> u16 {
        ports::free(1)[0]
    }

    /// Starts a node again that was ended, with its id and its messages, where it listens for clients
    /// at another port and says so to them, as a recreated container does.
    pub fn restart_elsewhere(&mut self, node: usize, port: u16) {
        let server = &mut self.nodes[node];
        let (from, to) = (listener(server.port()), listener(port));
        let properties =
            self.folder.path().join(format!("node-{}", node + 1)).join("server.properties");
        let text = fs::read_to_string(&properties).expect("the settings can be read");
        assert!(text.contains(&from), "it listens there");
        fs::write(&properties, text.replace(&from, &to)).expect("the settings can be written");
        server.move_to(port);
        server.restart();
    }

    /// What clients connect to that reach every node through its wire.
    #[must_use]
    pub fn wired_address(&self) -> String {
        self.wires.iter().map(Proxy::address).collect::<Vec<_>>().join(",")
    }

    /// Folder that ends with the cluster, for whatever a test wants to keep there.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The folder with what was in the archive of [`Kafka::of_archive`].
    #[must_use]
    pub fn archived(&self) -> PathBuf {
        self.folder.path().join("node-1")
    }

    /// A Java tool of Kafka, not started yet: `main` is its class.
    #[must_use]
    pub fn tool(&self, main: &str) -> Command {
        let mut java = Command::new("java");
        java.args(flags("128m")).arg(shared(&self.archive));
        java.args(["-cp", &self.class_path, main]);
        java
    }

    /// A program of the tests': with [`Kafka::tool`], Java runs a source file as it is.
    #[must_use]
    pub fn source(&self, file: &str) -> String {
        class_path::source("kafka").join(file).display().to_string()
    }

    /// Runs a Java tool with `--bootstrap-server` and what else it needs.
    ///
    /// # Panics
    /// When it fails.
    pub fn run(&self, main: &str, args: &[&str]) -> String {
        let mut tool = self.tool(main);
        tool.args(["--bootstrap-server", &self.address()]).args(args);
        java::succeeded(main, &tool.output().expect("java can be started"))
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        if thread::panicking() {
            self.nodes.iter().for_each(Server::show_log);
        }
    }
}

/// A node whose settings are in a folder of its own.
fn node(port: u16, properties: &Path, class_path: &str, archive: &Path) -> Server {
    let mut args = flags("256m");
    args.push(shared(archive));
    args.extend(["-cp", class_path, "kafka.Kafka"].map(str::to_owned));
    args.push(properties.display().to_string());
    Server::new(port, args, properties.with_file_name("server.log"), READY)
}

/// Makes `data`, of the node with these settings, a folder of the cluster. Kafka's tool does that
/// once for each id; what it writes is kept in the build folder and copied from then on.
fn format(
    (version, id): (&str, usize),
    users: &[&str],
    properties: &Path,
    data: &Path,
    class_path: &str,
) {
    let of = if users.is_empty() { "node" } else { "secured" };
    let kept = class_path::build_folder().join(format!("{version}-{of}-{id}"));
    if !kept.exists() {
        let mut tool = Command::new("java");
        tool.args(flags("128m")).args(["-cp", class_path, "kafka.tools.StorageTool"]);
        tool.args(["format", "--cluster-id", CLUSTER_ID, "--config"]).arg(properties);
        for user in users {
            tool.args(["--add-scram", user]);
        }
        java::succeeded("StorageTool", &tool.output().expect("java can be started"));
        let new = kept.with_extension(format!("{}", std::process::id()));
        copy(data, &new);
        // Another process may have kept its own meanwhile, which serves as well.
        if fs::rename(&new, &kept).is_err() {
            fs::remove_dir_all(&new).expect("it is ours");
        }
        return;
    }
    copy(&kept, data);
}

/// Unpacks an archive (`.tar.gz`) into a folder.
fn unpack(archive: &Path, into: &Path) {
    let mut tar = Command::new("tar");
    tar.arg("-xzf").arg(archive).arg("-C").arg(into);
    java::succeeded("tar", &tar.output().expect("tar can be started"));
}

/// Copies the files of a folder into a new one.
fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).expect("the folder above is ours");
    for file in fs::read_dir(from).expect("it is there") {
        let file = file.expect("it can be listed").path();
        let name = file.file_name().expect("it has a name");
        fs::copy(&file, to.join(name)).expect("the folder is ours");
    }
}

/// The archive of the classes of a node, recorded once and kept in the build folder: a node that
/// loads its classes from there starts with half of the work. A JVM that cannot use it does
/// without.
fn archive(version: &str, class_path: &str) -> PathBuf {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _held = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let stored = class_path::build_folder().join(format!("{version}.jsa"));
    if class_path::is_newer(&stored, &class_path::source(version).join("pom.xml")) {
        return stored;
    }
    eprintln!("recording the classes of Kafka; this happens once");
    let _room = Room::wait_for(1, Kind::Kafka);
    let folder = room::folder();
    let properties = folder.path().join("server.properties");
    let ports = ports::free(3);
    let text = properties_of(1, ports[0], (ports[1], ports[1]), &ports[2..], folder.path());
    fs::write(&properties, text).expect("the settings can be written");
    format((version, 1), &[], &properties, &folder.path().join(DATA), class_path);
    let new = stored.with_extension(format!("{}", std::process::id()));
    let mut node = node(ports[0], &properties, class_path, &stored);
    node.record(&new);
    if fs::rename(new, &stored).is_err() {
        // The JVM cannot make one. It passes over an empty one, and we do not retry.
        fs::write(&stored, "").expect("the build folder can be written");
    }
    stored
}

/// The flag that has a JVM take its classes from there.
fn shared(archive: &Path) -> String {
    format!("-XX:SharedArchiveFile={}", archive.display())
}

/// Flags of a JVM that logs as `log4j.properties` says.
fn flags(heap: &str) -> Vec<String> {
    let logging = class_path::source("kafka").join("log4j.properties");
    let mut flags = java::flags(heap);
    flags.push(format!("-Dlog4j.configuration=file:{}", logging.display()));
    flags
}

/// 16 bytes in URL-safe base64 without padding, the only form that is taken; all clusters of tests
/// may share it, since each has its own ports and folders.
const CLUSTER_ID: &str = "c2Vpc21pYy10ZXN0cy0xMg";

/// Where a node listens for clients, as its settings have it: with what comes behind it.
fn listener(port: u16) -> String {
    format!("PLAINTEXT://127.0.0.1:{port},")
}

/// Settings of node `id`. A node that dies is missed soon, as docs/kafka.md advises. Few threads
/// and partitions of internal topics: a test starts in seconds. `wired` is the port of a listener
/// of its own and the one under which clients are told to find it.
fn properties_of(
    id: usize,
    port: u16,
    wired: (u16, u16),
    controllers: &[u16],
    folder: &Path,
) -> String {
    let nodes = controllers.len();
    let voter = |(i, port): (usize, &u16)| format!("{}@127.0.0.1:{port}", i + 1);
    let voters = controllers.iter().enumerate().map(voter).collect::<Vec<_>>().join(",");
    let controller = controllers[id - 1];
    let in_sync = if nodes > 1 { 2 } else { 1 };
    let (wired, wire) = wired;
    let data = folder.join(DATA).display().to_string();
    format!(
        "process.roles=broker,controller
node.id={id}
controller.quorum.voters={voters}
listeners=PLAINTEXT://127.0.0.1:{port},WIRED://127.0.0.1:{wired},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},WIRED://127.0.0.1:{wire}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,WIRED:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
broker.session.timeout.ms=5000
broker.heartbeat.interval.ms=1000
controller.quorum.fetch.timeout.ms=1000
controller.quorum.election.timeout.ms=500
log.dirs={data}
num.network.threads=2
num.io.threads=4
num.partitions=4
default.replication.factor={nodes}
min.insync.replicas={in_sync}
auto.create.topics.enable=false
offsets.topic.replication.factor={nodes}
offsets.topic.num.partitions=4
transaction.state.log.replication.factor={nodes}
transaction.state.log.min.isr={in_sync}
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.retention.hours=-1
log.cleaner.dedupe.buffer.size=16777216
message.max.bytes=10485760
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topics(kafka: &Kafka) -> String {
        kafka.run("org.apache.kafka.tools.TopicCommand", &["--list"])
    }

    #[test]
    #[ignore = "long, on brokers: .ci/run --long"]
    fn a_topic_is_there_after_a_crash_and_a_clean_restart() {
        let Some(mut kafka) = Kafka::one() else { return };
        let create = ["--create", "--topic", "t", "--partitions", "3"];
        kafka.run("org.apache.kafka.tools.TopicCommand", &create);
        kafka.nodes[0].kill();
        kafka.nodes[0].restart();
        assert_eq!(topics(&kafka).trim(), "t");
        kafka.nodes[0].stop();
        kafka.nodes[0].restart();
        assert_eq!(topics(&kafka).trim(), "t");
    }

    #[test]
    #[ignore = "long, on brokers: .ci/run --long"]
    fn three_nodes_go_on_without_one() {
        let Some(mut kafka) = Kafka::three() else { return };
        let create = ["--create", "--topic", "t", "--partitions", "3"];
        kafka.run("org.apache.kafka.tools.TopicCommand", &create);
        kafka.nodes[1].kill();
        // A node may not have heard of the topic yet.
        let describe = || kafka.run("org.apache.kafka.tools.TopicCommand", &["--describe"]);
        let mut tries = std::iter::repeat_with(describe).take(10);
        assert!(tries.any(|described| described.contains("ReplicationFactor: 3")));
        kafka.nodes[1].restart();
    }

    #[test]
    fn nothing_is_left_when_a_cluster_is_dropped() {
        let Some(kafka) = Kafka::one() else { return };
        let address = kafka.nodes[0].address();
        drop(kafka);
        assert!(std::net::TcpStream::connect(address).is_err());
    }
}
