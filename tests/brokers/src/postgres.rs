//! One PostgreSQL server: a database of its own for each test, in a folder that goes with it.
//!
//! Nearly all of a new server's start is `initdb`, so one data folder is made for each user and
//! version of a machine, and copied. The server refuses to run as root; then it runs as the user
//! `postgres`, whom the package makes.

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
const INSTALL: &str = "apt-get install --no-install-recommends postgresql";

/// A start on a busy machine, or one after a crash with the old children still there.
const PATIENCE: Duration = Duration::from_secs(60);

/// An immediate end takes milliseconds, unless the machine is busy.
const END_PATIENCE: Duration = Duration::from_secs(10);

/// The superuser of every server.
const USER: &str = "seismic";

/// A server. It ends with this value.
#[derive(Debug)]
pub struct Postgres {
    folder: TempDir,
    bin: PathBuf,
    port: u16,
    settings: Vec<String>,
    process: Option<Process>,
}

impl Postgres {
    /// A running server with these settings (`name=value`); `None` where PostgreSQL is missing,
    /// after a loud word.
    ///
    /// # Panics
    /// With `CI=true` where it is missing, and when it does not start.
    #[must_use]
    pub fn start(settings: &[&str]) -> Option<Postgres> {
        let Some(bin) = bin() else {
            assert!(
                !env::var("CI").is_ok_and(|ci| ci == "true"),
                "PostgreSQL is missing: {INSTALL}"
            );
            eprintln!("SKIPPED: PostgreSQL is missing; to run this test: {INSTALL}");
            return None;
        };
        let folder = room::folder();
        copy(&template(&bin), &folder.path().join("data"));
        let port = ports::free(1)[0];
        let settings = settings.iter().map(|&setting| setting.to_owned()).collect();
        let mut server = Postgres { folder, bin, port, settings, process: None };
        server.restart();
        Some(server)
    }

    /// One that speaks TLS too, with certificates of its own: `ca.pem` has signed the server's, and
    /// `stranger.pem` has signed nothing.
    #[must_use]
    pub fn with_tls() -> Option<(Postgres, PathBuf)> {
        let mut server = Postgres::start(&[])?;
        let folder = server.folder.path().join("certificates");
        Certificates::make(&folder);
        let path = |name: &str| folder.join(name).display().to_string();
        server.settings.push("ssl=on".to_owned());
        server.settings.push(format!("ssl_cert_file={}", path("server.pem")));
        server.settings.push(format!("ssl_key_file={}", path("server.key")));
        own(&folder);
        let key = Command::new("chmod").args(["600", &path("server.key")]).status();
        assert!(key.is_ok_and(|status| status.success()), "the key can be kept from others");
        server.kill();
        server.restart();
        Some((server, folder))
    }

    /// The address of its database of that name, which is made if it is missing.
    #[must_use]
    pub fn database(&self, name: &str) -> String {
        let is_there = format!("SELECT 1 FROM pg_database WHERE datname = '{name}'");
        if self.sql("postgres", &is_there).trim().is_empty() {
            self.sql("postgres", &format!("CREATE DATABASE \"{name}\""));
        }
        format!("postgres://{USER}@127.0.0.1:{}/{name}", self.port)
    }

    /// Runs SQL in a database, and what it answers, a row a line.
    ///
    /// # Panics
    /// When the server refuses it.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let output = self.psql(database).args(["-c", sql]).output().expect("psql can be started");
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
        let dumped = Command::new(self.bin.join("pg_dump"))
            .args(["-h", "127.0.0.1", "-p", &port, "-U", USER, "-f"])
            .arg(&dump)
            .arg(database)
            .status();
        assert!(dumped.is_ok_and(|status| status.success()), "{database} can be dumped");
        self.sql("postgres", &format!("DROP DATABASE IF EXISTS \"{into}\" WITH (FORCE)"));
        self.sql("postgres", &format!("CREATE DATABASE \"{into}\""));
        let restored = self.psql(into).args(["-q", "-f"]).arg(&dump).output();
        assert!(restored.is_ok_and(|output| output.status.success()), "{into} can be restored");
    }

    /// A wire to it, and the port to connect to instead of its own.
    #[must_use]
    pub fn proxy(&self) -> Proxy {
        Proxy::start(ports::free(1)[0], self.port, Protocol::Postgres)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// From now on this user needs a password.
    ///
    /// # Panics
    /// When the server's rules cannot be written.
    pub fn require_passwords(&self, user: &str) {
        let rules = self.folder.path().join("data/pg_hba.conf");
        let old = fs::read_to_string(&rules).expect("the server has rules");
        let new = format!("host all {user} 127.0.0.1/32 scram-sha-256\n{old}");
        fs::write(&rules, new).expect("the folder is ours");
        self.sql("postgres", "SELECT pg_reload_conf()");
        // The server takes them up in its own time: a connection without one must fail first.
        let begun = Instant::now();
        let is_open = || {
            let mut psql = self.psql("postgres");
            psql.args(["-w", "-U", user, "-c", "SELECT 1"]);
            psql.output().is_ok_and(|output| output.status.success())
        };
        while is_open() {
            assert!(begun.elapsed() < PATIENCE, "the server takes up its rules");
        }
    }

    /// Ends it as a crash would.
    pub fn kill(&mut self) {
        if self.process.is_some() {
            // Children that freeze would stay.
            self.thaw();
        }
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// Has it answer nothing until [`Postgres::thaw`]: all its processes freeze.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets it continue.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    /// Starts it, again if it was ended, and waits until it takes connections.
    ///
    /// # Panics
    /// When it does not within a minute; then it shows what it said.
    pub fn restart(&mut self) {
        let (begun, log) = (Instant::now(), self.folder.path().join("log"));
        loop {
            let mut process = self.launch(&log);
            loop {
                if self.is_ready() {
                    self.process = Some(process);
                    return;
                }
                // The children of a server that was killed end on their own, and until then it does
                // not start.
                if process.ended().is_some() {
                    break;
                }
                if begun.elapsed() > PATIENCE {
                    show_end(&log);
                    panic!("PostgreSQL did not start");
                }
                thread::sleep(Duration::from_millis(20));
            }
            if begun.elapsed() > PATIENCE {
                show_end(&log);
                panic!("PostgreSQL did not start");
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn launch(&self, log: &Path) -> Process {
        let mut args = vec![
            "-D".to_owned(),
            self.folder.path().join("data").display().to_string(),
            "-p".to_owned(),
            self.port.to_string(),
        ];
        let ours = [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "shared_buffers=32MB",
            "max_connections=30",
            // In the data folder, and gone with it.
            "dynamic_shared_memory_type=mmap",
            // Safe against a kill of the server, and quick.
            "fsync=off",
        ];
        for setting in ours.into_iter().chain(self.settings.iter().map(String::as_str)) {
            args.extend(["-c".to_owned(), setting.to_owned()]);
        }
        let server = self.bin.join("postgres").display().to_string();
        Process::start_as(user(), &server, &args, log)
    }

    fn is_ready(&self) -> bool {
        self.psql("postgres")
            .args(["-c", "SELECT 1"])
            .output()
            .is_ok_and(|out| out.status.success())
    }

    fn psql(&self, database: &str) -> Command {
        let mut command = Command::new(self.bin.join("psql"));
        let port = self.port.to_string();
        command.args(["-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1"]);
        command.args(["-p", &port, "-U", USER, "-d", database]);
        command
    }

    /// Sends a signal to the server and its children, by the name that `kill` knows.
    fn signal(&self, name: &str) {
        let parent = self.process.as_ref().expect("it runs").id();
        let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
        let children = children.expect("the system names children");
        let mut command = Command::new("kill");
        command.args(["-s", name]).arg(parent.to_string()).args(children.split_whitespace());
        // A child may be gone by then.
        let _ = command.status();
    }
}

impl Drop for Postgres {
    /// Ends it at once, but so that it puts its shared memory away.
    fn drop(&mut self) {
        if let Some(process) = &mut self.process
            && process.ended().is_none()
        {
            process.signal("QUIT");
            self.thaw();
        }
        if let Some(mut process) = self.process.take() {
            let begun = Instant::now();
            while process.ended().is_none() && begun.elapsed() < END_PATIENCE {
                thread::sleep(Duration::from_millis(10));
            }
            process.kill();
        }
        // One that was killed has left a segment, and its file says which: key and number.
        let file = fs::read_to_string(self.folder.path().join("data/postmaster.pid"));
        let segment = file.unwrap_or_default().lines().nth(6).unwrap_or_default().to_owned();
        if let Some(number) = segment.split_whitespace().nth(1) {
            // It may be gone.
            let _ = Command::new("ipcrm").args(["-m", number]).output();
        }
    }
}

/// Where the newest version of the server is.
fn bin() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let number = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = versions.map(|entry| entry.path()).max_by_key(|path| number(path));
    let in_path = || {
        let paths = env::var_os("PATH")?;
        env::split_paths(&paths).find(|folder| folder.join("initdb").is_file())
    };
    newest.map(|path| path.join("bin")).filter(|bin| bin.join("initdb").is_file()).or_else(in_path)
}

/// Who runs the server: it refuses root.
fn user() -> Option<&'static str> {
    rustix::process::geteuid().is_root().then_some("postgres")
}

/// The data folder that servers begin as a copy of.
fn template(bin: &Path) -> PathBuf {
    let version = Command::new(bin.join("postgres")).arg("--version").output();
    let version = version.expect("the server says its version").stdout;
    let version: String =
        String::from_utf8_lossy(&version).chars().filter(char::is_ascii_digit).collect();
    let id = rustix::process::geteuid().as_raw();
    let folder = env::temp_dir().join(format!("seismic-tests-postgres-{version}-{id}"));
    let mut lock = File::options();
    let lock = lock.create(true).truncate(false).write(true).open(folder.with_extension("lock"));
    let lock = lock.expect("a lock can be made");
    flock(&lock, FlockOperation::LockExclusive).expect("a lock can be waited for");
    let data = folder.join("data");
    if !data.is_dir() {
        let new = folder.join("new");
        // One that was not finished may be there.
        let _ = fs::remove_dir_all(&new);
        fs::create_dir_all(&folder).expect("a folder can be made");
        own(&folder);
        let log = folder.join("log");
        let args = ["-D", "", "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"];
        let mut args = args.map(str::to_owned).to_vec();
        args[1] = new.display().to_string();
        let initdb = bin.join("initdb").display().to_string();
        let mut process = Process::start_as(user(), &initdb, &args, &log);
        while process.ended().is_none() {
            thread::sleep(Duration::from_millis(20));
        }
        if fs::rename(&new, &data).is_err() || !data.join("PG_VERSION").is_file() {
            show_end(&log);
            panic!("a data folder can be made");
        }
    }
    data
}

/// Copies a data folder with its owners.
fn copy(from: &Path, to: &Path) {
    let folder = to.parent().expect("it is in a folder");
    own(folder);
    let copied = Command::new("cp").arg("-a").args([from, to]).status();
    assert!(copied.is_ok_and(|status| status.success()), "a data folder can be copied");
}

/// Gives a folder to the user who runs the server.
fn own(folder: &Path) {
    let Some(user) = user() else { return };
    let owner = format!("{user}:{user}");
    let given = Command::new("chown").args(["-R", &owner]).arg(folder).status();
    assert!(given.is_ok_and(|status| status.success()), "a folder can be given to {user}");
}
