//! Apache Kafka 3.9 in KRaft mode: one node, or three with replication 3 and two in-sync replicas.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{fs, thread};

use tempfile::TempDir;

use crate::class_path;
use crate::ports;
use crate::process::Process;
use crate::proxy::Proxy;
use crate::room::{self, Room};

/// Starting takes about 4 s on an idle machine with two cores.
const START_PATIENCE: Duration = Duration::from_secs(120);

/// A clean stop moves leaders away first.
const STOP_PATIENCE: Duration = Duration::from_secs(30);

/// What the broker says when it takes requests.
const READY: &str = "Kafka Server started";

/// A cluster. Dropping it ends all nodes; when a test fails, it shows the end of their logs.
#[derive(Debug)]
pub struct Kafka {
    class_path: String,
    folder: TempDir,
    /// The nodes, in order of their ids, which begin with 1.
    pub nodes: Vec<Node>,
    /// Held, not read; after the nodes, which end before it.
    _room: Room,
}

/// One node of a cluster.
#[derive(Debug)]
pub struct Node {
    class_path: String,
    folder: PathBuf,
    port: u16,
    /// The way of those clients that connect to [`Kafka::wired_address`].
    pub wire: Proxy,
    process: Option<Process>,
}

impl Kafka {
    /// A cluster of one node; `None` where that is not possible, after saying so.
    #[must_use]
    pub fn one() -> Option<Kafka> {
        Kafka::start(1)
    }

    /// A cluster of three nodes.
    #[must_use]
    pub fn three() -> Option<Kafka> {
        Kafka::start(3)
    }

    fn start(count: usize) -> Option<Kafka> {
        let class_path = class_path::of("kafka")?;
        let (room, folder) = (Room::wait_for(count), room::folder());
        let ports = ports::free(4 * count);
        let (clients, others) = ports.split_at(count);
        let (controllers, others) = others.split_at(count);
        let (wired, wires) = others.split_at(count);
        let id = cluster_id();
        let mut nodes = Vec::new();
        for (i, &port) in clients.iter().enumerate() {
            let node = Node {
                class_path: class_path.clone(),
                folder: folder.path().join(format!("node-{}", i + 1)),
                port,
                wire: Proxy::start(wires[i], wired[i]),
                process: None,
            };
            fs::create_dir(&node.folder).expect("a folder for a node can be made");
            let wire = (wired[i], wires[i]);
            let properties = properties(i + 1, port, wire, controllers, &node.folder);
            fs::write(node.properties(), properties).expect("the settings can be written");
            node.format(&id);
            nodes.push(node);
        }
        let mut kafka = Kafka { class_path, folder, nodes, _room: room };
        kafka.nodes.iter_mut().for_each(Node::launch);
        kafka.nodes.iter_mut().for_each(Node::wait);
        Some(kafka)
    }

    /// What clients connect to: `host:port`, with commas between several.
    #[must_use]
    pub fn address(&self) -> String {
        let of = |node: &Node| node.address();
        self.nodes.iter().map(of).collect::<Vec<_>>().join(",")
    }

    /// What clients connect to that reach every node through its [`Node::wire`].
    #[must_use]
    pub fn wired_address(&self) -> String {
        let of = |node: &Node| node.wire.address();
        self.nodes.iter().map(of).collect::<Vec<_>>().join(",")
    }

    /// Folder that ends with the cluster, for whatever a test wants to keep there.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A Java tool of Kafka, not started yet: `main` is its class.
    #[must_use]
    pub fn tool(&self, main: &str) -> Command {
        java(&self.class_path, main)
    }

    /// Runs a Java tool with `--bootstrap-server` and what else it needs.
    ///
    /// # Panics
    /// When it fails.
    pub fn run(&self, main: &str, args: &[&str]) -> String {
        let mut tool = self.tool(main);
        tool.args(["--bootstrap-server", &self.address()]).args(args);
        succeeded(main, &tool.output().expect("java can be started"))
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        if thread::panicking() {
            self.nodes.iter().for_each(Node::show_log);
        }
        self.nodes.iter_mut().for_each(Node::kill);
    }
}

impl Node {
    /// What clients connect to.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Starts it again and waits until it takes requests.
    pub fn restart(&mut self) {
        self.launch();
        self.wait();
    }

    /// Ends it as a crash would.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// Ends it cleanly.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.stop(STOP_PATIENCE);
        }
    }

    /// Has it do nothing until [`Node::thaw`].
    pub fn freeze(&self) {
        self.process.as_ref().expect("it runs").signal("STOP");
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.process.as_ref().expect("it runs").signal("CONT");
    }

    fn properties(&self) -> PathBuf {
        self.folder.join("server.properties")
    }

    fn log(&self) -> PathBuf {
        self.folder.join("broker.log")
    }

    fn format(&self, cluster: &str) {
        let mut tool = java(&self.class_path, "kafka.tools.StorageTool");
        tool.args(["format", "--cluster-id", cluster, "--config"]).arg(self.properties());
        succeeded("StorageTool", &tool.output().expect("java can be started"));
    }

    /// Starts the process; what it said before stays in a log of its own, so that its first words
    /// are not taken for the last one's.
    fn launch(&mut self) {
        static STARTS: AtomicU32 = AtomicU32::new(0);
        let old = format!("broker.{}.log", STARTS.fetch_add(1, Ordering::Relaxed));
        // There is none before the first start.
        let _ = fs::rename(self.log(), self.folder.join(old));
        let properties = self.properties().display().to_string();
        let mut args = jvm("256m");
        args.extend(["-cp".into(), self.class_path.clone(), "kafka.Kafka".into(), properties]);
        self.process = Some(Process::start("java", &args, &self.log()));
    }

    fn wait(&mut self) {
        let begun = Instant::now();
        while !fs::read_to_string(self.log()).is_ok_and(|log| log.contains(READY)) {
            let ended = self.process.as_mut().expect("it was launched").ended();
            if ended.is_some() || begun.elapsed() > START_PATIENCE {
                self.show_log();
                panic!("a broker did not start ({ended:?})");
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn show_log(&self) {
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        // What it says of its settings and every request is no use here.
        let lines: Vec<&str> = log.lines().filter(|line| !line.contains("INFO")).collect();
        let last = &lines[lines.len().saturating_sub(40)..];
        eprintln!("--- end of {}\n{}\n---", self.log().display(), last.join("\n"));
    }
}

/// Flags that make a JVM start fast and stay small.
fn jvm(heap: &str) -> Vec<String> {
    let logging = class_path::source("kafka").join("log4j.properties");
    vec![
        format!("-Xmx{heap}"),
        "-XX:+UseSerialGC".into(),
        "-XX:TieredStopAtLevel=1".into(),
        format!("-Dlog4j.configuration=file:{}", logging.display()),
    ]
}

fn java(class_path: &str, main: &str) -> Command {
    let mut command = Command::new("java");
    command.args(jvm("128m")).args(["-cp", class_path, main]);
    command
}

fn succeeded(tool: &str, output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{tool} failed:\n{said}{errors}");
    said
}

/// 16 bytes in URL-safe base64 without padding, the only form that is taken; all clusters of tests
/// may share it, since each has its own ports and folders.
fn cluster_id() -> String {
    "c2Vpc21pYy10ZXN0cy0xMg".to_owned()
}

/// Settings of node `id`. Few threads and partitions of internal topics: a test starts in seconds.
/// `wired` is the port of a listener of its own and the one under which clients are told to find it.
fn properties(
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
    let data = folder.join("data").display().to_string();
    format!(
        "process.roles=broker,controller
node.id={id}
controller.quorum.voters={voters}
listeners=PLAINTEXT://127.0.0.1:{port},WIRED://127.0.0.1:{wired},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},WIRED://127.0.0.1:{wire}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,WIRED:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
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
    fn three_nodes_go_on_without_one() {
        let Some(mut kafka) = Kafka::three() else { return };
        let create = ["--create", "--topic", "t", "--partitions", "3"];
        kafka.run("org.apache.kafka.tools.TopicCommand", &create);
        kafka.nodes[1].kill();
        let described = kafka.run("org.apache.kafka.tools.TopicCommand", &["--describe"]);
        assert!(described.contains("ReplicationFactor: 3"), "{described}");
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
