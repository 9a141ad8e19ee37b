//! One MariaDB server: a database of its own for each test, in a folder that goes with it.
//!
//! Most of a new server's start is the making of its system tables, so one data folder is made for
//! each user and version of a machine, and copied.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, thread};

use rustix::fs::{FlockOperation, flock};
use tempfile::TempDir;

use crate::certificates::Certificates;
use crate::process::Process;
use crate::proxy::{Protocol, Proxy};
use crate::server::show_end;
use crate::{ports, room};

/// What a test is skipped without.
const INSTALL: &str = "apt-get install --no-install-recommends mariadb-server";

/// A start on a busy machine, or one after a crash.
const PATIENCE: Duration = Duration::from_secs(60);

/// An orderly end, where nothing is to be written any more.
const END_PATIENCE: Duration = Duration::from_secs(10);

/// A server. It ends with this value.
#[derive(Debug)]
pub struct MariaDb {
    folder: TempDir,
    port: u16,
    settings: Vec<String>,
    process: Option<Process>,
}

impl MariaDb {
    /// A running server with these settings (`--name=value`); `None` where MariaDB is missing,
    /// after a loud word.
    ///
    /// # Panics
    /// With `CI=true` where it is missing, and when it does not start.
    #[must_use]
    pub fn start(settings: &[&str]) -> Option<MariaDb> {
        let said = Command::new("mariadbd").args(["--no-defaults", "--version"]).output();
        let Ok(said) = said else {
            assert!(!env::var("CI").is_ok_and(|ci| ci == "true"), "MariaDB is missing: {INSTALL}");
            eprintln!("SKIPPED: MariaDB is missing; to run this test: {INSTALL}");
            return None;
        };
        let folder = room::folder();
        let copied = Command::new("cp")
            .arg("-a")
            .arg(template(&String::from_utf8_lossy(&said.stdout)))
            .arg(folder.path().join("data"))
            .status();
        assert!(copied.is_ok_and(|status| status.success()), "a data folder can be copied");
        let settings = settings.iter().map(|&setting| setting.to_owned()).collect();
        let mut server = MariaDb { folder, port: ports::free(1)[0], settings, process: None };
        server.restart();
        Some(server)
    }

    /// One that speaks TLS too, with certificates of its own: `ca.pem` has signed the server's, and
    /// `stranger.pem` has signed nothing.
    #[must_use]
    pub fn with_tls() -> Option<(MariaDb, PathBuf)> {
        let mut server = MariaDb::start(&[])?;
        let folder = server.folder.path().join("certificates");
        Certificates::make(&folder);
        let path = |name: &str| folder.join(name).display().to_string();
        server.settings.push(format!("--ssl-cert={}", path("server.pem")));
        server.settings.push(format!("--ssl-key={}", path("server.key")));
        server.kill();
        server.restart();
        Some((server, folder))
    }

    /// The address of its database of that name, which is made if it is missing.
    #[must_use]
    pub fn database(&self, name: &str) -> String {
        self.sql("mysql", &format!("CREATE DATABASE IF NOT EXISTS `{name}`"));
        format!("mysql://root@127.0.0.1:{}/{name}", self.port)
    }

    /// Runs SQL in a database, and what it answers, a row a line, with tabs between.
    ///
    /// # Panics
    /// When the server refuses it.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let output = self.client(database, sql).output().expect("its client can be started");
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{sql}: {words}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// A copy of a database as its dump has it, under another name: what a restore puts back.
    ///
    /// # Panics
    /// When it cannot be dumped or restored.
    pub fn dump(&self, database: &str, into: &str) {
        let dump = self.folder.path().join(format!("{into}.sql"));
        let port = self.port.to_string();
        let dumped = Command::new("mariadb-dump")
            .args(["--no-defaults", "--protocol=tcp", "-h", "127.0.0.1", "-P", &port, "-u", "root"])
            .args(["--skip-ssl", "--single-transaction", "--skip-comments"])
            .arg(format!("--result-file={}", dump.display()))
            .arg(database)
            .output();
        let dumped = dumped.expect("mariadb-dump can be started");
        let words = String::from_utf8_lossy(&dumped.stderr);
        assert!(dumped.status.success(), "{database} can be dumped: {words}");
        self.sql("mysql", &format!("DROP DATABASE IF EXISTS `{into}`; CREATE DATABASE `{into}`"));
        self.sql(into, &format!("source {}", dump.display()));
    }

    /// A wire to it, and the port to connect to instead of its own.
    #[must_use]
    pub fn proxy(&self) -> Proxy {
        Proxy::start(ports::free(1)[0], self.port, Protocol::MySql)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Ends every connection to a database, as a network that forgets them does.
    pub fn end_connections(&self, database: &str) {
        let of = format!("SELECT ID FROM information_schema.PROCESSLIST WHERE DB = '{database}'");
        for id in self.sql("mysql", &of).lines() {
            // It may be gone already.
            let _ = self.client("mysql", &format!("KILL {id}")).output();
        }
    }

    /// Ends it as a crash would.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// Has it answer nothing until [`MariaDb::thaw`].
    pub fn freeze(&self) {
        self.process.as_ref().expect("it runs").signal("STOP");
    }

    /// Lets it continue.
    pub fn thaw(&self) {
        self.process.as_ref().expect("it runs").signal("CONT");
    }

    /// Starts it, again if it was ended, and waits until it takes connections.
    ///
    /// # Panics
    /// When it does not within a minute; then it shows what it said.
    pub fn restart(&mut self) {
        let (begun, log) = (Instant::now(), self.folder.path().join("log"));
        let mut process = Process::start("mariadbd", &self.args(), &log);
        while !self.client("mysql", "SELECT 1").output().is_ok_and(|out| out.status.success()) {
            if process.ended().is_some() || begun.elapsed() > PATIENCE {
                show_end(&log);
                panic!("MariaDB did not start");
            }
            thread::sleep(Duration::from_millis(20));
        }
        self.process = Some(process);
    }

    fn args(&self) -> Vec<String> {
        let at = |name: &str| self.folder.path().join(name).display().to_string();
        let ours = [
            // Never what the machine's own configuration says. It must come first.
            "--no-defaults".to_owned(),
            format!("--datadir={}", at("data")),
            format!("--port={}", self.port),
            format!("--socket={}", at("socket")),
            format!("--pid-file={}", at("pid")),
            format!("--tmpdir={}", self.folder.path().display()),
            "--bind-address=127.0.0.1".to_owned(),
            "--skip-name-resolve".to_owned(),
            "--innodb-log-file-size=16M".to_owned(),
            "--innodb-buffer-pool-size=64M".to_owned(),
            // Safe against a kill of the server, and quick.
            "--innodb-flush-log-at-trx-commit=2".to_owned(),
        ];
        ours.into_iter().chain(as_root()).chain(self.settings.clone()).collect()
    }

    fn client(&self, database: &str, sql: &str) -> Command {
        let mut command = Command::new("mariadb");
        let port = self.port.to_string();
        command.args(["--no-defaults", "--protocol=tcp", "-h", "127.0.0.1", "-P", &port]);
        command.args(["--skip-ssl", "-u", "root", "-N", "-B", "-D", database, "-e", sql]);
        command
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            // One that is frozen would not end.
            process.signal("CONT");
            process.stop(END_PATIENCE);
        }
    }
}

/// It runs as root only if that is said.
fn as_root() -> Option<String> {
    rustix::process::geteuid().is_root().then(|| "--user=root".to_owned())
}

/// The data folder that servers begin as a copy of: of a server that says this of its version.
fn template(version: &str) -> PathBuf {
    let version: String = version.chars().filter(char::is_ascii_digit).take(12).collect();
    let id = rustix::process::geteuid().as_raw();
    let folder = env::temp_dir().join(format!("seismic-tests-mariadb-{version}-{id}"));
    let mut lock = File::options();
    let lock = lock.create(true).truncate(false).write(true).open(folder.with_extension("lock"));
    let lock = lock.expect("a lock can be made");
    flock(&lock, FlockOperation::LockExclusive).expect("a lock can be waited for");
    let data = folder.join("data");
    if !data.is_dir() {
        make(&folder, &data);
    }
    data
}

fn make(folder: &Path, data: &Path) {
    let new = folder.join("new");
    // One that was not finished may be there.
    let _ = fs::remove_dir_all(&new);
    fs::create_dir_all(folder).expect("a folder can be made");
    let made = Command::new("mariadb-install-db")
        .arg("--no-defaults")
        .args(as_root())
        .arg(format!("--datadir={}", new.display()))
        .args(["--auth-root-authentication-method=normal", "--skip-test-db"])
        .args(["--skip-name-resolve", "--innodb-log-file-size=16M"])
        .arg("--innodb-flush-log-at-trx-commit=0")
        .output()
        .expect("mariadb-install-db can be started");
    assert!(
        made.status.success() && new.join("mysql").is_dir(),
        "a data folder can be made: {}{}",
        String::from_utf8_lossy(&made.stdout),
        String::from_utf8_lossy(&made.stderr)
    );
    fs::rename(new, data).expect("a folder can be renamed");
}
