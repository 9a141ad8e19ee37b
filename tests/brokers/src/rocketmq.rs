//! Apache RocketMQ 5.3.0: a nameserver and one broker, or several.
//!
//! The broker's replication port binds to all interfaces with no setting to change it;
//! `LoopbackHAService.java` takes that listener away and is compiled here.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};
use std::{fs, thread};

use tempfile::TempDir;

use crate::class_path;
use crate::ports;
use crate::process::Process;
use crate::room::{self, Room};

/// Starting takes 3 to 15 s on an idle machine with two cores, and a broker is often not in the
/// nameserver for another 10 s.
const START_PATIENCE: Duration = Duration::from_secs(120);

/// A clean stop takes 8 to 11 s.
const STOP_PATIENCE: Duration = Duration::from_secs(40);

/// When an acknowledged message is on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    /// Some time after it is acknowledged: `ASYNC_FLUSH`, the default of brokers.
    Async,
    /// Before it is acknowledged: `SYNC_FLUSH`.
    Sync,
}

/// A nameserver and its brokers. Dropping it ends them; when a test fails, it shows the end of
/// their logs.
#[derive(Debug)]
pub struct RocketMq {
    tools: String,
    folder: TempDir,
    port: u16,
    nameserver: Option<Process>,
    /// `broker-a`, `broker-b`, ….
    pub brokers: Vec<Broker>,
    /// Held, not read; after the brokers, which end before it.
    _room: Room,
}

/// One broker, a master.
#[derive(Debug)]
pub struct Broker {
    class_path: String,
    folder: PathBuf,
    name: String,
    port: u16,
    nameserver: u16,
    process: Option<Process>,
}

impl RocketMq {
    /// A cluster of one broker; `None` where that is not possible, after saying so.
    #[must_use]
    pub fn one(flush: Flush) -> Option<RocketMq> {
        RocketMq::start(1, flush, "")
    }

    /// A cluster of two brokers.
    #[must_use]
    pub fn two() -> Option<RocketMq> {
        RocketMq::start(2, Flush::Async, "")
    }

    /// A cluster of one broker with further lines of `broker.conf`.
    #[must_use]
    pub fn with(flush: Flush, settings: &str) -> Option<RocketMq> {
        RocketMq::start(1, flush, settings)
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

    fn start(count: usize, flush: Flush, settings: &str) -> Option<RocketMq> {
        let broker_jars = class_path::of("rocketmq-broker")?;
        let tools = class_path::of("rocketmq-nameserver")?;
        let (room, folder) = (Room::wait_for(count), room::folder());
        let classes = folder.path().join("classes");
        compile("LoopbackHAService.java", &broker_jars, &classes);
        let service = classes.join("META-INF/service");
        fs::create_dir_all(&service).expect("the folder is ours");
        let named = service.join("org.apache.rocketmq.store.ha.HAService");
        fs::write(named, "org.apache.rocketmq.store.ha.LoopbackHAService\n").expect("it is ours");
        let port = ports::free(1)[0];
        let mut rocketmq =
            RocketMq { tools, folder, port, nameserver: None, brokers: Vec::new(), _room: room };
        rocketmq.start_nameserver();
        for letter in ('a'..='z').take(count) {
            let name = format!("broker-{letter}");
            let broker = Broker {
                class_path: format!("{}:{broker_jars}", classes.display()),
                folder: rocketmq.folder.path().join(&name),
                name,
                port: port_with_a_free_one_below(),
                nameserver: port,
                process: None,
            };
            fs::create_dir(&broker.folder).expect("a folder for a broker can be made");
            fs::write(broker.settings(), broker.conf(flush, settings)).expect("it is ours");
            rocketmq.brokers.push(broker);
        }
        rocketmq.brokers.iter_mut().for_each(Broker::launch);
        rocketmq.wait();
        Some(rocketmq)
    }

    /// Address of the nameserver: `host:port`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// What `--queue` takes.
    #[must_use]
    pub fn url(&self) -> String {
        format!("rocketmq://{}", self.address())
    }

    /// Folder that ends with the cluster, for whatever a test wants to keep there.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts the nameserver, again if it was ended.
    pub fn start_nameserver(&mut self) {
        let folder = self.folder.path().join("nameserver");
        fs::create_dir_all(&folder).expect("the folder is ours");
        let conf = folder.join("nameserver.conf");
        let text = format!("listenPort={}\nbindAddress=127.0.0.1\n", self.port);
        fs::write(&conf, text).expect("the folder is ours");
        let mut args = jvm(&folder, "128m");
        let main = "org.apache.rocketmq.namesrv.NamesrvStartup";
        args.extend(["-cp", &self.tools, main, "-c"].map(str::to_owned));
        args.push(conf.display().to_string());
        self.nameserver =
            Some(Process::start("java", &with_home(&folder, args), &folder.join("log")));
    }

    /// Ends the nameserver as a crash would.
    pub fn kill_nameserver(&mut self) {
        self.nameserver = None;
    }

    /// Waits until the nameserver knows every broker that runs.
    pub fn wait(&mut self) {
        let begun = Instant::now();
        let wanted: Vec<_> = self.brokers.iter().filter(|it| it.process.is_some()).collect();
        let wanted: Vec<_> = wanted.iter().map(|it| format!("\"{}\"", it.address())).collect();
        loop {
            let route = route_of(&self.address(), "TBW102");
            if wanted.iter().all(|address| route.contains(address)) {
                return;
            }
            let ended = self.brokers.iter_mut().find_map(|it| it.process.as_mut()?.ended());
            if ended.is_some() || begun.elapsed() > START_PATIENCE {
                self.show_logs();
                panic!("a broker did not start ({ended:?}): {route}");
            }
            thread::sleep(Duration::from_millis(50));
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
        let classes = folder.join("classes");
        let source = class_path::source("rocketmq-java").join(format!("{main}.java"));
        if source.exists() {
            compile(&format!("{main}.java"), &self.tools, &classes);
        }
        let mut java = Command::new("java");
        java.args(jvm(&folder, "128m")).env("ROCKETMQ_HOME", &folder);
        java.env("NAMESRV_ADDR", self.address());
        java.args(["-cp", &format!("{}:{}", classes.display(), self.tools), main]).args(args);
        let output = java.output().expect("java can be started");
        let said = [&*output.stdout, &*output.stderr].map(String::from_utf8_lossy).concat();
        said.lines().filter(|line| !is_noise(line)).collect::<Vec<_>>().join("\n")
    }

    fn show_logs(&self) {
        let mut logs = vec![self.folder.path().join("nameserver/log")];
        for broker in &self.brokers {
            logs.push(broker.log());
            logs.push(broker.folder.join("logs/rocketmqlogs/broker.log"));
        }
        for log in logs {
            let text = fs::read_to_string(&log).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            let last = &lines[lines.len().saturating_sub(40)..];
            eprintln!("--- end of {}\n{}\n---", log.display(), last.join("\n"));
        }
    }
}

impl Drop for RocketMq {
    fn drop(&mut self) {
        if thread::panicking() {
            self.show_logs();
        }
        self.brokers.iter_mut().for_each(Broker::kill);
    }
}

impl Broker {
    /// Its name in routes.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What clients are told to connect to.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
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

    /// Has it do nothing until [`Broker::thaw`].
    pub fn freeze(&self) {
        self.process.as_ref().expect("it runs").signal("STOP");
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.process.as_ref().expect("it runs").signal("CONT");
    }

    /// Starts it, again if it was ended; [`RocketMq::wait`] waits until it takes requests.
    pub fn launch(&mut self) {
        let mut args = jvm(&self.folder, "512m");
        args.push("-XX:MaxDirectMemorySize=512m".to_owned());
        let main = "org.apache.rocketmq.broker.BrokerStartup";
        args.extend(["-cp", &self.class_path, main, "-c"].map(str::to_owned));
        args.push(self.settings().display().to_string());
        self.process = Some(Process::start("java", &with_home(&self.folder, args), &self.log()));
    }

    /// Where it keeps its messages.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.folder.join("store")
    }

    fn settings(&self) -> PathBuf {
        self.folder.join("broker.conf")
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// As operators should have it for us: large pulls, and no timer wheel, which nobody uses here.
    fn conf(&self, flush: Flush, more: &str) -> String {
        let Broker { name, port, nameserver, .. } = self;
        let flush = match flush {
            Flush::Async => "ASYNC_FLUSH",
            Flush::Sync => "SYNC_FLUSH",
        };
        let store = self.store().display().to_string();
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
namesrvAddr=127.0.0.1:{nameserver}
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
{more}
"
        )
    }
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

/// Flags that make a JVM start fast, stay small and keep its logs in `folder`.
fn jvm(folder: &Path, heap: &str) -> Vec<String> {
    vec![
        format!("-Xmx{heap}"),
        "-XX:+UseSerialGC".to_owned(),
        "-XX:TieredStopAtLevel=1".to_owned(),
        format!("-Duser.home={}", folder.display()),
    ]
}

/// The servers want to be told a home folder; `env` tells them.
fn with_home(folder: &Path, args: Vec<String>) -> Vec<String> {
    // `Process` starts `java` itself; its system property is enough for the servers.
    let home = format!("-Drocketmq.home.dir={}", folder.display());
    std::iter::once(home).chain(args).collect()
}

/// Words of the JVM and of logging frameworks that are no answer.
fn is_noise(line: &str) -> bool {
    line.contains("RocketMQLog:WARN") || line.contains("SLF4J") || line.contains("VM warning")
}

/// Compiles a file of `rocketmq-java` into `classes`.
fn compile(file: &str, jars: &str, classes: &Path) {
    fs::create_dir_all(classes).expect("the folder is ours");
    let mut javac = Command::new("javac");
    javac.args(["-nowarn", "-cp", jars, "-d"]).arg(classes);
    javac.arg(class_path::source("rocketmq-java").join(file));
    let output =
        javac.output().expect("javac can be started: apt-get install openjdk-17-jdk-headless");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{file} does not compile:\n{said}");
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
