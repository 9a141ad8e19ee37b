//! One Java server of a cluster: started, ended by a crash or cleanly, frozen, restarted.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{fs, thread};

use crate::process::Process;

/// Starting takes 3 to 15 s on an idle machine with two cores.
pub(crate) const START_PATIENCE: Duration = Duration::from_secs(120);

/// A clean stop takes up to 11 s: leaders are moved away, stores are closed.
const STOP_PATIENCE: Duration = Duration::from_secs(40);

/// Writing what a server has loaded takes up to 10 s on an idle machine with two cores.
const RECORD_PATIENCE: Duration = Duration::from_secs(120);

/// A server. Its process ends with it.
#[derive(Debug)]
pub struct Server {
    port: u16,
    /// What `java` is started with.
    args: Vec<String>,
    log: PathBuf,
    /// What it says when it takes requests.
    ready: &'static str,
    process: Option<Process>,
}

impl Server {
    /// One that will listen on `port` of loopback and write its `log`; it is not started yet.
    pub(crate) fn new(port: u16, args: Vec<String>, log: PathBuf, ready: &'static str) -> Server {
        Server { port, args, log, ready, process: None }
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What clients connect to.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Has it listen elsewhere when it is started again; its settings must say so.
    pub(crate) fn move_to(&mut self, port: u16) {
        self.port = port;
    }

    /// Starts it, again if it was ended. What it said before stays in a log of its own, so that its
    /// first words are not taken for the last one's.
    pub fn launch(&mut self) {
        static STARTS: AtomicU32 = AtomicU32::new(0);
        let old = format!("{}.log", STARTS.fetch_add(1, Ordering::Relaxed));
        // There is none before the first start.
        let _ = fs::rename(&self.log, self.log.with_extension(old));
        self.process = Some(Process::start("java", &self.args, &self.log));
    }

    /// Starts it again and waits until it takes requests.
    pub fn restart(&mut self) {
        self.launch();
        self.wait();
    }

    /// Starts it and ends it cleanly, with its classes written to `archive`.
    pub(crate) fn record(&mut self, archive: &Path) {
        self.args.retain(|arg| !arg.starts_with("-XX:SharedArchiveFile="));
        self.args.insert(0, format!("-XX:ArchiveClassesAtExit={}", archive.display()));
        self.restart();
        if let Some(mut process) = self.process.take() {
            process.stop(RECORD_PATIENCE);
        }
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

    /// Has it do nothing until [`Server::thaw`].
    pub fn freeze(&self) {
        self.process.as_ref().expect("it runs").signal("STOP");
    }

    /// Lets it continue.
    pub fn thaw(&self) {
        self.process.as_ref().expect("it runs").signal("CONT");
    }

    /// Whether it was started and not ended since.
    pub(crate) fn is_launched(&self) -> bool {
        self.process.is_some()
    }

    /// Waits until it takes requests.
    ///
    /// # Panics
    /// When it ends instead, or takes too long; then it shows what it said.
    pub(crate) fn wait(&mut self) {
        let begun = Instant::now();
        while !fs::read_to_string(&self.log).is_ok_and(|log| log.contains(self.ready)) {
            let ended = self.process.as_mut().expect("it was launched").ended();
            if ended.is_some() || begun.elapsed() > START_PATIENCE {
                self.show_log();
                panic!("a server did not start ({ended:?})");
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Shows the end of what it said.
    pub(crate) fn show_log(&self) {
        show_end(&self.log);
    }
}

/// Shows the last lines of a log.
pub(crate) fn show_end(log: &Path) {
    let text = fs::read_to_string(log).unwrap_or_default();
    // What it says of its settings and every request is no use here.
    let lines: Vec<&str> = text.lines().filter(|line| !line.contains("INFO")).collect();
    let last = &lines[lines.len().saturating_sub(40)..];
    eprintln!("--- end of {}\n{}\n---", log.display(), last.join("\n"));
}
