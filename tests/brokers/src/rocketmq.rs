//! Apache RocketMQ 5.3.0: one nameserver and one broker, or two of each.
//!
//! The broker's replication port binds to all interfaces with no setting to change it;
//! `LoopbackHAService.java` takes that listener away and is compiled here.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};
use std::{fs, thread};

use tempfile::TempDir;

use crate::certificates::Certificates;
use crate::class_path;
use crate::java;
use crate::ports;
use crate::proxy::{Protocol, Proxy};
use crate::room::{self, Kind, Room};
use crate::server::{START_PATIENCE, Server, show_end};

/// What a server says when it takes requests.
const READY: &str = "boot success";

/// Class of a nameserver.
const NAMESERVER: &str = "org.apache.rocketmq.namesrv.NamesrvStartup";

/// Class of a broker.
const BROKER: &str = "org.apache.rocketmq.broker.BrokerStartup";

/// Takes the replication listener of brokers away.
const HA_SERVICE: &str = "LoopbackHAService";

/// A file of the jar that has brokers load it, and what is in it.
const SERVICE: (&str, &str) = (
    "META-INF/service/org.apache.rocketmq.store.ha.HAService",
    "org.apache.rocketmq.store.ha.LoopbackHAService\n",
);

/// When an acknowledged message is on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    /// Some time after it is acknowledged: `ASYNC_FLUSH`, the default of brokers.
    Async,
    /// Before it is acknowledged: `SYNC_FLUSH`.
    Sync,
}

/// How brokers are set up.
struct Settings<'a> {
    flush: Flush,
    /// Further lines of `broker.conf`.
    more: &'a str,
    is_encrypted: bool,
    /// Who may do what.
    accounts: Option<&'a str>,
}

impl Default for Settings<'_> {
    fn default() -> Self {
        Settings { flush: Flush::Async, more: "", is_encrypted: false, accounts: None }
    }
}

/// Nameservers and brokers. Dropping it ends them; when a test fails, it shows the end of
/// their logs.
#[derive(Debug)]
pub struct RocketMq {
    tools: String,
    /// What every JVM is told of TLS.
    tls: Vec<String>,
    /// Brokers tell all of them where they are.
    pub nameservers: Vec<Server>,
    /// `broker-a`, `broker-b`, …, each a master.
    pub brokers: Vec<Server>,
    /// The way to each broker of those clients that ask at [`RocketMq::wired_url`].
    pub wires: Vec<Proxy>,
    /// Tells clients to take those ways.
    guide: Proxy,
    folder: TempDir,
    /// Held, not read; after the brokers, which end before it.
    _room: Room,
}

impl RocketMq {
    /// A cluster of one broker; `None` where that is not possible, after saying so.
    #[must_use]
    pub fn one(flush: Flush) -> Option<RocketMq> {
        RocketMq::start(1, Settings { flush, ..Settings::default() })
    }

    /// A cluster of one broker that speaks nothing but TLS, and only with clients that have a
    /// certificate. Those are in folder `tls` of [`RocketMq::folder`]: `ca.pem`, `client.pem`,
    /// `client.key`, and `stranger.pem`, an authority that no one is known to.
    #[must_use]
    pub fn encrypted() -> Option<RocketMq> {
        RocketMq::start(1, Settings { is_encrypted: true, ..Settings::default() })
    }

    /// A cluster of one broker that lets no one but these accounts in (`plain_acl.yml`).
    #[must_use]
    pub fn guarded(accounts: &str) -> Option<RocketMq> {
        let more = "aclEnable=true\n";
        RocketMq::start(1, Settings { more, accounts: Some(accounts), ..Settings::default() })
    }

    /// A cluster of two nameservers and two brokers.
    #[must_use]
    pub fn two() -> Option<RocketMq> {
        RocketMq::start(2, Settings::default())
    }

    /// A cluster of one broker with further lines of `broker.conf`.
    #[must_use]
    pub fn with(flush: Flush, settings: &str) -> Option<RocketMq> {
        RocketMq::start(1, Settings { flush, more: settings, ..Settings::default() })
    }

    /// One broker for all tests of a process that only add topics of their own; it ends with the
    /// last of them.
    #[must_use]
    pub fn shared() -> Option<Arc<RocketMq>> {
        static SHARED: Mutex<Weak<RocketMq>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(there) = shared.upgrade() {
            return Some(there);
        }
        let started = Arc::new(RocketMq::one(Flush::Async)?);
        *shared = Arc::downgrade(&started);
        Some(started)
    }

    fn start(count: usize, settings: Settings<'_>) -> Option<RocketMq> {
        let Settings { flush, more, is_encrypted, accounts } = settings;
        let broker_jars = class_path::of("rocketmq-broker")?;
        let tools = class_path::of("rocketmq-nameserver")?;
        let ha_service = java::jar(HA_SERVICE, &broker_jars, &[SERVICE]);
        let (room, folder) = (Room::wait_for(count, Kind::RocketMq), room::folder());
        let tls = match is_encrypted {
            true => Certificates::make(&folder.path().join("tls")).java_flags(),
            false => Vec::new(),
        };
        let nameservers = ports::free(count).into_iter().map(|port| {
            let conf = format!("listenPort={port}\nbindAddress=127.0.0.1\n");
            let at = folder.path().join(format!("nameserver-{port}"));
            server(port, &at, ("128m", &tools, NAMESERVER), &tls, &conf)
        });
        let nameservers: Vec<_> = nameservers.collect();
        let guide = Proxy::start(ports::free(1)[0], nameservers[0].port(), Protocol::RocketMq);
        let (brokers, wires) = (Vec::new(), Vec::new());
        let mut rocketmq =
            RocketMq { tools, tls, nameservers, brokers, wires, guide, folder, _room: room };
        let class_path = format!("{}:{broker_jars}", ha_service.display());
        for letter in ('a'..='z').take(count) {
            let name = format!("broker-{letter}");
            let (port, at) = (port_with_a_free_one_below(), rocketmq.folder.path().join(&name));
            let nameservers = rocketmq.addresses(";");
            let conf = broker_conf(&name, port, &nameservers, &at.join("store"), flush) + more;
            let broker = server(port, &at, ("512m", &class_path, BROKER), &rocketmq.tls, &conf);
            if let Some(accounts) = accounts {
                fs::create_dir(at.join("conf")).expect("the folder is ours");
                fs::write(at.join("conf/plain_acl.yml"), accounts).expect("it is ours");
            }
            let wire = Proxy::start(ports::free(1)[0], port, Protocol::RocketMq);
            rocketmq.guide.rewrite(broker.address(), wire.address());
            rocketmq.brokers.push(broker);
            rocketmq.wires.push(wire);
        }
        rocketmq.nameservers.iter_mut().for_each(Server::launch);
        rocketmq.brokers.iter_mut().for_each(Server::launch);
        rocketmq.wait();
        Some(rocketmq)
    }

    /// Address of the first nameserver that runs: `host:port`.
    #[must_use]
    pub fn address(&self) -> String {
        let running = self.nameservers.iter().find(|it| it.is_launched());
        running.expect("one of them runs").address()
    }

    /// Addresses of all nameservers.
    fn addresses(&self, between: &str) -> String {
        self.nameservers.iter().map(Server::address).collect::<Vec<_>>().join(between)
    }

    /// What `--queue` takes.
    #[must_use]
    pub fn url(&self) -> String {
        format!("rocketmq://{}", self.addresses(","))
    }

    /// What `--queue` takes so that every broker is reached through its wire.
    #[must_use]
    pub fn wired_url(&self) -> String {
        format!("rocketmq://{}", self.guide.address())
    }

    /// Folder that ends with the cluster, for whatever a test wants to keep there.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Waits until every nameserver that runs knows every broker that runs.
    ///
    /// # Panics
    /// When that takes too long, or a broker ends instead; then their logs are shown.
    pub fn wait(&mut self) {
        let begun = Instant::now();
        let running = |broker: &&mut Server| broker.is_launched();
        self.brokers.iter_mut().filter(running).for_each(Server::wait);
        let wanted = self.brokers.iter().filter(|broker| broker.is_launched());
        let wanted: Vec<_> = wanted.map(|broker| format!("\"{}\"", broker.address())).collect();
        let running = self.nameservers.iter().filter(|it| it.is_launched());
        for nameserver in running.map(Server::address) {
            loop {
                let route = match self.tls.is_empty() {
                    true => route_of(&nameserver, "TBW102"),
                    false => self.admin(&["topicRoute", "-t", "TBW102"]),
                };
                if wanted.iter().all(|address| route.contains(address)) {
                    break;
                }
                assert!(begun.elapsed() < START_PATIENCE, "a broker is not in the route: {route}");
                thread::sleep(Duration::from_millis(50));
            }
        }
    }

    /// Runs a command of `mqadmin` and gives what it prints, on both streams.
    ///
    /// # Panics
    /// When Java cannot be started.
    pub fn admin(&self, args: &[&str]) -> String {
        self.java("org.apache.rocketmq.tools.command.MQAdminStartup", args)
    }

    /// Runs a class of the tools, the client, or of this crate's folder `rocketmq-java`.
    ///
    /// # Panics
    /// When Java cannot be started.
    pub fn java(&self, main: &str, args: &[&str]) -> String {
        let folder = self.folder.path().join("tools");
        let mut class_path = self.tools.clone();
        if class_path::source(java::SOURCES).join(format!("{main}.java")).exists() {
            class_path = format!("{}:{class_path}", java::jar(main, &self.tools, &[]).display());
        }
        let mut java = Command::new("java");
        java.args(flags("128m", &folder)).args(&self.tls).env("NAMESRV_ADDR", self.address());
        java.args(["-cp", &class_path, main]).args(args);
        let output = java.output().expect("java can be started");
        let said = [&*output.stdout, &*output.stderr].map(String::from_utf8_lossy).concat();
        said.lines().filter(|line| !is_noise(line)).collect::<Vec<_>>().join("\n")
    }

    fn show_logs(&self) {
        self.nameservers.iter().for_each(Server::show_log);
        for (letter, broker) in ('a'..='z').zip(&self.brokers) {
            broker.show_log();
            let of = format!("broker-{letter}/logs/rocketmqlogs/broker.log");
            show_end(&self.folder.path().join(of));
        }
    }
}

impl Drop for RocketMq {
    fn drop(&mut self) {
        if thread::panicking() {
            self.show_logs();
        }
    }
}

/// A server that keeps all it has in `folder`: heap, class path and class of its `program`, and
/// what its settings say.
fn server(
    port: u16,
    folder: &Path,
    program: (&str, &str, &str),
    tls: &[String],
    conf: &str,
) -> Server {
    fs::create_dir(folder).expect("a folder for a server can be made");
    let settings = folder.join("server.conf");
    fs::write(&settings, conf).expect("the folder is ours");
    let (heap, class_path, main) = program;
    let mut args = flags(heap, folder);
    args.extend_from_slice(tls);
    args.extend(["-cp", class_path, main, "-c"].map(str::to_owned));
    args.push(settings.display().to_string());
    Server::new(port, args, folder.join("server.log"), READY)
}

/// Flags of a JVM that keeps its logs in `folder` and takes it for its home.
fn flags(heap: &str, folder: &Path) -> Vec<String> {
    let mut flags = java::flags(heap);
    flags.extend(
        ["user.home", "rocketmq.home.dir"].map(|it| format!("-D{it}={}", folder.display())),
    );
    flags
}

/// As operators should have it for us: large pulls, and no timer wheel, which no one uses here.
fn broker_conf(name: &str, port: u16, nameserver: &str, store: &Path, flush: Flush) -> String {
    let flush = match flush {
        Flush::Async => "ASYNC_FLUSH",
        Flush::Sync => "SYNC_FLUSH",
    };
    let store = store.display().to_string();
    let replication = port - 1;
    format!(
        "brokerClusterName=DefaultCluster
brokerName={name}
brokerId=0
brokerRole=ASYNC_MASTER
flushDiskType={flush}
brokerIP1=127.0.0.1
brokerIP2=127.0.0.1
bindAddress=127.0.0.1
listenPort={port}
haListenPort={replication}
namesrvAddr={nameserver}
storePathRootDir={store}
storePathCommitLog={store}/commitlog
mappedFileSizeCommitLog=134217728
mappedFileSizeConsumeQueue=600000
timerWheelEnable=false
maxTransferCountOnMessageInMemory=4096
maxTransferBytesOnMessageInMemory=4194304
maxTransferCountOnMessageInDisk=4096
maxTransferBytesOnMessageInDisk=4194304
diskMaxUsedSpaceRatio=95
"
    )
}

/// A broker also listens two ports below its own.
fn port_with_a_free_one_below() -> u16 {
    loop {
        let port = ports::free(1)[0];
        let is_free = |port| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok();
        if is_free(port - 1) && is_free(port - 2) {
            return port;
        }
    }
}

/// Words of the JVM and of logging frameworks that are no answer.
fn is_noise(line: &str) -> bool {
    line.contains("RocketMQLog:WARN") || line.contains("SLF4J") || line.contains("VM warning")
}

/// What the nameserver answers when it is asked for a route; empty when it does not.
fn route_of(at: &str, topic: &str) -> String {
    let header = format!(
        r#"{{"code":105,"language":"OTHER","version":473,"opaque":1,"flag":0,"extFields":{{"topic":"{topic}","acceptStandardJsonOnly":"true"}}}}"#
    );
    let ask = || -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(at)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let len = header.len() as u32;
        stream.write_all(&[(len + 4).to_be_bytes(), len.to_be_bytes()].concat())?;
        stream.write_all(header.as_bytes())?;
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        let mut frame = Vec::new();
        stream.take(u64::from(u32::from_be_bytes(length))).read_to_end(&mut frame)?;
        Ok(frame)
    };
    ask().map(|frame| String::from_utf8_lossy(&frame).into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A broker tells the nameserver of its topics one after the other.
    fn wait_for_topic(rocketmq: &RocketMq) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !route_of(&rocketmq.address(), "T").contains("\"readQueueNums\":3") {
            assert!(Instant::now() < deadline, "the topic is not there again");
            thread::sleep(Duration::from_millis(100));
        }
    }

    #[test]
    #[ignore = "long, on brokers: .ci/run --long"]
    fn a_topic_is_there_after_a_crash_and_a_clean_restart() {
        let Some(mut rocketmq) = RocketMq::one(Flush::Async) else { return };
        let broker = rocketmq.brokers[0].address();
        let made = rocketmq.admin(&["updateTopic", "-b", &broker, "-t", "T", "-r", "3", "-w", "3"]);
        assert!(made.contains("success"), "{made}");
        rocketmq.brokers[0].kill();
        rocketmq.brokers[0].launch();
        rocketmq.wait();
        wait_for_topic(&rocketmq);
        rocketmq.brokers[0].stop();
        rocketmq.brokers[0].launch();
        rocketmq.wait();
        wait_for_topic(&rocketmq);
        let address = rocketmq.brokers[0].address();
        drop(rocketmq);
        assert!(TcpStream::connect(address).is_err(), "nothing is left when it is dropped");
    }
}
